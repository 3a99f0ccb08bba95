"""Obligations at work: every row of the sample policy, opened, reminded, discharged, read again, rebuilt."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.calls import calls
from tests.simulator import World
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import Header
from yizhan.schemas.obligation_engine import ObligationEngine, rebuild
from yizhan.schemas.obligation_rules import matches
from yizhan.schemas.obligation_state import ObligationState
from yizhan.schemas.policy import decide
from yizhan.schemas.timestamps import written

A, B = "331126", "350924"
ZONE = ZoneInfo("Asia/Shanghai")
WORLD = World((A, B))
NOON = datetime(2026, 11, 24, 12, tzinfo=ZONE)
"""A Tuesday."""


def local(month: int, day: int, hour: int = 0, minute: int = 0, year: int = 2026) -> datetime:
    """Return an instant on the wall clock of the counties."""
    return datetime(year, month, day, hour, minute, tzinfo=ZONE)


class Play:
    """A book, and events and ticks given to it, as the station does."""

    def __init__(self) -> None:
        self.book, self.said = ObligationEngine(), list[Followup]()
        self.heard: list[tuple[Header, bytes, datetime]] = []

    def event(self, at: datetime, source: str = B, to: str = A, **attributes: Any) -> Header:  # noqa: ANN401 -- of any attribute
        """Send an event."""
        header = WORLD.header(source, (to,), **({"touches": (to,)} | attributes))
        self.heard.append((header, header.id.encode().ljust(32, b"."), at))
        self.again(-1)
        return header

    def again(self, which: int) -> list[Followup]:
        """Read an event again."""
        header, digest, at = self.heard[which]
        ways = {each: decide(header, each, WORLD.charter.policy).way.value for each in header.to}
        said = self.book.observe(header, digest, ways, at, WORLD.charter)
        self.said += said
        return said

    def sent_again(self, which: int, at: datetime) -> list[Followup]:
        """Send the same bytes once more: another record."""
        header, digest, _ = self.heard[which]
        self.heard.append((header, digest, at))
        return self.again(-1)

    def tick(self, now: datetime) -> list[str]:
        """Let time come; return what was said of events, ``rule step``, without the calendar's."""
        said = self.book.tick(now, WORLD.charters)
        self.said += said
        return [f"{each.rule} {each.step}" for each in said if each.about is not None]

    def steps(self, rule: str) -> list[str]:
        """Return what was said under a rule, in order."""
        return [each.step for each in self.said if each.rule == rule]

    def open(self) -> set[str]:
        """Return the rules under which an event is owed something."""
        return {each.rule for each in self.book if each.ended is None and each.about is not None}


def ref(header: Header) -> dict[str, str]:
    """Name an event as a reply does."""
    return {"id": header.id, "hash": header.id.encode().ljust(32, b".").hex()}


def receipt(header: Header, stage: str = "acknowledged") -> dict[str, Any]:
    """Return the attributes of a receipt."""
    return {"type": "yizhan.receipt.v1", "receipt": {"stage": stage, "event": ref(header)}, "touches": None}


FIRE: dict[str, Any] = {"type": "yizhan.incident.forest_fire.v1", "stage": "first", "priority": "flash"}


def test_an_alarm_nobody_acknowledges_climbs_its_ladder_once() -> None:
    """Second phone at 5 minutes, liaison officer at 10, leader at 15, each once, each for its rung."""
    play = Play()
    fire = play.event(NOON, **FIRE)
    assert [(each.rule, each.step, each.owes, each.owed) for each in play.said] == [
        ("acknowledge", "opened", (A,), (B,)), ("follow-up", "opened", (B,), (A,)),
    ]  # fmt: skip
    found = [play.tick(NOON + timedelta(minutes=minute)) for minute in range(17)]
    assert [(minute, said) for minute, said in enumerate(found) if said] == [
        (5, ["acknowledge overdue", "acknowledge second-phone"]),
        (10, ["acknowledge liaison-officer"]),
        (15, ["acknowledge leader"]),
    ]
    rungs = {each.step: each.to_whom for each in play.said if each.rule == "acknowledge"}
    assert rungs == {
        "opened": None, "overdue": None, "second-phone": "second", "liaison-officer": "liaison", "leader": "leader",
    }  # fmt: skip
    play.event(NOON + timedelta(minutes=16), A, B, **receipt(fire))
    assert play.steps("acknowledge")[-1] == "discharged"
    assert play.tick(NOON + timedelta(minutes=18)) == []


