"""The inbox: every event whose county's signature holds is one row here, and stays.

Law 2: nothing is decided on unsigned bytes.
Law 4: at least once on the wire, exactly one row here; the row is committed before the offset.
Law 5: an item names the rule that brought it, as the postmark does and as we compute it ourselves.

Rule 1: no record, however made, raises out of ``receive``: what cannot be shown is kept aside. Only a
        failing disk (``StoreError``) stops the reader, and then nothing of the step was stored.
Rule 2: a ring is the row's own state, so it happens once an event, whatever dies or is read again.
Rule 3: receipts are sent through the outbox, after the row is durable; what the outbox does not take stays owed.

Several processes may have one inbox open: one reader, and the commands of officers.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

from yizhan.consumers import destruction, followups, gaps, items, metrics, receipts, shown
from yizhan.consumers.arrivals import Arrived, Kind, ReceiveOutcome
from yizhan.consumers.checkpoints import LONGEST_PAGES
from yizhan.consumers.checks import FOLLOWUP, Examined, Reader, SignedEvent, Unverified, examine
from yizhan.consumers.items import Item
from yizhan.consumers.labels import State, Warn
from yizhan.consumers.outbox_port import OutboxPort
from yizhan.consumers.persist import keep_aside
from yizhan.consumers.receipt_sender import ReceiptSender
from yizhan.consumers.receiving import count_outcome, store_record, with_parsed
from yizhan.consumers.shown import Viewer
from yizhan.consumers.store import MIGRATIONS
from yizhan.consumers.view import InboxView
from yizhan.runtime.clock import utc_now
from yizhan.runtime.store import open_store, transaction, wrapped
from yizhan.schemas.charter import Charters
from yizhan.schemas.errors import CharterInvalid, Reason, YizhanError
from yizhan.schemas.followups import KAFKA_HEADER as FOLLOWUP_HEADER
from yizhan.schemas.keys import SealingKey
from yizhan.schemas.not_found import not_received
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.payloads.table import LIFE_AT_STAKE
from yizhan.schemas.postmark import KAFKA_HEADER
from yizhan.schemas.timestamps import written

_OUTDATED: Final = frozenset(
    {Reason.UNKNOWN_KEY, Reason.KEY_NOT_VALID, Reason.NOT_A_MEMBER, Reason.BAD_AUDIENCE, Reason.UNKNOWN_SUITE}
)
"""Reasons that a newer charter than ours may take away."""
_WORDS: Final = ", ".join(f"'{reason}'" for reason in sorted(_OUTDATED))
_PUT_ASIDE: Final = f"SELECT seq FROM aside WHERE size = length(value) AND reason IN ({_WORDS})"  # noqa: S608 -- our words
_POSTMARK_INVALID: Final = f"SELECT seq FROM items WHERE instr(warnings, '{Warn.POSTMARK_INVALID}')"  # noqa: S608 -- ours
_REFRESH_SECONDS: Final = 1.0
_MOST_GAPS: Final = 10_000
"""Gaps that are counted for the metrics."""

log = logging.getLogger(__name__)
_EXPIRED: Final = (
    f"state = '{State.RINGING}' AND type NOT IN ({', '.join(repr(each) for each in sorted(LIFE_AT_STAKE))})"
    " AND expires <= ?"
)
"""Ringing alarms whose time is over. Fires and disasters ring until an officer acknowledges them."""


class Inbox(InboxView):
    """One county's inbox; its methods may be called from several threads, which take turns."""

    def __init__(
        self,
        path: Path,
        county: str,
        keys: Sequence[SealingKey] | Callable[[], Sequence[SealingKey]],
        charters: Charters,
        clock: Callable[[], datetime] = utc_now,
        outbox: OutboxPort | None = None,
        own_obligations: Callable[[InboxView, datetime], Iterable[tuple[str, str, bool]]] = lambda _inbox, _now: (),
    ) -> None:
        """Open the database at ``path``, made if absent.

        Args:
            path: of ``inbox.sqlite3``.
            county: our member code.
            keys: our sealing keys, old ones too. Or what gives them: it is asked again when a newer charter
                is there, which may have registered another.
            charters: adopted versions.
            clock: gives the current instant, aware.
            outbox: our own. Without one, nothing is confirmed and no receipt leaves: enough to
                list and show, not to receive.
            own_obligations: yields, for the metrics, each obligation that the county tracks without the station:
                rule, ``ours`` or ``theirs``, whether it is overdue.

        Raises:
            StoreError: the file cannot be used.
            WrongInbox: it is another county's.
        """
        super().__init__(path, county, charters, clock)
        self.outbox = outbox
        self._keys = keys if callable(keys) else lambda: keys
        self._own_obligations = own_obligations
        self._refreshed = 0.0
        self._reconsidered = 0
        try:
            self._reader = Reader(county, tuple(self._keys()), charters)
            # What is deleted is overwritten: content that was destroyed stands nowhere in the file.
            self._conn.execute("PRAGMA secure_delete = ON")
            # Else each savepoint of a record makes a file, and removes it.
            self._conn.execute("PRAGMA temp_store = MEMORY")
            with transaction(self._conn) as conn:
                conn.execute("INSERT OR IGNORE INTO life VALUES (1, ?)", (county,))
                self._check_owner(conn)
        except BaseException:
            self._conn.close()
            raise
        self._receipts = ReceiptSender(self._conn, outbox)

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        return open_store(path, MIGRATIONS)

    # -- what comes in --

    def receive(self, record: Arrived) -> ReceiveOutcome:
        """Check, open and store one record; from the return on it is durable.

        Raises:
            StoreError: the disk fails; nothing of it was stored.
        """
        return self.receive_many([record])[0]

    def receive_many(
        self, records: Sequence[Arrived], cluster: str | None = None, viewer: Viewer | None = None
    ) -> list[ReceiveOutcome]:
        """Receive records in order, in one transaction. Raises as ``receive``.

        ``cluster`` is the id of the Kafka cluster that they were read from; with it the inbox remembers how
        far it came, see ``position``. What is shown to ``viewer`` is entered in the same transaction.
        """
        examined = [self._examined(record) for record in records]
        now = self.clock()
        with self._lock, transaction(self._conn) as conn:
            stored = [
                store_record(conn, record, what, written(now), self.county, self.outbox)
                for record, what in zip(records, examined, strict=True)
            ]
            outcomes = [
                made if item_id is None else replace(made, item=self._stored_item(item_id, what))
                for (made, item_id), what in zip(stored, examined, strict=True)
            ]
            if viewer is not None:
                outcomes = shown.enter(conn, viewer, outcomes, written(now))
            if cluster is not None:
                _remember(conn, cluster, records)
            # The crash line: when this block ends the rows are durable; only then is an offset committed.
        done = self.clock()
        for record, what, outcome in zip(records, examined, outcomes, strict=True):
            count_outcome(record, what, outcome, done)
        return outcomes

    def _stored_item(self, item_id: str, what: Examined) -> Item | None:
        """Read an item back; None by a fault of this program, which must not undo what was stored."""
        try:
            found = items.one(self._conn, item_id)
            return None if found is None else self._with_key_doubt(with_parsed(found, what))
        except sqlite3.Error:
            raise
        except Exception:
            log.exception("a fault of this program; %s is stored, and is not shown now", item_id)
            metrics.FAULTS.inc()
            return None

    def leave_checkpoints(self) -> None:
        """Leave copying SQLite's log to a ``Checkpointer``; without one it is copied late, see there."""
        with self._reading() as conn:
            conn.execute(f"PRAGMA wal_autocheckpoint = {LONGEST_PAGES}")

    def keep_unreadable(self, cluster: str, kind: Kind, offsets: range, why: str) -> None:
        """Keep aside that records of partition 0 are skipped, because the client cannot decode them.

        Raises:
            StoreError: the disk fails.
        """
        detail = f"offsets {offsets[0]} to {offsets[-1]} cannot be decoded and were skipped: {why}"
        with self._lock, transaction(self._conn) as conn:
            first = Arrived(kind, 0, offsets[0], 0, None)
            keep_aside(conn, first, Unverified(Reason.MALFORMED, detail), written(self.clock()))
            _remember(conn, cluster, [Arrived(kind, 0, offsets[-1], 0, None)])

    def _examined(self, record: Arrived) -> Examined:
        """Examine a record; where our charter may be too old, look for a newer one and examine it again."""
        try:
            what = examine(record, self._reader)
            doubtful = (isinstance(what, Unverified) and what.reason in _OUTDATED) or (
                isinstance(what, SignedEvent)
                and what.warnings & {Warn.CHARTER_UNKNOWN, Warn.AGAINST_CONTRACT, Warn.POSTMARK_INVALID}
            )
            if doubtful and self._refresh():
                what = examine(record, self._reader)
        except Exception as error:
            log.exception("a fault of this program; the record is kept aside")
            metrics.FAULTS.inc()
            return Unverified(Reason.MALFORMED, f"a fault of this program: {type(error).__name__}")
        return what

    # -- what goes out --

    def acknowledge(
        self,
        item_id: str,
        name: str,
        badge: str,
        stage: str = "acknowledged",
        note: str | None = None,
        seen: str | None = None,
    ) -> Item:
        """Enter an officer's word: it stops the ringing and goes to the sender, whoever said something before.

        The very same word of the same officer again is once.

        Args:
            item_id: of the event.
            name: the officer's name.
            badge: 警号.
            stage: ``acknowledged``, ``acted`` or ``declined``.
            note: a sentence for the sender.
            seen: what ``receipts.standing`` said of the item that the officer saw; None: not compared.

        Returns:
            The item as it stands now. A receipt that the outbox could not take, or that has none here, goes later.

        Raises:
            NotFound: there is no such item.
            NotAnswerable: a receipt or notice, or one that is not addressed to us; no name, no badge.
            ItemChanged: its sender corrected it or took it back since.
            StoreError: the disk fails; nothing was entered.
        """
        now = self.clock()
        with self._lock:
            with transaction(self._conn) as conn:
                item = items.one(conn, item_id)
                if item is None:
                    raise not_received(self.county, item_id)
                receipts.require_unchanged(item, seen)
                receipt = receipts.checked_answer(item, (name, badge), stage, note, self.county)
                owed = receipts.enter_answer(conn, item, receipt, now, at_once=self.outbox is None)
            if owed is not None and self.outbox is not None:
                self._receipts.send_receipt(owed, now.timestamp())
            return self.item(item_id) or item

    def owe_files_receipt(self, event_id: str, event_hash: bytes, *, fetched: bool) -> None:
        """Owe a sender the word that its files are here, or that some chunks are not to be had; durable on return.

        Raises:
            StoreError: the disk fails.
        """
        receipt = receipts.about(event_id, event_hash, "fetched" if fetched else "unfetched")
        with self._lock, transaction(self._conn) as conn:
            receipts.owe(conn, receipt, None, None, self.clock().timestamp())

    def tick(self, receipt_interval_seconds: float = 2.0) -> int:
        """Do what time asks for: alarms that expired, receipts that are due. Returns the receipts sent.

        Raises:
            StoreError: the disk fails.
        """
        now = self.clock()
        with self._lock:
            with wrapped(self._conn):
                expired = self._conn.execute(
                    f"SELECT 1 FROM items WHERE {_EXPIRED} LIMIT 1",  # noqa: S608 -- our own words
                    (written(now),),
                ).fetchone()
            if expired is not None:
                with transaction(self._conn) as conn:
                    conn.execute(
                        f"UPDATE items SET state = ? WHERE {_EXPIRED}",  # noqa: S608 -- our own words
                        (State.EXPIRED, written(now)),
                    )
            return self._receipts.send_due(now.timestamp(), receipt_interval_seconds)

    def measure(self) -> None:
        """Set the gauges that are counted from the database."""
        now = self.clock()
        with self._reading() as conn:
            metrics.RINGING.set(conn.execute("SELECT count(*) FROM items WHERE state = 'ringing'").fetchone()[0])
            lost = [gap for gap in islice(gaps.gaps(conn), _MOST_GAPS) if gap.kind != "waiting"]
            found = list(followups.counts(conn, self.county, written(now)))
        for lane in ("prompt", "digest"):
            metrics.GAPS.labels(lane).set(sum(gap.lane == lane for gap in lost))
        found += [(*each, number) for each, number in Counter(self._own_obligations(self, now)).items()]
        for gauge, late in ((metrics.DUE, False), (metrics.OVERDUE, True)):
            gauge.clear()
            for rule, side, is_late, number in found:
                if is_late is late:
                    gauge.labels(rule, side).set(number)

    # -- what must go --

    def destroy(self, ids: Collection[str], by: Person) -> None:
        """Destroy the content of items whose term is over; again without ids: empty SQLite's log only.

        Args:
            ids: some of those that ``due`` lists.
            by: the officer who orders it.

        Raises:
            NotDue: one of them is not; nothing was destroyed.
            StoreError: the disk fails; or another process keeps former bytes in SQLite's log, see the sentence.
        """
        now = self.clock()
        with self._lock:
            if ids:
                with transaction(self._conn) as conn:
                    chosen = tuple(destruction.due(conn, now, self.charters.in_force(now).time_zone))
                    destruction.destroy(conn, chosen, ids, by, now)
            with wrapped(self._conn):
                destruction.scrub(self._conn)

    def enter_destruction_notice(self, ids: Collection[str], notice: str) -> None:
        """Enter by which event their senders were notified of destructions (``StoreError`` if the disk fails)."""
        with self._lock, transaction(self._conn) as conn:
            destruction.enter_notice(conn, ids, notice)

    # -- charters --

    def adopt_charters(self) -> list[ReceiveOutcome]:
        """Look for newer charters; what was put aside for want of one is looked at again, at a start too.

        Returns what came in, for whoever is told of arrivals.

        Raises:
            StoreError: the disk fails.
        """
        self._refresh()
        if (newest := self.charters.latest().version) <= self._reconsidered:
            return []
        self._reconsidered = newest
        try:
            self._reader = replace(self._reader, keys=tuple(self._keys()))
        except YizhanError:
            log.exception("the sealing keys cannot be read again; those that were read before stay")
        return self._reconsider()

    def _refresh(self) -> bool:
        now = self.clock().timestamp()
        if abs(now - self._refreshed) < _REFRESH_SECONDS:
            return False
        self._refreshed = now
        try:
            return bool(self.charters.refresh())
        except CharterInvalid:
            log.exception("a newer charter is there and must not be adopted")
            return False

    def _reconsider(self) -> list[ReceiveOutcome]:
        """Receive again what an older charter of ours kept out."""
        with self._lock, wrapped(self._conn):
            numbers = [row["seq"] for row in self._conn.execute(_PUT_ASIDE)]
        received = list[ReceiveOutcome]()
        for number in numbers:  # one at a time: each may hold a MiB
            with self._lock, wrapped(self._conn):
                row = self._conn.execute("SELECT * FROM aside WHERE seq = ?", (number,)).fetchone()
            if row is None:
                continue
            partition, _, offset = row["place"].partition("/")
            headers = () if row["postmark"] is None else ((KAFKA_HEADER, row["postmark"]),)
            if row["detail"].startswith(FOLLOWUP):
                headers = (*headers, (FOLLOWUP_HEADER, b"1"))
            kind: Kind = "posting" if row["kind"] == "posting" else "alert"
            record = Arrived(kind, int(partition), int(offset), row["timestamp"], row["value"], headers)
            outcome = self.receive(record)
            if outcome.became != "aside":
                with self._lock, transaction(self._conn) as conn:
                    conn.execute("DELETE FROM aside WHERE seq = ?", (row["seq"],))
                received.append(outcome)
        return [*received, *self._reconsider_postmarks()]

    def _reconsider_postmarks(self) -> Iterator[ReceiveOutcome]:
        """Keep what events opened and ended whose postmarks could not be verified when they came, and now can."""
        with self._lock, wrapped(self._conn):
            numbers = [row["seq"] for row in self._conn.execute(_POSTMARK_INVALID)]
        for number in numbers:
            with self._lock, wrapped(self._conn):
                row = self._conn.execute("SELECT envelope, postmark FROM letters WHERE seq = ?", (number,)).fetchone()
            record = Arrived("alert", 0, 0, 0, row["envelope"], ((KAFKA_HEADER, row["postmark"]),))
            what = self._examined(record)
            if isinstance(what, SignedEvent) and what.steps:
                yield self.receive(record)  # a duplicate, but for the steps


def _remember(conn: sqlite3.Connection, cluster: str, records: Sequence[Arrived]) -> None:
    places = {record.kind: record.offset + 1 for record in records}
    conn.executemany(
        "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", [(cluster, kind, next_) for kind, next_ in places.items()]
    )
