"""Reads the station's replies from Kafka and watches the broker, next to the publisher.

Rule 1: a new session first checks whether the broker still has its data: lost events are queued again.
Rule 2: a failing broker is tried again, with pauses up to a few seconds, for weeks if necessary.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import Final

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from yizhan.producers import metrics
from yizhan.producers.dispatch import Dispatch
from yizhan.producers.outbox import Outbox
from yizhan.producers.schedule import Patience
from yizhan.producers.station_replies import PostingRecord
from yizhan.runtime import clients
from yizhan.runtime.acl_check import require_access
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.errors import NotAuthorised, StoreError
from yizhan.runtime.outage_log import OutageLog
from yizhan.runtime.process import StopSignal
from yizhan.runtime.settings import Settings
from yizhan.runtime.wakeup import notify
from yizhan.schemas import topics

CHECK_SECONDS: Final = 5.0
"""How often the broker is asked who it is and how far its logs reach."""
CHECKPOINT_PAGES: Final = 500
"""After so many pages of log the reading thread copies them into the database, so that others need not."""
GATHER_MS: Final = 250
GATHER_BYTES: Final = 64 * 1024
"""The broker gathers postings for so long, or until there are so many: nobody waits for a single one."""
_BACKOFF_SECONDS: Final = (0.2, 5.0)
_CLIENT: Final = "yizhan-outbox"

log = logging.getLogger(__name__)


class ReplyReader(threading.Thread):
    """Reads the postings and watches the broker, in a thread and on a database connection of its own."""

    def __init__(self, outbox: Outbox, settings: Settings, connection: KafkaConnection, stop: StopSignal) -> None:
        """Prepare; ``start`` begins reading. It ends with ``stop`` or ``end``."""
        super().__init__(name="postings", daemon=True)
        self._outbox, self._settings, self._connection, self._asked_to_end = outbox, settings, connection, stop
        self._ended, self._hurry, self._looked = threading.Event(), threading.Event(), threading.Event()
        self._events = TopicPartition(topics.events(outbox.county), 0)
        self._postings = TopicPartition(topics.postings(outbox.county), 0)
        self._patience = Patience(settings.outbox_resend_seconds, settings.receipt_overdue_seconds)
        self._cluster, self._end, self._behind = "", 0, 0
        self._asked = self._moved = time.monotonic()
        self._read_all: float | None = None
        self._ever, self._backoff = False, _BACKOFF_SECONDS[0]
        self.away = OutageLog(outbox.county, connection.bootstrap)
        self.renewals = 0
        self.looked_at = ""  # the cluster whose losses, if any, are queued
        self.refusal: NotAuthorised | None = None

    def look(self, timeout_seconds: float) -> None:
        """Make it check the broker now, and wait for the result, at most this long."""
        self._looked.clear()
        self._hurry.set()
        self._looked.wait(timeout_seconds)

    def caught_up(self) -> bool:
        """Return whether all postings that were there a moment ago were read."""
        return self._read_all is not None and time.monotonic() - self._read_all < 2 * CHECK_SECONDS

    def moves(self) -> bool:
        """Return whether the thread is alive and not stuck in one step."""
        return self.is_alive() and time.monotonic() - self._moved < self._settings.watchdog_seconds / 2

    def end(self) -> None:
        """Ask it to end, and wait a moment."""
        self._ended.set()
        self._hurry.set()
        self.join(timeout=5.0)

    def run(self) -> None:
        """Read, session after session."""
        with self._outbox.dispatch(checkpoint_pages=CHECKPOINT_PAGES) as dispatch:
            while not self._over():
                self._moved = time.monotonic()
                try:
                    with (
                        clients.admin(self._connection, _CLIENT) as admin,
                        clients.consumer(
                            self._connection, _CLIENT, fetch_min_bytes=GATHER_BYTES, fetch_max_wait_ms=GATHER_MS
                        ) as consumer,
                    ):
                        self._session(dispatch, admin, consumer)
                except NotAuthorised as error:
                    if not self._ever:
                        self.refusal = error
                        self._looked.set()
                        notify(self._outbox.wakeup_path)
                        return
                    log.error("%s", str(error))  # noqa: TRY400 -- topics may come back: the broker was made anew
                except (KafkaError, StoreError) as error:
                    log.debug("postings are not read: %s", str(error))
                    self._notice(dispatch, answers=isinstance(error, StoreError), why=str(error))
                except Exception:  # kafka-python's own errors while a broker is set up again
                    log.exception("postings are not read; trying again")
                self._read_all = None
                self._hurry.wait(self._backoff)
                self._hurry.clear()
                self._backoff = min(self._backoff * 2, _BACKOFF_SECONDS[1])

    def _session(self, dispatch: Dispatch, admin: KafkaAdminClient, consumer: KafkaConsumer) -> None:
        read, write = self._postings.topic, self._events.topic
        require_access(
            admin.describe_topics([read, write]), topics.county(self._outbox.county), read=[read], write=[write]
        )
        self._ever = True
        self.begin(dispatch, admin, consumer)
        dispatch.note_line(answers=True)
        log.info("%s: ready, cluster %s", self._outbox.source, self._cluster)
        self._backoff = _BACKOFF_SECONDS[0]
        while not self._over():
            self._notice(dispatch, answers=clients.connected(consumer))
            self.step(dispatch, admin, consumer)

    def begin(self, dispatch: Dispatch, admin: KafkaAdminClient, consumer: KafkaConsumer) -> None:
        """Begin a session: look whether the broker has its data, and find the place to read on from."""
        consumer.assign([self._postings])
        self._look(dispatch, admin, consumer, seek=True)

    def step(self, dispatch: Dispatch, admin: KafkaAdminClient, consumer: KafkaConsumer) -> None:
        """Look again if it is time, and enter the answers that came (``KafkaError``: the session is over)."""
        self._moved = now = time.monotonic()
        if self._hurry.is_set() or now - self._asked >= CHECK_SECONDS:
            self._hurry.clear()
            self._look(dispatch, admin, consumer, seek=False)
        for records in consumer.poll(timeout_ms=250, max_records=100).values():
            dispatch.enter(
                self._cluster, [PostingRecord(record.offset, record.value) for record in records], self._patience
            )
        if self._behind == 0 or consumer.position(self._postings, timeout_ms=1000) >= self._end:
            self._behind, self._read_all = 0, now

    def _notice(self, dispatch: Dispatch, *, answers: bool, why: str = "") -> None:
        """Log whether the broker answers, and store it for readers of the outbox."""
        if self.away.observe(answers=answers, why=why):
            with contextlib.suppress(StoreError):
                dispatch.note_line(answers=answers)

    def _look(self, dispatch: Dispatch, admin: KafkaAdminClient, consumer: KafkaConsumer, *, seek: bool) -> None:
        """Query the broker's id and the ends of its logs; start again if it is another one."""
        self._cluster = str(admin.describe_cluster()["cluster_id"])
        try:
            ends = consumer.end_offsets([self._events, self._postings], timeout_ms=5000)
        except KeyError as error:  # kafka-python 3.0.12, when a metadata refresh was cancelled meanwhile
            raise KafkaError("the broker did not say how far its logs reach") from error
        self._end, self._asked = ends[self._postings], time.monotonic()
        start = dispatch.enter_cluster(self._cluster, ends[self._events], self._end)
        self.looked_at = self._cluster
        if start is not None and not seek:
            self.renewals += 1
            notify(self._outbox.wakeup_path)
        if start is not None or seek:
            place = dispatch.position(self._cluster)
            consumer.seek(self._postings, 0 if place is None else place.next_posting)
        self._behind = self._end - (consumer.position(self._postings, timeout_ms=1000) or 0)
        self._looked.set()
        metrics.POSTINGS_LAG.set(max(0, self._behind))

    def _over(self) -> bool:
        return self._ended.is_set() or self._asked_to_end.is_set()
