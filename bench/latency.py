"""Alarm latency compared with one raw hop, at 50 events/s of 1 KiB, over the same mutual TLS.

Ours runs from the return of the outbox's commit to the commit in the partner's inbox: outbox →
publisher → station (verify, decide, stamp, send) → inbox (verify, open, store). The reference is
kafka-python produce → consume. A second reference is the same chain of two hops with a bare Faust
agent in the middle. Runs alternate.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from bench.harness import PLAIN, percentile, say, significant, summary
from bench.throughput import PARTNER, PAYLOAD, SOURCE
from yizhan.producers.drafts import Draft
from yizhan.producers.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.harness import Ground

PER_SECOND, EVENTS, WARM, RUNS = 50, 500, 50, 3


def _paced(count: int, do: Callable[[int], None]) -> None:
    """Call ``do`` at 50 a second."""
    begun = time.monotonic()
    for n in range(count):
        time.sleep(max(0.0, begun + n / PER_SECOND - time.monotonic()))
        do(n)


def raw(ground: Ground, source: str, target: str) -> list[float]:
    """Milliseconds from ``send`` to the consumer's hand; ``source`` and ``target`` are topics."""
    consumer = ground.consumer("admin", target)
    arrived: dict[bytes, float] = {}

    def listen() -> None:
        while len(arrived) < EVENTS + WARM:
            for records in consumer.poll(timeout_ms=1000).values():
                now = time.perf_counter()
                for record in records:
                    arrived.setdefault(record.key, now)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    sent: dict[bytes, float] = {}
    with ground.producer("admin") as producer:

        def send(n: int) -> None:
            key = b"%d-%d" % (time.monotonic_ns(), n)
            sent[key] = time.perf_counter()
            producer.send(source, value=PAYLOAD, key=key, partition=0)

        _paced(EVENTS + WARM, send)
        listener.join(timeout=30)
    consumer.close()
    return [(arrived[key] - begun) * 1000 for key, begun in list(sent.items())[WARM:]]


class Bell:
    """Listens to what the inbox process writes for each alarm, right after its commit."""

    def __init__(self, ground: Ground) -> None:
        """Start the partner's inbox and listen."""
        self.rang: dict[str, float] = {}
        self.ready = threading.Event()
        self._process = subprocess.Popen(
            ground.yizhan("inbox", "run", "--county", PARTNER, "--json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for listen in (self._listen, self._wait_ready):
            threading.Thread(target=listen, daemon=True).start()
        if not self.ready.wait(60):
            raise TimeoutError("the inbox did not get ready")

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            now = time.perf_counter()
            said = json.loads(line)
            if said["rings"]:
                self.rang.setdefault(said["item"]["id"], now)

    def _wait_ready(self) -> None:
        for line in self._process.stderr or ():
            if "ready" in line:
                self.ready.set()

    @property
    def pid(self) -> int:
        """Process id of the inbox."""
        return self._process.pid

    def close(self) -> None:
        """Stop the inbox."""
        self._process.terminate()
        self._process.wait(timeout=20)


def alarm() -> Draft:
    """Write an alarm of about 1 KiB; the outbox does not check its payload, the desk would have."""
    to = PARTNER.encode()
    return Draft.model_validate_json(
        b'{"type":"yizhan.incident.forest_fire.v1","to":["%b"],"touches":["%b"],"stage":"first","priority":"flash",'
        b'"payload":%b}' % (to, to, PAYLOAD)
    )


def ours(ground: Ground, bell: Bell) -> list[float]:
    """Milliseconds from the return of the outbox's commit to the word of the inbox after its own."""
    accepted: dict[str, float] = {}
    path = ground.home / "counties" / SOURCE / "outbox.sqlite3"
    with Outbox(path, SOURCE, ground.signing[SOURCE], ground.charters) as outbox:

        def publish(_: int) -> None:
            sent = outbox.publish(alarm())
            accepted[sent.id] = time.perf_counter()

        _paced(EVENTS + WARM, publish)
    deadline = time.monotonic() + 60
    while not accepted.keys() <= bell.rang.keys():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(accepted.keys() - bell.rang.keys())} alarms did not ring")
        time.sleep(0.05)
    return [(bell.rang[each] - at) * 1000 for each, at in list(accepted.items())[WARM:]]


def measure(ground: Ground) -> dict[str, Any]:
    """Return p50 and p99 in ms of ours and of both references, and the ratios of the medians over the runs."""
    runs: dict[str, list[list[float]]] = {"ours": [], "raw": [], "bare_chain": []}
    for run in range(RUNS):
        runs["raw"].append(raw(ground, PLAIN[1], PLAIN[1]))
        with ground.process([sys.executable, "-m", "bench.bare_agent", str(ground.home), *PLAIN], "Worker ready"):
            runs["bare_chain"].append(raw(ground, *PLAIN))
        with (
            ground.process(ground.yizhan("station", "run"), "Worker ready"),
            ground.process(ground.yizhan("outbox", "run", "--county", SOURCE), "ready"),
            contextlib.closing(Bell(ground)) as bell,
        ):
            runs["ours"].append(ours(ground, bell))
        medians = ", ".join(f"{name} {percentile(times[-1], 0.5):.1f}" for name, times in runs.items())
        say(f"alarm latency: run {run + 1}, p50 in ms: {medians}")
    figures = {
        name: {
            key: summary([percentile(times, share) for times in each]) for key, share in (("p50", 0.5), ("p99", 0.99))
        }
        for name, each in runs.items()
    }

    def ratios(reference: str) -> dict[str, float]:
        return {
            key: significant(figures["ours"][key]["median"] / figures[reference][key]["median"])
            for key in ("p50", "p99")
        }

    return {
        "what": f"ms at {PER_SECOND} events/s of 1 KiB; reference: one raw kafka-python hop",
        "ms": figures["ours"],
        "reference_ms": figures["raw"],
        "bare_chain_ms": figures["bare_chain"],
        "ratio": ratios("raw"),
        "ratio_to_bare_chain": ratios("bare_chain"),
    }
