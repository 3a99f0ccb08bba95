"""Throughput of one station worker compared with a bare Faust agent, over the same events.

Each run: the events lie in the topic, the worker starts, and the broker's append times of the
first and the last output give the rate. Runs alternate between the two.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bench.harness import PLAIN, say, significant, summary
from yizhan.schemas import topics
from yizhan.schemas.envelope import seal
from yizhan.schemas.header import Header
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    from bench.harness import Ground

SOURCE, PARTNER = "350924", "331126"
EVENTS, RUNS = 2000, 3
PAYLOAD = b'{"summary":"' + b"x" * 1000 + b'"}'


def envelopes(ground: Ground, count: int, book: str, source: str = SOURCE, partner: str = PARTNER) -> list[bytes]:
    """Seal routine events of 1 KiB from one county to its partner."""
    charter = ground.charters.latest()
    signer, recipient = ground.signing[source], ground.sealing[partner].public
    values = []
    for n in range(1, count + 1):
        header = Header.model_validate({
            "source": source, "id": f"{source}-{book}-{n}", "type": "yizhan.intelligence.report.v1",
            "time": written(datetime.now(UTC)), "kid": signer.kid, "to": [partner], "charter": charter.name,
            "lanes": {partner: {"lane": "digest", "n": n}}, "status": "Actual", "priority": "routine",
        })  # fmt: skip
        values.append(seal(header, PAYLOAD, [recipient], signer))
    return values


def _rate(ground: Ground, target: str, start: int, count: int) -> float:
    times = ground.times(target, start, count)
    return (count - 1) / (max(1, times[-1] - times[0]) / 1000)


def measure(ground: Ground) -> dict[str, Any]:
    """Return rates in events/s and their ratio."""
    say(f"throughput: sealing {EVENTS} events")
    ours: list[float] = []
    bare: list[float] = []
    for run in range(RUNS):
        values = envelopes(ground, EVENTS, f"run{run}")
        for target, name in ((PLAIN[0], "admin"), (topics.events(SOURCE), topics.county(SOURCE))):
            with ground.producer(name) as producer:
                for value in values:
                    producer.send(target, value=value, key=b"k", partition=0)
                producer.flush()
        start = ground.end(PLAIN[1])
        with ground.process([sys.executable, "-m", "bench.bare_agent", str(ground.home), *PLAIN], "Worker ready"):
            bare.append(_rate(ground, PLAIN[1], start, EVENTS))
        start = ground.end(topics.AUDIT)
        with ground.process(ground.yizhan("station", "run"), "Worker ready"):
            ours.append(_rate(ground, topics.AUDIT, start, EVENTS))
        say(f"throughput: run {run + 1}: station {ours[-1]:.0f}/s, bare agent {bare[-1]:.0f}/s")
    ratios = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)]
    return {
        "what": "events/s of one worker: verify, decide, stamp, three sends; reference: one send, awaited",
        "events_per_second": summary(ours),
        "reference_events_per_second": summary(bare),
        "ratio": significant(sorted(ratios)[RUNS // 2]),
        "ratios": [significant(ratio) for ratio in ratios],
    }
