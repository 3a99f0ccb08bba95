"""The sealed chunks of attached files, in the order in which they are sent.

Rule 1: chunks go after their event, and after everything that is prompt.
Rule 2: a sealed file stays until every recipient has it; one without an event is deleted after an hour.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from yizhan.producers.files import FOLDER, trouble
from yizhan.producers.store import MIGRATIONS
from yizhan.runtime.errors import StoreError
from yizhan.runtime.store import Store, open_store, transaction, wrapped
from yizhan.schemas import merkle
from yizhan.schemas.files import CHUNK_BYTES, TAG_BYTES, write_record
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.sentences import os_error

ORPHAN_SECONDS: Final = 3600.0
"""How long a sealed file may wait for its event. Short: an officer who hesitates seals again."""
REFUSED_SECONDS: Final = 7 * 86_400.0
"""How long the files of a refused event stay: a second copy of it may yet be let in, under a newer charter."""
_LEAF: Final = 32
_NOT_HERE: Final = marked("{path}：{error}；附件的密文应在发件箱旁，请恢复备份")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Piece:
    """The next chunk to send: its record, its file, and the file's number of chunks."""

    n: int
    root: bytes
    index: int
    count: int
    record: bytes


class FileQueue(Store):
    """The sealed files of one outbox to be sent; one thread at a time, on a connection of its own."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Open the outbox's database at ``path`` (``StoreError`` as there)."""
        self._folder, self._clock = path.with_name(path.name + FOLDER), clock
        self._damaged = set[int]()
        super().__init__(open_store(path, MIGRATIONS))
        self._conn.execute("PRAGMA synchronous = NORMAL")  # what a power cut takes from it is sent again

    def enter_cluster(self, cluster: str, end: int) -> None:
        """Note whose broker this is and where its log ends; begin anew where it lost chunks."""
        with transaction(self._conn) as conn:
            row = conn.execute("SELECT cluster, next FROM files_place").fetchone()
            if row is not None and (row["cluster"] != cluster or row["next"] > end):
                conn.execute("UPDATE files SET sent = 0 WHERE done = 0")
            conn.execute("INSERT OR REPLACE INTO files_place VALUES (1, ?, ?)", (cluster, end))

    def set_trouble(self, new_trouble: str | None) -> bool:
        """Store why the broker accepts no files (None: it does); return whether this changed."""
        with transaction(self._conn) as conn:
            before = trouble(conn)
            conn.execute("DELETE FROM files_trouble")
            if new_trouble is not None:
                conn.execute("INSERT INTO files_trouble VALUES (1, ?)", (new_trouble,))
        return new_trouble != before

    def prompt_waits(self) -> bool:
        """Return whether something prompt is to go first."""
        with wrapped(self._conn):
            return (
                self._conn.execute("SELECT 1 FROM events WHERE queued = 1 AND prompt = 1 LIMIT 1").fetchone()
                is not None
            )

    def has_next(self) -> bool:
        """Return whether there is a chunk to be sent."""
        with wrapped(self._conn):
            return self._next() is not None

    def _next(self) -> sqlite3.Row | None:
        rows = self._conn.execute(
            "SELECT files.n, id, root, chunks, sent FROM files JOIN events USING (seq) WHERE done = 0 AND attempts > 0"
            " AND refused IS NULL AND replaced_by IS NULL AND sent < chunks ORDER BY again, files.n"
        )
        return next((row for row in rows if row["n"] not in self._damaged), None)

    def next(self) -> Piece | None:
        """Return the next chunk to be sent, the oldest event first; only of events that the broker has.

        What is not whole on the disk any more is told, and passed over until the next ``sweep``: the others go.
        """
        while True:
            with wrapped(self._conn):
                row = self._next()
            if row is None:
                return None
            try:
                return self._piece(row)
            except StoreError as error:
                self._damaged.add(row["n"])
                log.error("%s: an attached file cannot be sent: %s", row["id"], error)  # noqa: TRY400 -- a disk error

    def _piece(self, row: sqlite3.Row) -> Piece:
        name = row["root"].hex()
        try:
            hashes = (self._folder / f"{name}.leaves").read_bytes()
            leaves = [hashes[at : at + _LEAF] for at in range(0, len(hashes), _LEAF)]
            with (self._folder / name).open("rb") as stream:
                stream.seek(row["sent"] * (CHUNK_BYTES + TAG_BYTES))
                chunk = stream.read(CHUNK_BYTES + TAG_BYTES)
        except OSError as error:
            raise StoreError(_NOT_HERE, path=self._folder / name, error=os_error(error)) from error
        if len(leaves) != row["chunks"] or merkle.leaf_hash(chunk) != leaves[row["sent"]]:
            why = _("不是封好时的内容")
            raise StoreError(_NOT_HERE, path=self._folder / name, error=why)
        record = write_record(row["root"], row["sent"], leaves, chunk)
        return Piece(row["n"], row["root"], row["sent"], len(leaves), record)

    def acknowledged(self, piece: Piece, offset: int) -> None:
        """Enter that the broker has a chunk."""
        with transaction(self._conn) as conn:
            finished = self._clock() if piece.index == piece.count - 1 else None
            conn.execute(
                "UPDATE files SET sent = ?, finished = coalesce(?, finished) WHERE n = ? AND sent = ?",
                (piece.index + 1, finished, piece.n, piece.index),
            )
            conn.execute("UPDATE files_place SET next = max(next, ?)", (offset + 1,))

    def sweep(self) -> int:
        """Delete what nobody waits for: files that all have, and those sealed for no event. Returns how many."""
        self._damaged.clear()
        with wrapped(self._conn):
            found = self._conn.execute(
                "SELECT root, done = 0 AND replaced_by IS NULL AS wanted, refused IS NULL AS fine"
                " FROM files JOIN events USING (seq)"
            ).fetchall()
        known = {row["root"].hex() for row in found}
        wanted = {row["root"].hex() for row in found if row["wanted"] and row["fine"]}
        refused = {row["root"].hex() for row in found if row["wanted"]} - wanted
        gone = 0
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            name = path.name.partition(".")[0]
            with contextlib.suppress(FileNotFoundError):
                age = self._clock() - path.stat().st_mtime
                if name not in known:
                    gone += age > ORPHAN_SECONDS and self._unlink_orphan(path, name)
                elif name not in wanted and (name not in refused or age > REFUSED_SECONDS):
                    path.unlink()
                    gone += 1
        return gone

    def _unlink_orphan(self, path: Path, name: str) -> bool:
        """Delete what no event names; an officer who hesitated for long may be sending it this very moment.

        An event is stored under the write lock, and only if its files are there (``files.enter``): while the file
        goes, this holds the lock.
        """
        with transaction(self._conn) as conn:
            if conn.execute("SELECT 1 FROM files WHERE lower(hex(root)) = ?", (name,)).fetchone() is not None:
                return False
            path.unlink()
        return True
