"""What is counted, and how."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.bulletin.events import ZONE, A, B, one
from yizhan.bulletin.figures import COMPARED, canonical, digest, figures, looked_up
from yizhan.bulletin.quarter_events import QuarterEvent, QuarterObligation, missing_event
from yizhan.schemas.payloads.table import (
    ASSISTANCE_REQUEST,
    ASSISTANCE_RESPONSE,
    ECO_CRIME,
    FEEDBACK,
    FOREST_FIRE,
    INTELLIGENCE_REPORT,
)
from yizhan.schemas.policy import Way


def count(*events: QuarterEvent, obligations: tuple[QuarterObligation, ...] = ()) -> dict[str, Any]:
    """Count the third quarter."""
    return figures("2026Q3", (A, B), ZONE, events, obligations)


def later(first: QuarterEvent, number: int, **said: Any) -> QuarterEvent:  # noqa: ANN401 -- any attribute
    """Write a later event on a thread."""
    return one(number, first.type, **({"source": first.source, "thread": first.id} | said))


def test_a_case_reported_three_times_is_one_case_at_its_latest_stage() -> None:
    """受案, 立案, 侦破 of one thread: one case, solved; its timber is counted once, as last told."""
    timber = {"species": "杉木", "protection": "无", "quantity": 2.5, "unit": "m³"}
    first = one(1, raw={"objects": [timber]})
    filed = later(first, 2, raw={"case_stage": "立案", "objects": [timber]})
    solved = later(first, 3, raw={"case_stage": "侦破", "objects": [timber | {"quantity": 3.1}]})
    made = count(solved, first, filed)
    assert made["cases"]["criminal"]["all"] == 1
    assert made["cases"]["criminal"]["stage"] == {"受案": 0, "立案": 0, "侦破": 1, "移诉": 0, "撤案": 0}
    assert made["cases"]["criminal"]["reached"] == {"立案": 1, "侦破": 1, "移诉": 0}
    assert made["cases"]["timber_m3"] == 3.1
    assert made["letters"] == 3


def test_letters_under_one_case_number_are_one_case() -> None:
    """Two events of one county under one external_ref are one case; another county's is its own."""
    ref = {"external_ref": "A3509240000002026070001"}
    made = count(one(1, raw=ref), one(2, raw=ref | {"case_stage": "移诉"}), one(3, source=A, raw=ref))
    assert made["cases"]["all"] == 2
    assert made["by_county"][B]["cases"]["criminal"]["stage"]["移诉"] == 1


def test_corrections_and_withdrawals_are_counted_right() -> None:
    """What was superseded or withdrawn counts no more, is counted as that, and nothing is lost."""
    wrong = one(1, raw={"nature": "治安", "case_stage": "立案"})
    right = one(2, supersedes=wrong.key, raw={"nature": "林业行政"})
    false = one(3, FOREST_FIRE, raw={"burnt_ha": 9, "dead": 1})
    back = one(4, FOREST_FIRE, withdraws=false.key, thread=false.id, raw={"burnt_ha": 9})
    made = count(wrong, right, false, back)
    assert made["cases"]["administrative"]["nature"] == {"治安": 0, "林业行政": 1}
    assert made["fires"] == count()["fires"]
    assert made["withdrawn"] == 1
    way = made["directions"][f"{B}>{A}"]
    assert (way["letters"], way["superseded"], way["withdrawn"]) == (4, 1, 1)


def test_nobody_takes_back_what_is_not_theirs() -> None:
    """A withdrawal by the other county, of another hash, or as an exercise, takes nothing back."""
    real = one(1)
    stranger = one(2, source=A, withdraws=real.key)
    other = one(3, withdraws=(real.id, "00" * 32))
    drill = one(4, withdraws=real.key, status="Exercise")
    assert count(real, stranger, other, drill)["by_county"][B]["cases"]["all"] == 1


def test_what_is_no_real_letter_is_no_case() -> None:
    """Exercises, receipts, what cannot be opened or has not come: counted as that, never as a case."""
    gone = missing_event(f"{B}-20260701test-8", b"\x01" * 32, A, Way.ALARM)
    made = count(one(1, status="Exercise"), one(2, opened=False), one(3, "yizhan.receipt.v1"), gone)
    assert made["cases"]["all"] == 0
    way = made["directions"][f"{B}>{A}"]
    names = ("letters", "exercises", "unreadable", "missing")
    assert [way[name] for name in names] == [3, 1, 1, 1]


def test_objects_by_unit_and_protection_and_people() -> None:
    """Animals by class of protection, plants, mu and kilograms each by their unit; suspects by where they are."""
    objects = [
        {"species": "白鹇", "protection": "国二", "quantity": 2, "unit": "只"},
        {"species": "黑熊", "protection": "国二", "quantity": 1, "unit": "只"},
        {"species": "红豆杉", "protection": "国一", "quantity": 4, "unit": "株"},
        {"species": "林地", "protection": "无", "quantity": 1.5, "unit": "亩"},
        {"species": "怪", "protection": "无", "quantity": 7, "unit": "箱"},
        "不是对象",
    ]
    made = count(one(1, raw={"objects": objects, "suspects": [{"name": "某", "status": "取保"}], "value_cny": 1200.5}))
    cases = made["cases"]
    assert cases["animals_by_protection"] == {"国二": 3}
    assert (cases["plants"], cases["mu"], cases["kg"], cases["value_cny"]) == (4, 1.5, 0, 1200.5)
    assert cases["suspects"] == {"取保": 1}


