"""Reads records from Kafka into the inbox. Attached files are read by ``fetcher``.

Law 4: a record's row is committed before its offset; what is read again changes nothing.

Rule 1: nothing slow happens between a record and its row: offsets are committed to Kafka at most once a second,
        receipts are sent in the pauses, the observer and SQLite's checkpoints have threads of their own.
Rule 2: a connection or broker that fails is tried again, for weeks if necessary.
Rule 3: the position to continue from is in the database, one per cluster: a restored backup reads again what it
        missed, a broker whose disk was lost is read from its beginning. Kafka's own offsets are for its figures only.
Rule 4: records that the client cannot decode are skipped with an error in the log. After such an error kafka-python
        3.0.12 never returns from another ``poll`` at that offset, so the consumer is replaced.
Rule 5: an inbox has one reader.
"""

from __future__ import annotations

import contextlib
import logging
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import CorruptRecordError, KafkaError, UnsupportedCodecError
from kafka.structs import OffsetAndMetadata

from yizhan.consumers import metrics
from yizhan.consumers.arrivals import Arrived, Kind, ReceiveOutcome
from yizhan.consumers.checkpoints import Checkpointer
from yizhan.consumers.fetcher import AttachmentFetcher
from yizhan.consumers.inbox import Inbox
from yizhan.consumers.notifier import OutcomeNotifier
from yizhan.consumers.shown import Viewer
from yizhan.consumers.view import LOCK
from yizhan.runtime import clients
from yizhan.runtime.acl_check import require_access
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.errors import NotAuthorised, StoreError
from yizhan.runtime.file_lock import exclusive
from yizhan.runtime.heartbeat import Heartbeat
from yizhan.runtime.outage_log import OutageLog
from yizhan.runtime.process import StopSignal
from yizhan.runtime.settings import Settings
from yizhan.runtime.watchdog import Watchdog
from yizhan.schemas import topics
from yizhan.schemas.i18n import _

BATCH: Final = 32
"""Records in one transaction when many wait. Large: an alarm waits behind more; small: slow after a pause."""
FETCH_BYTES: Final = 256 * 1024
"""Fetched from a topic at once; a larger record comes alone. Large: an alarm waits behind a digest."""
COMMIT_SECONDS: Final = 1.0
"""Pause between commits of offsets, in seconds. Too short: an alarm waits for the broker's answer."""
TICK_SECONDS: Final = 0.25
MEASURE_SECONDS: Final = 5.0
_POLL_MS: Final = 250
_PATIENCE_MS: Final = 5000
_COMMIT_MS: Final = 1000
_BACKOFF_SECONDS: Final = (0.2, 1.0)
"""Shortest and longest pause; when the broker returns, alarms wait for up to the longest."""
_TRIES: Final = 3
_UNDECODABLE: Final = (CorruptRecordError, UnsupportedCodecError)
_CLIENT: Final = "yizhan-inbox"

log = logging.getLogger(__name__)


class _OtherClusterError(KafkaError):  # type: ignore[misc]  # kafka-python ships no types
    """The broker is another one than before."""


class _UndecodableError(Exception):
    """The client could not decode what it fetched."""


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """What is called while an inbox receives."""

    begin: Callable[[], None] = _nothing
    """Once no other process can be the reader, before anything is read."""
    stored: Callable[[], None] = _nothing
    """After records were stored, before the next are read; it must not block."""
    tell: Callable[[Sequence[ReceiveOutcome]], None] | None = None
    """With outcomes once they are durable, in order, from a thread of its own. What rang before the start is not told:
    ask ``inbox.ringing()``."""
    viewer: Viewer | None = None
    """Who is told with content; what is shown is entered with the events."""


NO_LISTENERS: Final = Listeners()


def run(
    inbox: Inbox,
    settings: Settings,
    stop: StopSignal,
    *,
    connection: KafkaConnection | None = None,
    watchdog: Watchdog | None = None,
    listeners: Listeners = NO_LISTENERS,
) -> None:
    """Receive until asked to stop. Returns after an orderly end.

    Args:
        inbox: opened with an outbox; the caller closes it.
        settings: pauses and reloads.
        stop: looked at four times a second.
        connection: how to reach Kafka; as the settings say for this county if None.
        watchdog: started; it is beaten while the work moves, and stopped by the caller.
        listeners: called meanwhile.

    Raises:
        NotAuthorised: the broker answers, and does not let this county do its work.
        AlreadyRunning: another process reads this inbox.
        SettingError: TLS files or a password are missing.
        StoreError: the disk fails.
        ValueError: the inbox has no outbox.
    """
    if inbox.outbox is None:
        raise ValueError("expected an inbox with an outbox: without one, receipts of others would be lost")
    chosen = connection or settings.connection(topics.county(inbox.county))
    lock = inbox.path.with_name(inbox.path.name + LOCK)
    with exclusive(lock, _("在接收这个收件箱")), OutcomeNotifier(listeners.tell) as notifier, Checkpointer(inbox.path):
        inbox.leave_checkpoints()
        listeners.begin()
        heart = Heartbeat(lock)

        def beat() -> None:
            heart.beat()
            if watchdog is not None:
                watchdog.beat()

        with AttachmentFetcher(inbox, settings, chosen):
            InboxReader(inbox, settings, stop, chosen, beat, notifier, listeners).run()


