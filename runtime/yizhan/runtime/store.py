"""SQLite, opened the one way that keeps law 1: what was committed survives.

Rule 1: WAL and ``synchronous=FULL``: when COMMIT returns, the rows are on the disk.
Rule 2: a file is created with mode 0600 and never opened when others may read it.
Rule 3: the schema moves forward only, one migration a number, each in its own transaction.
Rule 4: a full disk, a locked, read-only or damaged file is a :class:`StoreError` that says what to
do.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from typing import TYPE_CHECKING

from yizhan.runtime.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BUSY_TIMEOUT_SECONDS = 10.0
"""How long a writer waits for another one. Too short: commands fail while a process commits."""

# From the primary result code (https://sqlite.org/rescode.html) to what a person can do about it.
_ADVICE: dict[int, str] = {
    sqlite3.SQLITE_FULL: ("the disk is full: free some space, then run it again; nothing of this step was stored"),
    sqlite3.SQLITE_BUSY: "another process holds the lock: wait, or stop it",
    sqlite3.SQLITE_LOCKED: "another process holds the lock: wait, or stop it",
    sqlite3.SQLITE_READONLY: "the file or its folder is read-only: let its owner write",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that the folder exists and who owns it",
    sqlite3.SQLITE_PERM: "access is denied: check who owns the file and its folder",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: keep it, move it aside, and restore a backup",
    sqlite3.SQLITE_NOTADB: "the file is not an SQLite database: move it aside and restore a backup",
    sqlite3.SQLITE_IOERR: "the disk reports an error: check it (dmesg), then the file",
}


def open_store(path: Path, migrations: Sequence[str]) -> sqlite3.Connection:
    """Open the database at ``path``, made if absent, with its schema at ``len(migrations)``.

    ``migrations[i]`` is an SQL script without transaction statements that takes the schema from
    version i to i + 1; versions are kept in ``PRAGMA user_version``. The connection is in
    autocommit mode (use :func:`transaction`), gives :class:`sqlite3.Row`, and may be passed between
    threads, which must take turns.

    Raises :class:`StoreError`: cannot open, damaged, others may read it, or written by a later
    version.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _private(path)
    except OSError as error:
        raise StoreError(
            f"{path}: {error.strerror}; check that the folder exists, who owns it, and that the disk has room"
        ) from error
    with wrapped(path):
        conn = sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            conn.row_factory = sqlite3.Row
            conn.execute("PRAGMA journal_mode = WAL")
            conn.execute("PRAGMA synchronous = FULL")
            conn.execute("PRAGMA foreign_keys = ON")
            _migrate(conn, path, migrations)
        except BaseException:
            conn.close()
            raise
    return conn


@contextlib.contextmanager
def transaction(conn: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run the block as one write: all of it is stored, or none.

    Takes the write lock at once (``BEGIN IMMEDIATE``), so what the block reads cannot change under
    it.
    Raises :class:`StoreError` for what the disk or the lock refuses; any other exception of the
    block passes through after the rollback. It cannot be nested.
    """
    with wrapped(conn):
        conn.execute("BEGIN IMMEDIATE")
        try:
            yield conn
            # The crash line: until COMMIT returns nothing has happened; from then on it is durable.
            conn.execute("COMMIT")
        except BaseException:
            if conn.in_transaction:  # a full disk may have rolled back already
                conn.execute("ROLLBACK")
            raise


@contextlib.contextmanager
def wrapped(where: Path | sqlite3.Connection) -> Iterator[None]:
    """Turn SQLite's operational errors inside the block into :class:`StoreError`.

    Constraint violations (``sqlite3.IntegrityError``) and mistakes in SQL pass through: they are
    decisions and bugs, not the disk's doing.
    """
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.DatabaseError as error:
        advice = _ADVICE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        if advice is None:
            raise
        raise StoreError(f"{_name(where)}: {error}; {advice}") from error


def _name(where: Path | sqlite3.Connection) -> str:
    if not isinstance(where, sqlite3.Connection):
        return str(where)
    with contextlib.suppress(sqlite3.Error):
        return str(where.execute("PRAGMA database_list").fetchone()[2]) or "database in memory"
    return "database"


def _private(path: Path) -> None:
    """Create the file with mode 0600, or check that nobody but its owner may read it."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise StoreError(
                f"{path}: expected mode 0600, came {mode:04o}, so others may read it; chmod 600 it"
            ) from None


def _migrate(conn: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> None:
    version = _version(conn)
    if version > len(migrations):
        raise StoreError(
            f"{path}: schema version {version} was written by a later program, this one knows "
            f"up to {len(migrations)}; install the later version again"
        )
    while version < len(migrations):
        with transaction(conn):
            version = _version(conn)  # again, under the lock: another process may have been first
            if version < len(migrations):
                for statement in _statements(migrations[version]):
                    conn.execute(statement)
                version += 1
                conn.execute(f"PRAGMA user_version = {version}")


def _version(conn: sqlite3.Connection) -> int:
    return int(conn.execute("PRAGMA user_version").fetchone()[0])


def _statements(script: str) -> Iterator[str]:
    """Split an SQL script: ``executescript`` would commit the transaction that it is part of."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):  # not inside a string, a comment or a trigger
            yield statement
            statement = ""
    if statement.strip(" \n;"):
        yield statement
