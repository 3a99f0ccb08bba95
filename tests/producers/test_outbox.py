"""What the outbox promises to whoever publishes."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.world.sender import Desk, fire, intelligence, ref
from tests.world.simulator import CANGNAN, QINGYUAN, SHOUNING
from yizhan.producers import queries
from yizhan.producers.drafts import Draft, Reference
from yizhan.producers.errors import NotOwed, NotPublishable, UnknownReference, WrongOutbox
from yizhan.producers.outbox import BATCH, Accepted, Outbox
from yizhan.runtime.errors import StoreError
from yizhan.runtime.wakeup import WakeupListener
from yizhan.schemas import strictjson
from yizhan.schemas.envelope import open_verified
from yizhan.schemas.errors import PayloadInvalid
from yizhan.schemas.header import NOTICE, ReceiptRef
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.policy import Way


def header(outbox: Outbox, event_id: str) -> Any:  # noqa: ANN401 -- a Header, or the test fails
    """Header of an own event."""
    event = outbox.event(event_id)
    assert event is not None
    return event.header


def test_ids_count_from_one_in_one_book(outbox: Outbox) -> None:
    """Events are numbered 1, 2, 3 … in the book, whatever their type and recipients."""
    sent = [outbox.publish(draft) for draft in (fire(), intelligence(), fire(to=(CANGNAN,)))]
    assert [event.id for event in sent] == [f"{SHOUNING}-{outbox.epoch}-{n}" for n in (1, 2, 3)]


def test_lanes_count_without_gap_by_recipient_and_way(outbox: Outbox) -> None:
    """Each recipient's two lanes count 1, 2, 3 …, by what the sender's own decide says."""
    drafts = [
        fire(), intelligence(), fire(to=(QINGYUAN, CANGNAN)), intelligence(to=(CANGNAN,)), fire(), intelligence(),
    ]  # fmt: skip
    lanes: dict[tuple[str, str], list[int]] = {}
    for draft in drafts:
        for member, lane in header(outbox, outbox.publish(draft).id).lanes.items():
            lanes.setdefault((member, lane.lane), []).append(lane.n)
    assert lanes[QINGYUAN, "prompt"] == [1, 2, 3]
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in lanes.values())
    heads = {(head.recipient, head.lane): head.head for head in outbox.lane_heads()}
    assert heads == {lane: numbers[-1] for lane, numbers in lanes.items()}


def test_the_station_lets_in_what_was_sealed_and_decides_alike(desk: Desk, outbox: Outbox) -> None:
    """What the outbox sealed is admitted, decided as the sender decided, and opened by its recipient."""
    sent = outbox.publish(fire(payload={"summary": "山火", "forest_ha": 0.3}))
    event = outbox.event(sent.id)
    assert event is not None
    admitted = desk.world.admit(event.envelope)
    assert admitted.decisions == sent.decisions
    assert admitted.verified.hash == sent.hash
    opened = open_verified(admitted.verified, [desk.world.counties[QINGYUAN].sealing])
    assert strictjson.loads(opened, floats=True) == {"summary": "山火", "forest_ha": 0.3}


def test_bytes_never_change(desk: Desk, outbox: Outbox) -> None:
    """An event is sealed once: its bytes are the same for ever, in every process that opens the file."""
    event_id = outbox.publish(fire()).id
    first = outbox.event(event_id)
    with desk.open() as other:
        again = other.event(event_id)
    assert first is not None
    assert again is not None
    assert first.envelope == again.envelope


@pytest.mark.parametrize(
    ("draft", "to"),
    [
        (intelligence(), (QINGYUAN,)),  # touches nobody: the county's partners
        (fire(touches=(CANGNAN, QINGYUAN)), (CANGNAN, QINGYUAN)),
        (fire(touches=(SHOUNING,)), (QINGYUAN,)),  # only itself: as nobody
        (fire(to=(CANGNAN,)), (CANGNAN,)),
        (fire(touches=(QINGYUAN, "350000")), (QINGYUAN,)),  # a neighbour that is no member
    ],
)
def test_to_whom_it_goes(outbox: Outbox, draft: Draft, to: tuple[str, ...]) -> None:
    """An event goes to whom it names, else to the members that it touches, else to the partners."""
    assert outbox.publish(draft).to == to


def test_a_correction_goes_to_everybody_who_has_the_original(outbox: Outbox) -> None:
    """Without a `to`, what supersedes or withdraws goes also to the recipients of the original."""
    first = outbox.publish(fire(to=(CANGNAN, QINGYUAN)))
    correction = outbox.publish(fire(supersedes=ref(first).model_dump()))
    withdrawal = outbox.publish(fire(touches=None, withdraws={"id": correction.id}))
    assert correction.to == withdrawal.to == (CANGNAN, QINGYUAN)


def test_a_thread_keeps_the_id_that_opened_it(outbox: Outbox) -> None:
    """What refers to an event of one's own belongs to the thread that that one belongs to."""
    first = outbox.publish(fire(external_ref="接警-1"))
    update = outbox.publish(fire(stage="update", reply_to={"external_ref": "接警-1"}))
    final = outbox.publish(fire(stage="final", reply_to={"id": update.id}))
    assert header(outbox, update.id).reply_to == ref(first)
    assert [header(outbox, event.id).subject for event in (first, update, final)] == [None, first.id, first.id]