def test_what_came_due_while_the_station_was_away_is_said_late_under_its_own_instant() -> None:
    """One tick after an hour says all three, with the instants at which they were due."""
    play = Play()
    play.event(NOON, **FIRE)
    play.tick(NOON + timedelta(hours=1))
    at = {each.step: each.at for each in play.said if each.rule == "acknowledge"}
    assert (at["second-phone"], at["leader"]) == ("2026-11-24T04:05:00.000Z", "2026-11-24T04:15:00.000Z")


@pytest.mark.parametrize("stage", ["acknowledged", "acted", "declined"])
def test_a_persons_word_stops_the_ladder(stage: str) -> None:
    """Any answer of a person does; the program's own word that it was delivered does not."""
    play = Play()
    fire = play.event(NOON, **FIRE)
    delivered = {"stage": "delivered", "source": B, "book": fire.epoch, "lane": "prompt", "up_to": 1}
    play.event(NOON, A, B, **(receipt(fire) | {"receipt": delivered}))
    assert "acknowledge" in play.open()
    play.event(NOON + timedelta(minutes=1), A, B, **receipt(fire, stage))
    assert "acknowledge" not in play.open()
    assert not [each for each in play.tick(NOON + timedelta(minutes=20)) if each.startswith("acknowledge")]


def test_who_does_not_owe_it_discharges_nothing_and_is_told() -> None:
    """A receipt by its own sender, and one for another hash: said under the reason ``not-owed``."""
    play = Play()
    fire = play.event(NOON, **FIRE)
    play.event(NOON, B, A, **receipt(fire))
    wrong = receipt(fire)
    wrong["receipt"]["event"]["hash"] = "0" * 64
    play.event(NOON, A, B, **wrong)
    told = [each for each in play.said if each.step == "not-owed"]
    assert [(each.owes, each.rule) for each in told] == [((B,), "acknowledge"), ((A,), "acknowledge")]
    assert len({each.obligation for each in told}) == 2
    assert "acknowledge" in play.open()


def test_nobody_answers_a_request_for_who_owes_it() -> None:
    """Its own sender's answer is told to be nobody's obligation, and the request stays owed, overdue in its time."""
    play = Play()
    request = play.event(NOON, wants="identity", **REQUEST)
    play.event(NOON + timedelta(hours=1), B, A, reply_to=ref(request), stage="final", **RESPONSE)
    (told,) = [each for each in play.said if each.step == "not-owed"]
    assert (told.rule, told.owes, told.owed) == ("identity-request", (B,), ())
    assert "identity-request overdue" in play.tick(NOON + timedelta(days=9))
    assert play.open() == {"identity-request"}


def test_a_fire_is_reported_on_while_it_burns_and_finally() -> None:
    """Each report owes the next within two hours; routine says that it is out: the final is due in a day."""
    play = Play()
    fire = play.event(NOON, **FIRE)
    assert play.tick(NOON + timedelta(minutes=91))[-1] == "follow-up soon"
    thread = {"type": FIRE["type"], "subject": fire.id, "reply_to": ref(fire)}
    play.event(NOON + timedelta(minutes=100), stage="update", priority="urgent", **thread)
    assert play.steps("follow-up") == ["opened", "soon", "discharged", "opened"]
    play.event(NOON + timedelta(hours=3), stage="update", priority="routine", **thread)
    assert "follow-up" not in play.open()
    assert "final-report" in play.open()
    assert "final-report overdue" in play.tick(NOON + timedelta(hours=27, minutes=1))
    play.event(NOON + timedelta(hours=28), stage="final", priority="routine", **thread)
    assert not play.open() & {"follow-up", "final-report"}


