"""Loads the table of obligations from its own topic and from the audit.

Rule 1: the table is complete before the first record is processed. It is read when partitions are assigned to
        this worker: another one may have changed it. Nothing of it is on this machine's disk: a station on
        another machine starts as fast.
Rule 2: the ends of the events topics are queried before each tick is written. A topic that does not answer keeps
        its last known end: a tick is late by a few seconds at most.
Rule 3: the audit is read from the table's progress on. So a lost table is rebuilt from postmarks and statements, and
        what a station said before it died is known, sent again, and never contradicted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from yizhan.schemas import topics
from yizhan.streams import metrics
from yizhan.streams.cluster import Cluster
from yizhan.streams.errors import StationError
from yizhan.streams.followups import Followed, Follower, Tail
from yizhan.streams.obligation_table import ObligationTable, TableRecord, TableWriter, where_to_begin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from yizhan.runtime.connection import KafkaConnection
    from yizhan.schemas.charter import Charters
    from yizhan.schemas.keys import SigningKey
    from yizhan.streams.parts import Share

log = logging.getLogger(__name__)
_ASK_SECONDS: Final = 5.0
_ASK_ONE_SECONDS: Final = 1.0
_TAIL_RECORDS: Final = 256
"""Among so many last records of the table's topic its progress nearly always is; else among 16 times as many."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Obligations to continue with, and ticks that wait for events.

    ``table`` continues the table's topic; ``first`` is to be sent and entered first; ``audited`` is the end of the
    audit that was read; ``handled`` the next offset of each events topic.
    """

    follower: Follower
    table: TableWriter
    first: Followed
    audited: int
    handled: Mapping[str, int]


def load(
    cluster: Cluster,
    charters: Charters,
    key_at: Callable[[datetime], SigningKey],
    share: Share,
    cluster_id: str,
) -> Loaded:
    """Read table and audit of one part of the station, and disconnect.

    Raises:
        StationError: no broker answers, or a topic cannot be read to its end.
    """
    try:
        read = read_state(cluster, charters, share, cluster_id)
    finally:
        cluster.close()
    table, tail = read.table, read.tail
    follower = Follower(table, charters, key_at, share, tail.known)
    first = follower.resend(tail.said, tail.changed())
    log.info(
        "obligations: %d; beyond the table: %d statements of the audit, %d postmarks of records to be read again",
        len(table.obligations), len(tail.said), len(tail.known),
    )  # fmt: skip
    return Loaded(follower, TableWriter(table.rows, read.table_end), first, read.audit_end, read.handled)


class PartState(NamedTuple):
    """What a part of the station left behind: its table with what the audit adds, and how far it has read.

    ``table_end`` and ``audit_end`` are the ends of both topics; ``handled`` the next offset of each source.
    """

    table: ObligationTable
    tail: Tail
    table_end: int
    audit_end: int
    handled: Mapping[str, int]


def read_state(cluster: Cluster, charters: Charters, share: Share, cluster_id: str) -> PartState:
    """Read the table of one part of the station, and the audit from its progress on (``StationError`` as above)."""
    name = topics.followups(share.part)
    ends = cluster.ends([name, topics.AUDIT])
    table = ObligationTable.read(table_records(cluster, ends[name], name))
    handled = cluster.committed(share.sources, share.group)
    tail = Tail(table, charters, cluster_id, handled, share.observed)
    for record in cluster.read(topics.AUDIT, table.progress.audit, ends[topics.AUDIT]):
        tail.take(record.value or b"")
    return PartState(table, tail, ends[name], ends[topics.AUDIT], handled)


def table_records(cluster: Cluster, end: int, topic: str = topics.FOLLOWUPS) -> list[TableRecord]:
    """Read the records of the table as it was at an end of its topic (``StationError`` if they cannot be read)."""
    start, back = None, _TAIL_RECORDS
    while start is None and back < end:
        start = where_to_begin(_records(cluster, topic, end - back, end))
        back *= 16
    if start is None and end > _TAIL_RECORDS:
        log.warning("%s does not say where the table begins: all its %d records are read", topic, end)
    return list(_records(cluster, topic, start or 0, end))


def _records(cluster: Cluster, topic: str, start: int, end: int) -> Iterator[TableRecord]:
    for record in cluster.read(topic, start, end):
        yield TableRecord(record.offset, record.key, record.value)


class Ends:
    """Ends of topics, queried repeatedly, one thread per topic."""

    def __init__(self, connection: KafkaConnection, names: Sequence[str]) -> None:
        """Take connection and topics; nothing is queried yet."""
        self._connection, self._names = connection, tuple(names)
        self._cluster: Cluster | None = None
        self._known: dict[str, int] = {}

    def ask(self) -> Mapping[str, int]:
        """Return the next offset of each topic; the last known one, or none, of those that do not answer."""
        try:
            self._cluster = self._cluster or Cluster(self._connection)
            self._known |= self._cluster.ends(self._names, _ASK_SECONDS)
        except StationError:
            for name in self._names if self._cluster else ():
                self._ask_one(name)
        return dict(self._known)

    def _ask_one(self, name: str) -> None:
        try:
            if self._cluster is not None:
                self._known |= self._cluster.ends([name], _ASK_ONE_SECONDS)
        except StationError as error:
            log.warning("the end of %s cannot be read: %s", name, error)
            metrics.ENDS_UNKNOWN.labels(name).inc()
