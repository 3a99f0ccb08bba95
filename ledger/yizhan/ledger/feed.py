"""The ledger's process: from ``yizhan.audit`` into the log, and out as checkpoints.

Law 1: an offset is committed after the checkpoint that covers its record is on the disk and on the topic.
Law 2: a statement is verified before it becomes a leaf, a cosignature before it counts.

Rule 1: before anything is signed the log is compared with the newest checkpoint on the topic.
Rule 2: the topic gets every entry before the checkpoint that covers it, so that counties can compute
        the root themselves; entries that a crash kept back are sent at the next start.
Rule 3: a county's topic is read within a rate limit: the county repeats what was skipped.
Rule 4: the broker may be away for weeks, the disk may not: a disk error ends the process.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from datetime import datetime
from typing import TYPE_CHECKING, Final

from yizhan.ledger import metrics
from yizhan.ledger.kafka_io import LogRecord, Wire, WireFailed
from yizhan.ledger.log import MAX_BATCH, LedgerSigningKeys, Log
from yizhan.ledger.sessions import REMEMBERED, Sessions
from yizhan.ledger.statement_keys import VerifiedStatement, read_statement
from yizhan.runtime.clock import utc_now
from yizhan.schemas import topics
from yizhan.schemas.checkpoints import cosigner_name, open_checkpoint
from yizhan.schemas.errors import NoteInvalid, StatementInvalid
from yizhan.schemas.logrecords import MAX_ENTRIES, read_entries, write_entries
from yizhan.schemas.timestamps import from_milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from yizhan.runtime.connection import KafkaConnection
    from yizhan.runtime.process import StopSignal
    from yizhan.runtime.settings import Settings
    from yizhan.runtime.watchdog import Watchdog
    from yizhan.schemas.charter import Charter, Charters
    from yizhan.schemas.checkpoints import OpenedCheckpoint
    from yizhan.schemas.notes import Note

log = logging.getLogger(__name__)
ENTRIES_KEY: Final = b"entries"
CHECKPOINT_KEY: Final = b"checkpoint"
_POLL_SECONDS: Final = 0.1
_LOOK_BACK: Final = 32


def newest_on_topic(wire: Wire, charters: Charters) -> OpenedCheckpoint | None:
    """Find our newest checkpoint on the topic; None if there is none.

    Raises:
        WireFailed: the broker fails.
    """
    end, step = wire.ends()[topics.CHECKPOINTS], _LOOK_BACK
    start = end
    while start > 0:
        last, start = start, max(0, start - step)
        found = None
        for record in read_range(wire, topics.CHECKPOINTS, start, last):
            try:
                if read_entries(record.value) is None:
                    found = open_checkpoint(record.value, charters)
            except NoteInvalid as error:
                log.error("%s, offset %d: %s", record.topic, record.offset, error)  # noqa: TRY400 -- one line
        if found is not None:
            return found
        step *= 4
    return None


def read_range(wire: Wire, topic: str, start: int, end: int) -> list[LogRecord]:
    """Read a topic's records from offset ``start`` to before ``end`` (``WireFailed`` if they are not delivered)."""
    found: list[LogRecord] = []
    wire.restrict_to(topic)
    wire.seek(topic, start)
    deadline = time.monotonic() + 30.0
    while start < end:
        for record in wire.poll(_POLL_SECONDS, MAX_BATCH):
            start = record.offset + 1
            if record.offset < end:
                found.append(record)
        if time.monotonic() > deadline:
            raise WireFailed(f"{topic} gives nothing from offset {start}, expected up to {end}")
    wire.restrict_to()
    return found