def test_a_reply_to_another_county_goes_there(outbox: Outbox) -> None:
    """A reply without `to` and without touched members goes to whom it answers."""
    theirs = {"id": "330327-20261123abcd-4", "hash": "ab" * 32}
    sent = outbox.publish(intelligence(reply_to=theirs))
    assert sent.to == (CANGNAN,)
    assert sent.decisions[CANGNAN].rule == "answer"


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ({"supersedes": Reference(external_ref="nothing")}, "没有以 external_ref"),
        ({"supersedes": Reference(id="350924-20261123abcd-9")}, "请同时给出 hash"),
        ({"withdraws": Reference(id="331126-20261123abcd-9", hash="00" * 32)}, "是别县发出的"),
    ],
)
def test_what_refers_to_nothing_of_ours_is_not_sent(outbox: Outbox, reference: dict[str, Reference], says: str) -> None:
    """A reference that cannot be resolved is an error that says why, and nothing is stored."""
    with pytest.raises(UnknownReference, match=says):
        outbox.publish(fire().model_copy(update=reference))
    assert outbox.rows() == ()


def test_nobody_answers_for_who_owes_it(desk: Desk, outbox: Outbox) -> None:
    """Feedback on one's own report, or on one that never came here: refused, naming the obligation and who has it."""
    asking = intelligence(wants="feedback", to=(QINGYUAN,))
    own = outbox.publish(asking)
    feedback = Draft.model_validate({"type": "yizhan.intelligence.feedback.v1", "payload": {}, "stage": "final"})
    answer = feedback.model_copy(update={"reply_to": Reference(id=own.id)})
    with pytest.raises(NotOwed, match=f"“反馈情报使用情况”该由收件的 {QINGYUAN} 办"):
        outbox.publish(answer)
    assert isinstance(outbox.publish(answer.model_copy(update={"status": "Exercise"})), Accepted)
    theirs = Reference(id="331126-20261123abcd-9", hash="00" * 32)
    answer = feedback.model_copy(update={"reply_to": theirs})
    desk.was_received = lambda _ref: False
    with desk.open() as other, pytest.raises(NotOwed, match="没有发给本县"):
        other.publish(answer)
    word = {"type": "yizhan.notice.v1", "payload": {"kind": "text", "text": "收到"}, "reply_to": theirs}
    assert isinstance(outbox.publish(Draft.model_validate(word)), Accepted)
    desk.was_received = lambda ref: ref.id == theirs.id
    with desk.open() as other:
        assert isinstance(other.publish(answer), Accepted)


def test_a_wrong_hash_is_not_sent(outbox: Outbox) -> None:
    """A reference to an own event under another hash is refused here."""
    first = outbox.publish(fire())
    with pytest.raises(UnknownReference, match="发出时的 hash 是"):
        outbox.publish(fire(supersedes={"id": first.id, "hash": "00" * 32}))


