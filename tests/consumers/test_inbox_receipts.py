"""Receipts that came and that are owed, officers' words, and lanes with a gap."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from tests.consumers.inbox_cases import OTHER, id_of, receipt
from tests.world.receiver import ME, PARTNER, Listener
from yizhan.consumers.errors import InboxError, NotAnswerable
from yizhan.consumers.items import InboxQuery
from yizhan.consumers.labels import State
from yizhan.consumers.receipts import MOST_AT_ONCE
from yizhan.consumers.store import MIGRATIONS
from yizhan.runtime.store import open_store
from yizhan.schemas import strictjson
from yizhan.schemas.errors import NotFound, Reason


def test_a_receipt_of_a_recipient_binds(listener: Listener) -> None:
    """It reaches the outbox with its payload; read again, it is confirmed again and is one row."""
    own = listener.world.event(ME, (PARTNER,))
    listener.desk.audiences = {id_of(own): (PARTNER,)}
    record = listener.stamped(receipt(listener, own))
    assert [listener.inbox.receive(record).became for _ in range(2)] == ["stored", "duplicate"]
    (header, _, payload), _ = listener.desk.confirmed
    assert header.receipt is not None
    assert (header.receipt.stage, payload["by"]["badge"]) == ("acknowledged", "350924001")
    assert listener.inbox.items() == ()
    assert len(listener.inbox.items(InboxQuery(system=True))) == 1


@pytest.mark.parametrize("audience", [None, (OTHER,)])
def test_a_receipt_that_does_not_bind_stays_aside(listener: Listener, audience: tuple[str, ...] | None) -> None:
    """About what we never sent, or never sent to its source: bad_reference, and no gap in its lane."""
    own = listener.world.event(ME, (OTHER,))
    listener.desk.audiences = {} if audience is None else {id_of(own): audience}
    assert listener.deliver(receipt(listener, own)).reason == Reason.BAD_REFERENCE
    assert listener.desk.confirmed == []
    assert listener.inbox.gaps() == ()


def test_a_cumulative_receipt_binds_for_its_lane(listener: Listener) -> None:
    """Which lanes lead to its source, the outbox knows."""
    lane = {"stage": "delivered", "source": ME, "book": "20261123test", "lane": "prompt", "up_to": 7}
    said = listener.event(type="yizhan.receipt.v1", receipt=lane, priority="routine", stage=None, touches=None)
    assert listener.deliver(said).became == "stored"
    assert len(listener.desk.confirmed) == 1


def test_delivered_is_cumulative_and_not_too_often(listener: Listener) -> None:
    """One receipt a lane in the interval, saying all that came, gaps included."""
    events = [listener.event() for _ in range(4)]
    for n in (0, 1, 3):
        listener.deliver(events[n])
    assert [listener.inbox.tick(), listener.inbox.tick()] == [1, 0]
    ((first, by, note),) = listener.desk.receipts
    assert (first.stage, first.source, first.lane, by, note) == ("delivered", PARTNER, "prompt", None, None)
    assert (first.up_to, first.beyond) == (2, (4,))
    listener.deliver(events[2])
    assert listener.inbox.tick() == 0
    listener.clock.forward(2)
    assert listener.inbox.tick() == 1


def test_a_duplicate_is_receipted_again(listener: Listener) -> None:
    """A duplicate gets a receipt again: its sender may have lost the first."""
    fire = listener.event()
    listener.deliver(fire)
    listener.inbox.tick()
    listener.clock.forward(60)
    assert listener.inbox.tick() == 0
    listener.deliver(fire)
    assert listener.inbox.tick() == 1


def test_receipts_and_notices_of_a_program_are_never_receipted(listener: Listener) -> None:
    """Receipts and notices get no receipt, which would never end; their lane numbers still count."""
    lane = {"stage": "delivered", "source": ME, "book": "20261123test", "lane": "prompt", "up_to": 7}
    quiet: dict[str, Any] = {"priority": "routine", "stage": None, "touches": None}
    listener.deliver(listener.event(type="yizhan.receipt.v1", receipt=lane, **quiet))
    listener.deliver(listener.event(type="yizhan.notice.v1", **quiet))
    listener.clock.forward(60)
    assert listener.inbox.tick() == 0


def test_what_a_person_wrote_is_receipted_however_it_travels(listener: Listener) -> None:
    """The sender of a letter learns that it arrived."""
    quiet: dict[str, Any] = {"type": "yizhan.notice.v1", "priority": "flash", "stage": None, "touches": None}
    header = listener.world.header(PARTNER, (ME,), **quiet)
    listener.deliver(listener.world.seal(header, strictjson.dumps({"kind": "text", "text": "请立即增援"})))
    assert listener.inbox.tick() == 1
    ((receipt, by, note),) = listener.desk.receipts
    assert (receipt.stage, receipt.up_to, by, note) == ("delivered", header.lanes[ME].n, None, None)


def test_a_receipt_that_the_outbox_does_not_take_is_owed(listener: Listener) -> None:
    """Nothing is forgotten: it goes when there is room again, once."""
    fire = listener.event()
    listener.deliver(fire)
    listener.desk.full = True
    item = listener.inbox.acknowledge(id_of(fire), "王芳", "331126007")
    assert (item.state, listener.inbox.count_owed_receipts()) == (State.ACKNOWLEDGED, 1)
    listener.clock.forward(10)
    assert listener.inbox.tick() == 0
    listener.restart()
    listener.desk.full = False
    listener.clock.forward(70)
    assert listener.inbox.tick() == 2
    assert (sorted(listener.desk.stages()), listener.inbox.count_owed_receipts()) == (["acknowledged", "delivered"], 0)


def test_receipts_that_are_not_taken_wait_ever_longer_and_let_others_go_first(listener: Listener) -> None:
    """Forty that cannot go do not hold up the one that can, nor are they all tried at every tick."""
    for _ in range(40):
        listener.deliver(listener.event())
    listener.desk.full = True
    for item in listener.inbox.items():
        listener.inbox.acknowledge(item.id, "王芳", "331126007")
    listener.clock.forward(10)
    tried = []
    for _ in range(20):
        before = listener.desk.asked
        assert listener.inbox.tick() == 0
        tried.append(listener.desk.asked - before)
    assert max(tried) <= 2 * MOST_AT_ONCE
    assert tried[-1] == 0
    listener.desk.full = False
    listener.clock.forward(2 * 3600)
    while listener.inbox.tick():
        pass
    assert listener.inbox.count_owed_receipts() == 0


def test_every_officers_word_is_kept_with_name_and_badge(listener: Listener) -> None:
    """It stops the ringing and goes to the sender; another officer's, or a corrected one, too; the same once."""
    fire = listener.event()
    listener.deliver(fire)
    words = [("王芳", "331126007", "已派护林员"), ("李强", "331126008", None), ("王芳", "331126009", None)]
    for name, badge, note in [*words, words[0], words[1]]:
        item = listener.inbox.acknowledge(id_of(fire), name, badge, note=note)
    assert item.state is State.ACKNOWLEDGED
    assert [(each.name, each.badge, each.note) for each in item.answers] == words
    assert {each.stage for each in item.answers} == {"acknowledged"}
    sent = [(ref.stage, ref.event, by, note) for ref, by, note in listener.desk.receipts]
    assert [(by.name, by.badge, note) for _, _, by, note in sent if by is not None] == words
    assert {(stage, event.id) for stage, event, _, _ in sent if event is not None} == {("acknowledged", id_of(fire))}
    listener.inbox.acknowledge(id_of(fire), "王芳", "331126007", "acted")
    assert listener.desk.stages() == ["acknowledged"] * 3 + ["acted"]


