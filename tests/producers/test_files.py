"""What the outbox promises of attached files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.sender import Desk, fire, intelligence, ref
from tests.world.simulator import QINGYUAN
from tests.world.station import FIRE
from yizhan.producers.dispatch import Dispatch
from yizhan.producers.drafts import Draft
from yizhan.producers.errors import NotPublishable
from yizhan.producers.file_queue import ORPHAN_SECONDS, FileQueue
from yizhan.producers.file_sealing import attach
from yizhan.producers.files import LONGEST_PAUSE_SECONDS
from yizhan.producers.numbering import Accepted
from yizhan.producers.outbox import FILES_PATIENCE_SECONDS, Outbox
from yizhan.runtime.errors import StoreError
from yizhan.runtime.store import transaction
from yizhan.schemas.errors import FileRefused, PayloadInvalid
from yizhan.schemas.files import CHUNK_BYTES, MAX_FILE_BYTES, MAX_FILES, open_chunk, read_record

PHOTO = b"\xff\xd8\xff\xe0" + b"\x17" * (2 * CHUNK_BYTES)
HASH = bytes(32)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo of three chunks."""
    path = tmp_path / "现场.jpg"
    path.write_bytes(PHOTO)
    return path


@pytest.fixture
def queue(desk: Desk, outbox: Outbox) -> Iterator[FileQueue]:
    """The files that wait to be sent."""
    with FileQueue(outbox.path, lambda: desk.now.timestamp()) as opened:  # noqa: PLW0108 -- time moves
        yield opened


def draft() -> Draft:
    """A fire whose payload is whole."""
    return fire(payload=FIRE["payload"])


def sent_with(outbox: Outbox, desk: Desk, dispatch: Dispatch, *paths: Path) -> Accepted:
    """Publish a fire with files, and let the broker have it."""
    sent = outbox.publish(attach(outbox, draft(), paths))
    desk.send_all(dispatch)
    return sent


def drain(queue: FileQueue, most: int = 1000) -> list[int]:
    """Send as the sender would; the chunks' places."""
    places: list[int] = []
    while len(places) < most and (piece := queue.next()) is not None:
        queue.acknowledged(piece, len(places))
        places.append(piece.index)
    return places


def test_a_file_is_sealed_beside_and_goes_after_its_event(
    desk: Desk, outbox: Outbox, dispatch: Dispatch, queue: FileQueue, photo: Path
) -> None:
    """No chunk goes before the broker has the event; what goes opens with the key in the payload alone."""
    sent = outbox.publish(attach(outbox, draft(), [photo]))
    assert queue.next() is None
    desk.send_all(dispatch)
    event = outbox.event(sent.id)
    assert event is not None
    attachment = _attachment(event.payload)
    opened = b""
    while (piece := queue.next()) is not None:
        record = read_record(piece.record)
        assert record.root.hex() == attachment["sealed"]["root"]
        last = record.index == record.count - 1
        opened += open_chunk(bytes.fromhex(attachment["sealed"]["key"]), record.index, record.chunk, last=last)
        queue.acknowledged(piece, record.index)
    assert opened[: len(PHOTO)] == PHOTO
    assert PHOTO[:64] not in b"".join(path.read_bytes() for path in _folder(outbox).iterdir())


def test_it_goes_on_where_it_was_and_is_kept_until_everybody_has_it(
    desk: Desk, outbox: Outbox, dispatch: Dispatch, queue: FileQueue, photo: Path
) -> None:
    """Accepted once each through a restart; deleted when every recipient said that it has it, and not before."""
    sent = sent_with(outbox, desk, dispatch, photo)
    assert drain(queue, 1) == [0]
    with FileQueue(outbox.path, lambda: desk.now.timestamp()) as later:  # noqa: PLW0108 -- time moves
        assert drain(later) == [1, 2]
    queue.sweep()
    assert [(row.sent, row.chunks, row.waiting) for row in outbox.files()] == [(3, 3, (QINGYUAN,))]
    for _twice in range(2):
        outbox.confirm(desk.receipt(stage="fetched", event=ref(sent)), HASH, {})
    assert outbox.files() == ()
    assert queue.sweep() == 2
    assert list(_folder(outbox).iterdir()) == []


def test_what_the_broker_lost_goes_again_and_nobody_can_flood_the_line(
    desk: Desk, outbox: Outbox, dispatch: Dispatch, queue: FileQueue, photo: Path
) -> None:
    """Another cluster, a log that lost its end, a recipient that lacks some: all chunks again, the last not at will."""
    queue.enter_cluster("one", 0)
    sent = sent_with(outbox, desk, dispatch, photo)
    assert drain(queue) == [0, 1, 2]
    queue.enter_cluster("one", 3)
    assert drain(queue) == []
    queue.enter_cluster("one", 2)
    assert drain(queue) == [0, 1, 2]
    queue.enter_cluster("two", 0)
    assert drain(queue) == [0, 1, 2]
    outbox.confirm(desk.receipt(stage="unfetched", event=ref(sent)), HASH, {})
    assert drain(queue) == []
    desk.later(FILES_PATIENCE_SECONDS)
    outbox.confirm(desk.receipt(stage="unfetched", event=ref(sent)), HASH, {})
    assert drain(queue) == [0, 1, 2]


