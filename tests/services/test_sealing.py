"""Queued drafts are sealed by the process that has the key: once wherever a kill falls, and never in a loop."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.services.access_world import NoPassphrase
from tests.services.test_drafts import FIRE
from tests.services.test_queue import AUTHOR, PHOTO, begin, fire
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.waiting import until
from yizhan.producers.draft_rows import DraftState, SentRecord
from yizhan.producers.outbox import Outbox
from yizhan.services.drafts import NewDraft, begin_draft, find_draft, list_drafts
from yizhan.services.home import Home
from yizhan.services.queue import queue_content, queue_draft, result_of, save_draft
from yizhan.services.sample import make_sample
from yizhan.services.sealing import DraftSealer, seal_draft
from yizhan.services.stores import drafts_path, open_drafts, open_outbox, outbox_path
from yizhan.services.uploads import sweep_uploads, upload_piece


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Make a home of two counties."""
    make_sample(tmp_path / "home", (SHOUNING, QINGYUAN), datetime.now(UTC))
    return Home(tmp_path / "home")


@pytest.fixture
def outbox(home: Home) -> Iterator[Outbox]:
    """Open the outbox of 寿宁, as its sending process does."""
    with open_outbox(home, SHOUNING, NoPassphrase()) as opened:
        yield opened


def sent(outbox: Outbox) -> list[str]:
    """List what the outbox took."""
    return [row.id for row in outbox.rows()]


def seal_next(home: Home, outbox: Outbox) -> None:
    """Do what the thread does with one queued draft."""
    with open_drafts(home, SHOUNING) as store:
        found = store.next_queued()
        assert found is not None
        seal_draft(home, outbox, store, found)


def test_what_is_queued_is_sent_and_its_draft_remembers_as_what(home: Home, outbox: Outbox) -> None:
    """A running process notices it; event, officers and time are kept, the content is not; its files are sealed."""
    n = begin(home)
    upload_piece(home, SHOUNING, n, "照片.jpg", [PHOTO], offset=0, total=len(PHOTO))
    with DraftSealer(home, outbox):
        queue_draft(home, SHOUNING, n, AUTHOR, 2)
        record = until(lambda: result_of(home, SHOUNING, n))
        until(lambda: not (home.county_folder(SHOUNING) / "uploads" / str(n)).exists())
        letter = fire(summary="第二件")
        number = queue_content(home, SHOUNING, letter, AUTHOR, once="r-2")
        until(lambda: result_of(home, SHOUNING, number))
    assert queue_content(home, SHOUNING, letter, AUTHOR, once="r-2") == number
    first, second = sent(outbox)
    assert record == SentRecord(n, first, "100001", None, record.at)
    assert list_drafts(home, SHOUNING) == ()
    own = outbox.event(first)
    assert own is not None
    assert "照片.jpg".encode() in own.payload
    assert second != first


@pytest.mark.parametrize("step", ["mark", "publish", "forget"])
def test_a_draft_goes_once_wherever_a_kill_falls(home: Home, outbox: Outbox, step: str) -> None:
    """Cut off while it is marked, while the outbox takes it, or while it is forgotten: the next run sends it once."""
    n = begin(home)
    upload_piece(home, SHOUNING, n, "照片.jpg", [PHOTO], offset=0, total=len(PHOTO))
    queue_draft(home, SHOUNING, n, AUTHOR, 2)
    path, when = {
        "mark": (drafts_path(home, SHOUNING), "BEFORE UPDATE OF sending ON drafts"),
        "publish": (outbox_path(home, SHOUNING), "BEFORE INSERT ON events"),
        "forget": (drafts_path(home, SHOUNING), "BEFORE DELETE ON drafts"),
    }[step]
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute(f"CREATE TRIGGER cut {when} BEGIN SELECT RAISE(ABORT, 'cut off'); END")
        with pytest.raises(sqlite3.IntegrityError):
            seal_next(home, outbox)
        conn.execute("DROP TRIGGER cut")
    assert find_draft(home, SHOUNING, n).state is DraftState.QUEUED
    seal_next(home, outbox)
    (event,) = sent(outbox)
    record = result_of(home, SHOUNING, n)
    assert (record is not None and record.event, list_drafts(home, SHOUNING)) == (event, ())
    assert not (home.county_folder(SHOUNING) / "uploads" / str(n)).exists()


