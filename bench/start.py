"""The station's start with a short and with a long history in the topic of its table of obligations."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bench.harness import say, significant, summary
from bench.recovery import silence
from bench.throughput import PARTNER, SOURCE
from yizhan.schemas import topics
from yizhan.streams.cluster import Cluster

if TYPE_CHECKING:
    from bench.harness import Ground

SIZES = (10, 100_000)
KILLS = 3
COMPACTION_SECONDS = 90.0
"""How long the broker gets to compact: it looks every 15 s, and keeps for a minute what deletes a row."""


def measure(ground: Ground) -> dict[str, Any]:
    """Return seconds from the start to the first output, and the records read, by the records that were written."""
    found: dict[str, Any] = {"what": "seconds from kill -9 to the next output, by records written to the table's topic"}
    for size in SIZES:
        _fill(ground, size)
        seconds = silence(
            ground, ground.yizhan("station", "run"), topics.events(SOURCE), topics.pending(PARTNER), KILLS
        )
        found[str(size)] = {"seconds": summary(seconds), "read": _left(ground)}
        say(f"start: {size} records written: {found[str(size)]}")
    small, large = (found[str(size)]["seconds"]["median"] for size in SIZES)
    return found | {"ratio": significant(large / small)}


def _fill(ground: Ground, size: int) -> None:
    """Write rows that go again, as alarms do that are over, and let the broker compact a long history."""
    with ground.producer("admin", linger_ms=5) as producer:
        for number in range(size // 2):
            key = b"acknowledge/bench-%d" % number
            for value in (b'{"row":"%s"}' % (b"x" * 400), None):
                producer.send(topics.FOLLOWUPS, key=key, value=value, partition=0)
        producer.flush()
    deadline = time.monotonic() + COMPACTION_SECONDS
    while size > 20_000 and _left(ground) > size // 4 and time.monotonic() < deadline:
        time.sleep(2)


def _left(ground: Ground) -> int:
    """Count the records that a station reads when it starts."""
    cluster = Cluster(ground.connection("admin"))
    try:
        end = cluster.ends([topics.FOLLOWUPS])[topics.FOLLOWUPS]
        return sum(1 for _ in cluster.read(topics.FOLLOWUPS, 0, end))
    finally:
        cluster.close()