@pytest.mark.parametrize("to", [("999999",), (SHOUNING, QINGYUAN)])
def test_to_strangers_or_oneself_nothing_is_sent(outbox: Outbox, to: tuple[str, ...]) -> None:
    """A recipient that is no member, or the sender itself, is an error; nothing is stored."""
    with pytest.raises(NotPublishable):
        outbox.publish(fire(to=to))
    assert outbox.depth() == 0


def test_the_same_reference_is_sent_once(desk: Desk, outbox: Outbox) -> None:
    """The same external_ref of the same type is one event: again, in another process, another book."""
    first = outbox.publish(fire(external_ref="A-1"))
    again = outbox.publish(fire(external_ref="A-1"))
    outbox.close()
    desk.path.with_name("outbox.sqlite3.head").write_text(f"{first.id.split('-')[1]} 99")  # as if restored
    with desk.open() as reopened:
        assert reopened.epoch != first.id.split("-")[1]
        across = reopened.publish(fire(external_ref="A-1"))
        other = reopened.publish(intelligence(external_ref="A-1"))
    assert (again.id, again.duplicate, again.decisions) == (first.id, True, first.decisions)
    assert (across.id, across.duplicate) == (first.id, True)
    assert not other.duplicate


def test_a_repeated_reference_with_other_words_says_so(outbox: Outbox) -> None:
    """A second event under an old external_ref is not sent, and is not silent when it says something else."""
    outbox.publish(fire(external_ref="A-1"))
    assert not outbox.publish(fire(external_ref="A-1")).differs
    assert outbox.publish(fire(external_ref="A-1", payload={"summary": "又起火"})).differs


def test_an_import_goes_on_after_a_bad_line(outbox: Outbox) -> None:
    """Many drafts: the bad one yields its error, the others go, and no number is wasted."""
    drafts = [fire() for _ in range(BATCH + 5)]
    drafts[3] = fire(to=("999999",))
    results = list(outbox.publish_many(drafts))
    assert isinstance(results[3], NotPublishable)
    numbers = [int(result.id.rsplit("-")[-1]) for result in results if isinstance(result, Accepted)]
    assert numbers == list(range(1, BATCH + 5))


def test_a_full_disk_is_a_clear_error_and_no_half_of_an_event(desk: Desk, outbox: Outbox) -> None:
    """When the disk is full nothing is stored, the sentence says so, and with room again it goes on."""
    outbox.publish(fire())
    pages = outbox._conn.execute("PRAGMA page_count").fetchone()[0]  # noqa: SLF001 -- SQLite's own full disk
    outbox._conn.execute(f"PRAGMA max_page_count = {pages + 2}")  # noqa: SLF001
    accepted = 1
    with pytest.raises(StoreError, match="磁盘已满"):  # noqa: PT012 -- room for some is left
        for _ in range(50):
            outbox.publish(fire(payload={"summary": "火" * 2000}))
            accepted += 1
    assert len(outbox.rows()) == accepted
    outbox._conn.execute("PRAGMA max_page_count = 100000")  # noqa: SLF001
    assert outbox.publish(fire()).id.endswith(f"-{accepted + 1}")
    with desk.open() as again:
        assert [row.id.rsplit("-")[-1] for row in again.rows()] == [str(n) for n in range(1, accepted + 2)]


def test_each_publish_wakes_the_publisher(outbox: Outbox) -> None:
    """Every accepted event wakes the publisher; without a publisher nothing fails."""
    outbox.publish(fire())
    with WakeupListener(outbox.wakeup_path) as listener:
        outbox.publish(fire())
        assert listener.wait(1.0)


