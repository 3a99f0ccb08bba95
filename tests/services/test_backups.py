"""A backup is one instant of every store, signed; it is restored whole, or not at all, and never over what is newer."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.services.access_world import NoPassphrase
from tests.world.processes import wait_for_words
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.station import FIRE, with_a_fire
from yizhan.producers.draft_rows import DraftState
from yizhan.producers.drafts import parse_draft
from yizhan.runtime import access_log
from yizhan.runtime.errors import AlreadyRunning
from yizhan.runtime.file_lock import exclusive
from yizhan.schemas.backup_list import BackupStatement
from yizhan.schemas.keys import SigningKey
from yizhan.services.access_log import access_log_path
from yizhan.services.backup_reading import BackupInvalid, OpenBackup, open_backup
from yizhan.services.backups import Backup, make_backup, plan_backup
from yizhan.services.drills import DrillOptions, run_drill
from yizhan.services.errors import Conflict
from yizhan.services.home import Home
from yizhan.services.restoring import RestoreOptions, restore_backup
from yizhan.services.stores import (
    drafts_path,
    inbox_path,
    open_drafts,
    open_outbox,
    outbox_path,
    read_drafts,
    read_inbox,
    read_outbox,
)

INBOX = f"counties/{QINGYUAN}/inbox.sqlite3"


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a home where 寿宁 sent a fire that 庆元 received and looked at."""
    folder = tmp_path_factory.mktemp("backups") / "home"
    with_a_fire(folder)
    for n in range(3):
        look(Home(folder), f"event-{n}")
    return folder


@pytest.fixture
def home(_made: Path, tmp_path: Path) -> Home:
    """Give a copy of that home."""
    return Home(shutil.copytree(_made, tmp_path / "home"))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Home:
    """Name a home that is not there yet."""
    return Home(tmp_path / "elsewhere")


def look(home: Home, what: str) -> None:
    """Enter an access in 庆元's log."""
    access_log.append(access_log_path(home, QINGYUAN), datetime.now(UTC), "李四", "opened", "inbox show", [what])


def back_up(home: Home, county: str | None = None, name: str = "backup", *, keys: bool = False) -> Backup:
    """Back a county up, or all."""
    plan = plan_backup(home, "home" if county is None else "county", county, keys=keys)
    return make_backup(home, plan, home.path.parent / name, NoPassphrase())


def opened(home: Home, county: str | None = None, name: str = "backup", *, keys: bool = False) -> OpenBackup:
    """Back up, and verify the list."""
    return open_backup(back_up(home, county, name, keys=keys).folder)


def test_a_home_comes_back_elsewhere_as_it_was(home: Home, elsewhere: Home) -> None:
    """Every store, the access log, the charter; readable by the owner only, without a private key."""
    backup = opened(home)
    found = restore_backup(elsewhere, backup)
    there = Home(elsewhere.path)
    with read_inbox(home, QINGYUAN) as old, read_inbox(there, QINGYUAN) as new:
        assert old is not None
        assert new is not None
        assert [each.id for each in new.items()] == [each.id for each in old.items()] != []
    with read_outbox(home, SHOUNING) as sent, read_outbox(there, SHOUNING) as again:
        assert sent is not None
        assert again is not None
        assert [each.id for each in again.rows()] == [each.id for each in sent.rows()] != []
    assert access_log_path(there, QINGYUAN).read_bytes() == access_log_path(home, QINGYUAN).read_bytes()
    assert there.charter.name == home.charter.name
    assert found.charters == (home.charter.name,)
    assert not list(elsewhere.path.rglob("*.pem"))
    assert {each.stat().st_mode & 0o077 for each in backup.folder.rglob("*")} == {0}
    assert {each.path for each in found.read if each.breaks} == set()


