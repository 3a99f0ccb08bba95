"""The outbox: numbers, seals and stores a county's events before they are sent.

Law 1: nothing accepted is lost. "Accepted" means that ``publish`` returned: the sealed bytes are on
        the disk, and stay until every recipient has confirmed them.
Rule 1: one transaction numbers, seals and stores; an event is sealed once, and is always sent as the same bytes.
Rule 2: the same ``external_ref`` of the same type is one event, in whatever epoch it was sent.
Rule 3: a number is assigned once; if that is in doubt, a new epoch is opened (``epochs``).
Rule 4: a receipt counts only if it binds: from a recipient, about an event that was sent to it.

Several processes may have one outbox open: the desk's commands, the inbox for its receipts, one publisher.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from yizhan.producers import addressing, confirmations, epochs, files, memory, metrics, numbering, reply_rules
from yizhan.producers.dispatch import Dispatch
from yizhan.producers.errors import NotPublishable, WrongOutbox
from yizhan.producers.notices import lane_head_notices
from yizhan.producers.numbering import Accepted, OutgoingEvent, SigningContext
from yizhan.producers.outbox_view import OutboxView
from yizhan.producers.store import MIGRATIONS
from yizhan.runtime import wakeup
from yizhan.runtime.clock import utc_now
from yizhan.runtime.errors import StoreError
from yizhan.runtime.store import open_store, transaction
from yizhan.schemas import strictjson
from yizhan.schemas.charter import Charter, Charters
from yizhan.schemas.counterfoils import counterfoil_of
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.header import RECEIPT, Header, ReceiptRef, Ref, parse_header
from yizhan.schemas.i18n import marked
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.payloads import encode, parse_strict
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    from yizhan.producers.drafts import Draft

BATCH: Final = 32
"""Events that an import commits together. Large: an alarm waits while it seals; small: slow imports."""

_NUMBERED: Final = frozenset({"specversion", "source", "id", "kid", "to", "lanes", "charter"})

log = logging.getLogger(__name__)


FILES_PATIENCE_SECONDS: Final = 300.0
"""How long the chunks of a file rest before anybody can have them sent again."""


@dataclass(frozen=True, slots=True)
class OutboxOptions:
    """Options of an outbox.

    ``random_bytes`` returns a number of random bytes, for the names of epochs. ``files_patience_seconds`` is how long
    the chunks of a file rest before a recipient can request them again. ``was_received`` returns whether this county
    received an event; if the inbox is on another machine, the sender's claim is believed.
    """

    random_bytes: Callable[[int], bytes] = os.urandom
    files_patience_seconds: float = FILES_PATIENCE_SECONDS
    was_received: Callable[[Ref], bool] = lambda _ref: True


DEFAULT_OPTIONS: Final = OutboxOptions()


class Outbox(OutboxView):
    """One source's outbox; its methods may be called from several threads, which take turns."""

    def __init__(
        self,
        path: Path,
        source: str,
        signer: SigningKey | Callable[[Charter, datetime], SigningKey],
        charters: Charters,
        clock: Callable[[], datetime] = utc_now,
        options: OutboxOptions = DEFAULT_OPTIONS,
    ) -> None:
        """Open the database at ``path``, created if absent; see ``epochs`` for the causes of a new epoch.

        ``signer`` is the county's signing key, or returns the key to use under a charter at an instant: a
        long-running process outlives keys.

        Raises:
            StoreError: the file cannot be used.
            WrongOutbox: it is another source's.
        """
        super().__init__(path, source, charters, clock)
        self._signer, self._options = signer, options
        try:
            with transaction(self._conn):
                epochs.check_identity(self._conn, path, source, clock(), options.random_bytes)
            file = path.stat()
            self._file = (file.st_dev, file.st_ino)
        except BaseException:
            self._conn.close()
            raise

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        return open_store(path, MIGRATIONS)

    @property
    def wakeup_path(self) -> Path:
        """Path of the socket where a publisher waits for new events."""
        return self.path.with_name(self.path.name + ".nudge")

    # -- accepting events --

    def publish(self, draft: Draft) -> Accepted:
        """Accept one event: number, seal and store it. From the return on it is durable and will be sent.

        Raises:
            NotPublishable: an invalid recipient, reference or attribute, or an answer that another county
                owes; nothing was stored.
            CharterInvalid, Oversize: as ``numbering.accept``.
            StoreError: the disk is full or fails; nothing was stored.
        """
        return self._accept_one(lambda conn, signing, now: self._outgoing(conn, draft, signing, now))

    def publish_many(self, drafts: Iterable[Draft]) -> Iterator[Accepted | YizhanError]:
        """Publish one after the other, ``BATCH`` to a commit; yields each one's result in order.

        A draft that cannot be sent yields its error, the others are sent. Events that were yielded are
        durable. ``StoreError`` is raised: only events yielded before were stored.
        """
        waiting = iter(drafts)
        while batch := list(islice(waiting, BATCH)):
            with self._writing() as (conn, signing, now):
                results = [self._one_of_many(conn, draft, signing, now) for draft in batch]
            self._after([result for result in results if isinstance(result, Accepted)])
            yield from results

    def preview(self, draft: Draft) -> Accepted | YizhanError:
        """Return what ``publish`` would give now; nothing is stored.

        Raises:
            StoreError: the disk fails.
        """
        with self._writing() as (conn, signing, now):
            conn.execute("SAVEPOINT preview")
            found = self._one_of_many(conn, draft, signing, now)
            conn.execute("ROLLBACK TO preview")
            conn.execute("RELEASE preview")
        return found

    def _outgoing(
        self, conn: sqlite3.Connection, draft: Draft, signing: SigningContext, now: datetime
    ) -> OutgoingEvent:
        event = addressing.outgoing_event(conn, draft, signing, now)
        reply_rules.check_reply(conn, event, signing, self._options.was_received)
        return event

    def _one_of_many(
        self, conn: sqlite3.Connection, draft: Draft, signing: SigningContext, now: datetime
    ) -> Accepted | YizhanError:
        conn.execute("SAVEPOINT one")
        try:
            event = self._outgoing(conn, draft, signing, now)
            sent = numbering.first_sent_as(conn, event, signing.charter.policy) or self._accept(
                conn, event, signing, now
            )
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
        """Send a receipt to the county of the event that it confirms, and to nobody else.

        Args:
            receipt: stage and event; the stages acknowledged, acted and declined need ``by``.
            by: the officer, with badge number.
            note: the officer's note.
            how: how it was confirmed.

        Raises:
            PayloadInvalid: a person's stage without a person, or a text that may not be sent.
            NotPublishable, CharterInvalid, StoreError: as ``publish``.
        """
        content = receipt.model_dump(mode="json", exclude_none=True)
        content |= {"by": None if by is None else by.model_dump(mode="json"), "note": note, "how": how}
        payload = encode(parse_strict(RECEIPT, {name: value for name, value in content.items() if value is not None}))
        attributes = {"type": RECEIPT, "status": "Actual", "priority": "routine", "receipt": receipt}
        to = (receipt.target_source[:6],)

        def receipt_event(_conn: sqlite3.Connection, _signing: SigningContext, now: datetime) -> OutgoingEvent:
            return OutgoingEvent(attributes | {"time": written(now)}, to, payload)

        return self._accept_one(receipt_event)

    def announce_lane_heads(self) -> tuple[Accepted, ...]:
        """Notify every recipient of the last number of each lane to it, so that a lost tail is noticed."""
        with self._writing() as (conn, signing, now):
            notices = lane_head_notices(conn, signing.charter.members, now)
            sent = tuple(numbering.accept(conn, event, signing, now) for event in notices)
            memory.remember(conn, memory.LANE_HEADS_ANNOUNCED, written(now))
            memory.remember(conn, memory.VOID_UNTOLD, "0")
        self._after(sent)
        return sent

    def reissue(self) -> tuple[Accepted, ...]:
        """Seal events again whose number had been assigned before (a backup was restored).

        Recipients keep the first event of an id, so the later one would be lost with them.
        """
        with self._writing() as (conn, signing, now):
            rows = conn.execute(
                "SELECT events.seq, id, external_ref, header, payload FROM events JOIN sealed USING (seq)"
                " WHERE conflict = 1 AND replaced_by IS NULL ORDER BY events.seq"
            ).fetchall()
            sent = [self._reissue_one(conn, row, signing, now) for row in rows]
        self._after(sent)
        metrics.REISSUED.inc(len(sent))
        return tuple(sent)

    def _reissue_one(
        self, conn: sqlite3.Connection, row: sqlite3.Row, signing: SigningContext, now: datetime
    ) -> Accepted:
        header = parse_header(row["header"])
        attributes = {name: getattr(header, name) for name in Header.model_fields if name not in _NUMBERED}
        conn.execute("UPDATE events SET external_ref = NULL, queued = 0, due = NULL WHERE seq = ?", (row["seq"],))
        event = OutgoingEvent(attributes, header.to, row["payload"], row["external_ref"])
        sent = self._accept(conn, event, signing, now, accepted=True)
        conn.execute("UPDATE events SET replaced_by = ? WHERE seq = ?", (sent.id, row["seq"]))
        log.critical("%s: its number had been given before; sealed anew as %s", row["id"], sent.id)
        return sent

    def _accept(
        self,
        conn: sqlite3.Connection,
        event: OutgoingEvent,
        signing: SigningContext,
        now: datetime,
        *,
        accepted: bool = False,
    ) -> Accepted:
        sent = numbering.accept(conn, event, signing, now)
        files.enter(conn, self.path, sent.id, event.payload, accepted=accepted)
        return sent

    def _accept_one(
        self, outgoing_event: Callable[[sqlite3.Connection, SigningContext, datetime], OutgoingEvent]
    ) -> Accepted:
        with self._writing() as (conn, signing, now):
            event = outgoing_event(conn, signing, now)
            sent = numbering.first_sent_as(conn, event, signing.charter.policy) or self._accept(
                conn, event, signing, now
            )
        # Crash point: from here on the event is durable; before it, the caller still has it.
        self._after([sent])
        return sent

    # -- receipts --

    def confirm(self, header: Header, event_hash: bytes, payload: Mapping[str, Any]) -> None:
        """Enter a receipt. One that does not bind changes nothing and is counted; a repeat changes nothing.

        Args:
            header: verified, of a receipt.
            event_hash: of that receipt, 32 bytes.
            payload: its payload, opened.

        Raises:
            StoreError: the disk fails; nothing was entered.
        """
        receipt = header.receipt
        if receipt is None or receipt.target_source != self.source:
            metrics.UNBOUND.labels("not_ours").inc()
            return
        with self._lock, transaction(self._conn) as conn:
            if receipt.stage == "delivered":
                confirmations.confirm_lane(conn, header.county, receipt, header.time)
                why = None
            else:
                why = confirmations.confirm_event(conn, header, event_hash, strictjson.dumps(payload).decode())
                if why is None and receipt.event is not None:
                    patience = self._options.files_patience_seconds
                    files.enter_receipt(conn, receipt.event.id, receipt.stage, self.clock().timestamp(), patience)
        if why is not None:
            metrics.UNBOUND.labels(why).inc()
            log.warning("receipt %s from %s confirms nothing of ours: %s", header.id, header.county, why)

    # -- housekeeping --

    def prune(self, older_than: datetime) -> int:
        """Delete the sealed bytes of events that every recipient confirmed and that are older; return their number."""
        with self._lock, transaction(self._conn) as conn:
            rows = conn.execute(
                "SELECT seq, envelope FROM sealed WHERE envelope IS NOT NULL AND seq IN (SELECT seq FROM events AS e"
                " WHERE accepted < ? AND queued = 0 AND (refused IS NOT NULL OR replaced_by IS NOT NULL OR NOT EXISTS"
                " (SELECT 1 FROM recipients AS r WHERE r.seq = e.seq AND r.delivered IS NULL)))",
                (written(older_than),),
            )
            cut = [(counterfoil_of(row["envelope"]), row["seq"]) for row in rows]
            conn.executemany("UPDATE sealed SET counterfoil = ?, envelope = NULL WHERE seq = ?", cut)
        return len(cut)

    def dispatch(self, share: Callable[[], float] | None = None, checkpoint_pages: int = 0) -> Dispatch:
        """Open the sending side of this outbox, on a connection of its own; the caller closes it."""
        return Dispatch(
            self.path, self.source, self.charters, self.clock, self._options.random_bytes, share, checkpoint_pages
        )

    @contextlib.contextmanager
    def _writing(self) -> Iterator[tuple[sqlite3.Connection, SigningContext, datetime]]:
        """Hold the write lock, after checking that the file is still the one that was opened."""
        with self._lock, transaction(self._conn) as conn:
            now = self.clock()
            charter = self.charters.in_force(now)
            signer = self._signer if isinstance(self._signer, SigningKey) else self._signer(charter, now)
            yield conn, SigningContext(self.source, signer, charter), now
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
        """Update the small file and wake the publisher. Neither can fail or block what is already durable."""
        last = [each for each in sent if not each.duplicate][-1:]
        for each in last:
            _, epoch, n = each.id.rsplit("-", 2)
            epochs.write_head(self.path, epoch, int(n))
            wakeup.notify(self.wakeup_path)


__all__ = ["BATCH", "Accepted", "NotPublishable", "Outbox"]
