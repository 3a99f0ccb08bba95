"""Drafts on their way out without a key: two editors, review and approval, one draft a request, files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.schemas.payloads.examples import EXAMPLES
from tests.world.simulator import QINGYUAN, SHOUNING
from yizhan.producers.draft_rows import DraftState, StoredDraft
from yizhan.producers.draft_store import FILE, MIGRATIONS
from yizhan.runtime.clock import utc_now
from yizhan.runtime.errors import StoreError
from yizhan.runtime.store import open_store
from yizhan.schemas.errors import FileRefused, PayloadInvalid, YizhanError
from yizhan.schemas.header import NOTICE
from yizhan.schemas.payloads.common import Person
from yizhan.services.actor import Actor
from yizhan.services.drafts import DraftHeld, DraftUnfinished, drop_draft, find_draft, open_form
from yizhan.services.errors import Conflict, ServiceError
from yizhan.services.home import Home
from yizhan.services.queue import (
    NeedsApproval,
    queue_content,
    queue_draft,
    queued,
    return_draft,
    save_draft,
    submit_for_review,
    take_back,
)
from yizhan.services.stores import open_drafts
from yizhan.services.uploads import delete_upload, list_uploads, upload_piece

FIRE = "yizhan.incident.forest_fire.v1"
AUTHOR = Actor("100001", "desk draft", Person(name="拟稿甲", badge="100001"))
LEADER = Actor("100002", "desk draft", Person(name="领导乙", badge="100002"))
NOBODY = Actor("100003", "desk draft")
PHOTO = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(2000)


@pytest.fixture
def approving(folder: Path) -> Iterator[Home]:
    """Open the home with a setting that requires approval."""
    file = folder / "yizhan.toml"
    before = file.read_text("utf-8") if file.exists() else None
    file.write_text(f"{before or ''}\ndesk_requires_approval = true\n", "utf-8")
    yield Home(folder)
    file.unlink() if before is None else file.write_text(before, "utf-8")


def fire(touches: str = QINGYUAN, **payload: Any) -> dict[str, Any]:  # noqa: ANN401 -- of any field
    """Return a fire as a draft's content, without officers who review and sign it off."""
    left_out = {"external_ref", "drafted_by", "reviewed_by", "signed_off_by"}
    example = {name: value for name, value in EXAMPLES[FIRE].items() if name not in left_out}
    content = {**example, "place": {"county": SHOUNING}, **payload}
    return {"type": FIRE, "priority": "urgent", "stage": "first", "touches": [touches], "payload": content}


def begin(home: Home, touches: str = QINGYUAN, **payload: Any) -> int:  # noqa: ANN401 -- of any field
    """Begin a draft of a fire."""
    with open_drafts(home, SHOUNING) as store:
        return store.begin(fire(touches, **payload), utc_now())


def officers(found: StoredDraft) -> list[str]:
    """Return the badge numbers of who drafted, reviewed and signed a draft off."""
    names = ("drafted_by", "reviewed_by", "signed_off_by")
    return [found.content["payload"].get(name, {}).get("badge", "") for name in names]


def test_what_an_officer_sends_is_queued_once_and_names_him(home: Home) -> None:
    """The draft can no longer be edited, nor dropped while it is sent; the same request again changes nothing."""
    n = begin(home)
    made = queue_draft(home, SHOUNING, n, AUTHOR, 1)
    assert (made.state, made.version, made.author, made.reviewer) == (DraftState.QUEUED, 2, AUTHOR.officer, None)
    assert officers(made) == ["100001", "", ""]
    assert queue_draft(home, SHOUNING, n, AUTHOR, 1) == made
    assert made in queued(home, SHOUNING)
    with pytest.raises(Conflict):
        save_draft(home, SHOUNING, n, fire(summary="另一句"), (), made.version)
    with contextlib.ExitStack() as opened, pytest.raises(Conflict):
        opened.enter_context(open_form(home, SHOUNING, n))
    with open_drafts(home, SHOUNING) as store:
        store.sending(n, utc_now())
    for refused in (
        lambda: take_back(home, SHOUNING, n, made.version),
        lambda: drop_draft(home, SHOUNING, n),
    ):
        with pytest.raises(Conflict):
            refused()
    assert find_draft(home, SHOUNING, n).state is DraftState.QUEUED


