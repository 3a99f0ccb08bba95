"""The bell: alarms, acknowledgements, the ladder, channels that are dead."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from tests.consumers.bell_cases import ALARM, FIRE_ID, Bell, fire
from tests.world.phones import Phone, channels, phones, ring, ringer_of, settings_of
from tests.world.receiver import ME, PARTNER, Listener
from tests.world.simulator import BOOK, NOW
from yizhan.consumers.bell.ring_store import RingStore
from yizhan.consumers.bell.rings import RingOutcome
from yizhan.schemas.timestamps import written


def test_an_alarm_is_heard_once_whatever_looks_again(bell: Bell, made: list[Phone]) -> None:
    """One ring at the duty phone: not at another look, not after a restart, not when the record is read again."""
    record = bell.listener.stamped(bell.listener.event())
    bell.listener.inbox.receive(record)
    bell.ring()
    bell.listener.inbox.receive(record)
    bell.restart()
    bell.ring()
    assert made[0].titles == [ALARM]
    assert [len(each.heard) for each in made] == [1, 0, 0, 0]
    ((found, tries), *_ladder) = bell.ringer.store.rings()
    assert (found.state, found.channel, [each.outcome for each in tries]) == ("delivered", "duty", ["delivered"])
    assert [(each.channel, each.outcome) for each in bell.told] == [("duty", "delivered")]


def test_nothing_that_was_sealed_leaves_by_default(bell: Bell, made: list[Phone]) -> None:
    """Kind, priority, report and sender, and to open the inbox: no place, person, text, figure, not even the id."""
    identifier = fire(bell, grade=2)
    bell.ring()
    (sent,) = made[0].heard
    assert sent["title"] == ALARM
    assert sent["message"] == "来自 寿宁县\n特急 首报\n请打开收件箱"
    text = made[0].raw[0].decode() + str(sent)
    for kept in ("大安", "后坑", "林海", "summary", identifier, BOOK):
        assert kept not in text


@pytest.mark.parametrize(
    ("tells", "said", "kept"),
    [("grade", (FIRE_ID, "2 级"), ("大安",)), ("summary", (FIRE_ID, "大安乡后坑村起火"), ("林海",))],
)
def test_a_channel_carries_what_the_county_allows_it(
    listener: Listener, tmp_path: Path, tells: str, said: tuple[str, ...], kept: tuple[str, ...]
) -> None:
    """``grade`` adds id and grade, ``summary`` the sender's first sentence, and nothing else; the book says which."""
    with phones(1) as (phone,):
        text = f'[channels.duty]\nurl = "{phone.url}"\ntells = "{tells}"\n[rungs]\nduty = ["duty"]\n'
        bell = Bell.__new__(Bell)
        bell.listener, bell.told, bell.settings = listener, [], settings_of(tmp_path, text)
        bell.ringer = bell.opened()
        fire(bell, grade=2)
        bell.ring()
        message = phone.heard[0]["message"]
        assert all(each in message for each in said)
        assert not any(each in phone.raw[0].decode() for each in kept)
        ((_found, (only,)), *_ladder) = bell.ringer.store.rings()
        assert only.tells == tells
        bell.ringer.store.close()


def test_what_was_acknowledged_before_is_not_rung(bell: Bell, made: list[Phone]) -> None:
    """An officer who was quicker than the bell is not woken."""
    identifier = fire(bell)
    bell.listener.inbox.acknowledge(identifier, "王强", "P001")
    bell.ring()
    assert not made[0].heard
    assert bell.states() == []


def _acknowledge(bell: Bell, identifier: str) -> None:
    bell.listener.inbox.acknowledge(identifier, "王强", "P001")


def test_an_acknowledgement_during_a_ring_stops_the_next_channel_and_rung(bell: Bell, made: list[Phone]) -> None:
    """Somebody acknowledges while a channel fails: neither the next rung nor a later try is rung."""
    identifier = fire(bell)
    made[0].status = 500
    made[0].before = partial(_acknowledge, bell, identifier)
    bell.ring()
    bell.ring(timedelta(hours=1))
    assert not any(each.heard for each in made)
    assert {each[2:] for each in bell.states()} == {("dropped", "acknowledged")}


def test_a_dead_rung_is_seen_and_the_next_rung_rung_at_once(bell: Bell, made: list[Phone]) -> None:
    """Duty and second telephones refuse: the liaison officer hears; the duty phone, too, once it works."""
    made[0].status = made[1].status = 500
    fire(bell)
    bell.ring()
    assert [len(each.heard) for each in made] == [0, 0, 1, 0]
    assert bell.told[-1].channel == "liaison"
    assert [each.channel for each in bell.told] == ["duty", None, "second", None, "liaison"]
    assert bell.ringer.store.unheard() == 0
    last = bell.ringer.store.last("duty")
    assert last is not None
    assert last.outcome == "refused"
    made[0].status = 200
    bell.ring(timedelta(seconds=30))
    assert not made[0].heard
    bell.ring(timedelta(seconds=31))
    assert made[0].titles == [ALARM]


