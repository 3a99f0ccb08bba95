"""A county's stores opened to read: no key is needed, and nothing on the disk changes."""

from __future__ import annotations

import os
import pwd
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import with_a_fire
from yizhan.consumers.items import InboxQuery
from yizhan.consumers.store import MIGRATIONS
from yizhan.producers.queries import OutboxQuery
from yizhan.runtime.errors import StoreError
from yizhan.runtime.store import open_store
from yizhan.services.actor import Actor, process_account
from yizhan.services.home import Home
from yizhan.services.inbox import list_items
from yizhan.services.outbox import list_events, list_postings, list_waiting_files
from yizhan.services.stores import (
    drafts_path,
    inbox_path,
    open_drafts,
    outbox_path,
    read_drafts,
    read_inbox,
    read_outbox,
    scratch_outbox,
)

ACTOR = Actor("test (1000)", "test")
Reads = Callable[[Home], object]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a home where 寿宁 sent a fire that 庆元 received, and took its keys away."""
    folder = tmp_path_factory.mktemp("stores") / "home"
    home = with_a_fire(folder).app
    with open_drafts(home, SHOUNING) as drafts:
        drafts.begin({"type": "yizhan.notice.v1"}, datetime.now(UTC))
    for county in (SHOUNING, QINGYUAN):
        shutil.rmtree(home.county_folder(county) / "keys")
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Home:
    """Return a copy of that home: each of its files is another one than when it was written."""
    shutil.copytree(made, tmp_path / "home")
    return Home(tmp_path / "home")


def contents(home: Home) -> dict[str, bytes]:
    """Return every file of the counties but SQLite's own beside a database and the access log."""
    beside = ("-wal", "-shm", "access.jsonl")
    files = (path for path in (home.path / "counties").rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in files if not path.name.endswith(beside)}


@pytest.mark.parametrize(
    "reads",
    [
        lambda home: list_items(home, QINGYUAN, InboxQuery(), ACTOR).items,
        lambda home: list_events(home, SHOUNING, OutboxQuery()).events,
        lambda home: list_postings(home, SHOUNING, OutboxQuery(), 0, ACTOR).postings,
    ],
)
def test_a_list_of_a_copied_home_needs_no_key_and_changes_nothing(home: Home, reads: Reads) -> None:
    """A copy is another file, for which a writer opens a new epoch; a reader does not."""
    before = contents(home)
    assert reads(home)
    assert contents(home) == before
    with read_outbox(home, SHOUNING) as outbox:
        assert outbox is not None
        assert len(outbox.epochs()) == 1


def test_where_nothing_is_yet_a_reader_makes_nothing(home: Home) -> None:
    """Readers of a home without inbox, outbox and drafts return empty lists and make no file."""
    for path in (inbox_path(home, QINGYUAN), outbox_path(home, SHOUNING), drafts_path(home, SHOUNING)):
        path.unlink()
    before = contents(home)
    assert list_items(home, QINGYUAN, InboxQuery(), ACTOR).items == ()
    assert list_events(home, SHOUNING, OutboxQuery()).events == ()
    assert list_waiting_files(home, SHOUNING).files == ()
    with read_drafts(home, SHOUNING) as drafts:
        assert drafts is None
    assert contents(home) == before


def test_a_list_is_read_while_a_writer_holds_the_store(home: Home) -> None:
    """A reader does not wait for the write transaction of another process."""
    with closing(sqlite3.connect(outbox_path(home, SHOUNING), isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE events SET attempts = 99")
        assert [row.attempts for row in list_events(home, SHOUNING, OutboxQuery()).events] == [0]
        writer.execute("ROLLBACK")


def test_an_inbox_of_an_older_version_is_listed_and_stays(home: Home) -> None:
    """Its schema is brought up to date in memory only: the next writer migrates the file."""
    path = inbox_path(home, QINGYUAN)
    older = path.with_name("older.sqlite3")
    with closing(open_store(older, MIGRATIONS[:-1])) as conn:
        conn.execute("ATTACH ? AS newest", (str(path),))
        conn.execute("PRAGMA foreign_keys = OFF")
        tables = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        for (table,) in conn.execute(tables).fetchall():
            old, new = ({row["name"] for row in conn.execute(f"PRAGMA {schema}.table_info({table})")}
                        for schema in ("main", "newest"))  # fmt: skip
            if names := ", ".join(sorted(old & new)):
                copy = f"INSERT OR REPLACE INTO main.{table} ({names}) SELECT {names} FROM newest.{table}"  # noqa: S608 -- names of ours
                conn.execute(copy)
        conn.execute("DETACH newest")
    for beside in path.parent.glob(f"{path.name}-*"):
        beside.unlink()
    older.replace(path)
    before = contents(home)
    with read_inbox(home, QINGYUAN) as inbox:
        assert inbox is not None
        assert len(inbox.items()) == 1
    assert contents(home) == before


def test_nothing_is_tried_out_against_an_outbox_that_cannot_be_copied(home: Home) -> None:
    """It would call new what was sent before; a copy that a killed process left is removed."""
    left = home.county_folder(SHOUNING) / ".explain-x"
    left.mkdir()
    os.utime(left, (0, 0))
    at = datetime.now(UTC)
    with scratch_outbox(home, SHOUNING, home.charters.latest(), at) as outbox:
        assert len(outbox.rows()) == 1
    assert not left.exists()
    outbox_path(home, SHOUNING).write_bytes(b"no database" * 400)
    with pytest.raises(StoreError), scratch_outbox(home, SHOUNING, home.charters.latest(), at):
        pass


def test_the_account_is_the_processs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The account in the access log is that of the process, whatever the environment says."""
    monkeypatch.setenv("LOGNAME", "局长张三")
    assert process_account() == f"{pwd.getpwuid(os.getuid()).pw_name} ({os.getuid()})"


def test_drafts_are_read(home: Home) -> None:
    """A list of drafts reads them, and cannot change them."""
    with read_drafts(home, SHOUNING) as drafts:
        assert drafts is not None
        assert [each.type for each in drafts.all()] == ["yizhan.notice.v1"]
        assert not hasattr(drafts, "begin")
