"""The inbox: every event whose county's signature holds is one row here, and stays.

Law 2: nothing is decided on unsigned bytes.
Law 4: at least once on the wire, exactly one row here; the row is committed before the offset.
Law 5: an item names the rule that brought it, as the postmark does and as we compute it ourselves.

Rule 1: no record, however made, raises out of ``receive``: what cannot be shown is kept aside. Only a
        failing disk (``StoreError``) stops the reader, and then nothing of the step was stored.
Rule 2: a ring is the row's own state, so it happens once an event, whatever dies or is read again.
Rule 3: receipts leave through the desk, after the row is durable; what the desk does not take is owed.

Many processes may have one inbox open: one reader, the desk's commands.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from yizhan.consumers import destruction, digests, followups, items, lane_store, metrics, receipts
from yizhan.consumers.arrivals import Arrived, Kind, ReceiveOutcome
from yizhan.consumers.checkpoints import LONGEST_PAGES
from yizhan.consumers.checks import (
    FOLLOWUP,
    NEVER_RECEIPTED,
    DigestReference,
    Examined,
    Reader,
    SignedEvent,
    Unverified,
    VerifiedManifest,
    VerifiedStep,
    examine,
)
from yizhan.consumers.destruction import Due, Unsaid
from yizhan.consumers.errors import NoSuchItem, WrongInbox
from yizhan.consumers.items import Item
from yizhan.consumers.labels import State, Warn
from yizhan.consumers.outbox_port import OutboxPort, Person
from yizhan.consumers.persist import keep_aside, keep_conflict, keep_letter
from yizhan.consumers.store import MIGRATIONS
from yizhan.consumers.view import View
from yizhan.runtime.clock import utc_now
from yizhan.runtime.errors import StoreError
from yizhan.runtime.store import open_store, transaction, wrapped
from yizhan.schemas.charter import Charters
from yizhan.schemas.errors import CharterInvalid, Reason, YizhanError
from yizhan.schemas.followups import KAFKA_HEADER as FOLLOWUP_HEADER
from yizhan.schemas.header import LIFE_AT_STAKE, ReceiptRef
from yizhan.schemas.i18n import marked
from yizhan.schemas.keys import SealingKey
from yizhan.schemas.payloads import TYPES
from yizhan.schemas.postmark import KAFKA_HEADER
from yizhan.schemas.timestamps import instant, written

_OUTDATED: Final = frozenset(
    {Reason.UNKNOWN_KEY, Reason.KEY_NOT_VALID, Reason.NOT_A_MEMBER, Reason.BAD_AUDIENCE, Reason.UNKNOWN_SUITE}
)
"""Reasons that a newer charter than ours may take away."""
_WORDS: Final = ", ".join(f"'{reason}'" for reason in sorted(_OUTDATED))
_PUT_ASIDE: Final = f"SELECT seq FROM aside WHERE size = length(value) AND reason IN ({_WORDS})"  # noqa: S608 -- our words
_REFRESH_SECONDS: Final = 1.0

log = logging.getLogger(__name__)
_EXPIRED: Final = (
    f"state = '{State.RINGING}' AND type NOT IN ({', '.join(repr(each) for each in sorted(LIFE_AT_STAKE))})"
    " AND expires <= ?"
)
"""Alarms that have become history. Fires and disasters ring until somebody acknowledges them."""


class Inbox(View):
    """One county's inbox; its methods may be called from several threads, which take turns."""

    def __init__(
        self,
        path: Path,
        county: str,
        keys: Sequence[SealingKey] | Callable[[], Sequence[SealingKey]],
        charters: Charters,
        clock: Callable[[], datetime] = utc_now,
        desk: OutboxPort | None = None,
    ) -> None:
        """Open the database at ``path``, made if absent.

        Args:
            path: of ``inbox.sqlite3``.
            county: our member code.
            keys: our sealing keys, old ones too; empty to look without opening. Or what gives them: it is
                asked again when a newer charter is there, which may have registered another.
            charters: adopted versions.
            clock: gives the current instant, aware.
            desk: our own outbox. Without one, nothing is confirmed and no receipt leaves: enough to
                list and show, not to receive.

        Raises:
            StoreError: the file cannot be used.
            WrongInbox: it is another county's.
        """
        super().__init__(open_store(path, MIGRATIONS))
        self.path, self.county, self.charters, self.clock, self.desk = path, county, charters, clock, desk
        self._keys = keys if callable(keys) else lambda: keys
        self._reader = Reader(county, tuple(self._keys()), charters)
        self._doubts = self._doubted
        self.watched: Callable[[datetime], Iterable[tuple[str, str, bool]]] = lambda _now: ()
        """What the county watches without the station, one by one: rule, ``ours`` or ``theirs``, overdue."""
        self._refreshed = 0.0
        self._reconsidered = 0
        try:
            # What is deleted is overwritten: content that was destroyed stands nowhere in the file.
            self._conn.execute("PRAGMA secure_delete = ON")
            with transaction(self._conn) as conn:
                _own(conn, path, county)
        except BaseException:
            self._conn.close()
            raise

    # -- what comes in --

    def receive(self, record: Arrived) -> ReceiveOutcome:
        """Check, open and store one record; from the return on it is durable.

        Raises:
            StoreError: the disk fails; nothing of it was stored.
        """
        return self.receive_many([record])[0]

    def receive_many(self, records: Sequence[Arrived], cluster: str | None = None) -> list[ReceiveOutcome]:
        """Receive records in order, in one transaction. Raises as ``receive``.

        ``cluster`` is the id of the Kafka cluster that they were read from; with it the inbox remembers how
        far it came, see ``position``.
        """
        examined = [self._examined(record) for record in records]
        now = self.clock()
        with self._lock:
            with transaction(self._conn) as conn:
                kept = [
                    self._keep(conn, record, what, written(now)) for record, what in zip(records, examined, strict=True)
                ]
                if cluster is not None:
                    _remember(conn, cluster, records)
                # The crash line: when this block ends the rows are durable; only then is an offset committed.
            outcomes = [made if item_id is None else replace(made, item=self.item(item_id)) for made, item_id in kept]
        stored = self.clock()
        for record, what, outcome in zip(records, examined, outcomes, strict=True):
            _count(record, what, outcome, stored)
        return outcomes

    def leave_checkpoints(self) -> None:
        """Leave copying SQLite's log to a ``Checkpointer``; without one it is copied late, see there."""
        with self._reading() as conn:
            conn.execute(f"PRAGMA wal_autocheckpoint = {LONGEST_PAGES}")

    def position(self, cluster: str, kind: Kind) -> int:
        """Tell at which offset to read on in a cluster; 0 in one that is new to this database."""
        with self._reading() as conn:
            row = conn.execute("SELECT next FROM positions WHERE cluster = ? AND kind = ?", (cluster, kind)).fetchone()
        return 0 if row is None else int(row["next"])

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

    def _keep(
        self, conn: sqlite3.Connection, record: Arrived, what: Examined, now: str
    ) -> tuple[ReceiveOutcome, str | None]:
        """Store what a record is; a fault of ours undoes this record alone and keeps it aside."""
        conn.execute("SAVEPOINT one")
        try:
            made = self._kept(conn, record, what, now)
        except (StoreError, sqlite3.OperationalError):
            raise  # the disk's doing; what a record brings about is caught below
        except Exception as error:
            log.exception("a fault of this program; the record is kept aside")
            metrics.FAULTS.inc()
            conn.execute("ROLLBACK TO one")
            fault = Unverified(Reason.MALFORMED, f"a fault of this program: {type(error).__name__}")
            made = keep_aside(conn, record, fault, now), None
        conn.execute("RELEASE one")
        return made

    def _kept(
        self, conn: sqlite3.Connection, record: Arrived, what: Examined, now: str
    ) -> tuple[ReceiveOutcome, str | None]:
        if isinstance(what, Unverified):
            return keep_aside(conn, record, what, now), None
        if isinstance(what, DigestReference):
            digests.enter(conn, what.hash, what.id, prompt=True)
            return ReceiveOutcome("reference"), None
        if isinstance(what, VerifiedStep):
            return self._step(conn, record, what, now), None
        if isinstance(what, VerifiedManifest):
            verdict = digests.close(conn, what, self.county, now)
            if verdict is not None:
                metrics.DIGESTS.labels(verdict).inc()
            return ReceiveOutcome("duplicate" if verdict is None else "manifest", reason=what.manifest.label), None
        return self._letter(conn, record, what, now)

    def _step(self, conn: sqlite3.Connection, record: Arrived, step: VerifiedStep, now: str) -> ReceiveOutcome:
        said = step.followup
        if self.county not in {*said.owes, *said.owed}:
            detail = f"{FOLLOWUP}: {said.obligation} is between {', '.join((*said.owes, *said.owed))}, not with us"
            return keep_aside(conn, record, Unverified(Reason.MALFORMED, detail), now)
        kept = followups.keep(conn, said, step.signed, step.hash, now)
        if kept == "contradiction":
            detail = f"{FOLLOWUP}: another statement for {said.obligation}, step {said.step}; the first stays"
            return keep_aside(conn, record, Unverified(Reason.MALFORMED, detail), now)
        if kept == "kept":
            metrics.FOLLOWUPS.labels(said.rule).inc()
        return ReceiveOutcome("followup" if kept == "kept" else "duplicate", followup=said)

    def _letter(
        self, conn: sqlite3.Connection, record: Arrived, letter: SignedEvent, now: str
    ) -> tuple[ReceiveOutcome, str | None]:
        header = letter.header
        if record.kind == "digest":
            digests.enter(conn, letter.verified.hash, header.id, prompt=False)
        first = conn.execute("SELECT hash FROM items WHERE id = ?", (header.id,)).fetchone()
        if first is not None and first["hash"] != letter.verified.hash:
            keep_conflict(conn, letter, now)
            return ReceiveOutcome("conflict"), header.id
        lane = lane_store.lane_of(header, self.county)
        if header.receipt is not None and letter.addressed:
            why = receipts.take(letter, self.desk)
            if why is not None:
                if lane is not None:
                    lane_store.enter(conn, *lane)
                return keep_aside(conn, record, why, now), None
        if lane is not None and header.type not in NEVER_RECEIPTED:
            # Said again for a duplicate: its sender may have lost the receipt.
            lane_store.owe(conn, lane[0])
        if first is not None:
            return ReceiveOutcome("duplicate"), header.id
        keep_letter(conn, letter, record.kind, lane, now)
        return ReceiveOutcome("stored"), header.id

    # -- what goes out --

    def acknowledge(
        self, item_id: str, name: str, badge: str, stage: str = "acknowledged", note: str | None = None
    ) -> Item:
        """Enter an officer's word: it stops the ringing and goes to the sender, whoever said something before.

        The very same word of the same officer again is once.

        Args:
            item_id: of the event.
            name: the officer's name.
            badge: 警号.
            stage: ``acknowledged``, ``acted`` or ``declined``.
            note: a sentence for the sender.

        Returns:
            The item as it stands now. A receipt that the outbox could not take is owed, and goes later.

        Raises:
            NoSuchItem: there is no such item.
            NotAnswerable: a receipt or notice, or one that is not addressed to us; no name, no badge.
            StoreError: the disk fails; nothing was entered.
        """
        now = self.clock()
        with self._lock:
            with transaction(self._conn) as conn:
                item = items.one(conn, item_id)
                if item is None:
                    sentence = marked("{county} 的收件箱里没有 {id}；请看 yizhan inbox list --county {code}")
                    raise NoSuchItem(sentence, county=self.county, id=item_id[:80], code=self.county)
                owed = receipts.answer(conn, item, Person(name, badge), stage, note, now, self.county)
            if owed is not None:
                with wrapped(self._conn):
                    row = self._conn.execute("SELECT * FROM owed WHERE seq = ?", (owed,)).fetchone()
                self._send_owed(row, now.timestamp())
            return self.item(item_id) or item

    def say_of_files(self, event_id: str, event_hash: bytes, *, fetched: bool) -> None:
        """Owe a sender the word that its files are here, or that some chunks are not to be had; durable on return.

        Raises:
            StoreError: the disk fails.
        """
        receipt = receipts.about(event_id, event_hash, "fetched" if fetched else "unfetched")
        with self._lock, transaction(self._conn) as conn:
            receipts.owe(conn, receipt, None, None, self.clock())

    def tick(self, receipt_interval_seconds: float = 2.0) -> int:
        """Do what time asks for: alarms that expired, receipts that are due. Returns the receipts sent.

        Raises:
            StoreError: the disk fails.
        """
        now = self.clock()
        with self._lock:
            sent = 0
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
            if self.desk is not None:
                with wrapped(self._conn):
                    owed = receipts.owed_due(self._conn, now.timestamp(), receipt_interval_seconds)
                sent += sum(self._send_owed(row, now.timestamp()) for row in owed)
                sent += self._send_cumulative(now.timestamp(), receipt_interval_seconds)
            return sent

    def _send_cumulative(self, now: float, interval_seconds: float) -> int:
        sent = 0
        with wrapped(self._conn):
            lanes = lane_store.due(self._conn, now, interval_seconds)
        for lane in lanes:
            with wrapped(self._conn):
                receipt = lane_store.receipt(self._conn, lane)
            done = receipt is None or self._hand_over(receipt, None, None)
            with transaction(self._conn) as conn:
                (lane_store.settled if done else lane_store.put_off)(conn, lane, now)
            sent += done and receipt is not None
        return sent

    def _send_owed(self, row: sqlite3.Row, now: float) -> bool:
        """Hand over a receipt that is owed; one that is not taken waits."""
        by = None if row["name"] is None else Person(row["name"], row["badge"])
        taken = self._hand_over(ReceiptRef.model_validate_json(row["receipt"]), by, row["note"])
        with transaction(self._conn) as conn:
            if taken:
                conn.execute("DELETE FROM owed WHERE seq = ?", (row["seq"],))
            else:
                receipts.put_off(conn, row["seq"], now)
        return taken

    def _hand_over(self, receipt: ReceiptRef, by: Person | None, note: str | None) -> bool:
        """Give a receipt to the outbox; False if it did not take it, whatever its reason."""
        if self.desk is None:
            return False
        try:
            self.desk.send_receipt(receipt, by, note)
        except YizhanError as error:
            log.warning("the outbox did not take a receipt (%s); it is tried again: %s", receipt.stage, error)
            metrics.RECEIPTS_FAILED.inc()
            return False
        except Exception:
            log.exception("the outbox did not take a receipt (%s); it is tried again", receipt.stage)
            metrics.RECEIPTS_FAILED.inc()
            return False
        metrics.RECEIPTS.labels(receipt.stage).inc()
        return True

    def measure(self) -> None:
        """Set the gauges that are counted from the database."""
        super().measure()
        with self._reading() as conn:
            found = list(followups.counts(conn, self.county, written(self.clock())))
        found += [(*each, number) for each, number in Counter(self.watched(self.clock())).items()]
        for gauge, late in ((metrics.DUE, False), (metrics.OVERDUE, True)):
            gauge.clear()
            for rule, side, is_late, number in found:
                if is_late is late:
                    gauge.labels(rule, side).set(number)

    # -- what must go --

    def due(self) -> tuple[Due, ...]:
        """List the items whose term of retention is over, the oldest first."""
        now = self.clock()
        with self._reading() as conn:
            return tuple(destruction.due(conn, now, self.charters.in_force(now).time_zone))

    def destroy(self, ids: Collection[str], name: str, badge: str) -> None:
        """Destroy the content of items whose term is over; again without ids: empty SQLite's log only.

        Args:
            ids: some of those that ``due`` lists.
            name: of the officer who orders it.
            badge: 警号.

        Raises:
            NotDue: one of them is not; nothing was destroyed.
            StoreError: the disk fails; or another process keeps former bytes in SQLite's log, see the sentence.
        """
        now = self.clock()
        with self._lock:
            if ids:
                with transaction(self._conn) as conn:
                    chosen = tuple(destruction.due(conn, now, self.charters.in_force(now).time_zone))
                    destruction.destroy(conn, chosen, ids, Person(name, badge), now)
            with wrapped(self._conn):
                destruction.scrub(self._conn)

    def unsaid(self) -> tuple[Unsaid, ...]:
        """List destructions whose senders were not told yet."""
        with self._reading() as conn:
            return tuple(destruction.unsaid(conn))

    def said(self, ids: Collection[str], notice: str) -> None:
        """Note by which event their sender was told of destructions (``StoreError`` if the disk fails)."""
        with self._lock, transaction(self._conn) as conn:
            destruction.said(conn, ids, notice)

    # -- charters --

    def _doubted(self, item: Item) -> Item:
        """Mark an item whose key, by the newest charter, was in others' hands when the station received it."""
        entry = self.charters.latest().signing.get(item.county, {}).get(item.header.kid)
        if entry is None or not entry.doubtful(instant(item.received)):
            return item
        return replace(item, warnings=(*item.warnings, Warn.KEY_DOUBTFUL))

    def adopt_charters(self) -> int:
        """Look for newer charters; what was put aside for want of one is looked at again, at a start too.

        Returns how many came in.

        Raises:
            StoreError: the disk fails.
        """
        self._refresh()
        if (newest := self.charters.latest().version) <= self._reconsidered:
            return 0
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

    def _reconsider(self) -> int:
        """Receive again what an older charter of ours kept out."""
        with self._lock, wrapped(self._conn):
            numbers = [row["seq"] for row in self._conn.execute(_PUT_ASIDE)]
        came = 0
        for number in numbers:  # one at a time: each may hold a MiB
            with self._lock, wrapped(self._conn):
                row = self._conn.execute("SELECT * FROM aside WHERE seq = ?", (number,)).fetchone()
            if row is None:
                continue
            partition, _, offset = row["place"].partition("/")
            headers = () if row["postmark"] is None else ((KAFKA_HEADER, row["postmark"]),)
            if row["detail"].startswith(FOLLOWUP):
                headers = (*headers, (FOLLOWUP_HEADER, b"1"))
            record = Arrived("alert", int(partition), int(offset), row["timestamp"], row["value"], headers)
            if self.receive(record).became != "aside":
                with self._lock, transaction(self._conn) as conn:
                    conn.execute("DELETE FROM aside WHERE seq = ?", (row["seq"],))
                came += 1
        return came