def test_the_next_channel_of_a_rung_is_used_and_the_dead_one_tried_last(listener: Listener, tmp_path: Path) -> None:
    """The first channel is off: the second carries it, and the next alarm too, at once; nobody else is rung."""
    with phones(2) as (dead, alive):
        text = channels(first=dead.url, second=alive.url) + '[rungs]\nduty = ["first", "second"]\n'
        dead.close()
        told: list[RingOutcome] = []
        ringer = ringer_of(listener, settings_of(tmp_path, text), told)
        ring(ringer)
        for _ in range(2):
            listener.deliver(listener.event())
            ring(ringer)
        assert len(alive.heard) == 2
        assert [(each.channel, each.outcome) for each in told] == [
            ("first", "refused"), ("second", "delivered"), ("second", "delivered"),
        ]  # fmt: skip
        ringer.store.close()


def test_a_mended_channel_is_first_again_once_somebody_tested_it(listener: Listener, tmp_path: Path) -> None:
    """A dead channel is tried last; after ``bell test`` by another process it is used and no longer told as dead."""
    with phones(2) as (first, second):
        first.status = 500
        text = channels(first=first.url, second=second.url) + '[rungs]\nduty = ["first", "second"]\n'
        ringer = ringer_of(listener, settings_of(tmp_path, text))
        ring(ringer)
        dead = partial(REGISTRY.get_sample_value, "yizhan_bell_channel_dead", {"channel": "first"})
        listener.deliver(listener.event())
        ring(ringer)
        ringer.measure()
        assert (dead(), len(second.heard)) == (1.0, 1)
        first.status, now = 200, listener.clock()
        with RingStore(listener.path, ME) as book:
            book.tested("first", "kind", now, now, "delivered")
        ringer.measure()
        listener.deliver(listener.event())
        ring(ringer)
        assert (dead(), len(first.heard), len(second.heard)) == (0.0, 1, 1)
        ringer.store.close()


def test_a_rung_without_a_channel_leaves_its_turn_to_the_next(listener: Listener, tmp_path: Path) -> None:
    """Only the leader has a channel: he hears of a fire at once; notices, which nobody hears, wake nobody."""
    with phones(1) as (phone,):
        text = 'notices = "nobody"\n' + channels(leader=phone.url) + '[rungs]\nleader = ["leader"]\n'
        ringer = ringer_of(listener, settings_of(tmp_path, text))
        ring(ringer)
        listener.deliver(listener.event(status="Exercise"))
        listener.deliver(listener.event())
        ring(ringer, 5)
        assert phone.titles == [ALARM]
        assert [(each.plan.rung, each.why) for each, _tries in ringer.store.rings() if each.plan.step == "alarm"] == [
            ("duty", "no channel"), ("leader", None),
        ]  # fmt: skip
        phone.status = 500
        listener.deliver(listener.event())
        ring(ringer, 5)
        assert ringer.store.unheard() == 1
        listener.inbox.acknowledge(f"{PARTNER}-{BOOK}-3", "王强", "P001")
        assert ringer.store.unheard() == 0
        phone.status = 200
        listener.clock.now = NOW.replace(hour=6)
        ring(ringer)
        assert all(title == ALARM for title in phone.titles)
        ringer.store.close()


def test_where_only_duty_has_a_channel_it_rings_at_each_step(listener: Listener, tmp_path: Path) -> None:
    """An alarm that nobody acknowledges rings the duty phone again at each step, once a step, until somebody does."""
    with phones(1) as (phone,):
        told: list[RingOutcome] = []
        ringer = ringer_of(
            listener, settings_of(tmp_path, channels(duty=phone.url) + '[rungs]\nduty = ["duty"]\n'), told
        )
        ring(ringer)
        listener.deliver(listener.event())
        ring(ringer)
        said = {"second-phone": ("second", 5), "liaison-officer": ("liaison", 10), "leader": ("leader", 15)}
        for count, (step, (rung, minutes)) in enumerate(said.items(), 2):
            listener.clock.now = NOW + timedelta(minutes=minutes, seconds=1)
            ring(ringer)
            if step != "leader":
                listener.inbox.receive(listener.followup(step, to_whom=rung, at=written(listener.clock.now)))
            ring(ringer)
            assert phone.titles == [ALARM] * count
            assert (told[-2].outcome, told[-2].instead, told[-1].outcome) == ("no channel", "duty", "delivered")
            assert "尚无人签收" in phone.heard[-1]["message"]
        rows = [(each.plan.step, each.plan.rung, each.state, each.why) for each, _tries in ringer.store.rings()]
        for step, (rung, _minutes) in said.items():
            assert (step, rung, "dropped", "no channel") in rows
            assert (step, "duty", "delivered", None) in rows
        assert len(rows) == 7
        listener.clock.now += timedelta(hours=1)
        ring(ringer)
        assert len(phone.heard) == 4
        ringer.store.close()


