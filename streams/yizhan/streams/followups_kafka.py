"""Where the obligations' table comes from: its own topic, and what the audit says beyond it.

Rule 1: the table is whole before the first record is handled. It is read when partitions are given to this
        worker: another may have written it meanwhile.
Rule 2: the audit from the table's place on is read too. So a table that is gone is made again from the
        statements, and what a station said as it died is known, sent again, and never said otherwise.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yizhan.schemas import topics
from yizhan.streams.closing_kafka import Cluster
from yizhan.streams.followups import Followed, Follower, Table, Tail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from yizhan.runtime.connection import KafkaConnection
    from yizhan.schemas.charter import Charters
    from yizhan.schemas.keys import SigningKey

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Obligations to go on with; what is to be sent and entered first; the end of the audit that was read."""

    follower: Follower
    first: Followed
    audited: int


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
        table = Table.read((record.key, record.value) for record in records)
        tail = Tail(table, charters, cluster_id)
        for record in cluster.read(topics.AUDIT, table.progress.audit, ends[topics.AUDIT]):
            tail.take(record.value or b"")
    finally:
        cluster.close()
    follower = Follower(table, charters, key_at, members)
    first = follower.resent(tail.said, tail.changed())
    log.info("obligations: %d open; %d statements of the audit beyond the table", len(table.duties), len(tail.said))
    return Loaded(follower, first, ends[topics.AUDIT])
