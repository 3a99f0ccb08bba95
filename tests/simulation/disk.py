"""SQLite files whose last commits are lost when the power fails, unless they were synced.

Rule 1: a commit with ``synchronous=FULL`` syncs the whole log of its file, other connections' earlier commits too; one
        with NORMAL syncs nothing.
Rule 2: when the power fails, the log is cut at any place from the last synced one on.
Rule 3: files stay the same files (an outbox knows its inode).
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

Point = Callable[[str], None]
connect: Final = sqlite3.connect
"""SQLite's own."""


class Disk:
    """The files of all machines, below one folder."""

    def __init__(self, folder: Path, point: Point) -> None:
        """Take the folder; ``point`` is called where a process may die."""
        self.folder, self.point = folder, point
        self.synced: dict[str, int] = {}
        self.open: dict[str, list[Connection]] = {}

    def connect(self, path: str | Path, **options: Any) -> sqlite3.Connection:  # noqa: ANN401 -- as sqlite3.connect
        """Open a database; one that is not below the folder as always."""
        name = str(path)
        if not name.startswith(str(self.folder)):
            plain: sqlite3.Connection = connect(path, **options)
            return plain
        made = connect(path, factory=Connection, **options)
        made.disk, made.name = self, name
        self.open.setdefault(name, []).append(made)
        return made

    def closed(self, connection: Connection) -> None:
        """Forget a connection; the last one copied the log into the database, and synced that."""
        rest = self.open[connection.name]
        if connection in rest:
            rest.remove(connection)
            if not rest:
                self.synced.pop(connection.name, None)

    def power_cut(self, below: Path, lost: Callable[[int], int]) -> None:
        """Lose what was not synced in the files below a folder; their connections are closed.

        ``lost`` chooses how much, from 0 to before a number.
        """
        for name in [each for each in self.open if each.startswith(str(below))]:
            database, log = Path(name), Path(name + "-wal")
            kept = database.read_bytes()
            written = log.read_bytes() if log.exists() else b""
            synced = min(self.synced.get(name, 0), len(written))
            for each in list(self.open[name]):
                each.close()
            with database.open("r+b") as file:
                file.write(kept)
                file.truncate()
            log.write_bytes(written[: synced + lost(len(written) - synced + 1)])
            Path(name + "-shm").unlink(missing_ok=True)
            self.synced[name] = log.stat().st_size


class Connection(sqlite3.Connection):
    """A connection at whose commits a process may die."""

    disk: Disk
    name: str = ""
    full = True

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:  # noqa: ANN401 -- as sqlite3 has it
        """Execute a statement."""
        if sql == "COMMIT":
            return self._commit()
        if sql.startswith("PRAGMA synchronous"):
            self.full = sql.endswith("FULL")
        return super().execute(sql, *parameters)

    def _commit(self) -> sqlite3.Cursor:
        short = self.name.removeprefix(str(self.disk.folder))[1:]
        self.disk.point(f"before commit of {short}")
        done = super().execute("COMMIT")
        if self.full:
            with contextlib.suppress(OSError):
                self.disk.synced[self.name] = Path(self.name + "-wal").stat().st_size
        self.disk.point(f"after commit of {short}")
        return done

    def close(self) -> None:
        """Close it, as the end of its process does."""
        super().close()
        self.disk.closed(self)


def copy_template(source: Path, target: Path) -> None:
    """Copy a database that is closed."""
    shutil.copyfile(source, target)
    target.chmod(0o600)


@contextlib.contextmanager
def installed(current: Callable[[], Disk | None]) -> Iterator[None]:
    """Let every database that is opened be one of the current disk."""

    def opened(path: str | Path, **options: Any) -> sqlite3.Connection:  # noqa: ANN401 -- as sqlite3.connect
        disk = current()
        return connect(path, **options) if disk is None else disk.connect(path, **options)

    sqlite3.connect = opened  # type: ignore[assignment]
    try:
        yield
    finally:
        sqlite3.connect = connect