def test_keys_are_copied_where_they_are_asked_for(home: Home, elsewhere: Home) -> None:
    """With them a restored county goes on; the outbox opens a new epoch, so that no number is used twice."""
    with open_outbox(home, SHOUNING, NoPassphrase()) as outbox:
        before = outbox.publish(parse_draft({**FIRE, "external_ref": "接-2"}))
        epochs = outbox.epochs()
    restore_backup(elsewhere, opened(home, SHOUNING, keys=True))
    there = Home(elsewhere.path)
    with open_outbox(there, SHOUNING, NoPassphrase()) as outbox:
        after = outbox.publish(parse_draft({**FIRE, "external_ref": "接-3"}))
        assert outbox.epochs()[: len(epochs)] == epochs
        assert [book.because for book in outbox.epochs()[len(epochs) :]] == ["another_file"]
    assert after.id.rsplit("-", 2)[1] != before.id.rsplit("-", 2)[1]
    assert {each.stat().st_mode & 0o777 for each in elsewhere.path.rglob("*.pem")} == {0o600}


@contextlib.contextmanager
def writing(path: Path, log: Path) -> Iterator[None]:
    """Let another process commit to a database all the time."""
    code = (
        "import sqlite3, sys\nconn = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)\n"
        "conn.execute('CREATE TABLE flood (n INTEGER PRIMARY KEY, b BLOB)')\n"
        "conn.execute('INSERT INTO flood (b) VALUES (randomblob(8000000))')\nprint('writing', flush=True)\n"
        "while True:\n    conn.execute('INSERT INTO flood (b) VALUES (randomblob(100))')\n"
    )
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=file, stderr=file)
    try:
        wait_for_words(process, log, "writing")
        yield
    finally:
        process.kill()
        process.wait()


def test_it_is_one_instant_while_others_write(home: Home, elsewhere: Home, tmp_path: Path) -> None:
    """A store that is written all the time is copied whole, and who uses it is named to a restore over it."""
    with writing(inbox_path(home, QINGYUAN), tmp_path / "log"):
        backup = opened(home, QINGYUAN)
        with pytest.raises(AlreadyRunning, match=r"inbox\.sqlite3.*进程 \d+"):
            restore_backup(home, backup, RestoreOptions(replace=True))
    found = {each.path: each for each in restore_backup(elsewhere, backup).read}
    assert found[INBOX].rows > 0


def test_a_changed_backup_is_refused_by_name(home: Home, elsewhere: Home) -> None:
    """A file, one more file, the list, the statement, its signer, the root: nothing is restored."""
    backup = back_up(home)
    inbox = backup.folder / "data" / INBOX
    whole = inbox.read_bytes()
    inbox.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(BackupInvalid, match=r"inbox\.sqlite3"):
        restore_backup(elsewhere, open_backup(backup.folder))
    inbox.write_bytes(whole)
    (backup.folder / "data" / "more.toml").write_text("x")
    with pytest.raises(BackupInvalid, match=r"more\.toml"):
        restore_backup(elsewhere, open_backup(backup.folder))
    (backup.folder / "data" / "more.toml").unlink()
    assert not elsewhere.path.exists()

    listed, signed = backup.folder / "list.json", backup.folder / "backup.json"
    texts = listed.read_bytes(), signed.read_bytes()
    listed.write_bytes(texts[0].replace(b'"keys":false', b'"keys":true'))
    with pytest.raises(BackupInvalid, match="清单"):
        open_backup(backup.folder)
    listed.write_bytes(texts[0])
    statement = open_backup(backup.folder).statement
    signed.write_bytes(statement.signed(SigningKey.generate()))
    with pytest.raises(BackupInvalid, match="清单"):
        open_backup(backup.folder)
    signed.write_bytes(BackupStatement.signed(replace_signer(statement), SigningKey.generate()))
    with pytest.raises(BackupInvalid, match="清单"):
        open_backup(backup.folder)
    signed.write_bytes(texts[1])
    with pytest.raises(BackupInvalid):
        open_backup(backup.folder, b"{}")
    assert open_backup(backup.folder, (home.path / "station/charter/root.json").read_bytes()).anchored


def replace_signer(statement: BackupStatement) -> BackupStatement:
    """Let somebody else have signed."""
    return statement.model_copy(update={"signer": SHOUNING})


