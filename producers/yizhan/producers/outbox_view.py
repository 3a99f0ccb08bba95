"""The reading half of an outbox: every query, and nothing that changes it.

Rule 1: ``OutboxView`` opens the database to read only: it needs no key, creates no file, opens no new epoch, migrates
        nothing and takes no write lock (``runtime.store.read_store``). ``Outbox`` is the same class, opened to write.
Rule 2: several threads may ask; they take turns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from yizhan.producers import addressing, epochs, files, memory, queries
from yizhan.producers.errors import WrongOutbox
from yizhan.producers.exported import Exported, exported
from yizhan.producers.store import MIGRATIONS
from yizhan.runtime.clock import utc_now
from yizhan.runtime.file_lock import holder
from yizhan.runtime.store import OwnedStore, read_store
from yizhan.schemas.charter import Charters
from yizhan.schemas.header import ID_ENDS, RECEIPT, id_end
from yizhan.schemas.i18n import marked
from yizhan.schemas.sent_events import SentEvent
from yizhan.schemas.timestamps import instant

LOCK: Final = ".publisher"
"""What the name of the publisher's lock adds to the outbox's."""


class OutboxView(OwnedStore):
    """One source's outbox, opened to read only. Every method raises ``StoreError`` when the disk fails."""

    def __init__(self, path: Path, source: str, charters: Charters, clock: Callable[[], datetime] = utc_now) -> None:
        """Open the database at ``path``, which exists.

        Raises:
            StoreError: the file cannot be used.
            WrongOutbox: it is another source's.
        """
        self.path, self.source, self.charters, self.clock = path, source, charters, clock
        super().__init__(path)

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        return read_store(path, MIGRATIONS)

    def _check_owner(self, conn: sqlite3.Connection) -> None:
        row = conn.execute("SELECT source FROM life").fetchone()
        if row is not None and row["source"] != self.source:
            sentence = marked("{path}：应是 {source} 的发件箱，却是 {other} 的；每个发送方各用一个文件")
            raise WrongOutbox(sentence, path=self.path, source=self.source, other=row["source"])

    @property
    def county(self) -> str:
        """Member code of the source."""
        return self.source[:6]

    @property
    def epoch(self) -> str:
        """The epoch that numbers are taken from now."""
        with self._reading() as conn:
            return epochs.current(conn)

    def audience(self, event_id: str) -> tuple[str, ...] | None:
        """Return the recipients of an event that this outbox sent; None for one that it did not."""
        with self._reading() as conn:
            return addressing.recipients_of(conn, event_id) or None

    def publisher_state(self) -> tuple[bool, datetime | None]:
        """Return whether a publisher runs, and since when it finds no broker (None: it does)."""
        with self._reading() as conn:
            since = memory.recall(conn, memory.LINE_LOST)
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

    def known(self, seq: int, event_id: str) -> bool:
        """Return whether an event still has this number: not so in a restored backup."""
        with self._reading() as conn:
            found = conn.execute("SELECT 1 FROM events WHERE seq = ? AND id = ?", (seq, event_id)).fetchone()
        return found is not None

    def standing(self, type: str, limit: int | None = None) -> Iterator[queries.OwnEvent]:
        """Yield our events of a type that stand, the newest first, of the newest ``limit`` (None: of all).

        What was refused, replaced or taken back does not stand, nor does a withdrawal. A correction comes before what
        it corrects.
        """
        withdrawn = set[str]()
        for row in reversed(self.rows(queries.OutboxQuery(type=type, limit=limit))):
            own = None if row.state == "refused" or row.replaced_by else self.event(row.id)
            if own is not None and own.header.withdraws is not None:
                withdrawn.add(own.header.withdraws.id)
            elif own is not None and row.id not in withdrawn:
                yield own

    def reply_ids(self, event_id: str, most: int) -> list[str]:
        """Return the ids of our newest events that answer one, the newest first."""
        with self._reading() as conn:
            return queries.reply_ids(conn, event_id, most)

    def ids_of(self, type: str) -> list[str]:
        """Return the ids of all our events of a type, the newest last, without reading what they say."""
        with self._reading() as conn:
            return [row["id"] for row in conn.execute("SELECT id FROM events WHERE type = ? ORDER BY seq", (type,))]

    def ids_ending(self, end: str) -> list[str]:
        """Return the ids of our events, receipts left out, that end so, the newest last."""
        query = f"SELECT id FROM events WHERE {ID_ENDS} AND type <> '{RECEIPT}' ORDER BY seq"  # noqa: S608 -- our words
        with self._reading() as conn:
            return [row["id"] for row in conn.execute(query, id_end(end))]

    def related_ids(self, event_id: str) -> frozenset[str]:
        """Return the ids that an event names, and of those that name it."""
        with self._reading() as conn:
            return frozenset(queries.related_ids(conn, event_id))

    def sent(self, since: datetime | None = None, until: datetime | None = None) -> tuple[SentEvent, ...]:
        """List own events with their payloads, oldest first: learnt at ``since`` or later, before ``until``."""
        policy = self.charters.in_force(self.clock()).policy
        with self._reading() as conn:
            return tuple(queries.sent(conn, since, until, policy))

    def files(self) -> tuple[files.FileRow, ...]:
        """List the attached files that some recipient does not have yet, the oldest first."""
        with self._reading() as conn:
            return tuple(files.rows(conn))

    def files_trouble(self) -> str | None:
        """Return why the broker takes no files, and what to do; None where it does, for all we know."""
        with self._reading() as conn:
            return files.trouble(conn)

    def epochs(self) -> tuple[queries.EpochRow, ...]:
        """List the epochs, the oldest first, and why each was opened."""
        with self._reading() as conn:
            return tuple(queries.epoch_rows(conn))

    def lane_heads(self) -> tuple[queries.LaneProgress, ...]:
        """Return how far every lane has come, and which of its numbers will never come to anybody."""
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

    def lane_heads_announced(self) -> datetime:
        """Return when lane heads were last announced; before the first time, when the outbox was begun."""
        with self._reading() as conn:
            return instant(memory.recall(conn, memory.LANE_HEADS_ANNOUNCED) or next(queries.epoch_rows(conn)).opened)

    def stamps(self, after: int = 0, limit: int = 500) -> list[tuple[int, bytes]]:
        """Return postmarks of our events as the station signed them, in the order of coming: (number, bytes)."""
        with self._reading() as conn:
            return list(queries.stamps(conn, after, limit))

    def stamp(self, event_id: str) -> bytes | None:
        """Return the last postmark of one of our events; None if none has arrived."""
        with self._reading() as conn:
            row = conn.execute("SELECT postmark FROM events WHERE id = ?", (event_id,)).fetchone()
        return None if row is None or row["postmark"] is None else bytes(row["postmark"])

    def exported(self) -> tuple[Exported, ...]:
        """List every event without its content, in the order of acceptance: for the auditor's books."""
        with self._reading() as conn:
            return tuple(exported(conn))
