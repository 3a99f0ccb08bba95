"""The current head of the log, in a database of its own.

Law 1: what is signed is what this file holds, and it moves by compare-and-swap: from the head that the
       writer knew, or not at all. A log restored from an old copy, or written by two processes, stops here.

Rule 1: the offset read in the topic is stored with the head, one for each cluster: both move in one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from yizhan.ledger.errors import REBUILD, LogForked
from yizhan.runtime.store import Store, open_store, transaction, wrapped
from yizhan.schemas.merkle import EMPTY_ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE: Final = "checkpoint.sqlite3"
MIGRATIONS: Final = (
    """
    CREATE TABLE head (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        origin TEXT NOT NULL,
        size INTEGER NOT NULL,
        root BLOB NOT NULL
    );
    CREATE TABLE positions (
        cluster TEXT PRIMARY KEY,
        next INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
)


@dataclass(frozen=True, slots=True)
class Head:
    """Number of leaves, and their root (32 bytes)."""

    size: int
    root: bytes


NOTHING: Final = Head(0, EMPTY_ROOT)


class CheckpointStore(Store):
    """The database with the current head."""

    def __init__(self, path: Path) -> None:
        """Open the file, created if absent (``StoreError`` as ``open_store``)."""
        self._path = path
        super().__init__(open_store(path, MIGRATIONS))

    def begin(self, origin: str, head: Head = NOTHING) -> None:
        """Write the first head, unless there is one."""
        with transaction(self._conn) as conn:
            conn.execute("INSERT OR IGNORE INTO head VALUES (1, ?, ?, ?)", (origin, head.size, head.root))

    def read(self, origin: str) -> Head | None:
        """Return the head; None if none was ever written.

        Raises:
            LogForked: this file belongs to another log.
        """
        with wrapped(self._conn):
            row = self._conn.execute("SELECT origin, size, root FROM head").fetchone()
        if row is None:
            return None
        if row["origin"] != origin:
            sentence = "{path}: expected the log {expected}, got {got}; a log's name never changes"
            raise LogForked(sentence.format(path=self._path, expected=origin, got=row["origin"]))
        return Head(int(row["size"]), bytes(row["root"]))

    def restore(self, origin: str, head: Head) -> None:
        """Overwrite the head: only for a rebuild, which has compared it with every known checkpoint."""
        with transaction(self._conn) as conn:
            conn.execute("INSERT OR REPLACE INTO head VALUES (1, ?, ?, ?)", (origin, head.size, head.root))

    def swap(self, old: Head, new: Head, positions: Mapping[str, int]) -> None:
        """Move from one head to the next, together with the positions.

        Raises:
            LogForked: the head is not ``old``: another process moved it; nothing was changed.
            StoreError: the disk is full or fails; nothing was changed.
        """
        with transaction(self._conn) as conn:
            change = "UPDATE head SET size = ?, root = ? WHERE size = ? AND root = ?"
            if conn.execute(change, (new.size, new.root, old.size, old.root)).rowcount != 1:
                raise LogForked(
                    f"{self._path}: expected the head at {old.size}, found another; two write this log, or a file "
                    "was restored under a running process: stop all processes, then rebuild the log",
                    hint=REBUILD,
                )
            conn.executemany("INSERT OR REPLACE INTO positions VALUES (?, ?)", list(positions.items()))
            # Crash point: from here on the head is what must be signed and published.

    def position(self, cluster: str) -> int:
        """Return the offset to continue from in a cluster; 0 for a new one."""
        with wrapped(self._conn):
            row = self._conn.execute("SELECT next FROM positions WHERE cluster = ?", (cluster,)).fetchone()
        return 0 if row is None else int(row["next"])
