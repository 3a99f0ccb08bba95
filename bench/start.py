"""The station's start with a short and with a long history in the topic of its table of obligations."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from bench.harness import say, significant, summary
from bench.recovery import silence
from bench.throughput import PARTNER, SOURCE
from yizhan.schemas import topics
from yizhan.streams.cluster import Cluster
from yizhan.streams.followups_kafka import table_records
from yizhan.streams.obligation_table import ObligationTable, TableWriter

if TYPE_CHECKING:
    from bench.harness import Ground

SIZES = (10, 100_000)
KILLS = 3


def measure(ground: Ground) -> dict[str, Any]:
    """Return seconds from the start to the first output, and the records read, by the records that were written."""
    found: dict[str, Any] = {"what": "seconds from kill -9 to the next output, by records written to the table's topic"}
    for size in SIZES:
        _fill(ground, size)
        seconds = silence(
            ground, ground.yizhan("station", "run"), topics.events(SOURCE), topics.pending(PARTNER), KILLS
        )
        found[str(size)] = {"seconds": summary(seconds), "read": len(_read(ground)[0])}
        say(f"start: {size} records written: {found[str(size)]}")
    small, large = (found[str(size)]["seconds"]["median"] for size in (SIZES[0], SIZES[-1]))
    return found | {"ratio": significant(large / small)}


def _fill(ground: Ground, size: int) -> None:
    """Go on with the table as the station does: rows of alarms that are over at once, and its progress."""
    records, end = _read(ground)
    table = ObligationTable.read(records)
    writer = TableWriter(table.rows, end)
    under_way: deque[tuple[bytes, bytes | None, Any]] = deque()
    with ground.producer("admin", linger_ms=5) as producer:
        for number in range(size // 4):
            key = b"acknowledge/bench-%d" % number
            for row in (b'{"row":"%s"}' % (b"x" * 400), None):
                for name, value in writer.records([(key, row)], table.progress):
                    under_way.append((name, value, producer.send(topics.FOLLOWUPS, key=name, value=value, partition=0)))
            while len(under_way) > (400 if number + 1 < size // 4 else 0):
                name, value, sent = under_way.popleft()
                writer.acknowledged(name, value, sent.get(timeout=60).offset)


def _read(ground: Ground) -> tuple[list[Any], int]:
    """Return the records that a station reads when it starts, and the end of their topic."""
    cluster = Cluster(ground.connection("admin"))
    try:
        end = cluster.ends([topics.FOLLOWUPS])[topics.FOLLOWUPS]
        return table_records(cluster, end), end
    finally:
        cluster.close()
