"""What a person wrote reaches a person: listed, rung at its priority, once; so does a fire whose start is missing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from tests.consumers.bell_cases import Bell, fire
from tests.consumers.inbox_cases import ref_of
from tests.world.phones import Phone
from tests.world.receiver import ME, PARTNER, Listener
from tests.world.simulator import BOOK, NOW
from yizhan.consumers.items import InboxQuery
from yizhan.consumers.labels import State, Warn
from yizhan.schemas.header import NOTICE
from yizhan.schemas.payloads.letters import is_letter
from yizhan.schemas.payloads.table import ASSISTANCE_REQUEST

NIGHT = NOW.replace(hour=15, minute=30)  # 23:30 there
NO_STAGE = {"stage": None, "touches": None}
LETTER = '{"kind":"text","text":"请速回电"}'.encode()
LANES = b'{"kind":"lane_heads","lanes":[]}'
LOST = f"{PARTNER}-{BOOK}-900"


def letter(listener: Listener, payload: bytes = LETTER, **attributes: object) -> str:
    """Let a notice arrive; its id."""
    header = listener.world.header(PARTNER, (ME,), type=NOTICE, **NO_STAGE, **attributes)
    listener.deliver(listener.world.seal(header, payload))
    return header.id


def listed(listener: Listener, query: InboxQuery | None = None) -> list[str]:
    """Return the ids of a list."""
    return [each.id for each in listener.inbox.items(query or InboxQuery())]


def test_a_word_that_a_person_wrote_is_listed_and_the_systems_own_is_not(listener: Listener) -> None:
    """A person's notice is listed at any priority; a program's notice only with system=True."""
    letters = [letter(listener, priority=priority) for priority in ("flash", "urgent", "routine")]
    own = letter(listener, LANES, priority="routine")
    assert listed(listener) == letters
    assert listed(listener, InboxQuery(system=True)) == [*letters, own]


@pytest.mark.parametrize(("attributes", "letter"), [({"priority": "urgent"}, True), ({"priority": "routine"}, False)])
def test_a_notice_that_cannot_be_opened_is_a_letter_where_no_program_writes_such(
    listener: Listener, attributes: dict[str, str], *, letter: bool
) -> None:
    """A key that is lost hides no answer; lane heads that cannot be opened are no letters."""
    header = listener.world.header(PARTNER, (ME,), type=NOTICE, **NO_STAGE, **attributes)
    assert is_letter(header, None) == letter


@pytest.mark.parametrize("priority", ["flash", "urgent"])
def test_each_urgent_word_of_a_batch_rings_at_once_also_at_night(bell: Bell, made: list[Phone], priority: str) -> None:
    """Three of them are three rings, once each, at the duty phone and no other; a restart rings nothing again."""
    bell.listener.clock.now = NIGHT
    for _ in range(3):
        letter(bell.listener, priority=priority)
    bell.ring()
    bell.ring(timedelta(seconds=31))
    bell.restart()
    bell.ring()
    said = {"flash": "特急", "urgent": "加急"}[priority]
    assert made[0].titles == [f"【驿站】{said}来信：通知"] * 3
    assert made[0].heard[0]["message"] == "来自 寿宁县\n请打开收件箱"
    assert [len(each.heard) for each in made[1:]] == [0, 0, 0]


@pytest.mark.parametrize(
    "attributes",
    [{"status": "Exercise"}, {"withdraws": {"id": LOST, "hash": "0" * 64}}],
    ids=["exercise", "withdrawal"],
)
def test_what_asks_nobody_for_anything_tonight_waits_for_the_morning(
    bell: Bell, made: list[Phone], attributes: dict[str, Any]
) -> None:
    """An urgent letter in an exercise, and one that takes another back."""
    bell.listener.clock.now = NIGHT
    letter(bell.listener, priority="urgent", **attributes)
    bell.ring()
    bell.ring(timedelta(seconds=31))
    assert made[0].titles == []


def test_an_urgent_request_that_was_taken_back_before_it_rang_does_not_ring(bell: Bell, made: list[Phone]) -> None:
    """Both arrive together, at night."""
    listener = bell.listener
    listener.clock.now = NIGHT
    attributes = {"type": ASSISTANCE_REQUEST, "priority": "urgent", "wants": "assistance", **NO_STAGE}
    first = listener.world.seal(listener.world.header(PARTNER, (ME,), **attributes), b"{}")
    taken_back = listener.world.header(PARTNER, (ME,), withdraws=ref_of(first), **attributes)
    for each in (first, listener.world.seal(taken_back, b"{}")):
        listener.deliver(each)
    bell.ring()
    bell.ring(timedelta(seconds=31))
    assert made[0].titles == []


@pytest.mark.parametrize(
    ("attributes", "rings"),
    [
        ({"priority": "urgent", "wants": "assistance"}, True),
        ({"priority": "routine", "wants": "assistance"}, False),
        ({"priority": "urgent", "wants": None}, False),
        ({"priority": "urgent", "wants": "assistance", "status": "Exercise"}, False),
    ],
)
def test_an_urgent_request_rings_at_night_once_and_no_ladder_follows(
    bell: Bell, made: list[Phone], attributes: dict[str, Any], *, rings: bool
) -> None:
    """It is no alarm, but somebody waits for an answer tonight; what is not urgent or asks nothing can wait."""
    bell.listener.clock.now = NIGHT
    header = bell.listener.world.header(PARTNER, (ME,), type=ASSISTANCE_REQUEST, **NO_STAGE, **attributes)
    bell.listener.deliver(bell.listener.world.seal(header, b"{}"))
    bell.ring()
    bell.restart()
    bell.ring(timedelta(hours=2))
    assert made[0].titles == ["【驿站】加急来信：办案协作请求"] * rings
    assert [len(each.heard) for each in made[1:]] == [0, 0, 0]


def test_a_routine_word_is_told_with_the_notices(bell: Bell, made: list[Phone]) -> None:
    """In one message, after the interval; lane heads are told to nobody."""
    bell.listener.clock.now = NOW.replace(hour=6)
    letter(bell.listener, priority="routine")
    letter(bell.listener, LANES, priority="routine")
    bell.ring()
    assert not made[0].heard
    bell.ring(timedelta(minutes=11))
    assert made[0].titles == ["【驿站】通知 1 件"]


@pytest.mark.parametrize("stage", ["update", "final"])
@pytest.mark.parametrize("subject", [LOST, None])
def test_an_update_without_its_first_report_rings_as_that_would(
    bell: Bell, made: list[Phone], stage: str, subject: str | None
) -> None:
    """It is marked; the next of the same matter is quiet again; an officer can acknowledge it."""
    event = fire(bell, stage=stage, subject=subject)
    item = bell.listener.inbox.item(event)
    assert item is not None
    assert (item.state, Warn.FIRST_MISSING in item.warnings) == (State.RINGING, True)
    bell.ring()
    assert made[0].titles == ["【驿站】报警：森林火灾"]
    assert "没有收到过首报" in made[0].heard[0]["message"]
    if subject is not None:
        second = bell.listener.inbox.item(fire(bell, stage="update", subject=subject))
        assert second is not None
        assert (second.state, Warn.FIRST_MISSING in second.warnings) == (State.QUIET, False)
    assert bell.listener.inbox.acknowledge(event, "李四", "654321").state == State.ACKNOWLEDGED


def test_an_update_of_what_is_known_or_would_not_have_rung_is_quiet(listener: Listener) -> None:
    """Its first report is here; it is a correction, an exercise, or of a matter of others; or it goes on with ours."""
    world = listener.world

    def state(**attributes: object) -> State:
        header = world.header(PARTNER, (ME,), **attributes)
        listener.deliver(world.seal(header))
        item = listener.inbox.item(header.id)
        assert item is not None
        return item.state

    first = world.header(PARTNER, (ME,))
    listener.deliver(world.seal(first))
    assert state(stage="update", subject=first.id) == State.QUIET
    assert state(stage="update", status="Exercise") == State.QUIET
    assert state(stage="update", subject=f"{ME}-{BOOK}-4") == State.QUIET
    assert state(stage="update", touches=("331127",)) == State.QUIET
    assert state(stage="final", supersedes={"id": f"{PARTNER}-{BOOK}-1", "hash": "0" * 64}) == State.QUIET


def test_an_update_says_which_it_is(listener: Listener) -> None:
    """Updates of one matter are counted in the order of their coming."""
    world = listener.world
    first = world.header(PARTNER, (ME,))
    listener.deliver(world.seal(first))
    for stage in ("update", "update", "final"):
        listener.deliver(world.seal(world.header(PARTNER, (ME,), stage=stage, subject=first.id)))
    assert [each.update for each in listener.inbox.items()] == [None, 1, 2, None]


def test_one_ring_tells_of_what_came_while_the_desk_was_off(bell: Bell, made: list[Phone]) -> None:
    """After 73 hours: how many alarms, and when the oldest came; each stays in the list; the metric counts them."""
    oldest = fire(bell, NOW)
    others = [fire(bell, NOW + timedelta(minutes=1)) for _ in range(2)]
    bell.listener.clock.now = NOW + timedelta(hours=73)
    bell.restart()
    bell.ring()
    assert not made[0].heard
    bell.ring(timedelta(seconds=31))
    bell.restart()
    bell.ring(timedelta(minutes=5))
    assert made[0].titles == ["【驿站】值守中断期间有 3 件报警，无人签收"]
    assert "最早的来自 寿宁县" in made[0].heard[0]["message"]
    assert oldest not in made[0].heard[0]["message"]
    assert [each.id for each in bell.listener.inbox.ringing()] == [oldest, *others]
    assert REGISTRY.get_sample_value("yizhan_bell_missed_alarms") == 3
    for each in (oldest, *others):
        bell.listener.inbox.acknowledge(each, "李四", "654321")
    bell.restart()
    bell.ring(timedelta(minutes=5))
    assert len(made[0].heard) == 1
    assert REGISTRY.get_sample_value("yizhan_bell_missed_alarms") == 0


def test_an_alarm_whose_channels_were_all_dead_for_days_is_told_of_when_one_works(
    bell: Bell, made: list[Phone]
) -> None:
    """What was dropped for its age is not forgotten."""
    for phone in made:
        phone.status = 500
    fire(bell)
    bell.ring()
    bell.ring(timedelta(hours=73))
    assert not any(each.heard for each in made)
    for phone in made:
        phone.status = 200
    bell.restart()
    bell.ring()
    bell.ring(timedelta(minutes=1))
    assert made[0].titles == ["【驿站】值守中断期间有 1 件报警，无人签收"]