def test_who_asks_again_and_again_waits_ever_longer_and_behind_the_others(
    desk: Desk, outbox: Outbox, dispatch: Dispatch, queue: FileQueue, photo: Path
) -> None:
    """A recipient that never has enough gets a file at most some ten times in two days, and holds up nobody's."""
    film = photo.with_name("之二.jpg")
    film.write_bytes(PHOTO + b"x")
    sent = sent_with(outbox, desk, dispatch, photo)
    went = 0
    for _minute in range(2 * 24 * 12):
        went += len(drain(queue)) // 3
        desk.later(FILES_PATIENCE_SECONDS)
        outbox.confirm(desk.receipt(stage="unfetched", event=ref(sent)), HASH, {})
    assert 8 <= went <= 12
    desk.later(LONGEST_PAUSE_SECONDS)
    outbox.confirm(desk.receipt(stage="unfetched", event=ref(sent)), HASH, {})
    newer = sent_with(outbox, desk, dispatch, film)
    piece = queue.next()
    assert piece is not None
    assert [row.event for row in outbox.files() if row.sent == 0] == [sent.id, newer.id]
    assert piece.root.hex() == _sealed_in(outbox, newer)


def test_a_file_that_is_damaged_on_our_disk_does_not_hold_up_the_others(
    desk: Desk, outbox: Outbox, dispatch: Dispatch, queue: FileQueue, photo: Path
) -> None:
    """What is lost or not as it was sealed is never sent, the next file is; once restored it goes, too."""
    film = photo.with_name("之二.jpg")
    film.write_bytes(PHOTO + b"x")
    sent_with(outbox, desk, dispatch, photo)
    (first,) = (each for each in _folder(outbox).iterdir() if not each.suffix)
    sent_with(outbox, desk, dispatch, film)
    whole = first.read_bytes()
    for spoilt in (b"", whole[:-1] + b"\0"):
        first.write_bytes(spoilt)
        assert drain(queue, 2) == [0, 1]
        with transaction(queue._conn) as conn:  # noqa: SLF001 -- as if the broker had lost it
            conn.execute("UPDATE files SET sent = 0")
        queue.sweep()
    first.unlink()
    assert {queue.next().n, queue.next().n} == {2}  # type: ignore[union-attr]
    first.write_bytes(whole)
    queue.sweep()
    assert drain(queue) == [0, 1, 2, 0, 1, 2]


def test_an_alarm_goes_before_the_next_chunk(
    desk: Desk, outbox: Outbox, dispatch: Dispatch, queue: FileQueue, photo: Path
) -> None:
    """While something prompt waits the queue says so; what waits for the quarter does not hold it up."""
    sent_with(outbox, desk, dispatch, photo)
    outbox.publish(intelligence())
    assert not queue.prompt_waits()
    outbox.publish(draft())
    assert queue.prompt_waits()


def test_what_was_refused_and_then_let_in_still_has_its_files(
    desk: Desk, outbox: Outbox, dispatch: Dispatch, queue: FileQueue, photo: Path
) -> None:
    """A second copy may be let in under a newer charter: the files of a refused event stay for a week."""
    sent = sent_with(outbox, desk, dispatch, photo)
    event = outbox.event(sent.id)
    assert event is not None
    assert event.envelope is not None
    desk.answer(dispatch, desk.refused(hashlib.sha256(event.envelope).hexdigest()))
    assert queue.next() is None
    assert queue.sweep() == 0
    desk.answer(dispatch, desk.admitted(outbox, sent.id))
    assert drain(queue) == [0, 1, 2]


def test_what_is_sent_while_it_is_swept_keeps_its_files(
    desk: Desk, outbox: Outbox, dispatch: Dispatch, photo: Path
) -> None:
    """Law 1: an officer hesitated for hours, and sent it the very moment in which it was to go as nobody's."""
    made = [attach(outbox, draft(), [photo])]

    def late() -> float:
        while made:
            outbox.publish(made.pop())
        return photo.stat().st_mtime + 2 * ORPHAN_SECONDS

    with FileQueue(outbox.path, late) as queue:
        assert queue.sweep() == 0
        desk.send_all(dispatch)
        assert drain(queue) == [0, 1, 2]


