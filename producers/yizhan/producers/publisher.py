"""Sends the outbox's events to Kafka and reads the answers. Attached files are sent separately (``file_sender``).

Law 1: an event is marked as sent after the broker acknowledged it, and not before; a failed one is sent again.
Rule 1: prompt before digest, each in the order of acceptance; a wakeup starts a send at once.
Rule 2: nothing slow is between wakeup and send: replies are read in a thread of their own (``reply_reader``),
        and acknowledgements are entered afterwards.
Rule 3: a failing line or broker is tried again, with pauses up to a second, for weeks if
        necessary; a producer without progress is replaced. The bytes stay the same.
Rule 4: one publisher per outbox.
Rule 5: a new session first checks whether the broker still has its data, because lost events are sent first;
        nothing is sent to a broker of another cluster before this is known, however long it takes.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from kafka import KafkaProducer
from kafka.errors import InvalidRecordError, KafkaConnectionError, KafkaError, MessageSizeTooLargeError
from kafka.future import Future
from kafka.net.compat import KafkaNetClient
from kafka.producer.future import RecordMetadata
from kafka.protocol.producer import ProduceRequest

from yizhan.producers import metrics
from yizhan.producers.dispatch import Dispatch, Outgoing
from yizhan.producers.file_sender import FileSender, producer_of
from yizhan.producers.maintenance import Maintenance
from yizhan.producers.outbox import Outbox
from yizhan.producers.outbox_view import LOCK
from yizhan.producers.reply_reader import ReplyReader
from yizhan.producers.schedule import Patience
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.errors import StoreError
from yizhan.runtime.file_lock import exclusive
from yizhan.runtime.heartbeat import Heartbeat
from yizhan.runtime.process import StopSignal
from yizhan.runtime.settings import Settings
from yizhan.runtime.wakeup import WakeupListener, notify
from yizhan.runtime.watchdog import Watchdog
from yizhan.schemas import topics
from yizhan.schemas.i18n import _

WINDOW: Final = 256
"""Events under way to the broker at once."""
DIGEST_WINDOW: Final = 64
"""The same, of the digest class: an alarm never waits behind more than these."""
WINDOW_BYTES: Final = 8 * 1024 * 1024
STALLED_SECONDS: Final = 5.0
"""A send without an answer for so long means that the producer is replaced, and the broker looked at."""
LOOK_SECONDS: Final = 2.0
"""How long the first send waits until it is known whether the broker still has its data (rule 5)."""
SETTLE_SECONDS: Final = 0.05
"""How long acknowledgements are gathered before they are noted together."""
_PIECE: Final = 16
_BACKOFF_SECONDS: Final = (0.2, 1.0)
"""Shortest and longest pause; when the broker returns, alarms wait for up to the longest."""
_CLIENT: Final = "yizhan-outbox"
_UNACCEPTABLE: Final = (MessageSizeTooLargeError, InvalidRecordError)

log = logging.getLogger(__name__)


class _SendFailed(KafkaError):  # type: ignore[misc]  # kafka-python ships no types
    """A session with the broker ended; the next one sends what was not acknowledged."""


def run(
    outbox: Outbox,
    settings: Settings,
    stop: StopSignal,
    *,
    connection: KafkaConnection | None = None,
    watchdog: Watchdog | None = None,
) -> None:
    """Publish an outbox until asked to stop. Returns after an orderly end.

    Args:
        outbox: opened; the caller closes it.
        settings: pauses, resends, reloads.
        stop: checked several times a second.
        connection: how to reach Kafka; as the settings say for this county if None.
        watchdog: started; fed while the work advances, and stopped by the caller.

    Raises:
        NotAuthorised: the broker answers, but denies this county's rights.
        AlreadyRunning: another process publishes this outbox.
        SettingError: TLS files or a password are missing.
    """
    chosen = connection or settings.connection(topics.county(outbox.county))
    lock = outbox.path.with_name(outbox.path.name + LOCK)
    with (
        exclusive(lock, _("在发送这个发件箱")),
        outbox.dispatch() as dispatch,
        WakeupListener(outbox.wakeup_path) as listener,
    ):
        reader = ReplyReader(outbox, settings, chosen, stop)
        reader.start()
        sender = FileSender(outbox, settings, chosen)
        sender.start()
        try:
            _Publisher(outbox, dispatch, settings, chosen, stop, reader).run(listener, watchdog)
        finally:
            sender.end()
            reader.end()


class CheckedClient(KafkaNetClient):  # type: ignore[misc]  # kafka-python ships no types
    """Connections over which a record is sent only to a broker of a checked cluster (rule 5).

    A producer sends what waits as soon as it is connected again, before it asks which cluster answers.
    """

    def __init__(self, checked: Callable[[str | None], bool], **settings: object) -> None:
        super().__init__(**settings)
        self._checked = checked

    def send(self, node_id: int, request: object, **settings: object) -> Future:
        """Send a request, in the producer's thread; records that must wait fail, and the producer tries again."""
        cluster = self._manager.cluster
        known = not cluster.need_update and self._checked(cluster.cluster_id)
        if known or not isinstance(request, ProduceRequest):
            return super().send(node_id, request, **settings)
        return Future().failure(KafkaConnectionError("it is not known which cluster answers"))