def test_an_earlier_report_read_again_does_not_discharge_what_a_later_one_opened() -> None:
    """The station dies and reads a part of the topic again."""
    play = Play()
    fire = play.event(NOON, **FIRE)
    play.event(NOON, stage="update", priority="urgent", type=FIRE["type"], subject=fire.id, reply_to=ref(fire))
    before = play.open()
    assert play.again(0) == play.said[:2]
    assert play.open() == before


def test_a_correction_of_an_exercise_owes_nothing() -> None:
    """Exercises and tests open nothing."""
    play = Play()
    play.event(NOON, **(FIRE | {"status": "Exercise"}))
    assert play.said == []


def test_a_withdrawn_event_owes_nothing_any_more() -> None:
    """By its own source only."""
    play = Play()
    fire = play.event(NOON, **FIRE)
    play.event(NOON, A, B, type=FIRE["type"], withdraws=ref(fire), priority="urgent")
    assert "acknowledge" in play.open()
    play.event(NOON, B, A, type=FIRE["type"], withdraws=ref(fire), priority="urgent")
    assert play.steps("acknowledge") == ["opened", "cancelled"]
    assert not play.open()


REQUEST: dict[str, Any] = {"type": "yizhan.assistance.request.v1", "priority": "urgent", "stage": "first"}
RESPONSE: dict[str, Any] = {"type": "yizhan.assistance.response.v1", "priority": "urgent"}


def test_who_withdraws_an_answer_owes_it_again_until_the_same_day() -> None:
    """By its own source only, once, however often it is read; the next answer discharges it, the old one does not."""
    play = Play()
    request = play.event(NOON, wants="identity", **REQUEST)
    answer = play.event(local(11, 25), A, B, reply_to=ref(request), stage="final", **RESPONSE)
    play.event(local(11, 26), B, A, withdraws=ref(answer), type=RESPONSE["type"], priority="urgent")
    assert play.open() == set()
    gone = play.event(local(11, 26), A, B, withdraws=ref(answer), type=RESPONSE["type"], priority="urgent")
    (again,) = [each for each in play.book if each.ended is None and each.about is not None]
    first = f"identity-request/{request.id}/{A}"
    assert (again.obligation, again.due) == (f"{first}/{gone.id}", "2026-12-01T16:00:00.000Z")
    play.event(local(11, 26), A, B, withdraws=ref(answer), type=RESPONSE["type"], priority="urgent")
    said = {(each.obligation, each.step) for each in play.said}
    play.again(1), play.again(3)  # the answer and its withdrawal, read again
    assert {(each.obligation, each.step) for each in play.said} == said
    assert play.tick(local(11, 30, 12)) == ["identity-request third-day", "identity-request one-day"]
    play.event(local(11, 30, 13), A, B, reply_to=ref(request), stage="final", **RESPONSE)
    assert play.open() == set()
    assert {each.obligation for each in play.said if each.step == "discharged"} == {first, again.obligation}


def test_a_corrected_request_is_owed_once() -> None:
    """For the correction, from its day on; a correction of another county, or of another's request, ends nothing."""
    play = Play()
    request = play.event(NOON, wants="identity", **REQUEST)
    play.event(NOON, A, B, wants="identity", supersedes=ref(request), **REQUEST)
    assert len([each for each in play.book if each.owes == (A,) and each.ended is None]) == 1
    corrected = play.event(local(11, 26), wants="identity", supersedes=ref(request), **REQUEST)
    (obligation,) = [each for each in play.book if each.owes == (A,) and each.ended is None]
    assert (obligation.about is not None and obligation.about.id, obligation.due) == (
        corrected.id,
        "2026-12-03T16:00:00.000Z",
    )
    play.again(0), play.again(2)
    assert {each.step for each in play.said if each.about and each.about.id == request.id} == {"opened", "cancelled"}