def test_what_is_there_is_never_overwritten(home: Home) -> None:
    """Other files are refused by name; with ``replace`` they are moved aside, and what they hold is still there."""
    backup = opened(home, QINGYUAN)
    with contextlib.closing(sqlite3.connect(inbox_path(home, QINGYUAN))) as conn:
        conn.execute("CREATE TABLE newer (n)")
        conn.commit()
    with pytest.raises(Conflict, match=r"inbox\.sqlite3"):
        restore_backup(home, backup)
    found = restore_backup(home, backup, RestoreOptions(replace=True))
    (old,) = [each for each in found.aside if each.startswith(INBOX)]
    with contextlib.closing(sqlite3.connect(home.path / old)) as conn:
        assert conn.execute("SELECT count(*) FROM newer").fetchone() == (0,)
    assert restore_backup(home, backup).files == ()


def test_files_in_use_are_refused(home: Home, elsewhere: Home) -> None:
    """A process that holds its lock, and a ``-wal`` without its database, which would be read into the restored one."""
    backup = opened(home, QINGYUAN)
    with (
        exclusive(inbox_path(home, QINGYUAN).with_name("inbox.sqlite3.reader"), "x"),
        pytest.raises(AlreadyRunning, match=r"inbox\.sqlite3\.reader"),
    ):
        restore_backup(home, backup, RestoreOptions(replace=True))
    wal = elsewhere.path / f"{INBOX}-wal"
    wal.parent.mkdir(parents=True)
    wal.write_bytes(b"left behind")
    with pytest.raises(Conflict, match=r"inbox\.sqlite3-wal"):
        restore_backup(elsewhere, backup, RestoreOptions(replace=True))
    assert wal.read_bytes() == b"left behind"


def test_an_access_log_is_never_replaced_by_an_older_one(home: Home, elsewhere: Home) -> None:
    """The longer one stays, whichever it is; two that do not continue each other are not mixed."""
    older = opened(home, QINGYUAN, "older")
    restore_backup(elsewhere, older)
    look(home, "event-4")
    newest = access_log_path(home, QINGYUAN).read_bytes()
    restore_backup(home, older, RestoreOptions(replace=True))
    assert access_log_path(home, QINGYUAN).read_bytes() == newest
    newer = opened(home, QINGYUAN, "newer")
    restore_backup(elsewhere, newer, RestoreOptions(replace=True))
    assert access_log_path(elsewhere, QINGYUAN).read_bytes() == newest
    with access_log_path(elsewhere, QINGYUAN).open("r+b") as file:
        file.write(b"[")
    with pytest.raises(Conflict, match="互不相接"):
        restore_backup(elsewhere, newer, RestoreOptions(replace=True))


def test_half_a_line_of_the_access_log_is_left_out(home: Home) -> None:
    """Another process is writing it: the copy ends with a whole entry."""
    whole = access_log_path(home, QINGYUAN).read_bytes()
    with access_log_path(home, QINGYUAN).open("ab") as file:
        file.write(b'{"n":4,')
    assert (back_up(home).folder / "data" / f"counties/{QINGYUAN}/access.jsonl").read_bytes() == whole


class Stops:
    """Progress that stops the work, as Ctrl-C or a kill does, when some bytes are done."""

    def __init__(self, after: int, *, kill: bool = False) -> None:
        self.left, self.kill = after, kill

    def advance(self, steps: float = 1) -> None:
        """Count."""
        self.left -= int(steps)
        if self.left < 0:
            if self.kill:
                os.kill(os.getpid(), signal.SIGKILL)
            raise KeyboardInterrupt

    def describe(self, text: str) -> None:
        """Show nothing."""


