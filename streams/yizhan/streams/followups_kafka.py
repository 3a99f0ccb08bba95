"""Where the obligations' table comes from: its own topic, and what the audit says beyond it.

Rule 1: the table is whole before the first record is handled. It is read when partitions are given to this
        worker: another may have written it meanwhile.
Rule 2: how far the events topics go is asked before each tick is written. One that does not answer keeps the
        end that was known of it: a tick is late by a few seconds at most.
Rule 3: the audit from the table's place on is read too. So a table that is gone is made again from the
        statements, and what a station said as it died is known, sent again, and never said otherwise.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from yizhan.schemas import topics
from yizhan.streams import metrics
from yizhan.streams.cluster import Cluster
from yizhan.streams.errors import StationError
from yizhan.streams.followups import Followed, Follower, ObligationTable, Tail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from yizhan.runtime.connection import KafkaConnection
    from yizhan.schemas.charter import Charters
    from yizhan.schemas.keys import SigningKey

log = logging.getLogger(__name__)
_ASK_SECONDS: Final = 5.0
_ASK_ONE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """Obligations to go on with, and ticks that wait for events.

    ``first`` is to be sent and entered first; ``audited`` is the end of the audit that was read; ``handled`` the next
    offset of each events topic.
    """

    follower: Follower
    first: Followed
    audited: int
    handled: Mapping[str, int]


def load(
    connection: KafkaConnection,
    charters: Charters,
    key_at: Callable[[datetime], SigningKey],
    members: Sequence[str],
    cluster_id: str,
) -> Loaded:
    """Read table and audit.

    Raises:
        StationError: no broker answers, or a topic cannot be read to its end.
    """
    cluster = Cluster(connection)
    try:
        ends = cluster.ends([topics.FOLLOWUPS, topics.AUDIT])
        records = cluster.read(topics.FOLLOWUPS, 0, ends[topics.FOLLOWUPS])
        table = ObligationTable.read((record.key, record.value) for record in records)
        tail = Tail(table, charters, cluster_id)
        for record in cluster.read(topics.AUDIT, table.progress.audit, ends[topics.AUDIT]):
            tail.take(record.value or b"")
        handled = cluster.committed([topics.events(code) for code in members])
    finally:
        cluster.close()
    follower = Follower(table, charters, key_at, members)
    first = follower.resent(tail.said, tail.changed())
    log.info(
        "obligations: %d open; %d statements of the audit beyond the table", len(table.obligations), len(tail.said)
    )
    return Loaded(follower, first, ends[topics.AUDIT], handled)


class Ends:
    """How far topics go, asked time and again by one thread after another."""

    def __init__(self, connection: KafkaConnection, names: Sequence[str]) -> None:
        """Take what is to be asked; nothing is asked yet."""
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
            log.warning("%s does not say how far it goes: %s", name, error)
            metrics.ENDS_UNKNOWN.labels(name).inc()