def test_what_is_owed_again_after_its_term_is_overdue_at_once() -> None:
    """A contact confirmed in January and withdrawn in February: owed again, and late."""
    play = Play()
    play.tick(local(1, 10))
    contact = {"type": "yizhan.liaison.contact.v1", "priority": "routine", "period": "2026-01"}
    mine = play.event(local(1, 12), B, A, **contact)
    play.event(local(2, 3), B, A, withdraws=ref(mine), **contact)
    play.tick(local(2, 4))
    again = [each for each in play.said if each.obligation.count("/") == 4]
    assert [(each.step, each.at) for each in again] == [
        ("opened", "2026-02-02T16:00:00.000Z"), ("overdue", "2026-02-02T16:00:00.000Z"),
    ]  # fmt: skip


def test_a_withdrawn_fire_owes_nothing_whichever_report_is_taken_back_first() -> None:
    """The update takes its obligation with it; what it discharged is owed again only while the fire stands."""
    for first, second in ((0, 1), (1, 0)):
        play = Play()
        fire = play.event(NOON, **FIRE)
        later = {"type": FIRE["type"], "stage": "update", "priority": "urgent", "subject": fire.id}
        reports = [fire, play.event(NOON + timedelta(minutes=9), **later)]
        play.event(NOON + timedelta(minutes=20), **(later | {"withdraws": ref(reports[first])}))
        assert "follow-up" in play.open()
        play.event(NOON + timedelta(minutes=30), **(later | {"withdraws": ref(reports[second])}))
        assert "follow-up" not in play.open()


def test_an_identity_request_has_seven_days_and_three_reminders() -> None:
    """From Tuesday noon: the third and the fifth day and the day before, in the morning; due when Tuesday ends."""
    play = Play()
    request = play.event(NOON, wants="identity", **REQUEST)
    for day in range(25, 34):
        play.tick(NOON + timedelta(days=day - 24))
    at = {each.step: each.at for each in play.said if each.rule == "identity-request"}
    assert at == {
        "opened": "2026-11-24T04:00:00.000Z", "third-day": "2026-11-27T01:00:00.000Z",
        "fifth-day": "2026-11-29T01:00:00.000Z", "one-day": "2026-11-30T01:00:00.000Z",
        "overdue": "2026-12-01T16:00:00.000Z",
    }  # fmt: skip
    play.event(NOON + timedelta(days=9), A, B, reply_to=ref(request), stage="final", **RESPONSE)
    assert play.steps("identity-request")[-1] == "discharged"


def test_a_term_over_the_national_holiday_rolls_but_never_in_custody() -> None:
    """Seven days from Friday 25 September 2026 end on 2 October, a holiday: 8 October; marked flash: the 2nd."""
    play = Play()
    rolled = play.event(local(9, 25, 15), wants="identity", **REQUEST)
    custody = play.event(local(9, 25, 15), wants="identity", **(REQUEST | {"priority": "flash"}))
    due = {each.about.id: each.due for each in play.book if each.rule == "identity-request" and each.about}
    assert due[rolled.id] == "2026-10-08T16:00:00.000Z"
    assert due[custody.id] == "2026-10-02T16:00:00.000Z"


def test_other_assistance_owes_an_interim_word_and_an_answer() -> None:
    """An interim word discharges the first only."""
    play = Play()
    request = play.event(NOON, wants="assistance", **REQUEST)
    assert play.open() == {"assistance-interim", "assistance-answer"}
    play.event(NOON, A, B, reply_to=ref(request), stage="update", **RESPONSE)
    assert play.open() == {"assistance-answer"}
    play.event(NOON, A, B, reply_to=ref(request), stage="final", **RESPONSE)
    assert play.open() == set()


def test_who_refuses_a_request_owes_the_names_of_what_is_missing() -> None:
    """Within one working day: a Friday's refusal is due when Monday ends."""
    play = Play()
    request = play.event(local(11, 27, 10), wants="identity", **REQUEST)
    play.event(local(11, 27, 11), A, B, **receipt(request, "declined"))
    (owed,) = [each for each in play.book if each.rule == "missing-papers"]
    assert (owed.owes, owed.owed, owed.due) == ((A,), (B,), "2026-11-30T16:00:00.000Z")
    play.event(local(11, 27, 12), A, B, reply_to=ref(request), stage="update", **RESPONSE)
    assert play.open() == {"identity-request"}