class _Publisher:
    """The sending loop."""

    def __init__(
        self,
        outbox: Outbox,
        dispatch: Dispatch,
        settings: Settings,
        connection: KafkaConnection,
        stop: StopSignal,
        reader: ReplyReader,
    ) -> None:
        self._outbox, self._dispatch, self._settings, self._stop = outbox, dispatch, settings, stop
        self._connection, self._reader = connection, reader
        self._topic = topics.events(outbox.county)
        self._heart = Heartbeat(outbox.path.with_name(outbox.path.name + LOCK))
        self._patience = _patience(settings)
        self._chores = Maintenance(outbox, dispatch, settings)
        self._under_way: dict[int, tuple[Outgoing, float]] = {}  # seq → what, since when
        self._acked: deque[tuple[int, float, int]] = deque()  # filled by the producer's thread
        self._failed: deque[tuple[int, Exception]] = deque()
        self._bytes = 0
        self._settled = 0.0
        self._crowded = False
        self._backoff = _BACKOFF_SECONDS[0]

    def run(self, listener: WakeupListener, watchdog: Watchdog | None) -> None:
        while not self._stop.is_set():
            try:
                self._beat(watchdog)
                with producer_of(self._connection, _CLIENT, self._network) as producer:
                    self._session(producer, listener, watchdog)
            except KafkaError as error:
                self._after_failure(error)

    def _session(self, producer: KafkaProducer, listener: WakeupListener, watchdog: Watchdog | None) -> None:
        self._under_way.clear()
        self._bytes = 0
        self._acked.clear()
        self._failed.clear()
        self._reader.look(LOOK_SECONDS)
        while self._stranger(producer) and not self._stop.is_set():
            self._beat(watchdog)
            self._reader.look(LOOK_SECONDS)
        renewals = self._reader.renewals
        while not self._stop.is_set():
            self._beat(watchdog)
            if self._stranger(producer):
                raise _SendFailed("the broker is another one than before")
            self._drain(producer)
            self._settle()
            self._raise_failures()
            if self._reader.renewals != renewals:
                raise _SendFailed("the broker is another one than before")
            self._chores.tick(answers_read=self._reader.caught_up())
            busy = self._acked or self._under_way
            listener.wait(SETTLE_SECONDS if busy else min(self._settings.outbox_poll_seconds, 0.25))
        self._last_words()

    def _network(self, **settings: object) -> KafkaNetClient:
        return CheckedClient(self._checked, **settings)

    def _checked(self, cluster: str | None) -> bool:
        return cluster is None or cluster == self._reader.looked_at

    def _stranger(self, producer: KafkaProducer) -> bool:
        """Return whether the producer's broker is of an unchecked cluster; costs nothing."""
        return not self._checked(producer._metadata.cluster_id)  # noqa: SLF001 -- it has no other way to say it

    def _last_words(self) -> None:
        """Wait a moment for events in progress, so that they need not be sent again after the restart."""
        deadline = time.monotonic() + 2.0
        while len(self._acked) < len(self._under_way) and not self._failed and time.monotonic() < deadline:
            time.sleep(0.01)
        self._settle(at_once=True)

    def _drain(self, producer: KafkaProducer) -> None:
        """Send queued events, prompt first, as far as the windows allow."""
        self._crowded = False
        for prompt, window in ((True, WINDOW), (False, DIGEST_WINDOW)):
            more = True
            while more and not self._crowded:
                room = min(window - len(self._under_way), _PIECE)
                found = self._dispatch.queue(prompt=prompt, limit=room, under_way=self._under_way) if room > 0 else []
                for outgoing in found:
                    self._send(producer, outgoing)
                more = len(found) == room
                self._crowded = room <= 0 or self._bytes > WINDOW_BYTES

    def _send(self, producer: KafkaProducer, outgoing: Outgoing) -> None:
        started = time.monotonic()
        try:
            future = producer.send(self._topic, outgoing.envelope, key=outgoing.id.encode(), partition=0)
        except _UNACCEPTABLE as error:
            self._hold(outgoing.seq, error)
            return
        self._under_way[outgoing.seq] = (outgoing, started)
        self._bytes += len(outgoing.envelope)
        future.add_callback(self._on_ack, outgoing.seq, started)
        future.add_errback(self._on_failure, outgoing.seq)

    # -- called in the producer's thread --

    def _on_ack(self, seq: int, started: float, metadata: RecordMetadata) -> None:
        self._acked.append((seq, time.monotonic() - started, metadata.offset))
        if self._crowded:
            notify(self._outbox.wakeup_path)

    def _on_failure(self, seq: int, error: Exception) -> None:
        self._failed.append((seq, error))

    # -- and in ours --

    def _settle(self, *, at_once: bool = False) -> None:
        """Enter acknowledgements. If the disk fails it is logged; they stay in progress until then."""
        now = time.monotonic()
        if not self._acked or not (at_once or self._crowded or now - self._settled >= SETTLE_SECONDS):
            return
        done = list(self._acked)
        try:
            places = {seq: offset for seq, _, offset in done if offset >= 0}
            self._dispatch.acknowledged([seq for seq, _, _ in done], self._patience, places)
        except StoreError as error:
            log.error("cannot note what was sent, and will try again: %s", error)  # noqa: TRY400
            self._settled = now + 5.0
            return
        self._settled, self._backoff = now, _BACKOFF_SECONDS[0]
        metrics.CONNECTED.set(1)
        for seq, seconds, _error in done:
            self._acked.popleft()
            outgoing, _future = self._under_way.pop(seq)
            self._bytes -= len(outgoing.envelope)
            metrics.SENDING.observe(seconds)
            metrics.count_sent(self._outbox.county, outgoing.type, again=outgoing.again)

    def _raise_failures(self) -> None:
        while self._failed:
            seq, error = self._failed.popleft()
            if not isinstance(error, _UNACCEPTABLE):
                self._settle(at_once=True)
                raise _SendFailed(f"{type(error).__name__}: {error}") from error
            self._bytes -= len(self._under_way.pop(seq)[0].envelope)
            self._hold(seq, error)
        if self._under_way:
            oldest = next(iter(self._under_way.values()))[1]
            if time.monotonic() - oldest > STALLED_SECONDS and not self._acked:
                raise _SendFailed(f"no acknowledgement for {STALLED_SECONDS:.0f} s")

    def _hold(self, seq: int, error: Exception) -> None:
        log.error("event %d: the broker will not take it: %s; its max.message.bytes is below ours", seq, error)
        metrics.TROUBLE.labels(type(error).__name__).inc()
        self._dispatch.hold(seq, f"{type(error).__name__}: {error}")

    def _after_failure(self, error: KafkaError) -> None:
        """Log the error, run the tasks that need no broker, and wait: a little longer each time."""
        metrics.CONNECTED.set(0)
        metrics.TROUBLE.labels(type(error).__name__).inc()
        # As text: a log that keeps records would keep the error's frames, and their sockets, alive.
        where, why = self._connection.bootstrap, str(error)
        known = self._reader.away.known or not isinstance(error, _SendFailed)
        level = logging.DEBUG if known else logging.WARNING  # the reader logs a broker's outage
        log.log(level, "no way to the broker at %s: %s; again in %.1f s", where, why, self._backoff)
        self._chores.tick(answers_read=False)
        self._stop.wait(self._backoff)
        self._backoff = min(self._backoff * 2, _BACKOFF_SECONDS[1])

    def _beat(self, watchdog: Watchdog | None) -> None:
        if self._reader.refusal is not None:
            raise self._reader.refusal
        if self._reader.moves():
            self._heart.beat()
            if watchdog is not None:
                watchdog.beat()


def _patience(settings: Settings) -> Patience:
    return Patience(settings.outbox_resend_seconds, settings.receipt_overdue_seconds)
