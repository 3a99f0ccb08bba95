"""The station's queries to the cluster: its id, the ends of its topics, the worker's progress."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cached_property
from typing import Any, Final, TypeVar

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorError,
)

from yizhan.runtime import clients
from yizhan.runtime.connection import KafkaConnection
from yizhan.schemas import topics
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.sentences import technical
from yizhan.streams import metrics
from yizhan.streams.errors import StationError
from yizhan.streams.parts import Share

log = logging.getLogger(__name__)
CLIENT: Final = "yizhan-station"
_Client = TypeVar("_Client")
_READ_TIMEOUT_SECONDS: Final = 30.0
_AGAIN_SECONDS: Final = 0.1
_NO_COORDINATOR: Final = (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError)
STUCK_SECONDS: Final = 15.0
"""Longer than a rebalance takes (10 s)."""


class Cluster:
    """Queries to the cluster: its id, the ends of topics, the worker's progress."""

    def __init__(self, connection: KafkaConnection) -> None:
        """Connect (``StationError`` if no broker answers)."""
        self._open = contextlib.ExitStack()
        self._connection = connection
        self.consumer = self._opened(
            clients.consumer(
                connection,
                CLIENT,
                group_id=topics.group_prefix(topics.STATION),
                max_partition_fetch_bytes=2 * topics.STATION_MAX_BYTES,
            )
        )

    @cached_property
    def admin(self) -> KafkaAdminClient:
        """The administrative client, connected on first use (``StationError`` if no broker answers)."""
        return self._opened(clients.admin(self._connection, CLIENT))

    def _opened(self, client: AbstractContextManager[_Client]) -> _Client:
        try:
            return self._open.enter_context(client)
        except KafkaError as error:
            sentence = _("{where} 没有 Kafka 应答；请启动它，或改正 bootstrap_servers")
            text = technical(sentence.format(where=self._connection.bootstrap), error)
            raise StationError(text, hint=Action.to("broker.start")) from error

    def close(self) -> None:
        """Disconnect."""
        with contextlib.suppress(KafkaError):
            self._open.close()

    def id(self) -> str:
        """Return the id of the cluster."""
        return str(self.admin.describe_cluster()["cluster_id"])

    def check_topics(self, names: Sequence[str]) -> None:
        """Raise ``StationError`` naming topics that are missing or not allowed."""
        missing = [name for name in names if not self.consumer.partitions_for_topic(name)]
        if missing:
            sentence = marked("没有这些主题，或没有权限读：{topics}；请先按章程建立，再启动驿站")
            raise StationError(sentence, topics=", ".join(missing), hint=Action.to("broker.start"))

    def ends(self, names: Sequence[str], seconds: float = _READ_TIMEOUT_SECONDS) -> dict[str, int]:
        """Offset after the last record of each topic (``StationError`` if one does not answer in time)."""
        partitions, until = [TopicPartition(name, 0) for name in names], time.monotonic() + seconds
        while True:
            left = max(0.1, until - time.monotonic())
            try:
                found = self.consumer.end_offsets(partitions, timeout_ms=round(left * 1000))
                return {partition.topic: offset for partition, offset in found.items()}
            except (KeyError, KafkaError) as error:
                # KeyError: kafka-python 3.0.12 cancelled a refresh of its metadata, after it read another topic.
                if isinstance(error, KafkaError) or time.monotonic() > until:
                    sentence = marked("Kafka 没有答复这些主题到了哪里：{topics}；请再试一次")
                    raise StationError(sentence, topics=", ".join(names)) from error

    def assigned(self) -> dict[str, str] | None:
        """Return which part of the station serves a member, member → part; None where no parts share the members."""
        if not self.consumer.partitions_for_topic(topics.PARTS):
            return None
        found = dict[str, str]()
        for record in self.read(topics.PARTS, 0, self.ends([topics.PARTS])[topics.PARTS]):
            found[(record.key or b"").decode("ascii", "replace")] = (record.value or b"").decode("ascii", "replace")
        return {member: part for member, part in found.items() if part}

    def committed(self, names: Sequence[str], group: str = topics.part_group()) -> dict[str, int]:
        """Offset up to which a part of the station has processed each topic; 0 for none."""
        return self._committed({group: names})

    def _committed(self, names: Mapping[str, Sequence[str]]) -> dict[str, int]:
        asked = {group: [TopicPartition(name, 0) for name in each] for group, each in names.items()}
        found = {name: 0 for each in names.values() for name in each}
        for offsets in self.coordinated(lambda: self.admin.list_group_offsets(asked)).values():
            found |= {place.topic: max(0, at.offset) for place, at in offsets.items()}
        return found

    def coordinated(self, ask: Callable[[], _Client]) -> _Client:
        """Ask the coordinator of a group; a broker that has just started has none for a moment."""
        until = time.monotonic() + _READ_TIMEOUT_SECONDS
        while True:
            try:
                return ask()
            except _NO_COORDINATOR:
                if time.monotonic() > until:
                    raise
                time.sleep(_AGAIN_SECONDS)

    def lag(self, names: Sequence[str], committed: Mapping[str, int]) -> dict[str, int]:
        """Count the records in each topic that the worker has not processed."""
        ends = self.ends(names)
        return {name: max(0, ends[name] - committed[name]) for name in names}

    def behind(self, names: Sequence[str], moment: datetime) -> dict[str, int]:
        """Count the records received before an instant that the worker has not processed, per topic that has some."""
        at = int(moment.timestamp() * 1000)
        found = self.consumer.offsets_for_times({TopicPartition(name, 0): at for name in names})
        assigned, groups = self.assigned() or {}, dict[str, list[str]]()
        for name in names:
            part = assigned.get(topics.member_of_events(name) or "", topics.MAIN)
            groups.setdefault(topics.part_group(part), []).append(name)
        ends, committed = self.ends(names), self._committed(groups)
        until = {p.topic: ends[p.topic] if place is None else place.offset for p, place in found.items()}
        return {name: until[name] - committed[name] for name in names if until[name] > committed[name]}

    def read(self, topic: str, start: int, end: int) -> Iterator[Any]:
        """Yield a topic's records from ``start`` to before ``end``."""
        partition = TopicPartition(topic, 0)
        if start >= end:
            return
        self.consumer.assign([partition])
        self.consumer.seek(partition, start)
        silent_since = time.monotonic()
        while self.consumer.position(partition) < end:
            batches = self.consumer.poll(timeout_ms=500)
            for record in (record for batch in batches.values() for record in batch):
                silent_since = time.monotonic()
                if record.offset >= end:
                    return
                yield record
            if time.monotonic() - silent_since > _READ_TIMEOUT_SECONDS:
                sentence = marked("主题 {topic} 从位置 {offset} 起读不到记录，应有到 {end}；请再试一次")
                raise StationError(sentence, topic=topic, offset=self.consumer.position(partition), end=end)