def test_intelligence_asked_used_and_fed_back() -> None:
    """A report that asks and was answered is fed back; 核查中 is no answer yet, and stays open."""
    told = one(1, INTELLIGENCE_REPORT, wants="feedback", raw={"kind": "线索"})
    waiting = one(2, INTELLIGENCE_REPORT, raw={"kind": "预警", "feedback_by": "2026-08-01T00:00:00.000Z"})
    just = one(3, INTELLIGENCE_REPORT, raw={"kind": "动态"})
    answer = one(4, FEEDBACK, A, thread=told.id, stage="final", raw={"result": "查实", "use": "立案", "cases_filed": 1})
    interim = one(5, FEEDBACK, A, thread=waiting.id, stage="update", raw={"result": "核查中", "use": "未使用"})
    made = count(told, waiting, just, answer, interim)
    names = ("all", "asked", "fed_back", "checking", "used", "cases_filed")
    assert [made["intelligence"][name] for name in names] == [3, 2, 1, 1, 1, 1]
    assert [(each["why"], each["id"], each["whose"]) for each in made["open"]] == [("no_feedback", waiting.id, A)]


def test_an_interim_word_leaves_a_request_open() -> None:
    """A request is answered by a final response only."""
    asked = one(1, ASSISTANCE_REQUEST)
    interim = one(2, ASSISTANCE_RESPONSE, A, thread=asked.id, stage="update", raw={"outcome": "办理中"})
    final = one(3, ASSISTANCE_RESPONSE, A, thread=asked.id, stage="final", raw={"outcome": "已办"})
    assert [each["why"] for each in count(asked, interim)["open"]] == ["no_answer"]
    assert count(asked, interim, final)["open"] == []


def test_obligations_met_and_missed() -> None:
    """Each obligation counts where it stood; what is due or missed is an open matter."""
    states: tuple[Any, ...] = ("met", "late", "missed", "due", "cancelled")
    owed = tuple(
        QuarterObligation(f"feedback/{n}/{A}", "feedback", A, B, s, f"2026-09-0{n + 1}") for n, s in enumerate(states)
    )
    made = count(obligations=owed)
    assert made["obligations"]["by_rule"]["feedback"] == dict.fromkeys(states, 1)
    assert [each["why"] for each in made["open"]] == ["missed", "due"]
    assert made["obligations"]["by_county"][A]["missed"] == 1


def test_the_gravest_case_is_proposed_first() -> None:
    """Typical cases: grade before stage, no clues, three at most."""
    clue = one(1, raw={"nature": "线索"}, grade=1)
    small = one(2, raw={"case_stage": "移诉"})
    grave = one(3, grade=2)
    fires = [one(n, FOREST_FIRE, grade=4) for n in (4, 5, 6)]
    assert count(clue, small, grave, *fires)["typical"] == [grave.id, fires[0].id, fires[1].id]


def test_an_empty_quarter_has_figures() -> None:
    """零报告: everything is there, and zero."""
    made = count()
    assert made["empty"]
    assert {path: looked_up(made, path) for path in COMPARED} == dict.fromkeys(COMPARED, 0)
    assert made["directions"][f"{A}>{B}"]["root"] == made["directions"][f"{B}>{A}"]["root"]


def test_comparison_with_last_quarter_and_last_year() -> None:
    """Both are asked for by label; what there are no figures of has no values."""
    old = figures("2026Q2", (A, B), ZONE, [one(1), one(2)])
    made = figures("2026Q3", (A, B), ZONE, [one(3)], (), lambda label: old if label == "2026Q2" else None)
    assert made["compared"]["last_quarter"]["values"]["cases.criminal.all"] == 2
    assert made["compared"]["last_year"] == {"label": "2025Q3", "values": None}


@given(st.randoms(use_true_random=False), st.integers(0, 40))
def test_the_same_letters_give_the_same_bytes(shuffle: random.Random, size: int) -> None:
    """Whatever order they arrived in, however often, and whoever counts: the same bytes."""
    made: list[QuarterEvent] = []
    for n in range(1, size + 1):
        objects = [{"species": "杉", "protection": "无", "quantity": shuffle.random(), "unit": "m³"}]
        said: dict[str, Any] = {"raw": {"objects": objects}}
        if made and shuffle.random() < 0.5:
            old = shuffle.choice(made)
            said |= {"source": old.source, shuffle.choice(["supersedes", "withdraws"]): old.key, "thread": old.thread}
        made.append(one(n, shuffle.choice([ECO_CRIME, FOREST_FIRE]), **said))
    mixed = made + made[: size // 2]
    shuffle.shuffle(mixed)
    first, second = figures("2026Q3", (A, B), ZONE, made), figures("2026Q3", (B, A), ZONE, mixed)
    assert canonical(first) == canonical(second)
    assert digest(first) == digest(json.loads(canonical(second)))