def test_an_acknowledgement_stops_the_ladder_of_the_duty_phone(listener: Listener, tmp_path: Path) -> None:
    """Once somebody acknowledged, the steps of rungs without a channel do not ring the duty phone."""
    with phones(1) as (phone,):
        ringer = ringer_of(listener, settings_of(tmp_path, channels(duty=phone.url) + '[rungs]\nduty = ["duty"]\n'))
        ring(ringer)
        listener.deliver(listener.event())
        ring(ringer)
        listener.inbox.acknowledge(FIRE_ID, "王强", "P001")
        listener.clock.now = NOW + timedelta(minutes=20)
        ring(ringer)
        assert len(phone.heard) == 1
        assert {each.why for each, _tries in ringer.store.rings() if each.state == "dropped"} == {"acknowledged"}
        ringer.store.close()


def test_a_dead_rung_is_passed_over_to_the_next_that_has_a_channel(listener: Listener, tmp_path: Path) -> None:
    """Duty is dead, second and liaison have no channel: the leader hears at once, not the dead phone again."""
    with phones(2) as (duty, leader):
        duty.status = 500
        text = channels(duty=duty.url, leader=leader.url) + '[rungs]\nduty = ["duty"]\nleader = ["leader"]\n'
        ringer = ringer_of(listener, settings_of(tmp_path, text))
        ring(ringer)
        listener.deliver(listener.event())
        ring(ringer)
        assert leader.titles == [ALARM]
        assert ringer.store.unheard() == 0
        ringer.store.close()


def test_a_flood_of_alarms_is_heard_alarm_by_alarm(bell: Bell, made: list[Phone]) -> None:
    """Forty fires at once: forty rings, none told together, none twice."""
    for _ in range(40):
        fire(bell)
    for _ in range(10):
        bell.ring()
    assert made[0].titles == [ALARM] * 40


@pytest.mark.parametrize("first", ["station", "clock"])
def test_the_ladder_is_climbed_once_a_step_whoever_says_it_first(bell: Bell, made: list[Phone], first: str) -> None:
    """The station's word and the county's own clock name one step: it is rung once."""
    fire(bell)
    bell.ring()
    said = {"second-phone": ("second", 5), "liaison-officer": ("liaison", 10), "leader": ("leader", 15)}
    for step, (rung, minutes) in said.items():
        at = NOW + timedelta(minutes=minutes)
        record = bell.listener.followup(step, to_whom=rung, at=written(at))
        if first == "station":
            bell.listener.clock.now = at
            bell.listener.inbox.receive(record)
            bell.ring()
        bell.listener.clock.now = at + timedelta(seconds=1)
        bell.ring()
        bell.listener.inbox.receive(record)
        bell.ring()
    assert [len(each.heard) for each in made] == [1, 1, 1, 1]
    assert made[3].heard[0]["message"] == "来自 寿宁县\n尚无人签收\n特急 首报\n请打开收件箱"
    bell.restart()
    bell.ring(timedelta(hours=1))
    assert [len(each.heard) for each in made] == [1, 1, 1, 1]


def test_an_acknowledgement_stops_the_ladder(bell: Bell, made: list[Phone]) -> None:
    """After the second telephone somebody acknowledges: nobody else is rung, by the station's late word neither."""
    identifier = fire(bell)
    bell.ring()
    bell.ring(timedelta(minutes=5))
    bell.listener.inbox.acknowledge(identifier, "王强", "P001")
    bell.listener.inbox.receive(bell.listener.followup("liaison-officer", to_whom="liaison"))
    bell.ring(timedelta(minutes=30))
    bell.ring(timedelta(minutes=30))
    assert [len(each.heard) for each in made] == [1, 1, 0, 0]
    assert ("liaison-officer", "liaison", "dropped", "acknowledged") in bell.states()


def test_whoever_sent_an_alarm_is_told_to_telephone(bell: Bell, made: list[Phone]) -> None:
    """At the last step of the other side's ladder our duty phone rings, at night too; not for the steps before."""
    bell.listener.clock.now = NOW.replace(hour=18)
    for step, rung in (("second-phone", "second"), ("leader", "leader")):
        said = {"owes": [PARTNER], "owed": [ME], "to_whom": rung, "at": written(bell.listener.clock.now)}
        bell.listener.inbox.receive(bell.listener.followup(step, **said))
        bell.ring()
    assert made[0].titles == ["【驿站】对方无人签收报警，请电话联系"]
    assert made[0].heard[0]["message"] == "寿宁县\n请查看待办"
