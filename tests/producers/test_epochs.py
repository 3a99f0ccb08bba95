"""A number is given once: what opens a new epoch, and what does not."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.world.sender import Desk, fire
from tests.world.simulator import QINGYUAN, SHOUNING
from yizhan.producers import epochs
from yizhan.producers.dispatch import Dispatch
from yizhan.producers.errors import WrongOutbox
from yizhan.producers.outbox import Outbox
from yizhan.schemas import strictjson


def backup(path: Path, to: Path) -> None:
    """Copy the database as a backup program does: through SQLite."""
    with sqlite3.connect(path) as source, sqlite3.connect(to) as target:
        source.backup(target)
    source.close()
    target.close()
    to.chmod(0o600)


def reasons(desk: Desk) -> list[str]:
    """Why each epoch of the outbox was opened."""
    with desk.open() as outbox:
        return [row.because for row in outbox.epochs()]


def test_a_book_is_kept_over_restarts(desk: Desk) -> None:
    """Closing and opening goes on in the same epoch with the next number."""
    for n in (1, 2, 3):
        with desk.open() as outbox:
            assert outbox.publish(fire()).id.endswith(f"-{n}")
    assert reasons(desk) == [epochs.FIRST]


def test_a_book_is_named_by_its_day_and_chance(desk: Desk) -> None:
    """The name fits the id: the date, then six letters of base32."""
    desk.random_bytes = bytes
    with desk.open() as outbox:
        assert outbox.epoch == "20261123aaaaaa"


@pytest.mark.parametrize("in_place", [True, False])
def test_a_restored_backup_opens_a_new_book(desk: Desk, tmp_path: Path, in_place: bool) -> None:  # noqa: FBT001
    """A backup put back, over the file or in its place, gives no number again."""
    with desk.open() as outbox:
        first = outbox.publish(fire()).id
        backup(desk.path, tmp_path / "backup")
        lost = outbox.publish(fire()).id
    for suffix in ("-wal", "-shm"):
        desk.path.with_name(desk.path.name + suffix).unlink(missing_ok=True)
    if in_place:
        shutil.copyfile(tmp_path / "backup", desk.path)
    else:
        (tmp_path / "backup").replace(desk.path)
    with desk.open() as outbox:
        again = outbox.publish(fire()).id
        assert [row.id for row in outbox.rows()] == [first, again]
    assert again not in (first, lost)
    assert again.endswith("-1")
    assert reasons(desk) == [epochs.FIRST, epochs.BEHIND if in_place else epochs.ANOTHER_FILE]


def test_the_file_beside_may_lag_or_be_gone(desk: Desk) -> None:
    """A head file that is behind (a kill between commit and write), missing or damaged opens no epoch."""
    head = epochs.head_path(desk.path)
    with desk.open() as outbox:
        for _ in range(3):
            outbox.publish(fire())
        epoch = outbox.epoch
    for content in (f"{epoch} 1", "not a head", ""):
        head.write_text(content)
        with desk.open() as outbox:
            assert outbox.epoch == epoch
    head.unlink()
    assert reasons(desk) == [epochs.FIRST]


def test_a_file_replaced_under_an_open_outbox_takes_nothing(desk: Desk, outbox: Outbox, tmp_path: Path) -> None:
    """What would go into a file that is no longer there is refused, not lost."""
    outbox.publish(fire())
    backup(desk.path, tmp_path / "backup")
    (tmp_path / "backup").replace(desk.path)
    with pytest.raises(WrongOutbox, match="请重新启动本程序"):
        outbox.publish(fire())


def test_a_posting_of_a_number_never_given_opens_a_book(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """A number that we never gave was given by a life of this epoch that we do not know: begin another."""
    outbox.publish(fire())
    epoch = outbox.epoch
    desk.answer(dispatch, desk.claimed(f"{SHOUNING}-{epoch}-2", "ab" * 32, "cd" * 32))
    assert outbox.epoch != epoch
    assert outbox.publish(fire()).id.endswith("-1")
    assert [row.because for row in outbox.epochs()] == [epochs.FIRST, epochs.NEVER_GIVEN]
    assert [posting.id for posting in outbox.foreign_postings()] == [f"{SHOUNING}-{epoch}-2"]


def test_one_new_book_is_enough(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """Further postings of the abandoned epoch are kept aside and open no other one."""
    outbox.publish(fire())
    epoch = outbox.epoch
    desk.answer(dispatch, *(desk.claimed(f"{SHOUNING}-{epoch}-{n}", "ab" * 32, "cd" * 32) for n in (2, 3, 4)))
    desk.answer(dispatch, desk.claimed(f"{SHOUNING}-20200101aaaa-1", "ab" * 32, "cd" * 32))
    assert len(outbox.epochs()) == 2
    assert len(outbox.foreign_postings()) == 4


def test_an_event_whose_number_was_given_twice_is_sealed_anew(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """The same id with another hash: recipients keep the first, so ours goes again under a new number."""
    sent = outbox.publish(fire(external_ref="A-1", payload={"summary": "后一场火"}))
    desk.answer(dispatch, desk.claimed(sent.id, "ab" * 32, "cd" * 32))
    assert dispatch.has_conflicts()
    (again,) = outbox.reissue()
    assert again.id.split("-")[1] == outbox.epoch != sent.id.split("-")[1]
    event = outbox.event(again.id)
    assert event is not None
    assert strictjson.loads(event.payload) == {"summary": "后一场火"}
    assert event.header.to == (QINGYUAN,)
    assert outbox.publish(fire(external_ref="A-1")).id == again.id
    assert desk.send_all(dispatch) == [again.id]
    assert outbox.reissue() == ()
    assert [row.because for row in outbox.epochs()] == [epochs.FIRST, epochs.OTHER_EVENT]


def test_another_unit_of_the_county_is_no_reason(desk: Desk, outbox: Outbox, dispatch: Dispatch) -> None:
    """The county's other units have outboxes and books of their own on the same topic."""
    outbox.publish(fire())
    desk.answer(dispatch, desk.claimed(f"{SHOUNING}.forest-{outbox.epoch}-9", "ab" * 32, "cd" * 32))
    assert len(outbox.epochs()) == 1


def test_our_bytes_signed_otherwise_are_evidence_and_no_new_book(
    desk: Desk, outbox: Outbox, dispatch: Dispatch
) -> None:
    """The same event in other bytes is kept aside; the number was given to this event and stays."""
    sent = outbox.publish(fire())
    desk.answer(dispatch, desk.claimed(sent.id, sent.hash.hex(), hashlib.sha256(b"other").hexdigest()))
    assert len(outbox.epochs()) == 1
    assert len(outbox.foreign_postings()) == 1
    assert outbox.rows()[0].state == "queued"
