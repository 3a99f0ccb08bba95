"""A store keeps what was committed and says what to do when it cannot."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from yizhan.runtime import store
from yizhan.runtime.errors import StoreError
from yizhan.runtime.store import open_store, read_store, transaction

ONE = "CREATE TABLE book (n INTEGER PRIMARY KEY, text TEXT NOT NULL); CREATE TABLE other (x);"
TWO = "ALTER TABLE book ADD COLUMN why TEXT NOT NULL DEFAULT 'a;b' /* not; a statement */;"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the store will be, in a folder that is not there yet."""
    return tmp_path / "county" / "outbox.sqlite3"


@pytest.fixture
def conn(path: Path) -> Iterator[sqlite3.Connection]:
    """Return an open store of the first schema."""
    with closing(open_store(path, [ONE])) as opened:
        yield opened


def half_done(conn: sqlite3.Connection) -> None:
    """Write a row, then fail."""
    conn.execute("INSERT INTO book VALUES (2, 'gone')")
    raise RuntimeError("halfway")


def test_it_is_durable_private_and_checked(conn: sqlite3.Connection, path: Path) -> None:
    """WAL with synchronous=FULL, foreign keys on, and a file that only its owner may read."""
    assert conn.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert conn.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert conn.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    for file in path.parent.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


def test_a_block_is_stored_whole_or_not_at_all(conn: sqlite3.Connection) -> None:
    """An exception inside the block leaves nothing behind and passes through."""
    with transaction(conn):
        conn.execute("INSERT INTO book VALUES (1, 'kept')")
    with pytest.raises(RuntimeError, match="halfway"), transaction(conn):
        half_done(conn)
    assert [row["text"] for row in conn.execute("SELECT * FROM book")] == ["kept"]


def test_constraints_are_decisions_not_disk_errors(conn: sqlite3.Connection) -> None:
    """A unique key that holds raises SQLite's own error, for the caller to decide on."""
    with transaction(conn):
        conn.execute("INSERT INTO book VALUES (1, 'first')")
    with pytest.raises(sqlite3.IntegrityError), transaction(conn):
        conn.execute("INSERT INTO book VALUES (1, 'again')")


def test_migrations_run_once_in_order_and_keep_the_rows(path: Path) -> None:
    """An old file is brought forward; opening it again changes nothing."""
    with closing(open_store(path, [ONE])) as old, transaction(old):
        old.execute("INSERT INTO book VALUES (1, 'old')")
    for _ in range(2):
        with closing(open_store(path, [ONE, TWO])) as new:
            assert tuple(new.execute("SELECT * FROM book").fetchone()) == (1, "old", "a;b")
            assert new.execute("PRAGMA user_version").fetchone()[0] == 2


def test_a_migration_that_fails_leaves_the_version_before(path: Path) -> None:
    """Half a schema is never left: the failed step is rolled back whole."""
    open_store(path, [ONE]).close()
    with pytest.raises(sqlite3.OperationalError):
        open_store(path, [ONE, "CREATE TABLE fine (x); CREATE TABLE book (x);"])
    with closing(open_store(path, [ONE])) as conn:
        names = {row["name"] for row in conn.execute("SELECT name FROM sqlite_master")}
        assert "fine" not in names


def test_a_file_of_a_later_program_is_left_alone(path: Path) -> None:
    """Going back is refused with the sentence that says what to install."""
    open_store(path, [ONE, TWO]).close()
    with pytest.raises(StoreError, match="请装回新版本"):
        open_store(path, [ONE])


def test_a_file_that_others_may_read_is_refused(path: Path) -> None:
    """Mode 0644 is refused by name and mode."""
    open_store(path, [ONE]).close()
    path.chmod(0o644)
    with pytest.raises(StoreError, match="权限是 0644"):
        open_store(path, [ONE])


def test_what_is_no_database_is_kept_and_named(path: Path) -> None:
    """A damaged file raises an error that says to keep it, and is not touched."""
    path.parent.mkdir()
    path.write_bytes(b"this is not a database, however long it may be" * 40)
    path.chmod(0o600)
    with pytest.raises(StoreError, match="不是 SQLite 数据库"):
        open_store(path, [ONE])
    assert path.read_bytes().startswith(b"this is not")