def test_of_two_editors_the_second_is_told(home: Home) -> None:
    """Nothing is overwritten: who saw an older version gets a conflict, also by a form that is open."""
    n = begin(home)
    with open_form(home, SHOUNING, n) as form:
        version = save_draft(home, SHOUNING, n, fire(summary="甲写的"), (), 1)
        form.start("summary")
        with pytest.raises(Conflict):
            form.answer("乙写的")
    with pytest.raises(Conflict):
        save_draft(home, SHOUNING, n, fire(summary="乙写的"), (), 1)
    with pytest.raises(Conflict):
        queue_draft(home, SHOUNING, n, AUTHOR, 1)
    found = find_draft(home, SHOUNING, n)
    assert (found.version, found.content["payload"]["summary"]) == (version, "甲写的")


def test_where_approval_is_required_another_officer_gives_it(approving: Home) -> None:
    """Submitted, given back with a remark, written again, submitted, approved: both officers stand in the event."""
    n = begin(approving)
    with pytest.raises(NeedsApproval):
        queue_draft(approving, SHOUNING, n, AUTHOR, 1)
    submitted = submit_for_review(approving, SHOUNING, n, AUTHOR, 1)
    with pytest.raises(NeedsApproval):
        queue_draft(approving, SHOUNING, n, AUTHOR, submitted.version)
    back = return_draft(approving, SHOUNING, n, LEADER, "请写明火场面积", submitted.version)
    assert (back.state, back.remark, back.reviewer) == (DraftState.WRITING, "请写明火场面积", LEADER.officer)
    version = save_draft(approving, SHOUNING, n, {**back.content, "grade": 4}, (), back.version)
    again = submit_for_review(approving, SHOUNING, n, AUTHOR, version)
    assert (again.state, again.remark) == (DraftState.REVIEW, None)
    with pytest.raises(Conflict):
        queue_draft(approving, SHOUNING, n, LEADER, submitted.version)  # what he saw before it was written again
    made = queue_draft(approving, SHOUNING, n, LEADER, again.version)
    assert (made.state, made.author, made.reviewer) == (DraftState.QUEUED, AUTHOR.officer, LEADER.officer)
    assert officers(made) == ["100001", "100002", "100002"]
    writing = take_back(approving, SHOUNING, n, made.version)
    assert (writing.state, writing.author) == (DraftState.WRITING, AUTHOR.officer)


def test_what_was_composed_goes_once_a_request(home: Home, approving: Home) -> None:
    """The same request a hundred times is one draft; with approval required a letter goes, and a report waits."""
    letter = {"type": NOTICE, "to": [QINGYUAN], "payload": {"kind": "text", "text": "已派人"}}
    numbers = {queue_content(home, SHOUNING, letter, AUTHOR, once="r-1") for _ in range(100)}
    (n,) = numbers
    found = find_draft(home, SHOUNING, n)
    assert (found.state, found.content["payload"]["by"]["badge"]) == (DraftState.QUEUED, "100001")
    states = {
        kind["type"]: find_draft(approving, SHOUNING, queue_content(approving, SHOUNING, kind, AUTHOR)).state
        for kind in (letter, fire())
    }
    assert states == {NOTICE: DraftState.QUEUED, FIRE: DraftState.REVIEW}


def test_what_is_not_ready_is_not_queued(home: Home) -> None:
    """Unfinished, doubtful without a word, or without an officer: the draft stays as it was."""
    lacking, nowhere = begin(home, summary=None), begin(home, SHOUNING)
    cases: tuple[tuple[Callable[[], object], type[YizhanError]], ...] = (
        (lambda: queue_draft(home, SHOUNING, lacking, AUTHOR, 1), DraftUnfinished),
        (lambda: submit_for_review(home, SHOUNING, lacking, AUTHOR, 1), DraftUnfinished),
        (lambda: queue_draft(home, SHOUNING, nowhere, AUTHOR, 1), DraftHeld),
        (lambda: queue_draft(home, SHOUNING, nowhere, NOBODY, 1), ServiceError),
    )
    for call, error in cases:
        with pytest.raises(error):
            call()
    assert [find_draft(home, SHOUNING, n).version for n in (lacking, nowhere)] == [1, 1]
    assert queue_draft(home, SHOUNING, nowhere, AUTHOR, 1, confirmed=True).confirmed


