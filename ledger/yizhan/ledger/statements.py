"""The store of statements: the log's leaves are their hashes.

Law 1: a statement has its place once ``add`` returned; the log's files are made from this store, the first
       time and every other time.
Law 4: a statement is one leaf, however often it is read.

Rule 1: places are 0, 1, 2 … and are never reused, changed or removed.
Rule 2: the first statement about a subject counts; another about the same subject is logged too, and raises an
        alarm if it disagrees. So does a second hash for one event.
Rule 3: members never see this file: the log shows them hashes only.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from yizhan.ledger.errors import LogDamaged
from yizhan.ledger.statement_keys import agree
from yizhan.runtime.store import Store, open_store, transaction, wrapped
from yizhan.schemas.proofs import entry_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from yizhan.ledger.statement_keys import VerifiedStatement

FILE: Final = "statements.sqlite3"
Alarm = Literal["second_statement", "second_hash"]
MIGRATIONS: Final = (
    """
    CREATE TABLE statements (
        place INTEGER PRIMARY KEY,           -- of the leaf, from 0
        statement BLOB NOT NULL              -- as signed
    );

    -- What a statement is about; one row a statement.
    CREATE TABLE subjects (
        subject TEXT NOT NULL,
        entry BLOB NOT NULL,                 -- SHA-256 of the statement
        place INTEGER NOT NULL,
        PRIMARY KEY (subject, entry)
    ) WITHOUT ROWID;

    CREATE TABLE events (
        id TEXT NOT NULL,
        place INTEGER NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (id, place)
    ) WITHOUT ROWID;

    CREATE TABLE alarms (
        seq INTEGER PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('second_statement', 'second_hash')),
        subject TEXT NOT NULL,
        first INTEGER NOT NULL,              -- place of the statement that stands
        place INTEGER NOT NULL               -- of the one against it
    );

    -- Set aside: not signed by a station key of the charter; never a leaf.
    CREATE TABLE aside (
        entry BLOB PRIMARY KEY,
        statement BLOB NOT NULL,
        why TEXT NOT NULL
    ) WITHOUT ROWID;
    """,
)
_ASIDE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two statements that cannot both be true: about one origin, or two hashes for one event."""

    kind: Alarm
    subject: str
    first: int
    place: int


class Statements(Store):
    """The stored statements of one log. For one writer; readers may open it at the same time."""

    def __init__(self, path: Path) -> None:
        """Open the file, created if absent (``StoreError`` as ``open_store``)."""
        self._path = path
        super().__init__(open_store(path, MIGRATIONS))

    @property
    def size(self) -> int:
        """Number of statements; the next place."""
        with wrapped(self._conn):
            last = self._conn.execute("SELECT max(place) FROM statements").fetchone()[0]
        return 0 if last is None else int(last) + 1

    def add(self, statements: Iterable[VerifiedStatement]) -> tuple[list[bytes], list[Contradiction]]:
        """Give each new statement the next place; known ones keep theirs.

        Returns:
            The entries of the new ones, in order, and the contradictions found.

        Raises:
            StoreError: the disk is full or fails; nothing was stored.
        """
        place = self.size
        entries: list[bytes] = []
        alarms: list[Contradiction] = []
        with transaction(self._conn) as conn:
            for each in statements:
                entry = entry_of(each.statement)
                rows = conn.execute("SELECT entry, place FROM subjects WHERE subject = ?", (each.subject,)).fetchall()
                if any(row["entry"] == entry for row in rows):
                    continue
                conn.execute("INSERT INTO statements VALUES (?, ?)", (place, each.statement))
                conn.execute("INSERT INTO subjects VALUES (?, ?, ?)", (each.subject, entry, place))
                if rows:
                    first = min(int(row["place"]) for row in rows)
                    if not agree(_stored(conn, first), each.statement):
                        alarms.append(Contradiction("second_statement", each.subject, first, place))
                if each.event is not None and each.hash is not None:
                    alarms += _event(conn, each.event, each.hash, place)
                entries.append(entry)
                place += 1
            rows_ = [(each.kind, each.subject, each.first, each.place) for each in alarms]
            conn.executemany("INSERT INTO alarms (kind, subject, first, place) VALUES (?, ?, ?, ?)", rows_)
            # Crash point: when this block ends the statements have their places; the log follows.
        return entries, alarms

    def set_aside(self, statement: bytes, why: str) -> None:
        """Set aside what no station key of the charter signed, with the reason (``StoreError`` if the disk fails)."""
        with transaction(self._conn) as conn:
            row = (entry_of(statement), statement[:_ASIDE_BYTES], why)
            conn.execute("INSERT OR IGNORE INTO aside VALUES (?, ?, ?)", row)

    def aside(self) -> list[tuple[bytes, str]]:
        """Return what was set aside: (bytes, reason)."""
        with wrapped(self._conn):
            return [tuple(row) for row in self._conn.execute("SELECT statement, why FROM aside")]

    def remove_aside(self, statement: bytes) -> None:
        """Remove a statement that was set aside (``StoreError`` if the disk fails)."""
        with transaction(self._conn) as conn:
            conn.execute("DELETE FROM aside WHERE entry = ?", (entry_of(statement),))

    def read(self, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        """Yield the statements from place ``first`` to before ``last``.

        Raises:
            LogDamaged: one is missing.
        """
        place = first
        end = self.size if last is None else last
        while place < end:
            with wrapped(self._conn):
                query = "SELECT place, statement FROM statements WHERE place >= ? ORDER BY place LIMIT 256"
                rows = self._conn.execute(query, (place,)).fetchall()
            for row in rows[: end - place]:
                if row["place"] != place:
                    break
                yield bytes(row["statement"])
                place += 1
            else:
                if rows:
                    continue
            raise LogDamaged(self._path.name, f"statement {place} is missing; restore a backup of this file")

    def of_event(self, event_id: str) -> Sequence[int]:
        """Return the places of the postmarks of an event, in ascending order."""
        with wrapped(self._conn):
            rows = self._conn.execute("SELECT place FROM events WHERE id = ? ORDER BY place", (event_id,))
            return [int(row["place"]) for row in rows]

    def alarms(self) -> list[Contradiction]:
        """Return the contradictions, oldest first."""
        with wrapped(self._conn):
            rows = self._conn.execute("SELECT kind, subject, first, place FROM alarms ORDER BY seq")
            return [Contradiction(*row) for row in rows]


def _stored(conn: sqlite3.Connection, place: int) -> bytes:
    return bytes(conn.execute("SELECT statement FROM statements WHERE place = ?", (place,)).fetchone()["statement"])


def _event(conn: sqlite3.Connection, event_id: str, event_hash: bytes, place: int) -> list[Contradiction]:
    first = conn.execute("SELECT place, hash FROM events WHERE id = ? ORDER BY place LIMIT 1", (event_id,)).fetchone()
    conn.execute("INSERT INTO events VALUES (?, ?, ?)", (event_id, place, event_hash))
    if first is None or first["hash"] == event_hash:
        return []
    return [Contradiction("second_hash", event_id, int(first["place"]), place)]


@contextlib.contextmanager
def open_to_read(path: Path) -> Iterator[Statements | None]:
    """Open the statements read-only; None if there are none."""
    if not path.exists():
        yield None
        return
    with Statements(path) as found:
        yield found
