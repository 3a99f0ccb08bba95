"""The outbox: what a county says is numbered, sealed and stored here before it goes anywhere.

Law 1: nothing accepted is lost. "Accepted" means that ``publish`` returned: the sealed bytes are on
        the disk, and stay until every recipient has confirmed them.
Rule 1: one transaction numbers, seals and stores; an event is sealed once, and goes again as the same bytes.
Rule 2: the same ``external_ref`` of the same type is one event, in whatever book it was sent.
Rule 3: a number is given once; where it might not be, a new book is opened (``books``).
Rule 4: receipts are believed as far as they bind: from a recipient, about what was sent to it.

Many processes may have one outbox open: the desk's commands, the inbox for its receipts, one publisher.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from yizhan.producers import addressing, epochs, files, metrics, numbering, queries, reply_rules
from yizhan.producers.dispatch import Dispatch
from yizhan.producers.errors import NotPublishable, WrongOutbox
from yizhan.producers.notices import lane_head_letters
from yizhan.producers.numbering import Accepted, OutgoingEvent, Pen
from yizhan.producers.store import MIGRATIONS
from yizhan.runtime import wakeup
from yizhan.runtime.clock import utc_now
from yizhan.runtime.errors import StoreError
from yizhan.runtime.file_lock import holder
from yizhan.runtime.store import SharedStore, open_store, transaction
from yizhan.schemas import strictjson
from yizhan.schemas.charter import Charter, Charters
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.header import RECEIPT, Header, ReceiptRef, Ref, parse_header
from yizhan.schemas.i18n import marked
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.payloads import encode, parse_strict
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.timestamps import instant, written

if TYPE_CHECKING:
    from yizhan.producers.drafts import Draft

BATCH: Final = 32
"""Events that an import commits together. Large: an alarm waits while it seals; small: slow imports."""

FILES_PATIENCE_SECONDS: Final = 300.0
"""How long the chunks of a file rest before anybody can have them sent again."""

LOCK: Final = ".publisher"
"""What the name of the publisher's lock adds to the outbox's."""
_NUMBERED: Final = frozenset({"specversion", "source", "id", "kid", "to", "lanes", "charter"})

log = logging.getLogger(__name__)


class Outbox(SharedStore):
    """One source's outbox; its methods may be called from several threads, which take turns."""

    def __init__(
        self,
        path: Path,
        source: str,
        signer: SigningKey | Callable[[Charter, datetime], SigningKey],
        charters: Charters,
        clock: Callable[[], datetime] = utc_now,
        noise: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """Open the database at ``path``, made if absent; see ``books`` for what may open a new book.

        ``signer`` is the county's signing key, or tells which to use under a charter at an instant: a
        process that runs for long outlives keys. ``noise`` gives random bytes, for the names of books.

        Raises:
            StoreError: the file cannot be used.
            WrongOutbox: it is another source's.
        """
        self.path, self.source, self.charters, self.clock = path, source, charters, clock
        self._signer, self._noise = signer, noise
        self.files_patience_seconds = FILES_PATIENCE_SECONDS
        self.came: Callable[[Ref], bool] = lambda _ref: True
        """Tells whether an event came to this county; where its inbox is elsewhere, it is believed."""
        super().__init__(open_store(path, MIGRATIONS))
        try:
            with transaction(self._conn):
                epochs.check_life(self._conn, path, source, clock(), noise)
            file = path.stat()
            self._file = (file.st_dev, file.st_ino)
        except BaseException:
            self._conn.close()
            raise

    @property
    def county(self) -> str:
        """Member code of the source."""
        return self.source[:6]

    @property
    def nudge_path(self) -> Path:
        """Where a publisher listens for new events."""
        return self.path.with_name(self.path.name + ".nudge")

    @property
    def book(self) -> str:
        """The book that numbers are taken from now."""
        with self._reading() as conn:
            return epochs.current(conn)

    # -- what goes in --

    def publish(self, draft: Draft) -> Accepted:
        """Accept one event: number, seal and store it. From the return on it is durable and will be sent.

        Raises:
            NotPublishable: a recipient, reference or attribute that cannot be, or an answer that another county
                owes; nothing was stored.
            CharterInvalid, Oversize: as ``numbering.accept``.
            StoreError: the disk is full or fails; nothing was stored.
        """
        return self._accept_one(lambda conn, pen, now: self._letter(conn, draft, pen, now))

    def publish_many(self, drafts: Iterable[Draft]) -> Iterator[Accepted | YizhanError]:
        """Publish one after the other, ``BATCH`` to a commit; yields each one's result in order.

        A draft that cannot be sent yields its error and is left out, the others go. What was yielded is
        durable. ``StoreError`` is raised: nothing that was not yielded before it was stored.
        """
        waiting = iter(drafts)
        while batch := list(islice(waiting, BATCH)):
            with self._writing() as (conn, pen, now):
                results = [self._one_of_many(conn, draft, pen, now) for draft in batch]
            self._after([result for result in results if isinstance(result, Accepted)])
            yield from results

    def preview(self, draft: Draft) -> Accepted | YizhanError:
        """Tell what ``publish`` would give now; nothing of it stays.

        Raises:
            StoreError: the disk fails.
        """
        with self._writing() as (conn, pen, now):
            conn.execute("SAVEPOINT preview")
            found = self._one_of_many(conn, draft, pen, now)
            conn.execute("ROLLBACK TO preview")
            conn.execute("RELEASE preview")
        return found

    def _letter(self, conn: sqlite3.Connection, draft: Draft, pen: Pen, now: datetime) -> OutgoingEvent:
        letter = addressing.letter_of(conn, draft, pen, now)
        reply_rules.check(conn, letter, pen, self.came)
        return letter

    def _one_of_many(self, conn: sqlite3.Connection, draft: Draft, pen: Pen, now: datetime) -> Accepted | YizhanError:
        conn.execute("SAVEPOINT one")
        try:
            letter = self._letter(conn, draft, pen, now)
            sent = numbering.first_sent_as(conn, letter, pen.charter.policy) or self._accept(conn, letter, pen, now)
        except StoreError:
            raise
        except YizhanError as error:
            conn.execute("ROLLBACK TO one")
            conn.execute("RELEASE one")
            return error
        conn.execute("RELEASE one")
        return sent

    def send_receipt(
        self, receipt: ReceiptRef, by: Person | None = None, note: str | None = None, how: str | None = None
    ) -> Accepted:
        """Send a receipt to the county of what it confirms, and to it alone.

        Args:
            receipt: what it confirms; the stages acknowledged, acted and declined need ``by``.
            by: the officer, with badge number.
            note: what the officer adds.
            how: by which way it was confirmed.

        Raises:
            PayloadInvalid: a person's stage without a person, or a text that may not be sent.
            NotPublishable, CharterInvalid, StoreError: as ``publish``.
        """
        said = receipt.model_dump(mode="json", exclude_none=True)
        said |= {"by": None if by is None else by.model_dump(mode="json"), "note": note, "how": how}
        payload = encode(parse_strict(RECEIPT, {name: value for name, value in said.items() if value is not None}))
        attributes = {"type": RECEIPT, "status": "Actual", "priority": "routine", "receipt": receipt}
        to = (receipt.target_source[:6],)

        def letter(_conn: sqlite3.Connection, _pen: Pen, now: datetime) -> OutgoingEvent:
            return OutgoingEvent(attributes | {"time": written(now)}, to, payload)

        return self._accept_one(letter)

    def announce_lane_heads(self) -> tuple[Accepted, ...]:
        """Tell every recipient how far each lane to it has come, so that a lost tail shows too."""
        with self._writing() as (conn, pen, now):
            letters = lane_head_letters(conn, pen.charter.members, now)
            sent = tuple(numbering.accept(conn, letter, pen, now) for letter in letters)
            queries.remember(conn, "lane_heads_announced", written(now))
            queries.remember(conn, queries.VOID_UNTOLD, "0")
        self._after(sent)
        return sent

    def reissue(self) -> tuple[Accepted, ...]:
        """Seal anew what bears a number that had been given before (a backup was restored).

        Recipients keep the first event of an id, so the later one would be lost with them.
        """
        with self._writing() as (conn, pen, now):
            rows = conn.execute(
                "SELECT events.seq, id, external_ref, header, payload FROM events JOIN sealed USING (seq)"
                " WHERE conflict = 1 AND replaced_by IS NULL ORDER BY events.seq"
            ).fetchall()
            sent = [self._reissue_one(conn, row, pen, now) for row in rows]
        self._after(sent)
        metrics.REISSUED.inc(len(sent))
        return tuple(sent)

    def _reissue_one(self, conn: sqlite3.Connection, row: sqlite3.Row, pen: Pen, now: datetime) -> Accepted:
        header = parse_header(row["header"])
        attributes = {name: getattr(header, name) for name in Header.model_fields if name not in _NUMBERED}
        conn.execute("UPDATE events SET external_ref = NULL, queued = 0, due = NULL WHERE seq = ?", (row["seq"],))
        letter = OutgoingEvent(attributes, header.to, row["payload"], row["external_ref"])
        sent = self._accept(conn, letter, pen, now, accepted=True)
        conn.execute("UPDATE events SET replaced_by = ? WHERE seq = ?", (sent.id, row["seq"]))
        log.critical("%s: its number had been given before; sealed anew as %s", row["id"], sent.id)
        return sent

    def _accept(
        self, conn: sqlite3.Connection, letter: OutgoingEvent, pen: Pen, now: datetime, *, accepted: bool = False
    ) -> Accepted:
        sent = numbering.accept(conn, letter, pen, now)
        files.enter(conn, self.path, sent.id, letter.payload, accepted=accepted)
        return sent

    def _accept_one(self, letter_of: Callable[[sqlite3.Connection, Pen, datetime], OutgoingEvent]) -> Accepted:
        with self._writing() as (conn, pen, now):
            letter = letter_of(conn, pen, now)
            sent = numbering.first_sent_as(conn, letter, pen.charter.policy) or self._accept(conn, letter, pen, now)
        # From here on the event is durable; before it, the caller still has it.
        self._after([sent])
        return sent

    # -- what recipients say --

    def audience(self, event_id: str) -> tuple[str, ...] | None:
        """Return the recipients of an event that this outbox sent; None for one that it did not."""
        with self._reading() as conn:
            return addressing.recipients_of(conn, event_id) or None

    def confirm(self, header: Header, event_hash: bytes, payload: Mapping[str, Any]) -> None:
        """Take in a receipt. One that does not bind changes nothing and is counted; again is once.

        Args:
            header: verified, of a receipt.
            event_hash: of that receipt, 32 bytes.
            payload: its payload, opened.

        Raises:
            StoreError: the disk fails; nothing of it was taken in.
        """
        receipt = header.receipt
        if receipt is None or receipt.target_source != self.source:
            metrics.UNBOUND.labels("not_ours").inc()
            return
        with self._lock, transaction(self._conn) as conn:
            if receipt.stage == "delivered":
                queries.confirm_lane(conn, header.county, receipt, header.time)
                why = None
            else:
                why = queries.confirm_event(conn, header, event_hash, strictjson.dumps(payload).decode())
                if why is None and receipt.event is not None:
                    files.hear(
                        conn, receipt.event.id, receipt.stage, self.clock().timestamp(), self.files_patience_seconds
                    )
        if why is not None:
            metrics.UNBOUND.labels(why).inc()
            log.warning("receipt %s from %s confirms nothing of ours: %s", header.id, header.county, why)

    # -- what became of it --

    def line(self) -> tuple[bool, datetime | None]:
        """Tell whether a publisher runs, and since when it finds no broker (None: it does)."""
        with self._reading() as conn:
            since = queries.recall(conn, queries.LINE_LOST)
        running = holder(self.path.with_name(self.path.name + LOCK)) is not None
        return running, instant(since) if since else None

    def rows(self, query: queries.OutboxQuery = queries.EVERYTHING) -> tuple[queries.EventRow, ...]:
        """List events, the newest last."""
        with self._reading() as conn:
            return tuple(queries.rows(conn, query))

    def postings(self, query: queries.OutboxQuery = queries.EVERYTHING) -> tuple[queries.Posting, ...]:
        """List what became of each event with each of its recipients, the newest last."""
        with self._reading() as conn:
            return tuple(queries.postings(conn, query))

    def event(self, event_id: str) -> queries.OwnEvent | None:
        """Return one event with header, payload and bytes; None for an id that this outbox never gave."""
        with self._reading() as conn:
            return queries.event(conn, event_id)

    def beside(self, event_id: str) -> frozenset[str]:
        """Return the ids that an event names, and of those that name it."""
        with self._reading() as conn:
            return frozenset(queries.beside(conn, event_id))

    def sent(self, since: datetime | None = None, until: datetime | None = None) -> tuple[queries.SentEvent, ...]:
        """List own events with their payloads, oldest first: learnt at ``since`` or later, before ``until``."""
        policy = self.charters.in_force(self.clock()).policy
        with self._reading() as conn:
            return tuple(queries.sent(conn, since, until, policy))

    def files(self) -> tuple[files.FileRow, ...]:
        """List the attached files that some recipient does not have yet, the oldest first."""
        with self._reading() as conn:
            return tuple(files.rows(conn))

    def files_trouble(self) -> str | None:
        """Tell why the broker takes no files, and what to do; None where it does, for all we know."""
        with self._reading() as conn:
            return files.trouble(conn)

    def books(self) -> tuple[queries.BookRow, ...]:
        """List the books, the oldest first, and why each was opened."""
        with self._reading() as conn:
            return tuple(queries.book_rows(conn))

    def lane_heads(self) -> tuple[queries.LaneProgress, ...]:
        """Tell how far every lane has come, and which of its numbers will never come to anybody."""
        with self._reading() as conn:
            return tuple(queries.lane_heads(conn))

    def foreign_postings(self) -> tuple[queries.ForeignPosting, ...]:
        """List postings that match nothing that this outbox sent."""
        with self._reading() as conn:
            return tuple(queries.foreign_postings(conn))

    def figures(self, receipt_overdue_seconds: float = 120.0) -> queries.Figures:
        """Count what waits: to be sent, for the station's answer, for receipts."""
        with self._reading() as conn:
            return queries.figures(conn, self.clock(), receipt_overdue_seconds)

    def depth(self) -> int:
        """Count the events that are to be sent now."""
        return self.figures().depth

    def oldest_age(self) -> float:
        """Seconds since the oldest event that was never sent was accepted; 0 for none."""
        return self.figures().oldest_seconds

    def awaiting(self) -> int:
        """Count the events that were sent and that the station has not answered."""
        return self.figures().awaited

    def lane_heads_announced(self) -> datetime:
        """When lane heads were last announced; before the first time, when the outbox was begun."""
        with self._reading() as conn:
            return instant(queries.recall(conn, "lane_heads_announced") or next(queries.book_rows(conn)).opened)

    def stamps(self, after: int = 0, limit: int = 500) -> list[tuple[int, bytes]]:
        """Return postmarks of our events as the station signed them, in the order of coming: (number, bytes)."""
        with self._reading() as conn:
            return list(queries.stamps(conn, after, limit))

    def stamp(self, event_id: str) -> bytes | None:
        """Return the last postmark of one of our events; None before it came."""
        with self._reading() as conn:
            row = conn.execute("SELECT postmark FROM events WHERE id = ?", (event_id,)).fetchone()
        return None if row is None or row["postmark"] is None else bytes(row["postmark"])

    def exported(self) -> tuple[queries.Exported, ...]:
        """List every event without its content, in the order of acceptance: for the auditor's books."""
        with self._reading() as conn:
            return tuple(queries.exported(conn))

    # -- housekeeping --

    def prune(self, older_than: datetime) -> int:
        """Drop the sealed bytes of what every recipient confirmed and that was accepted before; how many."""
        with self._lock, transaction(self._conn) as conn:
            return queries.prune(conn, older_than)

    def dispatch(self, share: Callable[[], float] | None = None, checkpoint_pages: int = 0) -> Dispatch:
        """Open the sending side of this outbox, on a connection of its own; the caller closes it."""
        return Dispatch(self.path, self.source, self.charters, self.clock, self._noise, share, checkpoint_pages)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[tuple[sqlite3.Connection, Pen, datetime]]:
        """Hold the write lock of a file that is still the one that was opened."""
        with self._lock, transaction(self._conn) as conn:
            now = self.clock()
            charter = self.charters.in_force(now)
            signer = self._signer if isinstance(self._signer, SigningKey) else self._signer(charter, now)
            yield conn, Pen(self.source, signer, charter), now
            self._check_file()

    def _check_file(self) -> None:
        try:
            file = self.path.stat()
            found: tuple[int, int] | None = (file.st_dev, file.st_ino)
        except OSError:
            found = None
        if found != self._file:
            sentence = marked("{path} 打开期间被替换或删除；什么也没有存入，请重新启动本程序")
            raise WrongOutbox(sentence, path=self.path)

    def _after(self, sent: Iterable[Accepted]) -> None:
        """Tell the file beside and the publisher. Neither can fail or block what is already durable."""
        last = [each for each in sent if not each.duplicate][-1:]
        for each in last:
            _, book, n = each.id.rsplit("-", 2)
            epochs.write_head(self.path, book, int(n))
            wakeup.notify(self.nudge_path)


__all__ = ["BATCH", "Accepted", "NotPublishable", "Outbox"]
