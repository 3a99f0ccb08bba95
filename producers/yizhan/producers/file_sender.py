"""Sends attached files to Kafka in the background, on a connection and a thread of its own.

Law 1: a chunk is marked as sent after the broker acknowledged it; a failed one is sent again.
Rule 1: nothing prompt waits for a chunk: while an alarm is queued no chunk is started, and the rate stays below
        what the broker allows the county, so that files never slow the county's events.
Rule 2: lost data of a broker is detected by its cluster's id, or by a log that ends before what it had.
Rule 3: before the first chunk the broker is asked whether it has a topic for files and lets us write; if not, the
        outbox shows what to do. The event is sent without its files, and they follow as soon as possible.
Rule 4: nothing here can stop the publisher: failures are logged and repeated.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from yizhan.producers import metrics
from yizhan.producers.file_queue import FileQueue, Piece
from yizhan.runtime import clients
from yizhan.runtime.acl_check import require_access
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.errors import NotAuthorised, StoreError
from yizhan.runtime.worker_thread import WorkerThread
from yizhan.schemas import topics

if TYPE_CHECKING:
    from yizhan.producers.outbox import Outbox
    from yizhan.runtime.settings import Settings

IDLE_SECONDS: Final = 1.0
SWEEP_SECONDS: Final = 600.0
ANSWER_SECONDS: Final = 15.0
"""How long a chunk may be under way before the session ends. Short: a slow line never gets one through."""
_PROMPT_SECONDS: Final = 5.0
_CLIENT: Final = "yizhan-files"

log = logging.getLogger(__name__)


class FileSender(WorkerThread):
    """Sends the sealed files of an outbox until ``end`` is called."""

    expected = (KafkaError, StoreError, OSError, NotAuthorised)

    def __init__(self, outbox: Outbox, settings: Settings, connection: KafkaConnection) -> None:
        """Prepare it; ``start`` begins."""
        super().__init__("files", "attached files wait")
        self._outbox, self._connection = outbox, connection
        self._rate = settings.files_send_bytes_per_second
        self._partition = TopicPartition(topics.attachments(outbox.county), 0)
        self._sweep_due = 0.0

    def work(self) -> None:
        """Send, session after session; without a file to send there is no session."""
        with FileQueue(self._outbox.path) as queue:
            self._work(queue)

    def _work(self, queue: FileQueue) -> None:
        while not self._over.is_set():
            if time.monotonic() >= self._sweep_due:
                queue.sweep()
                self._sweep_due = time.monotonic() + SWEEP_SECONDS
            if queue.has_next():
                self._session(queue)
            self._over.wait(IDLE_SECONDS)

    def _session(self, queue: FileQueue) -> None:
        with producer_of(self._connection, _CLIENT) as producer:
            self._look(queue)
            while not self._over.is_set() and (piece := queue.next()) is not None:
                self._give_way(queue)
                started = time.monotonic()
                self._send(queue, producer, piece)
                self.went_well()
                self._over.wait(max(0.0, len(piece.record) / self._rate - (time.monotonic() - started)))

    def _look(self, queue: FileQueue) -> None:
        with clients.admin(self._connection, _CLIENT) as admin:
            self._ask(queue, admin)
            cluster = str(admin.describe_cluster()["cluster_id"])
        with clients.consumer(self._connection, _CLIENT) as consumer:
            end = consumer.end_offsets([self._partition], timeout_ms=5000)[self._partition]
        queue.enter_cluster(cluster, end)

    def _ask(self, queue: FileQueue, admin: KafkaAdminClient) -> None:
        """Ask whether the broker accepts our files; if not, store the reason for people."""
        topic = self._partition.topic
        try:
            require_access(admin.describe_topics([topic]), topics.county(self._outbox.county), write=[topic])
        except NotAuthorised as error:
            if queue.set_trouble(str(error)):
                log.warning("%s: %s", self._outbox.source, error)
            raise
        queue.set_trouble(None)

    def _give_way(self, queue: FileQueue) -> None:
        deadline = time.monotonic() + _PROMPT_SECONDS
        while queue.prompt_waits() and time.monotonic() < deadline and not self._over.wait(0.02):
            pass

    def _send(self, queue: FileQueue, producer: KafkaProducer, piece: Piece) -> None:
        key = f"{piece.root.hex()}/{piece.index}".encode()
        sent = producer.send(self._partition.topic, piece.record, key=key, partition=0).get(timeout=ANSWER_SECONDS)
        queue.acknowledged(piece, sent.offset)
        metrics.CHUNKS.inc()
        if piece.index == piece.count - 1:
            log.info("%s: all %d chunks of an attached file are with the broker", self._outbox.source, piece.count)


@contextlib.contextmanager
def producer_of(
    connection: KafkaConnection, name: str, network: Callable[..., KafkaNetClient] = KafkaNetClient
) -> Iterator[KafkaProducer]:
    """Create a producer that neither loses nor repeats records, and close it at the end, even if its broker is dead."""
    producer = clients.client(
        KafkaProducer,
        connection,
        name,
        network=network,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        compression_type=None,
        batch_size=128 * 1024,
        max_request_size=topics.EVENTS_MAX_BYTES,
        max_block_ms=2000,
        metrics_enabled=False,
    )
    try:
        yield producer
    finally:
        with contextlib.suppress(KafkaError):
            producer.close(timeout=0.5)
        sender = producer._sender  # noqa: SLF001 -- close() gives up on a dead broker and leaves its thread
        if sender.is_alive():
            sender.force_close()
            sender.join(timeout=5.0)
            with contextlib.suppress(KafkaError):
                producer.close(timeout=0)
