"""The sending side of an outbox: what to send next, broker acknowledgements, the station's answers.

Law 1: a queued event stays queued until the broker acknowledged it; one that is not settled is queued again.
Rule 1: prompt before digest; within each, in the order of acceptance.
Rule 2: this connection commits without waiting for the disk: what a power cut loses is sent
        or read again. Nothing that must not be lost is written here; numbers are assigned elsewhere.
Rule 3: the offset read in the postings is stored in the same database and transaction as their
        content: a restored backup continues from its own offset, and so sees numbers that it never assigned.
Rule 4: lost data of a broker is detected by its cluster's id, or by a log that ends before an event
        that it had; then everything unconfirmed is queued again.
Rule 5: the station answers in the order of the log. An event after the last one answered is not overdue but waiting:
        a second copy would wait even longer, and make a slow station slower.
"""

from __future__ import annotations

import logging
import random
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from yizhan.producers import confirmations, memory, metrics, queries, schedule, station_replies
from yizhan.producers.schedule import DeliveryState, Patience
from yizhan.producers.station_replies import PostingRecord, ReplyContext
from yizhan.producers.store import MIGRATIONS
from yizhan.runtime.store import Store, open_store, transaction, wrapped
from yizhan.schemas.charter import Charters
from yizhan.schemas.timestamps import written

HOLD_SECONDS: Final = 3600.0
"""How long an event rests that the broker will not take (too large for its settings)."""
BEHIND_SECONDS: Final = 3600.0
"""How long rule 5 holds a resend back: a log that lost its tail unnoticed is mended after this."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One event's bytes to send. ``again`` if a broker had acknowledged them before."""

    seq: int
    id: str
    type: str
    envelope: bytes
    again: bool


@dataclass(frozen=True, slots=True)
class ReadPosition:
    """Offsets in one cluster: the next posting, and the highest offset of an own event."""

    next_posting: int
    highest_event: int