def test_a_draft_that_cannot_be_sent_says_why_and_is_not_tried_again(home: Home, outbox: Outbox) -> None:
    """It holds nothing up, may be edited, and goes when it is queued again."""
    queue_draft(home, SHOUNING, begin(home, external_ref="110-7"), AUTHOR, 1)
    seal_next(home, outbox)
    taken, other = begin(home, external_ref="110-7", summary="火势扩大"), begin(home)
    for n in (taken, other):
        queue_draft(home, SHOUNING, n, AUTHOR, 1)
    with DraftSealer(home, outbox):
        until(lambda: result_of(home, SHOUNING, other))
        until(lambda: find_draft(home, SHOUNING, taken).state is DraftState.REFUSED)
        found = find_draft(home, SHOUNING, taken)
        assert found.refused is not None
        assert (found.refused.code, "110-7" in str(found.refused)) == ("conflict", True)
        assert found.refused.hint is not None
        before = found.version
        content = {**found.content, "payload": {**found.content["payload"], "external_ref": "110-8"}}
        content.pop("external_ref", None)
        version = save_draft(home, SHOUNING, taken, content, found.asked, before)
        queue_draft(home, SHOUNING, taken, AUTHOR, version)
        until(lambda: result_of(home, SHOUNING, taken))
    assert len(sent(outbox)) == 3


def test_an_urgent_draft_does_not_wait_behind_others(home: Home) -> None:
    """Urgent ones go first, and of the others those without files."""
    slow, plain, urgent = begin(home), begin(home), begin(home)
    upload_piece(home, SHOUNING, slow, "照片.jpg", [PHOTO], offset=0, total=len(PHOTO))
    for n in (slow, plain):
        found = find_draft(home, SHOUNING, n)
        save_draft(home, SHOUNING, n, {**found.content, "priority": "routine"}, (), found.version)
    for n in (slow, plain, urgent):
        queue_draft(home, SHOUNING, n, AUTHOR, find_draft(home, SHOUNING, n).version)
    order = []
    with open_drafts(home, SHOUNING) as store:
        while (first := store.next_queued()) is not None:
            order.append(first.n)
            store.move(first, replace(first, state=DraftState.WRITING), datetime.now(UTC))
    assert order == [urgent, plain, slow]


@pytest.mark.parametrize("change", ["withdraws", "supersedes"])
def test_a_draft_that_changes_an_event_leaves_its_sealed_files_behind(home: Home, outbox: Outbox, change: str) -> None:
    """They are with the recipient already; their description alone could not be sent, and holds the key of the file."""
    n = begin(home)
    upload_piece(home, SHOUNING, n, "照片.jpg", [PHOTO], offset=0, total=len(PHOTO))
    queue_draft(home, SHOUNING, n, AUTHOR, find_draft(home, SHOUNING, n).version)
    seal_next(home, outbox)
    (event,) = sent(outbox)
    asked = NewDraft(FIRE, withdraws=event) if change == "withdraws" else NewDraft(FIRE, supersedes=event)
    changing = begin_draft(home, SHOUNING, asked)
    assert "attachments" not in find_draft(home, SHOUNING, changing).content["payload"]


def test_files_that_a_kill_left_are_deleted_at_the_next_start(home: Home) -> None:
    """Those of a draft that is still there stay."""
    kept, gone = begin(home), begin(home)
    for n in (kept, gone):
        upload_piece(home, SHOUNING, n, "照片.jpg", [PHOTO], offset=0, total=len(PHOTO))
    with open_drafts(home, SHOUNING) as store:
        store.drop(gone)
        sweep_uploads(home, SHOUNING, store)
    assert [each.name for each in (home.county_folder(SHOUNING) / "uploads").iterdir()] == [str(kept)]


def test_a_restored_backup_of_the_drafts_sends_nothing_twice(home: Home, outbox: Outbox, tmp_path: Path) -> None:
    """What was queued at the backup waits for an officer; queued again, it is found in the outbox by its reference."""
    n = begin(home)
    queue_draft(home, SHOUNING, n, AUTHOR, 1)
    path, copy = drafts_path(home, SHOUNING), tmp_path / "copy.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    seal_next(home, outbox)
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()
    copy.rename(path)
    path.chmod(0o600)
    with open_drafts(home, SHOUNING) as store:
        assert store.next_queued() is None
        version = store.get(n).version
    queue_draft(home, SHOUNING, n, AUTHOR, version)
    seal_next(home, outbox)
    (event,) = sent(outbox)
    record = result_of(home, SHOUNING, n)
    assert record is not None
    assert record.event == event