def test_threads_take_turns(outbox: Outbox) -> None:
    """Several threads on one outbox leave no number out and give none twice."""
    threads = [threading.Thread(target=lambda: [outbox.publish(fire()) for _ in range(10)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [int(row.id.rsplit("-")[-1]) for row in outbox.rows()] == list(range(1, 41))


def test_receipts_travel_as_notices_and_bear_a_persons_name(outbox: Outbox) -> None:
    """A receipt goes to the county of what it confirms, at once and quietly, and counts in its lane."""
    theirs = ReceiptRef.model_validate(
        {"stage": "acknowledged", "event": {"id": "331126-20261123abcd-4", "hash": "ab" * 32}}
    )
    with pytest.raises(PayloadInvalid, match="by"):
        outbox.send_receipt(theirs)
    sent = outbox.send_receipt(theirs, by=Person(name="张三", badge="350001"), note="已派员")
    event = outbox.event(sent.id)
    assert event is not None
    assert event.header.receipt == theirs
    assert event.header.to == (QINGYUAN,)
    assert sent.decisions[QINGYUAN].way is Way.NOTICE
    assert header(outbox, outbox.publish(fire()).id).lanes[QINGYUAN].n == 2
    assert "张三" in event.payload.decode()


def test_lane_heads_tell_each_recipient_its_own(outbox: Outbox) -> None:
    """The daily notice tells every recipient how far its lanes have come, and nothing of the others'."""
    for draft in (fire(), fire(), intelligence(), fire(touches=(CANGNAN,))):
        outbox.publish(draft)
    notices = [outbox.event(sent.id) for sent in outbox.announce_lane_heads()]
    said = {event.header.to: strictjson.loads(event.payload)["lanes"] for event in notices if event}
    epoch = outbox.epoch
    assert {event.header.type for event in notices if event} == {NOTICE}
    assert said[(CANGNAN,)] == [{"book": epoch, "lane": "prompt", "head": 1, "void": []}]
    assert [(lane["lane"], lane["head"]) for lane in said[(QINGYUAN,)]] == [("digest", 1), ("prompt", 2)]


def test_the_outbox_of_another_source_does_not_open(desk: Desk, outbox: Outbox) -> None:
    """One file, one source: another one's outbox is not written into."""
    with pytest.raises(WrongOutbox, match="应是 331126 的发件箱"):
        Outbox(desk.path, QINGYUAN, desk.world.counties[QINGYUAN].signing, desk.world.charters)


def test_a_key_that_the_charter_does_not_know_seals_nothing(desk: Desk, tmp_path: Path) -> None:
    """An event that the station would refuse for its key is refused here."""
    signer = desk.world.counties[CANGNAN].signing
    with (
        Outbox(tmp_path / "other.sqlite3", SHOUNING, signer, desk.world.charters, lambda: desk.now) as outbox,
        pytest.raises(NotPublishable, match="没有登记"),
    ):
        outbox.publish(fire())


def test_own_events_are_listed_with_their_payload(outbox: Outbox) -> None:
    """What was sent is there for the bulletin: header, payload, decisions; not what was refused."""
    sent = [outbox.publish(fire()), outbox.publish(intelligence())]
    listed = outbox.sent()
    assert [event.hash for event in listed] == [event.hash for event in sent]
    assert listed[1].decisions == sent[1].decisions
    assert strictjson.loads(listed[1].payload) == {"title": "动态"}


def test_the_database_is_as_durable_as_sqlite_can_be(outbox: Outbox) -> None:
    """Accepted means on the disk: WAL with synchronous FULL where numbers are given."""
    conn: sqlite3.Connection = outbox._conn  # noqa: SLF001 -- the setting is the promise
    assert conn.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert conn.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_a_matter_is_found_by_index(outbox: Outbox) -> None:
    """A matter is read by an index: no rows are scanned but those that refer to the event or are referred to by it."""
    with sqlite3.connect(f"file:{outbox.path}?mode=ro", uri=True) as conn:
        plans = [conn.execute(f"EXPLAIN QUERY PLAN {sql}", {"id": "x", "receipt": "y"}) for sql in queries._BESIDE]  # noqa: SLF001 -- what is asked
        assert not [row for plan in plans for row in plan if "SCAN" in row[3]]
    conn.close()


def test_what_stands_of_a_type_is_read_the_newest_first(outbox: Outbox) -> None:
    """What was taken back does not stand, nor does the withdrawal; a correction comes before what it corrects."""
    first, second = outbox.publish(fire()), outbox.publish(fire())
    corrected = outbox.publish(fire(supersedes=Reference(id=first.id)))
    outbox.publish(fire(withdraws=Reference(id=second.id)))
    report = outbox.publish(intelligence())
    standing = [own.header.id for own in outbox.standing(fire().type)]
    assert standing == [corrected.id, first.id]
    assert [own.header.id for own in outbox.standing(fire().type, 2)] == [corrected.id]
    assert outbox.ids_of(intelligence().type) == [report.id]
