"""Full text over documents that are kept elsewhere: SQLite FTS5 with trigrams, which need no word list for Chinese.

Rule 1: the index is derived: it may be deleted, and is made anew from where the documents are.
Rule 2: what is forgotten leaves the file: deleted rows are overwritten (``secure_delete``), the index is merged, and
        the write-ahead log is emptied.
Rule 3: a term of one or two characters has no trigram: documents are then looked through one by one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from yizhan.runtime.store import SharedStore, open_store, transaction

_TRIGRAM: Final = 3
_A_MILLISECOND: Final = 4096
"""Numbers of documents that one millisecond has: numbers are in the order of time, whatever was added first."""

MIGRATIONS: Final = (
    """
    CREATE TABLE documents (
        n INTEGER PRIMARY KEY,               -- milliseconds since 1970 * 4096, and a counter
        book TEXT NOT NULL,
        id TEXT NOT NULL,
        UNIQUE (book, id)
    );
    CREATE VIRTUAL TABLE words USING fts5(text, tokenize = 'trigram');

    -- How far each book was read, and which file that was.
    CREATE TABLE places (
        book TEXT PRIMARY KEY,
        life TEXT NOT NULL,
        seq INTEGER NOT NULL,
        id TEXT NOT NULL,
        forgotten INTEGER NOT NULL           -- documents of the book that were destroyed
    ) WITHOUT ROWID;
    """,
)


@dataclass(frozen=True, slots=True)
class Document:
    """One document: its id in its book, its time in milliseconds since 1970, what it says."""

    id: str
    at_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """How far a book was read: which file, the last number and its id, how many documents were destroyed in it."""

    life: str = ""
    seq: int = 0
    id: str = ""
    forgotten: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A document that has every term."""

    book: str
    id: str
    text: str


class TextIndex(SharedStore):
    """The index file; for several threads and processes. Methods raise ``StoreError`` when the disk fails."""

    def __init__(self, path: Path) -> None:
        """Open it, created if absent."""
        super().__init__(open_store(path, MIGRATIONS))
        self._conn.execute("PRAGMA secure_delete = ON")

    def place(self, book: str) -> Place:
        """Return how far a book was read."""
        with self._reading() as conn:
            row = conn.execute("SELECT life, seq, id, forgotten FROM places WHERE book = ?", (book,)).fetchone()
        return Place() if row is None else Place(*row)

    def add(self, book: str, documents: Iterable[Document], before: Place, after: Place) -> bool:
        """Add documents of a book that was read up to ``before``, and is now up to ``after``.

        False where another process was first: nothing is added.
        """
        with self._lock, transaction(self._conn) as conn:
            if self.place(book) != before:
                return False
            for each in documents:
                _insert(conn, book, each)
            _set_place(conn, book, after)
        return True

    def forget(self, book: str, ids: Collection[str], after: Place) -> None:
        """Remove documents; their bytes leave the file."""
        with self._lock, transaction(self._conn) as conn:
            for each in ids:
                row = conn.execute("SELECT n FROM documents WHERE book = ? AND id = ?", (book, each)).fetchone()
                if row is not None:
                    conn.execute("DELETE FROM words WHERE rowid = ?", (row["n"],))
                    conn.execute("DELETE FROM documents WHERE n = ?", (row["n"],))
            _set_place(conn, book, after)
        self._scrub()

    def restart(self, book: str) -> None:
        """Forget a whole book: it is another file than the one that was read."""
        with self._lock, transaction(self._conn) as conn:
            conn.execute("DELETE FROM words WHERE rowid IN (SELECT n FROM documents WHERE book = ?)", (book,))
            conn.execute("DELETE FROM documents WHERE book = ?", (book,))
            conn.execute("DELETE FROM places WHERE book = ?", (book,))
        self._scrub()

    def find(self, terms: Sequence[str], most: int) -> list[Found]:
        """Return the newest documents that have every term, the newest first; ASCII letters match in either case."""
        long = [each for each in terms if len(each) >= _TRIGRAM]
        conditions = ["words.text LIKE ? ESCAPE '\\'" for each in terms if len(each) < _TRIGRAM]
        values = [f"%{_escaped(each)}%" for each in terms if len(each) < _TRIGRAM]
        if long:
            conditions.insert(0, "words MATCH ?")
            values.insert(0, " AND ".join('"' + each.replace('"', '""') + '"' for each in long))
        sql = (
            "SELECT book, id, words.text FROM words JOIN documents ON documents.n = words.rowid"  # noqa: S608 -- ours
            f" WHERE {' AND '.join(conditions) or '1'} ORDER BY words.rowid DESC LIMIT ?"
        )
        with self._reading() as conn:
            return [Found(*row) for row in conn.execute(sql, (*values, most))]

    def _scrub(self) -> None:
        """Let what was deleted leave the index and the write-ahead log; a reader may delay the log's end."""
        with self._reading() as conn:
            conn.execute("INSERT INTO words (words) VALUES ('optimize')")
            conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _insert(conn: sqlite3.Connection, book: str, document: Document) -> None:
    if conn.execute("SELECT 1 FROM documents WHERE book = ? AND id = ?", (book, document.id)).fetchone() is not None:
        return
    first = document.at_ms * _A_MILLISECOND
    span = (first, first + _A_MILLISECOND - 1)
    last = conn.execute("SELECT max(n) FROM documents WHERE n BETWEEN ? AND ?", span).fetchone()[0]
    n = first if last is None else last + 1
    if last == span[1]:  # so many at once: the newest number of all is free, too
        n = conn.execute("SELECT max(n) + 1 FROM documents").fetchone()[0]
    conn.execute("INSERT INTO documents (n, book, id) VALUES (?, ?, ?)", (n, book, document.id))
    conn.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (n, document.text))


def _set_place(conn: sqlite3.Connection, book: str, place: Place) -> None:
    values = (book, place.life, place.seq, place.id, place.forgotten)
    conn.execute("INSERT OR REPLACE INTO places (book, life, seq, id, forgotten) VALUES (?, ?, ?, ?, ?)", values)


def _escaped(term: str) -> str:
    return term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
