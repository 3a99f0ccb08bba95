"""SQLite, always opened with the settings that law 1 needs: committed data survives.

Rule 1: WAL and ``synchronous=FULL``: when COMMIT returns, the rows are on the disk.
Rule 2: a file is created with mode 0600 and never opened when others may read it.
Rule 3: the schema moves forward only, one migration a number, each in its own transaction.
Rule 4: a full disk, a locked, read-only or damaged file is a :class:`StoreError` that says what to
do.
Rule 5: a reader (``read_store``) has ``mode=ro`` and ``query_only``: it creates no database, migrates none, takes no
write lock. A database with an older schema is copied into memory, and the copy is migrated and read.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

from yizhan.runtime.errors import StoreError
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.sentences import os_error, technical

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BUSY_TIMEOUT_SECONDS = 10.0
"""How long a writer waits for another one. Too short: commands fail while a process commits."""

_HELD = marked("{path}：另有一个进程占着；请稍等，或停下它")
# From the primary result code (https://sqlite.org/rescode.html) to what a person can do about it.
_ADVICE: dict[int, str] = {
    sqlite3.SQLITE_FULL: marked("{path}：磁盘已满，这一步什么也没有存入；请腾出空间后重新运行"),
    sqlite3.SQLITE_BUSY: _HELD,
    sqlite3.SQLITE_LOCKED: _HELD,
    sqlite3.SQLITE_READONLY: marked("{path}：文件或目录只读；请让属主可写"),
    sqlite3.SQLITE_CANTOPEN: marked("{path}：打不开；请检查目录是否存在、归谁所有"),
    sqlite3.SQLITE_PERM: marked("{path}：没有权限；请检查文件和目录归谁所有"),
    sqlite3.SQLITE_CORRUPT: marked("{path}：文件已损坏；请留好、移到一边，再恢复备份"),
    sqlite3.SQLITE_NOTADB: marked("{path}：不是 SQLite 数据库；请移到一边，再恢复备份"),
    sqlite3.SQLITE_IOERR: marked("{path}：磁盘报错；请先查磁盘（dmesg），再查文件"),
}


def open_store(path: Path, migrations: Sequence[str]) -> sqlite3.Connection:
    """Open the database at ``path``, created if absent, with its schema at ``len(migrations)``.

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
        sentence = marked("{path}：{error}；请检查目录是否存在、归谁所有、磁盘有无空间")
        raise StoreError(sentence, path=path, error=os_error(error)) from error
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


def read_store(path: Path, migrations: Sequence[str], *, or_empty: bool = False) -> sqlite3.Connection:
    """Open the database at ``path`` read-only; rows and threads as with :func:`open_store`.

    A missing one is an error, or with ``or_empty`` an empty database.

    Where the schema is older than ``len(migrations)``, the connection is to a migrated copy in memory, which does not
    show what is written later. SQLite may leave its own two files (``-wal``, ``-shm``) beside the database.

    Raises :class:`StoreError`: cannot open, damaged, others may read it, or written by a later version.
    """
    with wrapped(path):
        _check_private(path)
        conn = sqlite3.connect(":memory:") if or_empty and not path.exists() else _connect_to_read(path)
        try:
            if _check_version(conn, path, migrations) < len(migrations):
                stored, conn = conn, sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
                with contextlib.closing(stored):
                    stored.backup(conn)
                _migrate(conn, path, migrations)
            conn.row_factory = sqlite3.Row
            conn.execute("PRAGMA query_only = ON")
        except BaseException:
            conn.close()
            raise
    return conn


def _connect_to_read(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False)


@contextlib.contextmanager
def transaction(conn: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run the block as one transaction: all of it is stored, or none.

    Takes the write lock at once (``BEGIN IMMEDIATE``), so what the block reads cannot change under
    it.
    Raises :class:`StoreError` for what the disk or the lock refuses; any other exception of the
    block passes through after the rollback. It cannot be nested.
    """
    with wrapped(conn):
        conn.execute("BEGIN IMMEDIATE")
        try:
            yield conn
            # Crash point: until COMMIT returns nothing has happened; from then on it is durable.
            conn.execute("COMMIT")
        except BaseException:
            if conn.in_transaction:  # a full disk may have rolled back already
                conn.execute("ROLLBACK")
            raise


@contextlib.contextmanager
def wrapped(where: Path | sqlite3.Connection) -> Iterator[None]:
    """Turn SQLite's operational errors inside the block into :class:`StoreError`.

    Constraint violations (``sqlite3.IntegrityError``) and mistakes in SQL pass through: they are
    decisions and bugs, not failures of the disk.
    """
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.DatabaseError as error:
        advice = _ADVICE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        if advice is None:
            raise
        raise StoreError(technical(_(advice).format(path=_name(where)), error)) from error


class Store:
    """Holds an open database until ``close``, or the end of a ``with``. For one thread at a time."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        """Take an open connection over."""
        self._conn = conn

    def close(self) -> None:
        """Close the database."""
        self._conn.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


class SharedStore(Store):
    """A store whose methods may be called from several threads: the holder of ``_lock`` uses the connection alone."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        """Take an open connection over."""
        super().__init__(conn)
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close the database when no other thread uses it."""
        with self._lock:
            super().close()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Lock the connection for the block."""
        with self._lock, wrapped(self._conn):
            yield self._conn


class OwnedStore(SharedStore, ABC):
    """A shared store of one owner, opened by ``_connect``; another owner's is closed again."""

    def __init__(self, path: Path) -> None:
        """Open the database at ``path``; raises what ``_connect`` and ``_check_owner`` raise."""
        super().__init__(self._connect(path))
        try:
            self._check_owner(self._conn)
        except BaseException:
            self._conn.close()
            raise

    @staticmethod
    @abstractmethod
    def _connect(path: Path) -> sqlite3.Connection:
        """Open the database, to read only or to write."""

    @abstractmethod
    def _check_owner(self, conn: sqlite3.Connection) -> None:
        """Raise if the database belongs to somebody else."""


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
        _check_private(path)


def _check_private(path: Path) -> None:
    """Raise ``StoreError`` if others than the owner may read the file; a file that is missing passes."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return  # SQLite then reports why it cannot be opened
    if mode & 0o077:
        sentence = marked("{path} 的权限是 {mode}，别人也能读；请运行 chmod 600 {path}")
        raise StoreError(sentence, path=path, mode=f"{mode:04o}")


def _check_version(conn: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> int:
    """Return the version of the schema (``StoreError`` if it is later than we know)."""
    version = _version(conn)
    if version > len(migrations):
        sentence = marked("{path} 是更新版本的程序写的（结构 {version}，本程序只到 {known}）；请装回新版本")
        raise StoreError(sentence, path=path, version=version, known=len(migrations))
    return version


def _migrate(conn: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> None:
    version = _check_version(conn, path, migrations)
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