def test_an_interrupted_backup_leaves_nothing(home: Home, elsewhere: Home, tmp_path: Path) -> None:
    """After Ctrl-C nothing is left; after a kill nothing has the name, and the next run clears what is left."""
    plan, target = plan_backup(home, "home"), tmp_path / "backup"
    with pytest.raises(KeyboardInterrupt):
        make_backup(home, plan, target, NoPassphrase(), Stops(plan.bytes // 2))
    assert [each.name for each in tmp_path.iterdir()] == ["home"]
    if (child := os.fork()) == 0:
        make_backup(home, plan, target, NoPassphrase(), Stops(plan.bytes // 2, kill=True))
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    (left,) = [each for each in tmp_path.iterdir() if each.name != "home"]
    with pytest.raises(BackupInvalid):
        open_backup(left)
    backup = open_backup(make_backup(home, plan, target, NoPassphrase()).folder)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["backup", "home"]
    with pytest.raises(KeyboardInterrupt):
        restore_backup(elsewhere, backup, progress=Stops(backup.bytes * 3 // 2))
    assert list(elsewhere.path.iterdir()) == []


def test_a_restored_draft_is_not_sent_by_itself(home: Home) -> None:
    """It was queued when it was backed up; since then it may have been changed or dropped: an officer looks again."""
    with open_drafts(home, SHOUNING) as store:
        n = store.begin({**FIRE, "external_ref": "接-9"}, datetime.now(UTC))
        seen = store.get(n)
        assert store.move(seen, replace(seen, state=DraftState.QUEUED), datetime.now(UTC))
    backup = opened(home, SHOUNING)
    with open_drafts(home, SHOUNING) as store:
        assert store.next_queued() is not None
        store._conn.execute("DELETE FROM drafts")  # noqa: SLF001 -- an officer took it back and dropped it
    restore_backup(home, backup, RestoreOptions(replace=True))
    with open_drafts(home, SHOUNING) as store:
        assert store.next_queued() is None
        held = store.get(n)
        assert held.state is DraftState.REFUSED
        assert "备份" in str(held.refused)
        assert store.move(held, replace(held, state=DraftState.QUEUED, refused=None), datetime.now(UTC))
    with open_drafts(home, SHOUNING) as store:
        assert store.next_queued() is not None
    with read_drafts(home, SHOUNING) as drafts:
        assert drafts is not None
    assert drafts_path(home, SHOUNING).exists()


def test_a_drill_reads_everything_and_says_what_would_be_lost(home: Home, tmp_path: Path) -> None:
    """Items are opened with the county's keys; what was sent since is counted; the copies are deleted."""
    place = tmp_path / "place"
    place.mkdir()
    backup = back_up(home)
    with open_outbox(home, SHOUNING, NoPassphrase()) as outbox:
        outbox.publish(parse_draft({**FIRE, "external_ref": "接-2"}))
    found = run_drill(home, "home", None, NoPassphrase(), DrillOptions(backup.folder, folder=place))
    checks = {(each.subject, each.county): (each.state, each.count) for each in found.checks}
    assert found.well
    assert checks["items", QINGYUAN] == ("good", 1)
    assert checks["access_log", QINGYUAN] == ("good", 3)
    assert [(each.path, each.rows) for each in found.since if each.rows] == [
        (outbox_path(home, SHOUNING).relative_to(home.path).as_posix(), 1)
    ]
    fresh = run_drill(home, "home", None, NoPassphrase(), DrillOptions(folder=place))
    assert not any(each.rows for each in fresh.since)
    assert list(place.iterdir()) == []
    with access_log_path(home, QINGYUAN).open("r+b") as file:
        file.write(b"[")
    assert not run_drill(home, "home", None, NoPassphrase(), DrillOptions(folder=place)).well


def test_the_list_says_what_is_not_in_it(home: Home) -> None:
    """Keys, and what is made again; each with the reason."""
    listed = json.loads((back_up(home).folder / "list.json").read_bytes())
    assert {each["why"] for each in listed["left_out"]} >= {"no_keys"}
    stores = [each["path"].rsplit("/")[-1] for each in listed["files"] if each["kind"] == "store"]
    assert stores.index("inbox.sqlite3") < stores.index("outbox.sqlite3")
