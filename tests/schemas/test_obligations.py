"""What is owed after an alarm, a fire, a request: until a person answers, or the event is taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.schemas.obligation_cases import FIRE, NOON, REQUEST, RESPONSE, A, B, Play, local, receipt, ref


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
    """An event withdrawn by its own source opens no obligation any more."""
    play = Play()
    fire = play.event(NOON, **FIRE)
    play.event(NOON, A, B, type=FIRE["type"], withdraws=ref(fire), priority="urgent")
    assert "acknowledge" in play.open()
    play.event(NOON, B, A, type=FIRE["type"], withdraws=ref(fire), priority="urgent")
    assert play.steps("acknowledge") == ["opened", "cancelled"]
    assert not play.open()


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
