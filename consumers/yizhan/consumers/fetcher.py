"""Attached files from Kafka, in the background: on a connection, a thread and a database of their own.

Rule 1: alarms come first: nothing here takes the inbox's lock for longer than a receipt, and the rate stays below
        what the broker allows the county.
Rule 2: a county's log of chunks is read only while one of its files is wanted, from the time its event was received.
Rule 3: chunks that do not verify are counted and skipped; lost ones are requested from the sender, with growing pauses.
Rule 4: nothing here can stop the inbox: failures are logged and repeated. A county whose log cannot be read, because
        it may have left the alliance, does not delay others' files.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from yizhan.consumers import metrics
from yizhan.consumers.files import FileStore
from yizhan.runtime import clients
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.errors import StoreError
from yizhan.runtime.worker_thread import WorkerThread
from yizhan.schemas import topics
from yizhan.schemas.errors import ProofInvalid
from yizhan.schemas.files import ChunkRecord, read_record

if TYPE_CHECKING:
    from kafka.consumer.fetcher import ConsumerRecord

    from yizhan.consumers.inbox import Inbox
    from yizhan.runtime.settings import Settings

IDLE_SECONDS: Final = 0.5
SHUT_SECONDS: Final = 60.0
FETCH_BYTES: Final = 4 * 1024 * 1024
BATCH: Final = 8
"""Chunks that are synced to the disk together."""
_CLIENT: Final = "yizhan-files"

log = logging.getLogger(__name__)


class AttachmentFetcher(WorkerThread):
    """Fetches the files of an inbox's events. Use it as a context manager."""

    expected = (KafkaError, StoreError, OSError)

    def __init__(self, inbox: Inbox, settings: Settings, connection: KafkaConnection) -> None:
        """Prepare it."""
        super().__init__("files", "attached files are not fetched")
        self._inbox, self._connection = inbox, connection
        self._rate, self._overdue = settings.files_fetch_bytes_per_second, settings.files_overdue_seconds
        self._cluster = ""
        self._quiet: dict[str, float] = {}  # county → since when its log brought nothing new
        self._sweep_due = 0.0
        self._shut: dict[str, float] = {}  # county → until when its log is not tried again

    def work(self) -> None:
        """Fetch, session after session; while nothing is wanted there is no session."""
        with FileStore(self._inbox.path) as store:
            self._work(store)

    def _work(self, store: FileStore) -> None:
        while not self._over.is_set():
            self._look(store)
            self._tell(store)
            if store.unfinished():
                self._session(store)
            self._over.wait(IDLE_SECONDS)

    def _look(self, store: FileStore) -> None:
        """Enter the files of new items; remove those of destroyed items."""
        seq, item_id = store.scan_position()
        if seq and not self._inbox.known(seq, item_id):
            log.warning("the inbox is another one than before: its attached files are looked through again")
            store.restart_scan()
            seq = 0
        while carriers := self._inbox.carriers(seq):
            store.want(carriers)
            seq = carriers[-1].seq
        if time.monotonic() >= self._sweep_due:
            self._sweep_due = time.monotonic() + 60.0
            store.forget(self._inbox.destroyed())

    def _tell(self, store: FileStore) -> None:
        for each in store.complete_events():
            self._inbox.owe_files_receipt(each.id, each.hash, fetched=True)
            # Sent twice if killed in between, which changes nothing.
            store.enter_notified(each.id, fetched=True, now=time.time())
            log.info("%s: all its attached files are here", each.id)

    def _session(self, store: FileStore) -> None:
        with clients.admin(self._connection, _CLIENT) as admin:
            self._cluster = str(admin.describe_cluster()["cluster_id"])
        with clients.consumer(self._connection, _CLIENT, max_partition_fetch_bytes=FETCH_BYTES) as consumer:
            self.went_well()
            reading: dict[str, int] = {}
            while not self._over.is_set() and store.unfinished():
                self._look(store)
                self._place(store, consumer)
                wanted = {county: at for county, at in store.scans(self._cluster).items() if self._open(county)}
                reading = self._assign(consumer, reading, wanted)
                if reading:
                    self._poll(store, consumer, reading)
                else:
                    self._over.wait(IDLE_SECONDS)
                self._tell(store)

    def _place(self, store: FileStore, consumer: KafkaConsumer) -> None:
        """Find the offset in its county's log from which to read a new file: when its event was received."""
        for n, county, received_ms in store.unplaced(self._cluster):
            if not self._open(county) or self._over.is_set():
                continue
            partition = TopicPartition(topics.attachments(county), 0)
            try:
                found = consumer.offsets_for_times({partition: received_ms}, timeout_ms=5000).get(partition)
                end = consumer.end_offsets([partition], timeout_ms=5000)[partition]
            except (TopicAuthorizationFailedError, UnknownTopicOrPartitionError, KafkaTimeoutError) as error:
                self._close(county, error)
                continue
            store.place(n, self._cluster, county, end if found is None else found.offset)
            self._quiet[county] = time.monotonic()

    def _open(self, county: str) -> bool:
        return self._shut.get(county, 0.0) <= time.monotonic()

    def _close(self, county: str, error: KafkaError) -> None:
        self._shut[county] = time.monotonic() + SHUT_SECONDS
        log.warning("attached files of %s cannot be read: %s; again in %.0f s", county, error, SHUT_SECONDS)

    def _assign(self, consumer: KafkaConsumer, reading: dict[str, int], wanted: dict[str, int]) -> dict[str, int]:
        if wanted != reading:
            if wanted.keys() != reading.keys():
                consumer.assign([TopicPartition(topics.attachments(county), 0) for county in sorted(wanted)])
                reading = {}
            for county, place in wanted.items():
                if reading.get(county) != place:
                    consumer.seek(TopicPartition(topics.attachments(county), 0), place)
        return dict(wanted)

    def _poll(self, store: FileStore, consumer: KafkaConsumer, reading: dict[str, int]) -> None:
        started, received = time.monotonic(), 0
        try:
            found = consumer.poll(timeout_ms=500, max_records=BATCH)
        except TopicAuthorizationFailedError as error:
            for county in reading:
                if topics.attachments(county) in error.args[0]:
                    self._close(county, error)
            return
        for county in list(reading):
            records = found.get(TopicPartition(topics.attachments(county), 0)) or []
            if records:
                received += sum(len(each.value or b"") for each in records)
                self._keep(store, county, records)
                reading[county] = records[-1].offset + 1
            elif time.monotonic() - self._quiet.setdefault(county, time.monotonic()) > self._overdue:
                self._ask(store, county)
        self._over.wait(max(0.0, received / self._rate - (time.monotonic() - started)))

    def _keep(self, store: FileStore, county: str, records: list[ConsumerRecord]) -> None:
        chunks: list[ChunkRecord] = []
        for record in records:
            try:
                chunks.append(read_record(record.value or b""))
            except ProofInvalid as error:
                metrics.CHUNKS.labels("refused").inc()
                log.warning("%s, offset %d: %s", record.topic, record.offset, error)
        new = store.keep(self._cluster, county, chunks, records[-1].offset + 1)
        metrics.CHUNKS.labels("kept").inc(new)
        metrics.CHUNKS.labels("passed").inc(len(chunks) - new)
        self._quiet[county] = time.monotonic()

    def _ask(self, store: FileStore, county: str) -> None:
        """Request chunks that a county's log lacks once more, after a pause that doubles."""
        now = time.time()
        for each in store.events_to_request(county, now, self._overdue):
            self._inbox.owe_files_receipt(each.id, each.hash, fetched=False)
            store.enter_notified(each.id, fetched=False, now=now)
            log.warning("%s: some of its attached files are not with the broker; asked for again", each.id)
        self._quiet[county] = time.monotonic()