@pytest.mark.parametrize(
    ("priority", "rule", "due"),
    [("routine", "feedback", "2026-12-24T16:00:00.000Z"), ("flash", "feedback-flash", "2026-11-25T04:00:00.000Z")],
)
def test_intelligence_that_asks_for_feedback_gets_it(priority: str, rule: str, due: str) -> None:
    """Thirty days, flash a day; what does not ask owes nothing."""
    play = Play()
    report = {"type": "yizhan.intelligence.report.v1", "priority": priority}
    play.event(NOON, **report)
    assert not play.open() & {"feedback", "feedback-flash"}
    asked = play.event(NOON, wants="feedback", **report)
    (obligation,) = [each for each in play.book if each.rule == rule]
    assert obligation.due == due
    play.event(NOON, A, B, type="yizhan.intelligence.feedback.v1", priority="routine", reply_to=ref(asked))
    assert rule not in play.open()


def test_a_patrol_plan_is_countersigned_and_both_report() -> None:
    """The countersignature opens both reports, due two working days after the plan's end."""
    play = Play()
    plan = {"type": "yizhan.patrol.plan.v1", "priority": "routine"}
    mine = play.event(NOON, wants="countersign", **plan)
    assert play.open() == {"countersign"}
    end = "2026-11-27T15:59:59.999Z"
    theirs = play.event(NOON, A, B, reply_to=ref(mine), subject=mine.id, expires=end, **plan)
    assert play.open() == {"patrol-report"}
    assert {(each.owes, each.due) for each in play.book if each.rule == "patrol-report"} == {
        ((A,), "2026-12-01T16:00:00.000Z"), ((B,), "2026-12-01T16:00:00.000Z"),
    }  # fmt: skip
    report = {"type": "yizhan.patrol.report.v1", "priority": "routine", "subject": mine.id}
    play.event(local(11, 28), B, A, reply_to=ref(theirs), **report)
    assert play.open() == {"patrol-report"}
    play.event(local(11, 28), A, B, reply_to=ref(mine), **report)
    assert play.open() == set()


def test_nobody_owes_a_report_on_a_patrol_that_it_never_planned() -> None:
    """An answer to a plan that is nobody's, somebody else's or another one of that name opens nothing."""
    play = Play()
    plan = {"type": "yizhan.patrol.plan.v1", "priority": "routine"}
    mine = play.event(NOON, wants="countersign", **plan)
    theirs = play.event(NOON, A, B, **plan)
    for target in (
        {"id": f"{B}-20261123none-1", "hash": "0" * 64}, ref(mine) | {"hash": "0" * 64}, ref(theirs),
    ):  # fmt: skip
        play.event(NOON, A, B, reply_to=target, **plan)
        play.event(NOON, B, A, reply_to=target, **plan)
    assert play.open() == {"countersign"}


def test_an_open_dispute_is_spoken_of_every_month() -> None:
    """Each word owes the next in thirty days, until the final one."""
    play = Play()
    dispute = {"type": "yizhan.dispute.case.v1", "priority": "routine"}
    first = play.event(NOON, stage="first", **dispute)
    assert play.open() == {"dispute-status"}
    play.event(NOON + timedelta(days=3), stage="update", subject=first.id, reply_to=ref(first), **dispute)
    assert play.steps("dispute-status") == ["opened", "discharged", "opened"]
    play.event(NOON + timedelta(days=4), stage="final", subject=first.id, reply_to=ref(first), **dispute)
    assert play.open() == set()


def test_a_hotspot_that_rang_is_verified_by_who_sent_it() -> None:
    """Two hours, with a word after one; the result in the same thread discharges it."""
    play = Play()
    spot = {"type": "yizhan.incident.hotspot.v1", "priority": "urgent", "certainty": "Likely"}
    seen = play.event(NOON, stage="first", **spot)
    assert "verify-hotspot" in play.open()
    assert "verify-hotspot half-time" in play.tick(NOON + timedelta(hours=1))
    play.event(NOON + timedelta(hours=1), stage="final", subject=seen.id, reply_to=ref(seen), **spot)
    assert "verify-hotspot" not in play.open()


