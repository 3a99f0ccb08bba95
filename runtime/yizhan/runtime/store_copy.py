"""Copies of SQLite databases while others write, what such a copy holds, and who has a database open.

Rule 1: a copy is one instant of the database, complete in one file: it needs no ``-wal``.
Rule 2: who has a database open is asked of the kernel: SQLite holds a lock on the file as long as it is open.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from yizhan.runtime.store import wrapped

WAL: Final = "-wal"
SHARED_MEMORY: Final = "-shm"
SIDE_FILES: Final = (WAL, SHARED_MEMORY, "-journal")
"""What SQLite keeps beside a database, by the ending."""

_PAGES: Final = 1024
"""Copied between two looks at Ctrl-C and two steps of a progress bar."""
_LOCK: Final = "hh4xqqi4x"
"""``struct flock`` of Linux on 64 bits (fcntl(2)): type, whence, start, length, process id."""


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """Version of the schema (``PRAGMA user_version``), and the rows of each table."""

    version: int
    rows: Mapping[str, int]


def copy_store(
    source: Path,
    target: Path,
    progress: Callable[[int], None] = lambda _bytes: None,
    amend: Callable[[sqlite3.Connection], None] = lambda _conn: None,
) -> None:
    """Copy a database as it stands in one instant; others may write meanwhile. Durable on return.

    Args:
        source: the database.
        target: a file that is not there yet; made with mode 0600.
        progress: called with the bytes just copied.
        amend: changes the copy.

    Raises:
        StoreError: a database cannot be read or written.
        OSError: the target is there, or cannot be made.
    """
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    uri = f"{source.absolute().as_uri()}?mode=ro"
    with (
        wrapped(source),
        contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as old,
        contextlib.closing(sqlite3.connect(target, isolation_level=None)) as new,
    ):
        old.execute("BEGIN")
        size = int(old.execute("PRAGMA page_size").fetchone()[0])
        # The first read fixes the instant: without it, each commit of another process would begin the copy anew.
        old.execute("SELECT count(*) FROM sqlite_master").fetchone()
        left = 0

        def step(_status: int, remaining: int, total: int) -> None:
            nonlocal left
            progress(((left or total) - remaining) * size)
            left = remaining

        old.backup(new, pages=_PAGES, progress=step)
        new.execute("PRAGMA journal_mode = DELETE")
        amend(new)
    with target.open("rb") as file:
        os.fsync(file.fileno())


def store_facts(path: Path) -> StoreFacts:
    """Return what a database holds (``StoreError`` if it cannot be read)."""
    with wrapped(path), contextlib.closing(_reading(path)) as conn:
        version = int(conn.execute("PRAGMA user_version").fetchone()[0])
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name"
        tables = [row[0] for row in conn.execute(query)]
        counted = {
            each: int(conn.execute(f'SELECT count(*) FROM "{each}"').fetchone()[0])  # noqa: S608 -- its own tables
            for each in tables
        }
    return StoreFacts(version, counted)


def integrity_problem(path: Path) -> str | None:
    """Return the first thing that SQLite finds wrong in a database, or None (``StoreError`` if it cannot be read)."""
    with wrapped(path), contextlib.closing(_reading(path)) as conn:
        found = str(conn.execute("PRAGMA integrity_check(1)").fetchone()[0])
        if found == "ok" and (row := conn.execute("PRAGMA foreign_key_check").fetchone()) is not None:
            found = f"foreign key of {row[0]}"
    return None if found == "ok" else found


def user_of(path: Path) -> int | None:
    """Return the id of a process that has a database open, or None. Connections of this process do not count.

    Nothing of this process may have the database open: SQLite would lose its locks.
    """
    for each in (path, path.with_name(path.name + SHARED_MEMORY)):
        with contextlib.suppress(FileNotFoundError), each.open("rb+") as file:
            asked = struct.pack(_LOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, *_where, process = struct.unpack(_LOCK, fcntl.fcntl(file.fileno(), fcntl.F_GETLK, asked))
            if kind != fcntl.F_UNLCK:
                return int(process)
    return None


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