def test_a_locked_store_says_who_to_look_for(
    conn: sqlite3.Connection, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that waits too long is told that another process holds the lock."""
    monkeypatch.setattr(store, "BUSY_TIMEOUT_SECONDS", 0.05)
    with (
        closing(open_store(path, [ONE])) as second,
        transaction(conn),
        pytest.raises(StoreError, match="另有一个进程占着"),
        transaction(second),
    ):
        pass


def test_a_full_disk_is_told_and_undone(conn: sqlite3.Connection) -> None:
    """When the file may not grow the block is undone, and the sentence says to free space."""
    with transaction(conn):
        conn.execute("INSERT INTO book VALUES (1, 'kept')")
    conn.execute("PRAGMA max_page_count = 1")  # SQLite takes the present size for it
    with pytest.raises(StoreError, match="磁盘已满"), transaction(conn):
        conn.execute("INSERT INTO book VALUES (2, ?)", ("x" * 100_000,))
    assert conn.execute("SELECT count(*) FROM book").fetchone()[0] == 1
    conn.execute("PRAGMA max_page_count = 1000000")
    with transaction(conn):
        conn.execute("INSERT INTO book VALUES (3, 'goes on')")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_folder_that_cannot_be_made_is_a_store_error() -> None:
    """The operating system's refusal comes with what to check."""
    with pytest.raises(StoreError, match="请检查目录是否存在"):
        open_store(Path("/dev/full/outbox.sqlite3"), [ONE])


def test_what_was_committed_survives_kill_nine(path: Path) -> None:
    """A process killed right after COMMIT returned leaves its row; its open block leaves none."""
    program = (
        "import os, sys, signal; from pathlib import Path\n"  # noqa: S608  a program, no query
        "from yizhan.runtime.store import open_store, transaction\n"
        f"conn = open_store(Path(sys.argv[1]), [{ONE!r}])\n"
        "with transaction(conn): conn.execute(\"INSERT INTO book VALUES (1, 'durable')\")\n"
        "with transaction(conn):\n"
        "    conn.execute(\"INSERT INTO book VALUES (2, 'not yet')\")\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False, env=os.environ)
    assert ended.returncode == -9
    with closing(open_store(path, [ONE])) as conn:
        assert [row["n"] for row in conn.execute("SELECT n FROM book")] == [1]


def test_a_reader_changes_nothing(conn: sqlite3.Connection, path: Path) -> None:
    """It reads what is committed, while a writer holds the lock too; it cannot write, and creates no database."""
    with transaction(conn):
        conn.execute("INSERT INTO book VALUES (1, 'kept')")
    with closing(read_store(path, [ONE])) as reader, transaction(conn):
        conn.execute("INSERT INTO book VALUES (2, 'later')")
        assert [row["text"] for row in reader.execute("SELECT * FROM book")] == ["kept"]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("DELETE FROM book")
    absent = path.with_name("absent.sqlite3")
    with pytest.raises(StoreError, match="打不开"):
        read_store(absent, [ONE])
    with closing(read_store(absent, [ONE], or_empty=True)) as empty:
        assert empty.execute("SELECT count(*) FROM book").fetchone()[0] == 0
    assert not absent.exists()


def test_a_reader_reads_an_older_schema_without_migrating_it(conn: sqlite3.Connection, path: Path) -> None:
    """It sees the rows as the present schema has them; the file stays as it was. A later schema is refused."""
    with transaction(conn):
        conn.execute("INSERT INTO book VALUES (1, 'kept')")
    with closing(read_store(path, [ONE, TWO])) as reader:
        assert [tuple(row) for row in reader.execute("SELECT * FROM book")] == [(1, "kept", "a;b")]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("DELETE FROM book")
    assert conn.execute("PRAGMA user_version").fetchone()[0] == 1
    with pytest.raises(StoreError, match="更新版本"):
        read_store(path, [])
    path.chmod(0o644)
    with pytest.raises(StoreError, match="chmod 600"):
        read_store(path, [ONE])