def year(play: Play, days: int = 366) -> None:
    """Tick each hour of a year's office days from New Year on."""
    for hour in range(24 * days):
        play.tick(local(1, 1) + timedelta(hours=hour))


def test_the_calendar_opens_and_reminds_and_ends() -> None:
    """A month of contacts: opened on the 1st, reminded on the 25th and two working days before, overdue after."""
    play = Play()
    year(play, 33)
    january = [each for each in play.said if each.obligation == f"monthly-contact/2026-01/{A}-{B}/{A}"]
    assert [(each.step, each.at, each.to_whom) for each in january] == [
        ("opened", "2025-12-31T16:00:00.000Z", None),
        ("the-25th", "2026-01-25T01:00:00.000Z", "liaison"),
        ("two-days", "2026-01-29T01:00:00.000Z", "liaison"),
        ("overdue", "2026-01-31T16:00:00.000Z", None),
    ]


def test_a_contact_is_confirmed_by_each_side() -> None:
    """One side's word discharges its own half, for the month that it names; the other side's stays owed."""
    play = Play()
    play.tick(local(1, 10))
    contact = {"type": "yizhan.liaison.contact.v1", "priority": "routine", "period": "2026-01"}
    mine = play.event(local(1, 12), B, A, **contact)
    owing = {each.owes for each in play.book if each.rule == "monthly-contact" and each.ended is None}
    assert owing == {(A,)}
    play.event(local(2, 2), A, B, reply_to=ref(mine), **contact)
    assert not [each for each in play.book if each.period == "2026-01" and each.ended is None]


def test_a_year_without_a_word_misses_what_the_table_predicts() -> None:
    """Twelve contacts and four bulletins by each side, one consultation of the pair: all overdue."""
    play = Play()
    year(play, 366 + 20)
    overdue = [each.rule for each in play.said if each.step == "overdue"]
    assert {rule: overdue.count(rule) for rule in set(overdue)} == {
        "monthly-contact": 24, "quarterly-exchange": 2 * 5, "consultation": 1,
    }  # fmt: skip
    assert len(play.said) == len({(each.obligation, each.step) for each in play.said})


def test_a_consultation_held_discharges_the_pairs() -> None:
    """The minutes of either side, for the year that they name."""
    play = Play()
    play.tick(local(5, 1))
    play.event(
        local(5, 2), A, B, type="yizhan.liaison.consultation.v1", priority="routine", stage="final", period="2026"
    )
    (obligation,) = [each for each in play.book if each.rule == "consultation"]
    assert (obligation.owes, obligation.ended) == ((A, B), "2026-05-01T16:00:00.000Z")


def test_a_station_that_begins_in_mid_month_does_not_scold_for_what_was_before() -> None:
    """Steps of a running period that lie before the first tick are not said."""
    play = Play()
    play.tick(local(11, 26))
    play.tick(local(12, 1, 1))
    assert [each.step for each in play.said if each.period == "2026-11"] == [
        "opened", "opened", "two-days", "two-days", "overdue", "overdue",
    ]  # fmt: skip


def _busy(seed: int) -> Play:
    """Send fires, receipts, requests and answers at random, with ticks between."""
    chance, play, now = random.Random(seed), Play(), NOON
    for _each in range(120):
        now += timedelta(minutes=chance.randrange(1, 90))
        asked = [each[0] for each in play.heard if each[0].county == B and each[0].receipt is None]
        answers = [each[0] for each in play.heard if each[0].type == RESPONSE["type"]]
        match chance.randrange(6):
            case 0:
                play.event(now, **FIRE)
            case 1:
                play.event(now, wants="identity", **REQUEST)
            case 2 if asked:
                play.event(now, A, B, **receipt(chance.choice(asked), chance.choice(["acknowledged", "declined"])))
            case 3 if asked:
                play.event(now, A, B, reply_to=ref(chance.choice(asked)), stage="final", **RESPONSE)
            case 4 if answers:
                play.event(now, A, B, withdraws=ref(chance.choice(answers)), **RESPONSE)
            case _:
                play.tick(now)
    return play