def test_words_of_an_older_database_stay(tmp_path: Path) -> None:
    """What officers said before a second one could be heard is still there, and so is its order."""
    path = tmp_path / "old.sqlite3"
    with contextlib.closing(open_store(path, MIGRATIONS[:1])) as old:
        old.execute(
            "INSERT INTO items (id, hash, kind, source, county, book, type, status, thread, time, received, stored,"
            " way, rule, charter, state, warnings)"
            " VALUES ('1', x'00', 'alert', '', '', '', '', '', '', '', '', '', 'alarm', '', '', '', '')"
        )
        old.execute("INSERT INTO answers VALUES ('1', 'acted', '李强', '8', NULL, '2026-11-23T09:00:00.000Z')")
        old.execute("INSERT INTO answers VALUES ('1', 'acknowledged', '王芳', '7', '好', '2026-11-23T08:00:00.000Z')")
    with contextlib.closing(open_store(path, MIGRATIONS)) as new:
        kept = new.execute("SELECT stage, name, note FROM answers ORDER BY seq").fetchall()
    assert [tuple(row) for row in kept] == [("acknowledged", "王芳", "好"), ("acted", "李强", None)]


@pytest.mark.parametrize(
    ("name", "badge", "stage", "error"),
    [("", "1", "acknowledged", NotAnswerable), ("王芳", " ", "acknowledged", NotAnswerable),
     ("王芳", "1", "delivered", NotAnswerable)],
)  # fmt: skip
def test_an_answer_is_a_persons(listener: Listener, name: str, badge: str, stage: str, error: type[InboxError]) -> None:
    """No name, no badge, no such word: nothing is entered."""
    fire = listener.event()
    listener.deliver(fire)
    with pytest.raises(error):
        listener.inbox.acknowledge(id_of(fire), name, badge, stage)
    with pytest.raises(NotFound):
        listener.inbox.acknowledge("350924-20261123test-77777", "王芳", "1")
    assert len(listener.inbox.ringing()) == 1


def test_a_lost_event_shows_at_once_and_a_lost_tail_when_it_is_announced(listener: Listener) -> None:
    """The gap is closed by what comes late, and by a number that its sender calls void."""
    events = [listener.event() for _ in range(5)]
    for n in (0, 2):
        listener.deliver(events[n])
    assert prompt_gaps(listener) == [(2, 2, "lost")]
    announce(listener, head=6, void=[])
    assert prompt_gaps(listener) == [(2, 2, "lost"), (4, 5, "lost")]
    listener.deliver(events[1])
    listener.deliver(events[3])
    announce(listener, head=9, void=[5])
    assert prompt_gaps(listener) == [(8, 9, "tail")]
    listener.inbox.measure()


def prompt_gaps(listener: Listener) -> list[tuple[int, int, str]]:
    """Return what is missing of the prompt lane."""
    return [(gap.first, gap.last, gap.kind) for gap in listener.inbox.gaps() if gap.lane == "prompt"]


def announce(listener: Listener, head: int, void: list[int]) -> None:
    """Let the partner say how far its prompt lane to us has come."""
    notice = {"kind": "lane_heads", "lanes": [
        {"book": "20261123test", "lane": "prompt", "head": head, "void": void},
        {"book": "20261123test", "lane": "digest", "head": 3},
    ]}  # fmt: skip
    quiet: dict[str, Any] = {"type": "yizhan.notice.v1", "priority": "routine", "stage": None, "touches": None}
    listener.deliver(listener.world.seal(listener.world.header(to=(ME,), **quiet), strictjson.dumps(notice)))
    # What waits for the quarter is no loss.
    assert [gap.kind for gap in listener.inbox.gaps() if gap.lane == "digest"] == ["waiting"]