class Feed(Sessions):
    """The loop, session after session."""

    def __init__(
        self,
        ledger: Log,
        keys_of: Callable[[Charter, datetime], LedgerSigningKeys],
        charters: Charters,
        settings: Settings,
        stop: StopSignal,
        watchdog: Watchdog | None = None,
    ) -> None:
        """Take the open log and its dependencies.

        Args:
            ledger: opened; the caller closes it.
            keys_of: the keys to sign with under a charter (``LedgerNotReady`` if there are none).
            charters: adopted versions; reloaded while running.
            settings: pauses and reloads.
            stop: checked ten times a second.
            watchdog: started; fed while the work advances.
        """
        super().__init__("ledger", charters, settings, stop, watchdog)
        self._log, self._keys_of, self._announced = ledger, keys_of, 0
        self._notes: OrderedDict[int, Note] = OrderedDict()
        self._batch: list[LogRecord] = []
        self._next = 0
        self._due = 0.0

    def run(self, connection: KafkaConnection) -> None:
        """Work until asked to stop.

        Raises:
            LedgerError, StoreError: the log is inconsistent, or the disk fails.
            NotAuthorised: the broker denies the ledger's rights, at the first try.
            LedgerNotReady: the charter names none of the keys.
        """
        self._keys_of(self._charters.in_force(utc_now()), utc_now())
        read = [topics.AUDIT, topics.CHECKPOINTS]
        self._connect(lambda counties: Wire(connection, topics.LEDGER, "log", [*read, *counties], [topics.CHECKPOINTS]))

    # -- a session --

    def _session(self, wire: Wire, members: list[str]) -> None:
        self.begin(wire, members)
        while not self._stop.is_set():
            self.step(wire)
            self._beat()
            if self._charter_is_due():
                if self._refresh():
                    self._reconsider(wire)
                self._require(members)
                metrics.BEHIND.set(max(0, wire.ends()[topics.AUDIT] - self._next))

    def step(self, wire: Wire) -> None:
        """Read what came, and bring in a batch that is due."""
        for record in wire.poll(_POLL_SECONDS, MAX_BATCH - len(self._batch)):
            if record.topic == topics.AUDIT:
                self._batch.append(record)
            elif record.topic != topics.CHECKPOINTS and self._rate_limit.allows(record.topic):
                self._of_county(wire, record)
        if self._batch and (len(self._batch) >= MAX_BATCH or time.monotonic() >= self._due):
            self._bring_in(wire)

    def begin(self, wire: Wire, members: list[str]) -> None:
        """Compare the log with the topic, publish what the topic lacks, and find the offsets to read from."""
        newest = newest_on_topic(wire, self._charters)
        if newest is not None:
            self._log.expect(newest.checkpoint, "on yizhan.checkpoints")
        self._announced = 0 if newest is None else newest.checkpoint.size
        self._batch, ends = [], wire.ends()
        self._next = self._log.position(wire.cluster)
        wire.seek(topics.AUDIT, self._next)
        wire.seek(topics.CHECKPOINTS, ends[topics.CHECKPOINTS])
        self._publish(wire)
        self._reconsider(wire)
        self._ready(wire, members, ends, self._log.head.size)

    def _bring_in(self, wire: Wire) -> None:
        records, self._batch = self._batch, []
        statements = [each for record in records if (each := self._verify(record.value)) is not None]
        following = records[-1].offset + 1
        self._append(statements, {wire.cluster: following})
        self._publish(wire)
        # From here on these statements are visible in the log; only then is the offset committed.
        self._next = following
        self._due = time.monotonic() + self._settings.ledger_interval_seconds
        wire.commit({topics.AUDIT: following})
        now = utc_now()
        for record in records:
            metrics.RECEIPT.observe(max(0.0, (now - from_milliseconds(record.timestamp)).total_seconds()))

    def _append(self, statements: Sequence[VerifiedStatement], positions: dict[str, int]) -> None:
        new, contradictions = self._log.append(statements, positions)
        metrics.STATEMENTS.labels("new").inc(new)
        metrics.STATEMENTS.labels("known").inc(len(statements) - new)
        for each in contradictions:
            log.critical("%s: %s, leaf %d against leaf %d", each.kind, each.subject, each.place, each.first)
            metrics.CONTRADICTIONS.labels(each.kind).inc()

    def _verify(self, value: bytes) -> VerifiedStatement | None:
        """Verify a statement; one that does not verify, with the newest charter either, is set aside and logged."""
        try:
            try:
                return read_statement(value, self._charters)
            except StatementInvalid:
                if not self._refresh():
                    raise
                return read_statement(value, self._charters)
        except StatementInvalid as error:
            log.error("put aside, no leaf: %s", error)  # noqa: TRY400 -- one line
            metrics.STATEMENTS.labels("aside").inc()
            self._log.statements.set_aside(value, str(error))
            return None

    def _reconsider(self, wire: Wire) -> None:
        """Process statements that were set aside because their charter was missing, and is here now."""
        for value, _why in self._log.statements.aside():
            try:
                statement = read_statement(value, self._charters)
            except StatementInvalid:
                continue
            self._append([statement], {wire.cluster: self._next})
            self._publish(wire)
            self._log.statements.remove_aside(value)

    # -- checkpoints --

    def _publish(self, wire: Wire) -> None:
        """Sign the head and publish it, unless it is published already."""
        size, published = self._log.head.size, self._log.published()
        if size == 0 or (self._announced == size and published is not None and published.size == size):
            return
        now = utc_now()
        note = self._log.publish(self._keys_of(self._charters.in_force(now), now), now)
        records = [
            (ENTRIES_KEY, write_entries(start, list(self._log.entries(start, min(size, start + MAX_ENTRIES)))))
            for start in range(self._announced, size, MAX_ENTRIES)
        ]
        wire.send(topics.CHECKPOINTS, [*records, (CHECKPOINT_KEY, note)])
        self._announced = size
        self._remember(size, open_checkpoint(note, self._charters).note)

    def _remember(self, size: int, note: Note) -> None:
        self._notes[size] = note
        while len(self._notes) > REMEMBERED:
            self._notes.popitem(last=False)

    def _cosignature(self, record: LogRecord) -> None:
        try:
            opened = open_checkpoint(record.value, self._charters)
        except NoteInvalid as error:
            log.error("%s, offset %d: %s", record.topic, record.offset, error)  # noqa: TRY400 -- one line
            return
        checkpoint = opened.checkpoint
        self._log.expect(checkpoint, f"on {record.topic}")
        cosigners = {cosigner_name(checkpoint.origin, code) for code in opened.cosigned}
        lines = [each for each in opened.note.signatures if each.name in cosigners]
        note = self._notes.get(checkpoint.size, opened.note).with_signatures(*lines)
        merged = open_checkpoint(note.to_bytes(), self._charters)
        self._remember(checkpoint.size, note)
        if merged.final:
            self._log.cosigned(merged)
            metrics.FINAL_SIZE.set(checkpoint.size)

    def _of_county(self, wire: Wire, record: LogRecord) -> None:
        if record.value.startswith(b"{"):
            self._log_handed_in(wire, record)
        else:
            self._cosignature(record)

    def _log_handed_in(self, wire: Wire, record: LogRecord) -> None:
        """Log a statement that a county holds and the log lacks: the station's signature is what counts."""
        try:
            statement = read_statement(record.value, self._charters)
        except StatementInvalid as error:
            log.error("%s, offset %d: %s", record.topic, record.offset, error)  # noqa: TRY400 -- one line
            return
        self._append([statement], {wire.cluster: self._next})
        self._publish(wire)