class InboxReader:
    """The loop: sessions of steps."""

    def __init__(
        self,
        inbox: Inbox,
        settings: Settings,
        stop: StopSignal,
        connection: KafkaConnection,
        beat: Callable[[], None],
        notifier: OutcomeNotifier,
        listeners: Listeners,
    ) -> None:
        self._inbox, self._settings, self._stop, self._connection = inbox, settings, stop, connection
        self._beat, self._notifier, self._listeners = beat, notifier, listeners
        self._group = topics.group(topics.county(inbox.county), "inbox")
        self._kinds: dict[TopicPartition, Kind] = {
            TopicPartition(topics.alerts(inbox.county), 0): "alert",
            TopicPartition(topics.postings(inbox.county), 0): "posting",
            TopicPartition(topics.digests(inbox.county), 0): "digest",
        }
        self._outages = OutageLog(inbox.county, connection.bootstrap)
        self._cluster = ""
        self._next: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._ever, self._backoff = False, _BACKOFF_SECONDS[0]
        self._undecodable = 0
        self._commit_due = self._tick_due = self._charter_due = self._measure_due = 0.0

    def run(self) -> None:
        """Read, session after session, until asked to stop."""
        while not self._stop.is_set():
            try:
                self._beat()
                self.look()
                with _consumer(self._connection, self._group) as consumer:
                    self._session(consumer)
            except NotAuthorised as error:
                if not self._ever:
                    raise
                self._wait(error, "not_authorised")  # topics may come back: the broker was made anew
            except StoreError:
                raise
            except _UndecodableError as error:
                self._wait(error, "undecodable")
                self._undecodable += 1
                # A client may slip once while a broker restarts; only what stays undecodable is stepped over.
                if self._undecodable >= _TRIES:
                    self._skip()
                    self._undecodable = 0
            except KafkaError as error:
                self._wait(error, "broker")
            except Exception as error:  # kafka-python's own slips while a broker is made anew
                log.exception("an error of the Kafka client")
                self._wait(error, "client")

    # -- a session --

    def look(self) -> None:
        """Ask for our rights, and whether the broker is the one that it was."""
        names = [partition.topic for partition in self._kinds]
        with clients.admin(self._connection, _CLIENT) as admin:
            require_access(admin.describe_topics(names), topics.county(self._inbox.county), read=names)
            cluster = str(admin.describe_cluster()["cluster_id"])
        if self._cluster and cluster != self._cluster:
            log.critical(
                "the broker is another one than before (%s, was %s): reading all of it", cluster, self._cluster
            )
            self._next.clear()
        self._cluster, self._ever = cluster, True

    def _session(self, consumer: KafkaConsumer) -> None:
        self.begin(consumer)
        self._outages.observe(answers=True)
        log.info("%s: ready, cluster %s", self._inbox.county, self._cluster)
        self._backoff = _BACKOFF_SECONDS[0]
        while not self._stop.is_set():
            self.step(consumer)
        self._commit(consumer)
        self._inbox.tick(self._settings.receipt_interval_seconds)

    def begin(self, consumer: KafkaConsumer) -> None:
        """Begin a session: read on from where the inbox came to."""
        consumer.assign(list(self._kinds))
        self._committed.clear()  # the former session may have ended before it committed
        for partition, kind in self._kinds.items():
            self._next[partition] = place = self._inbox.position(self._cluster, kind)
            consumer.seek(partition, place)
        self._commit_due = time.monotonic() + COMMIT_SECONDS

    def step(self, consumer: KafkaConsumer) -> None:
        """Store what arrived, and do the chores that are due."""
        self._receive(self._poll(consumer))
        self._beat()
        self._chores(consumer)

    def _poll(self, consumer: KafkaConsumer) -> dict[TopicPartition, list[ConsumerRecord]]:
        try:
            found: dict[TopicPartition, list[ConsumerRecord]] = consumer.poll(timeout_ms=_POLL_MS, max_records=BATCH)
        except _UNDECODABLE as error:
            raise _UndecodableError(str(error)) from error
        except KafkaError:
            raise
        except (ValueError, IndexError, struct.error) as error:  # what decoders raise on bytes they do not expect
            raise _UndecodableError(f"{type(error).__name__}: {error}") from error
        return found

    def _receive(self, found: dict[TopicPartition, list[ConsumerRecord]]) -> None:
        """Store arrived records, alarms first; a single record has its own transaction, many share one."""
        for partition, kind in self._kinds.items():
            records = found.get(partition)
            if records:
                # From the return on the rows are durable; the offset follows within a second.
                arrived = [_arrived(kind, record) for record in records]
                outcomes = self._inbox.receive_many(arrived, self._cluster, self._listeners.viewer)
                self._listeners.stored()
                self._notifier.put(outcomes)
                self._next[partition] = records[-1].offset + 1

    def _chores(self, consumer: KafkaConsumer) -> None:
        now = time.monotonic()
        if now >= self._tick_due:
            self._tick_due = now + TICK_SECONDS
            self._outages.observe(answers=clients.connected(consumer))
            self._inbox.tick(self._settings.receipt_interval_seconds)
        if now >= self._commit_due:
            self._commit_due = now + COMMIT_SECONDS
            self._commit(consumer)
            if self._other_cluster(consumer):
                raise _OtherClusterError("the broker is another one than before")
        if now >= self._charter_due:
            self._charter_due = now + self._settings.charter_reload_seconds
            self._notifier.put(self._inbox.adopt_charters())
        if now >= self._measure_due:
            self._measure_due = now + MEASURE_SECONDS
            self._inbox.measure()
            for partition, offset in self._next.items():
                end = consumer.highwater(partition)
                metrics.LAG.labels(partition.topic).set(0 if end is None else max(0, end - offset))

    def _other_cluster(self, consumer: KafkaConsumer) -> bool:
        """Return whether the broker's last word on itself names another cluster; costs nothing."""
        found = consumer._cluster.cluster_id  # noqa: SLF001 -- the client knows, and has no other way to say it
        return found is not None and str(found) != self._cluster

    def _commit(self, consumer: KafkaConsumer) -> None:
        """Commit the offsets that moved. What fails is committed the next time."""
        moved = {
            partition: offset for partition, offset in self._next.items() if offset != self._committed.get(partition)
        }
        if moved:
            offsets = {partition: OffsetAndMetadata(offset, "", -1) for partition, offset in moved.items()}
            try:
                consumer.commit(offsets, timeout_ms=_COMMIT_MS)
            except KafkaError as error:
                log.info("offsets are not committed: %s", error)
                self._commit_due = time.monotonic() + _PATIENCE_MS / 1000
                return
            self._committed |= moved

    # -- what the client cannot decode --

    def _skip(self) -> None:
        """Find the records that cannot be decoded, and step over them."""
        for partition, kind in self._kinds.items():
            try:
                with _consumer(self._connection, None) as probe:
                    self._probe(probe, partition, kind)
            except KafkaError as error:
                self._wait(error, "broker")

    def _probe(self, probe: KafkaConsumer, partition: TopicPartition, kind: Kind) -> None:
        probe.assign([partition])
        first = place = self._inbox.position(self._cluster, kind)
        probe.seek(partition, place)
        end, why = probe.end_offsets([partition], timeout_ms=_PATIENCE_MS)[partition], ""
        while place < end and not self._stop.is_set():
            try:
                self._poll(probe)
                break
            except _UndecodableError as error:
                # The client gives nothing that stands behind it in the same batch either.
                why, place = str(error), place + 1
                probe.seek(partition, place)
                self._beat()
        if place > first:
            log.critical("%s: offsets %d to %d cannot be decoded, skipped: %s", partition.topic, first, place - 1, why)
            metrics.UNREADABLE.labels(partition.topic).inc(place - first)
            self._inbox.keep_unreadable(self._cluster, kind, range(first, place), why)

    def _wait(self, error: Exception, reason: str) -> None:
        """Say it, do the chores that need no broker, and wait: a little longer each time."""
        metrics.RECONNECTS.labels(reason).inc()
        self._outages.observe(answers=reason != "broker", why=str(error))
        log.log(
            logging.DEBUG if reason == "broker" else logging.WARNING,
            "%s: no reading from %s: %s; again in %.1f s",
            self._inbox.county, self._connection.bootstrap, error, self._backoff,
        )  # fmt: skip
        self._inbox.tick(self._settings.receipt_interval_seconds)
        self._notifier.put(self._inbox.adopt_charters())
        self._stop.wait(self._backoff)
        self._backoff = min(self._backoff * 2, _BACKOFF_SECONDS[1])


def _arrived(kind: Kind, record: ConsumerRecord) -> Arrived:
    return Arrived(kind, record.partition, record.offset, record.timestamp, record.value, tuple(record.headers))


def _consumer(connection: KafkaConnection, group: str | None) -> contextlib.AbstractContextManager[KafkaConsumer]:
    return clients.consumer(
        connection, _CLIENT, group_id=group, fetch_min_bytes=1, max_partition_fetch_bytes=FETCH_BYTES
    )