def _check_share(cluster: Cluster, share: Share, must_end: Callable[[str], None]) -> None:
    if Share.of(share.members, share.part, cluster.assigned()).serves != share.serves:
        must_end("the members that this part of the station serves have changed")


def watch(
    connection: KafkaConnection,
    share: Share,
    *,
    beat: Callable[[], None],
    flowing: Callable[[], bool],
    must_end: Callable[[str], None],
    cluster_id: str,
    every_seconds: float = 2.0,
) -> None:
    """Ask the cluster, for ever, whether the worker makes progress and whether it is still the same cluster.

    The worker makes progress if its committed offsets move, if there is nothing to do, or if no
    broker answers; then ``beat`` is called. A worker that read records and reads none for ``STUCK_SECONDS`` although
    the broker answers has lost its way in a rebalance. Blocks: run it in a thread.

    Args:
        connection: as the principal ``station``.
        share: what this part of the station serves; it ends if it is to serve other members.
        beat: of the watchdog.
        flowing: tells whether the worker reads records.
        must_end: called with the reason once the cluster is another one, or the worker is stuck.
        cluster_id: id of the cluster at the start.
        every_seconds: how often to ask.
    """
    before: dict[str, int] = {}
    cluster: Cluster | None = None
    names, parts_end = share.sources, -1
    flowed = float("inf")
    while True:
        time.sleep(every_seconds)
        try:
            cluster = cluster or Cluster(connection)
            if (found := cluster.id()) != cluster_id:
                must_end(f"expected cluster {cluster_id}, got {found}: the broker's disk was lost")
                return
            if flowing():
                flowed = time.monotonic()
            if time.monotonic() - flowed > STUCK_SECONDS:
                must_end(f"no record was read for {STUCK_SECONDS:g} s although the broker answers")
                return
            if share.shared and (end := cluster.ends([topics.PARTS])[topics.PARTS]) != parts_end:
                parts_end = end
                _check_share(cluster, share, must_end)
            committed = cluster.committed(names, share.group)
            lag = cluster.lag(names, committed)
            for name, count in lag.items():
                metrics.LAG.labels(name).set(count)
            if committed != before or not any(lag.values()):
                before = committed
                beat()
        except Exception as error:  # noqa: BLE001 -- kafka-python's own bugs too: the watch must not die
            log.info("cannot ask the broker: %s", error)
            beat()  # nothing to do while no broker answers
            flowed = max(flowed, time.monotonic())
            if cluster is not None:
                cluster.close()
                cluster = None