def test_no_event_is_stored_while_a_file_goes_as_nobodys(
    desk: Desk, outbox: Outbox, queue: FileQueue, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 1: whoever sends waits until it is gone, and is told that it is; no event is accepted without its file."""
    made, unlink, waited = attach(outbox, draft(), [photo]), Path.unlink, 0

    def unlink_while_somebody_sends(path: Path, *args: bool) -> None:
        nonlocal waited
        with contextlib.closing(sqlite3.connect(outbox.path, timeout=0)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                waited += 1
        unlink(path, *args)

    desk.now = desk.now.fromtimestamp(photo.stat().st_mtime + 2 * ORPHAN_SECONDS, desk.now.tzinfo)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", unlink_while_somebody_sends)
        assert (queue.sweep(), waited) == (2, 2)
    with pytest.raises(NotPublishable):
        outbox.publish(made)


def test_what_was_sealed_for_no_event_is_swept(desk: Desk, outbox: Outbox, queue: FileQueue, photo: Path) -> None:
    """An officer who gave up leaves nothing after an hour; one who hesitates loses nothing before."""
    attach(outbox, draft(), [photo])
    desk.now = desk.now.fromtimestamp(photo.stat().st_mtime, desk.now.tzinfo)
    assert queue.sweep() == 0
    desk.later(ORPHAN_SECONDS + 60)
    assert queue.sweep() == 2


def test_a_file_that_may_not_go_is_named(outbox: Outbox, tmp_path: Path) -> None:
    """Too large, empty, missing, a folder, a pipe, a program: each is told, and nothing is left beside."""
    large, empty, program = tmp_path / "大.mp4", tmp_path / "空.txt", tmp_path / "程序.jpg"
    with large.open("wb") as stream:
        stream.truncate(MAX_FILE_BYTES + 1)
    empty.touch()
    program.write_bytes(b"MZ" + b"\0" * 100)
    os.mkfifo(tmp_path / "管道.txt")
    for path, cause in (
        (large, "size"), (empty, "size"), (tmp_path / "无.jpg", "unreadable"), (tmp_path, "unreadable"),
        (tmp_path / "管道.txt", "type"), (program, "type"),
    ):  # fmt: skip
        with pytest.raises(FileRefused) as refused:
            attach(outbox, draft(), [path])
        assert refused.value.cause == cause
        assert path.name in str(refused.value)
    assert not _folder(outbox).exists()


def test_a_disk_that_fills_up_is_emptied_again(outbox: Outbox, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sealed of a file that does not fit goes at once, and what is left stays free: alarms need the disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (CHUNK_BYTES + 1000, limits[1]))
    try:
        with pytest.raises(StoreError, match="请腾出空间"):
            attach(outbox, draft(), [photo])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(_folder(outbox).iterdir()) == []
    monkeypatch.setattr("yizhan.producers.file_sealing.RESERVE_BYTES", 1 << 60)
    with pytest.raises(StoreError, match="为报警留出"):
        attach(outbox, draft(), [photo])
    assert outbox.publish(draft()).id


def test_who_stops_while_a_file_is_sealed_leaves_nothing(outbox: Outbox, photo: Path) -> None:
    """Ctrl-C in the middle of a film: what was sealed of it is gone."""

    def stop(_name: str, done: int, _all: int) -> None:
        if done > CHUNK_BYTES:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attach(outbox, draft(), [photo], progress=stop)
    assert list(_folder(outbox).iterdir()) == []


def test_too_many_and_on_what_carries_none(outbox: Outbox, photo: Path) -> None:
    """Too many files, or files on a type that carries none, are refused before the first is sealed."""
    with pytest.raises(PayloadInvalid, match="16"):
        attach(outbox, draft(), [photo] * (MAX_FILES + 1))
    notice = Draft(type="yizhan.notice.v1", payload={"kind": "text", "text": "您好"})
    with pytest.raises(PayloadInvalid, match="attachments"):
        attach(outbox, notice, [photo])
    assert not _folder(outbox).exists()


def test_what_is_sealed_anew_goes_without_a_file_that_is_gone(
    desk: Desk, outbox: Outbox, dispatch: Dispatch, photo: Path
) -> None:
    """Law 1: a backup was restored without its files: a fire that was accepted goes all the same."""
    sent = sent_with(outbox, desk, dispatch, photo)
    for path in _folder(outbox).iterdir():
        path.unlink()
    with transaction(outbox._conn) as conn:  # noqa: SLF001 -- as the publisher finds it after a restore
        conn.execute("UPDATE events SET conflict = 1")
    (anew,) = outbox.reissue()
    assert anew.id != sent.id
    assert _sealed_in(outbox, anew) == _sealed_in(outbox, sent)
    assert outbox.reissue() == ()


def test_an_event_cannot_name_what_is_not_here(outbox: Outbox, photo: Path) -> None:
    """Law 1: what is accepted can be sent: a sealed file that is not beside the outbox keeps its event out."""
    made = attach(outbox, draft(), [photo])
    for path in _folder(outbox).iterdir():
        path.unlink()
    with pytest.raises(NotPublishable, match=r"现场\.jpg"):
        outbox.publish(made)
    assert outbox.rows() == ()


def _folder(outbox: Outbox) -> Path:
    return outbox.path.with_name(outbox.path.name + ".files")


def _sealed_in(outbox: Outbox, sent: Accepted) -> str:
    event = outbox.event(sent.id)
    assert event is not None
    return _attachment(event.payload)["sealed"]["root"]


def _attachment(payload: bytes) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(payload)["attachments"][0]
    return found
