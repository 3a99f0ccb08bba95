"""Terms by working days and by the calendar: reminders, countersignatures, contacts, consultations."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.schemas.obligation_cases import NOON, REQUEST, RESPONSE, A, B, Play, local, receipt, ref, year


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