def _own(conn: sqlite3.Connection, path: Path, county: str) -> None:
    conn.execute("INSERT OR IGNORE INTO life VALUES (1, ?)", (county,))
    owner = conn.execute("SELECT county FROM life").fetchone()[0]
    if owner != county:
        sentence = marked("{path}：应是 {county} 的收件箱，却是 {owner} 的；每个县各用一个文件")
        raise WrongInbox(sentence, path=path, county=county, owner=owner)


def _remember(conn: sqlite3.Connection, cluster: str, records: Sequence[Arrived]) -> None:
    places = {record.kind: record.offset + 1 for record in records}
    conn.executemany(
        "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", [(cluster, kind, next_) for kind, next_ in places.items()]
    )


def _count(record: Arrived, what: Examined, outcome: ReceiveOutcome, now: datetime) -> None:
    if outcome.became == "duplicate":
        metrics.DUPLICATES.labels(record.kind).inc()
    if outcome.became == "stored" and isinstance(what, SignedEvent) and outcome.item is not None:
        known = what.header.type if what.header.type in TYPES else "other"
        metrics.ITEMS.labels(what.way, known).inc()
        for word in outcome.item.warnings:
            metrics.WARNINGS.labels(word).inc()
        if outcome.item.kind == "alert":
            metrics.FROM_RECEIVED.observe(max(0.0, (now - what.received).total_seconds()))
            metrics.FROM_LEARNT.observe(max(0.0, (now - instant(what.header.time)).total_seconds()))