class Dispatch(Store):
    """The sending side of one outbox; one thread at a time. Open it with ``Outbox.dispatch``."""

    def __init__(
        self,
        path: Path,
        source: str,
        charters: Charters,
        clock: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
        share: Callable[[], float] | None = None,
        checkpoint_pages: int = 0,
    ) -> None:
        """Open a connection of its own.

        ``share`` gives random numbers in [0, 1) that spread resends. ``checkpoint_pages`` is after how
        many pages of log this connection copies them into the database, which takes milliseconds:
        0 for never, on the connection that alarms wait for.
        """
        self.source, self.charters = source, charters
        self._clock, self._random_bytes = clock, random_bytes
        self._share = share or random.random
        super().__init__(open_store(path, MIGRATIONS))
        self._conn.execute("PRAGMA synchronous = NORMAL")  # rule 2
        self._conn.execute(f"PRAGMA wal_autocheckpoint = {int(checkpoint_pages)}")

    def note_line(self, *, answers: bool) -> None:
        """Record whether the broker answers, or since when it does not."""
        with transaction(self._conn) as conn:
            since = memory.recall(conn, memory.LINE_LOST) or written(self._clock())
            memory.remember(conn, memory.LINE_LOST, "" if answers else since)

    # -- what to send next --

    def queue(self, *, prompt: bool, limit: int, under_way: Collection[int] = ()) -> list[Outgoing]:
        """Return up to ``limit`` events of a class to send now, in order, without those in progress."""
        with wrapped(self._conn):
            numbers = self._conn.execute(
                "SELECT seq FROM events WHERE queued = 1 AND prompt = ? ORDER BY seq LIMIT ?",
                (int(prompt), limit + len(under_way)),
            ).fetchall()
            chosen = [seq for (seq,) in numbers if seq not in under_way][:limit]
            return [self._outgoing(seq) for seq in chosen]

    def _outgoing(self, seq: int) -> Outgoing:
        row = self._conn.execute(
            "SELECT id, type, envelope, attempts FROM events JOIN sealed USING (seq) WHERE seq = ?", (seq,)
        ).fetchone()
        return Outgoing(seq, row["id"], row["type"], row["envelope"], row["attempts"] > 0)

    def acknowledged(self, numbers: Sequence[int], patience: Patience, places: Mapping[int, int] | None = None) -> None:
        """Record that a broker has these (by ``seq``), and when each is sent again unless settled.

        ``places`` are the offsets of the events, if the broker reported them.
        """
        now = self._clock().timestamp()
        with transaction(self._conn) as conn:
            for seq in numbers:
                row = conn.execute("SELECT attempts, answered, refused FROM events WHERE seq = ?", (seq,)).fetchone()
                missing = confirmations.receipt_missing(conn, seq)
                standing = DeliveryState(
                    row["attempts"] + 1, row["answered"] is not None, row["refused"] is not None, missing
                )
                conn.execute(
                    "UPDATE events SET queued = 0, trouble = NULL, attempts = attempts + 1, last_sent = ?,"
                    " first_sent = coalesce(first_sent, ?), due = ?, place = ? WHERE seq = ?",
                    (now, now, schedule.due(now, standing, patience, self._share()), (places or {}).get(seq), seq),
                )

    def hold(self, seq: int, trouble: str) -> None:
        """Postpone one event that the broker refuses, so that the others are sent; it is tried again."""
        with transaction(self._conn) as conn:
            conn.execute(
                "UPDATE events SET queued = 0, trouble = ?, due = ? WHERE seq = ?",
                (trouble[:300], self._clock().timestamp() + HOLD_SECONDS, seq),
            )

    def requeue_overdue(self) -> int:
        """Queue overdue events again: without the station's answer, or without a receipt if sent at once."""
        now = self._clock().timestamp()
        with wrapped(self._conn):
            if self._conn.execute("SELECT 1 FROM events WHERE due <= ? LIMIT 1", (now,)).fetchone() is None:
                return 0
        with transaction(self._conn) as conn:
            latest = conn.execute("SELECT highest_event FROM positions ORDER BY ordinal DESC LIMIT 1").fetchone()
            return conn.execute(
                "UPDATE events SET queued = (SELECT envelope IS NOT NULL FROM sealed WHERE sealed.seq = events.seq),"
                " due = NULL WHERE due <= ?"
                " AND NOT (answered IS NULL AND coalesce(place, -1) > ? AND due > ?)",  # rule 5
                (now, -1 if latest is None else latest["highest_event"], now - BEHIND_SECONDS),
            ).rowcount

    def has_conflicts(self) -> bool:
        """Return whether events must be sealed again (``Outbox.reissue``)."""
        with wrapped(self._conn):
            return (
                self._conn.execute("SELECT 1 FROM events WHERE conflict = 1 AND replaced_by IS NULL LIMIT 1").fetchone()
                is not None
            )

    def voids_untold(self) -> bool:
        """Return whether numbers became void since the last notice of lane heads."""
        with wrapped(self._conn):
            return memory.recall(self._conn, memory.VOID_UNTOLD) == "1"

    # -- the station's answers --

    def position(self, cluster: str) -> ReadPosition | None:
        """Return the offsets read in a cluster; None for an unknown one."""
        with wrapped(self._conn):
            row = self._conn.execute(
                "SELECT next_posting, highest_event FROM positions WHERE cluster = ?", (cluster,)
            ).fetchone()
        return None if row is None else ReadPosition(row["next_posting"], row["highest_event"])

    def enter_cluster(self, cluster: str, events_end: int, postings_end: int) -> int | None:
        """Record the current cluster and the ends of its logs.

        Returns the offset to read postings from, or None if nothing changed since the last call:
        read on. When its data was lost, everything unconfirmed is queued again (rule 4).

        Args:
            cluster: its id.
            events_end: end offset of the county's events topic.
            postings_end: end offset of its postings topic.
        """
        with transaction(self._conn) as conn:
            latest = conn.execute("SELECT * FROM positions ORDER BY ordinal DESC LIMIT 1").fetchone()
            same = latest is not None and latest["cluster"] == cluster
            shrunk = same and (latest["highest_event"] >= events_end or latest["next_posting"] > postings_end)
            if same and not shrunk:
                return None
            ordinal = 1 if latest is None else latest["ordinal"] + 1
            conn.execute("INSERT OR REPLACE INTO positions VALUES (?, ?, 0, -1)", (cluster, ordinal))
            conn.execute("UPDATE events SET place = NULL WHERE place IS NOT NULL")
            again = 0 if latest is None else _queue_unconfirmed(conn)
        if latest is not None:
            metrics.DISK_LOST.inc()
            log.critical("the broker lost its data, or is another one: %d unconfirmed events go again", again)
        return 0

    def enter(self, cluster: str, records: Sequence[PostingRecord], patience: Patience) -> None:
        """Verify answers and enter them with the offset read, in one transaction."""
        read = [(record, station_replies.read_postmark(record, self.charters)) for record in records]
        desk = ReplyContext(self.source, patience, self._clock(), self._share, self._random_bytes)
        with transaction(self._conn) as conn:
            highest = -1
            for record, postmark in read:
                why = station_replies.enter(conn, postmark, record.value or b"", desk)
                if why is not None:
                    station_replies.keep_aside(conn, cluster, record, why, postmark, desk.now)
                if postmark is not None and postmark.origin.cluster == cluster and why is None:
                    highest = max(highest, postmark.origin.offset)
            conn.execute(
                "UPDATE positions SET next_posting = max(next_posting, ?), highest_event = max(highest_event, ?)"
                " WHERE cluster = ?",
                (records[-1].offset + 1, highest, cluster),
            )

    def figures(self, receipt_overdue_seconds: float) -> queries.Figures:
        """Return the numbers of waiting events."""
        with wrapped(self._conn):
            return queries.figures(self._conn, self._clock(), receipt_overdue_seconds)


def _queue_unconfirmed(conn: sqlite3.Connection) -> int:
    """Queue every event that some recipient has not confirmed, as if the station had never answered.

    Of cumulative receipts only the newest a lane goes: it says all that the older ones said. Their
    numbers become void, and the next notice of lane heads says so.
    """
    overtaken = conn.execute(
        "UPDATE events SET void = 1, due = NULL, queued = 0 WHERE cumulative IS NOT NULL AND EXISTS"
        " (SELECT 1 FROM events AS later WHERE later.cumulative = events.cumulative AND later.seq > events.seq)"
        " AND EXISTS (SELECT 1 FROM recipients AS r WHERE r.seq = events.seq AND r.delivered IS NULL)"
    ).rowcount
    if overtaken:
        memory.remember(conn, memory.VOID_UNTOLD, "1")
    return conn.execute(
        "UPDATE events SET queued = 1, due = NULL, answered = NULL WHERE refused IS NULL AND void = 0"
        " AND replaced_by IS NULL AND EXISTS"
        " (SELECT 1 FROM recipients AS r WHERE r.seq = events.seq AND r.delivered IS NULL)"
        " AND EXISTS (SELECT 1 FROM sealed AS s WHERE s.seq = events.seq AND s.envelope IS NOT NULL)"
    ).rowcount