def test_an_approval_is_of_what_was_approved(approving: Home) -> None:
    """Taken back, or refused and changed, a draft no longer bears the name of who approved it."""
    n = begin(approving)
    other = Actor("100004", "desk draft", Person(name="领导丁", badge="100004"))
    submitted = submit_for_review(approving, SHOUNING, n, AUTHOR, 1)
    approved = queue_draft(approving, SHOUNING, n, LEADER, submitted.version)
    assert officers(approved) == ["100001", "100002", "100002"]
    back = take_back(approving, SHOUNING, n, approved.version)
    assert officers(back) == ["100001", "", ""]
    again = submit_for_review(approving, SHOUNING, n, AUTHOR, back.version)
    approved = queue_draft(approving, SHOUNING, n, LEADER, again.version)
    with open_drafts(approving, SHOUNING) as store:
        store.move(approved, replace(approved, state=DraftState.REFUSED), utc_now())
    version = save_draft(approving, SHOUNING, n, {**approved.content, "priority": "flash"}, (), approved.version + 1)
    again = submit_for_review(approving, SHOUNING, n, AUTHOR, version)
    assert officers(queue_draft(approving, SHOUNING, n, other, again.version)) == ["100001", "100004", "100004"]


def test_a_file_comes_in_pieces_and_changes_the_draft(home: Home) -> None:
    """It goes on where it was cut off; only whole it belongs to the draft; what may not be sent is refused."""
    n = begin(home)
    total, name = len(PHOTO), "../照片.jpg"

    def put(data: bytes, offset: int, called: str = name, size: int = total) -> Any:  # noqa: ANN401 -- as it returns
        return upload_piece(home, SHOUNING, n, called, [data], offset=offset, total=size)

    assert put(PHOTO[:500], 0).bytes == 500
    with pytest.raises(Conflict):
        put(PHOTO[400:], 400)
    assert (put(PHOTO[500:], 500).whole, find_draft(home, SHOUNING, n).version) == (True, 2)
    assert [(each.name, each.bytes, each.whole) for each in list_uploads(home, SHOUNING, n)] == [
        ("照片.jpg", total, True)
    ]
    (path,) = (home.county_folder(SHOUNING) / "uploads" / str(n)).iterdir()
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (PHOTO, 0o600)
    program = b"MZ" + bytes(100)
    with pytest.raises(FileRefused):
        put(program, 0, "程序.jpg", len(program))
    with pytest.raises(FileRefused):
        put(b"x", 0, "长.jpg", 201 * 1024 * 1024)
    made = queue_draft(home, SHOUNING, n, AUTHOR, 2)
    with pytest.raises(Conflict):
        put(PHOTO, 0, "又一张.jpg")
    with pytest.raises(Conflict):
        delete_upload(home, SHOUNING, n, "照片.jpg")
    take_back(home, SHOUNING, n, made.version)
    delete_upload(home, SHOUNING, n, "照片.jpg")
    assert list_uploads(home, SHOUNING, n) == ()


def test_a_file_that_was_approved_is_the_one_that_goes(home: Home) -> None:
    """An upload of the same name that began before the approval and ends after it changes no byte."""
    n = begin(home)
    upload_piece(home, SHOUNING, n, "照片.jpg", [PHOTO], offset=0, total=len(PHOTO))
    other = PHOTO[:-1] + b"\x01"

    def approved_meanwhile() -> Iterator[bytes]:
        yield other[:500]
        submitted = submit_for_review(home, SHOUNING, n, AUTHOR, 2)
        queue_draft(home, SHOUNING, n, LEADER, submitted.version)
        yield other[500:]

    with pytest.raises(Conflict):
        upload_piece(home, SHOUNING, n, "照片.jpg", approved_meanwhile(), offset=0, total=len(other))
    assert (home.county_folder(SHOUNING) / "uploads" / str(n) / "照片.jpg").read_bytes() == PHOTO