@pytest.mark.parametrize("seed", range(5))
def test_what_is_read_again_says_the_same_again(seed: int) -> None:
    """Any part of the events again: no new step, no other bytes for a step, nothing opens or ends."""
    play = _busy(seed)
    words = {(each.obligation, each.step): each.payload() for each in play.said}
    state = {each.obligation: each for each in play.book}
    begin = random.Random(seed).randrange(len(play.heard))
    for which in range(begin, len(play.heard)):
        for each in play.again(which):
            assert words[each.obligation, each.step] == each.payload()
    assert {each.obligation: each for each in play.book} == state


@pytest.mark.parametrize("seed", range(5))
def test_the_book_is_made_again_from_its_rows_and_from_the_audit(seed: int) -> None:
    """Both know what the living one knows, and go on alike."""
    play = _busy(seed)
    rows = [ObligationState.model_validate_json(each.model_dump_json(), strict=False) for each in play.book]
    shuffled = random.Random(seed).sample(play.said, len(play.said))
    books = [ObligationEngine(rows), rebuild(shuffled, WORLD.charters)]
    later = play.heard[-1][2] + timedelta(days=30)
    expected = [each.payload() for each in play.book.tick(later, WORLD.charters)]
    for book in books:
        assert sorted(each.payload() for each in book.tick(later, WORLD.charters)) == sorted(expected)


def test_what_ended_long_ago_is_forgotten() -> None:
    """Forty days after term and end; the change says so, so that the table stays small."""
    play = Play()
    fire = play.event(NOON, **FIRE)
    play.event(NOON, A, B, **receipt(fire))
    play.book.changed()
    play.tick(NOON + timedelta(days=39))
    assert play.book.get(f"acknowledge/{fire.id}/{A}") is not None
    play.tick(NOON + timedelta(days=41))
    assert play.book.changed()[f"acknowledge/{fire.id}/{A}"] is None


def test_who_answers_and_withdraws_without_end_is_watched_all_the_same() -> None:
    """Each withdrawal opens it again under a name of bounded length; every county's steps are said."""
    play = Play()
    asked = play.event(NOON, **REQUEST, wants="identity")
    answer = {**RESPONSE, "stage": "final", "reply_to": ref(asked)}
    for each in range(1, 12):
        said = play.event(NOON + timedelta(minutes=2 * each), A, B, **answer)
        play.event(NOON + timedelta(minutes=2 * each + 1), A, B, **RESPONSE, withdraws=ref(said))
    assert play.steps("identity-request").count("opened") == 12
    assert play.steps("identity-request").count("discharged") == 11
    assert max(len(each.obligation) for each in play.said) <= 201
    play.event(NOON + timedelta(days=1), **FIRE)
    assert "identity-request overdue" in play.tick(NOON + timedelta(days=20))
    assert play.steps("acknowledge")[-1] == "leader"


@pytest.mark.parametrize(
    "expires", ["2199-12-31T23:59:59.999Z", "2190-01-01T00:00:00.000Z", "2000-01-01T00:00:00.000Z"]
)
def test_an_expiry_at_the_end_of_time_is_not_believed(expires: str) -> None:
    """What the same event discharges is said, and what it opens has a term that comes."""
    play = Play()
    joint = {"type": "yizhan.patrol.plan.v1", "priority": "routine"}
    plan = play.event(NOON, **joint, wants="countersign")
    play.event(NOON + timedelta(minutes=1), A, B, **joint, reply_to=ref(plan), expires=expires)
    assert play.steps("countersign") == ["opened", "discharged"]
    assert play.steps("patrol-report") == ["opened", "opened"]
    assert all(each.due < "2028" for each in play.said)


