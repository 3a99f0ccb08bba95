"""Obligations over time: read again, made again, forgotten, and made to be many."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from tests.calls import calls
from tests.schemas.obligation_cases import FIRE, NOON, REQUEST, RESPONSE, WORLD, A, B, Play, receipt, ref
from yizhan.schemas.obligation_engine import ObligationEngine
from yizhan.schemas.obligation_rebuilding import rebuild
from yizhan.schemas.obligation_rules import matches
from yizhan.schemas.obligation_state import ObligationState
from yizhan.schemas.timestamps import written


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
    books = [ObligationEngine(rows), ObligationEngine(rebuild(shuffled, WORLD.charters))]
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


@pytest.mark.exhaustive
def test_the_last_of_ten_thousand_in_a_thread_costs_as_much_as_the_first() -> None:
    """Counted in calls: another fire of the thread, the partner's, and updates that discharge none of the others."""
    few, many = in_one_thread(10), in_one_thread(10_000)
    assert {kind: many[kind] <= 1.1 * few[kind] for kind in few} == dict.fromkeys(few, True)


def test_an_update_resent_does_not_look_at_what_it_ended() -> None:
    """One update ended three hundred follow-ups; the same bytes again cost as if it had ended ten."""
    cost = dict[int, int]()
    for size in (10, 300):
        play = Play()
        first = play.event(NOON, **FIRE)
        for _each in range(size):
            play.event(NOON, **(FIRE | {"subject": first.id}))
        play.event(NOON + timedelta(minutes=1), **(FIRE | {"stage": "update", "subject": first.id}))
        cost[size] = calls(partial(play.sent_again, -1, NOON + timedelta(minutes=2)))
    assert cost[300] <= 1.1 * cost[10]


def test_an_answer_withdrawn_without_end_costs_the_same_each_time() -> None:
    """Counted in calls: the hundredth answer to one request, and its withdrawal, cost what the tenth do."""
    cost, play = list[int](), Play()
    asked = play.event(NOON, **REQUEST, wants="identity")
    for each in range(100):

        def round_(each: int = each) -> None:
            at = NOON + timedelta(minutes=2 * each + 1)
            said = play.event(at, A, B, **RESPONSE, stage="final", reply_to=ref(asked))
            play.event(at + timedelta(minutes=1), A, B, **RESPONSE, withdraws=ref(said))

        cost.append(calls(round_))
    assert cost[-1] <= 1.2 * cost[10]
    assert play.steps("identity-request").count("discharged") == 100


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

    monkeypatch.setattr("yizhan.schemas.obligation_events.matches", counted)
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