def test_a_refused_file_leaves_the_one_before_it(home: Home) -> None:
    """What belongs to the draft stays until something that may be sent takes its place."""
    n = begin(home)
    upload_piece(home, SHOUNING, n, "照片.jpg", [PHOTO], offset=0, total=len(PHOTO))
    program = b"MZ" + bytes(100)
    with pytest.raises(FileRefused):
        upload_piece(home, SHOUNING, n, "照片.jpg", [program], offset=0, total=len(program))
    assert (home.county_folder(SHOUNING) / "uploads" / str(n) / "照片.jpg").read_bytes() == PHOTO


def test_two_uploads_of_one_name_do_not_mix(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is told that another is under way; the first one is whole."""
    monkeypatch.setattr("yizhan.services.uploads._WAIT_SECONDS", 0.0)
    n, other = begin(home), PHOTO[:-1] + b"\x01"

    def another_meanwhile() -> Iterator[bytes]:
        yield PHOTO[:500]
        with pytest.raises(Conflict):
            upload_piece(home, SHOUNING, n, "照片.jpg", [other], offset=0, total=len(other))
        yield PHOTO[500:]

    assert upload_piece(home, SHOUNING, n, "照片.jpg", another_meanwhile(), offset=0, total=len(PHOTO)).whole
    assert (home.county_folder(SHOUNING) / "uploads" / str(n) / "照片.jpg").read_bytes() == PHOTO


def test_a_dropped_draft_leaves_no_file(home: Home) -> None:
    """Its folder goes with it."""
    n = begin(home)
    upload_piece(home, SHOUNING, n, "照片.jpg", [PHOTO], offset=0, total=len(PHOTO))
    drop_draft(home, SHOUNING, n)
    assert not (home.county_folder(SHOUNING) / "uploads" / str(n)).exists()


def test_drafts_of_a_released_home_are_still_there(tmp_path: Path, home: Home) -> None:
    """What was written before drafts had states is being written."""
    with contextlib.closing(open_store(tmp_path / FILE, MIGRATIONS[:1])) as old:
        values = (FIRE, "{}", "[]", "2026-11-01T00:00:00.000Z", "2026-11-01T00:00:00.000Z")
        old.execute("INSERT INTO drafts (type, content, asked, begun, changed) VALUES (?, ?, ?, ?, ?)", values)
    with contextlib.closing(open_store(tmp_path / FILE, MIGRATIONS)) as conn:
        row = conn.execute("SELECT state, version, author FROM drafts").fetchone()
    assert tuple(row) == ("writing", 1, None)


def test_a_full_disk_keeps_room_for_alarms(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload that would take it is refused; what came before is kept."""
    n = begin(home)
    upload_piece(home, SHOUNING, n, "照片.jpg", [PHOTO[:500]], offset=0, total=len(PHOTO))
    monkeypatch.setattr("yizhan.producers.file_sealing.RESERVE_BYTES", 1 << 60)
    with pytest.raises(StoreError):
        upload_piece(home, SHOUNING, n, "照片.jpg", [PHOTO[500:]], offset=500, total=len(PHOTO))
    assert [(each.bytes, each.whole) for each in list_uploads(home, SHOUNING, n)] == [(500, False)]


def test_files_that_a_type_does_not_carry_are_named_before_it_is_queued(home: Home) -> None:
    """A letter has no attachments: the officer hears of it when he sends, not afterwards."""
    with open_drafts(home, SHOUNING) as store:
        n = store.begin({"type": NOTICE, "to": [QINGYUAN], "payload": {"kind": "text", "text": "附图"}}, utc_now())
    upload_piece(home, SHOUNING, n, "照片.jpg", [PHOTO], offset=0, total=len(PHOTO))
    with pytest.raises(PayloadInvalid):
        queue_draft(home, SHOUNING, n, AUTHOR, 2)
    assert find_draft(home, SHOUNING, n).state is DraftState.WRITING