def in_one_thread(size: int) -> dict[str, int]:
    """Open the obligations of so many fires of one thread; count what one event more costs, of several kinds."""
    book, first = ObligationEngine(), WORLD.header(B, (A,), touches=(A,), **FIRE)

    def take(county: str, number: int, stage: str = "first") -> None:
        other = {"source": county, "id": f"{county}-thread0001-{number}", "subject": first.id, "stage": stage}
        header = first.model_copy(update=other | {"to": (A if county == B else B,)})
        received = NOON + timedelta(milliseconds=number)
        book.observe(header, number.to_bytes(32), {header.to[0]: "alarm"}, received, WORLD.charter)

    for number in range(2, size + 2):
        take(B, number)
    cost = {
        "one more": calls(partial(take, B, size + 2)),
        "of the partner": calls(partial(take, A, size + 2)),
        "update of the partner": calls(partial(take, A, 1, "update")),
        "update from before": calls(partial(take, B, 1, "update")),
    }
    assert len(book) > 2 * size
    return cost


def test_the_last_of_ten_thousand_in_a_thread_costs_as_much_as_the_first() -> None:
    """Counted in calls: another fire of the thread, the partner's, and updates that discharge none of the others."""
    few, many = in_one_thread(10), in_one_thread(10_000)
    assert {kind: many[kind] <= 1.1 * few[kind] for kind in few} == dict.fromkeys(few, True)


def test_an_update_resent_does_not_look_at_what_it_ended() -> None:
    """One update ended ten thousand follow-ups; the same bytes again cost as if it had ended ten."""
    cost = dict[int, int]()
    for size in (10, 1_000):
        play = Play()
        first = play.event(NOON, **FIRE)
        for _each in range(size):
            play.event(NOON, **(FIRE | {"subject": first.id}))
        play.event(NOON + timedelta(minutes=1), **(FIRE | {"stage": "update", "subject": first.id}))
        cost[size] = calls(partial(play.sent_again, -1, NOON + timedelta(minutes=2)))
    assert cost[1_000] <= 1.1 * cost[10]


def test_the_same_bytes_sent_again_later_say_nothing_else() -> None:
    """Outboxes send again what was not answered in time: no step has two statements, or the station would lie."""
    play = Play()
    asked = play.event(NOON, **REQUEST, wants="identity")
    answer = play.event(NOON + timedelta(minutes=1), A, B, **RESPONSE, stage="final", reply_to=ref(asked))
    play.event(NOON + timedelta(minutes=2), A, B, **RESPONSE, withdraws=ref(answer))
    play.event(NOON + timedelta(minutes=3), A, B, **RESPONSE, stage="final", reply_to=ref(asked))
    for each in range(4):
        play.sent_again(each, NOON + timedelta(hours=1, minutes=each))
    assert len({each.payload() for each in play.said}) == len({(each.obligation, each.step) for each in play.said})


def test_an_old_alarm_sent_again_calls_nobody() -> None:
    """Forgotten after 40 days, and not opened again by its own bytes: no ladder climbs for a fire of last year."""
    play = Play()
    fire = play.event(NOON, **FIRE, time=written(NOON))
    play.event(NOON + timedelta(minutes=1), A, B, **receipt(fire))
    play.tick(NOON + timedelta(days=60))
    assert "acknowledge" not in {each.rule for each in play.book}
    assert play.sent_again(0, NOON + timedelta(days=60, minutes=1)) == []
    assert [each for each in play.tick(NOON + timedelta(days=60, hours=1)) if each.startswith("acknowledge")] == []


def test_a_thread_made_to_be_long_costs_no_more_than_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A county that hangs ten thousand alarms on one thread does not slow the station for the others."""
    compared, looked = dict[int, int](), Counter[str]()

    def counted(*said: Any) -> bool:  # noqa: ANN401 -- as it came
        looked["rows"] += 1
        return matches(*said)

    for module in ("obligation_engine", "obligation_events"):
        monkeypatch.setattr(f"yizhan.schemas.{module}.matches", counted)
    for size in (10, 200):
        play = Play()
        first = play.event(NOON, **FIRE)
        for _each in range(size):
            play.event(NOON, **(FIRE | {"subject": first.id}))
            play.event(NOON, **(FIRE | {"stage": "update", "subject": first.id}))
        looked.clear()
        play.event(NOON + timedelta(minutes=1), **(FIRE | {"stage": "update", "subject": first.id}))
        compared[size] = looked["rows"]
    assert compared[200] == compared[10]
