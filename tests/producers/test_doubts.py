"""What a desk is asked about, and what a reader is told where it was kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.schemas.payloads.examples import CRIME, FIRE
from tests.world.simulator import World
from yizhan.producers.doubts import HOLDING, Doubt, Sender, judge, other_grade, with_marks
from yizhan.producers.drafts import Draft, parse_draft
from yizhan.producers.geography import sample_outlines
from yizhan.schemas import strictjson

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SENDER = Sender("350924", World().charter, NOW, sample_outlines)


def fire(grade: int | None = 4, **change: Any) -> Draft:  # noqa: ANN401 -- of any field
    """Draft a fire in Shouning that touches Qingyuan."""
    payload = {name: value for name, value in (FIRE | change).items() if value is not None}
    attributes = {"touches": ["331126"], "stage": "first", "grade": grade}
    return parse_draft({"type": "yizhan.incident.forest_fire.v1", "payload": payload, **attributes})


def at(longitude: float, latitude: float, accuracy_m: float = 50, county: str = "350924") -> dict[str, Any]:
    """Name a place by its position."""
    return {"county": county, "position": {"coordinates": [longitude, latitude], "accuracy_m": accuracy_m}}


def found(draft: Draft) -> tuple[Doubt, ...]:
    """Doubt a draft of Shouning."""
    return judge(draft, SENDER).doubts


def test_a_plain_report_is_not_doubted() -> None:
    """A plain report raises no doubt and is not changed."""
    assert found(fire()) == ()
    assert with_marks(fire(), ()) == fire()


@pytest.mark.parametrize(
    ("grade", "change", "proposed"),
    [
        (3, {"forest_ha": 0.2}, 4),
        (4, {"forest_ha": 120}, 2),
        (2, {"forest_ha": 120}, None),
        (None, {"forest_ha": 120}, None),
        (1, {"forest_ha": None, "dead": 3}, None),
        (4, {"forest_ha": None, "dead": 3}, 3),
        (1, {"forest_ha": None}, None),
    ],
)
def test_a_grade_that_contradicts_the_figures_is_asked_about(
    grade: int | None, change: dict[str, Any], proposed: int | None
) -> None:
    """Where the area is not known yet, a graver grade than the deaths give is the officer's own."""
    proposal = other_grade(fire(grade, **change))
    assert (proposal and proposal.grade) == proposed
    assert (Doubt.GRADE in found(fire(grade, **change))) == (proposed is not None)


@pytest.mark.parametrize(
    ("place", "doubt"),
    [
        (at(119.33, 27.47), None),
        (at(121.9, 27.0), Doubt.NOWHERE),
        (at(27.61, 11.9), Doubt.NOWHERE),
        (at(119.06, 27.62), Doubt.OTHER_COUNTY),
        (at(119.3261, 27.4783), Doubt.OTHER_COUNTY),
        (at(119.3261, 27.4783, accuracy_m=400), None),
        (at(119.06, 27.62, accuracy_m=200_000), None),
        (at(119.06, 27.62, county="110101"), None),
        ({"county": "350924"}, None),
    ],
)
def test_a_position_in_the_sea_or_in_another_county_is_asked_about(place: dict[str, Any], doubt: Doubt | None) -> None:
    """A position in the sea or in another county raises a doubt, unless its error covers the difference."""
    wanted = {Doubt.ELSEWHERE} if place["county"] != "350924" else set()
    assert set(found(fire(place=place, border=None, crossing="烧出"))) == ({doubt} if doubt else set()) | wanted


def test_a_fire_beyond_the_border_has_crossed_it() -> None:
    """A fire that crossed nothing, by its report, in another county: both are doubted, and the county is named."""
    judged = judge(fire(place=at(119.06, 27.62)), SENDER)
    assert set(judged.doubts) == {Doubt.OTHER_COUNTY, Doubt.CROSSED}
    assert judged.there == "331126"


@pytest.mark.parametrize(("metres", "doubts"), [(800, ()), (1100, ()), (285, (Doubt.BORDER,)), (0, (Doubt.BORDER,))])
def test_a_distance_that_is_not_the_positions_is_asked_about(metres: float, doubts: tuple[Doubt, ...]) -> None:
    """815 m from the border by the outlines: what was measured may differ by their error, no more."""
    assert found(fire(border={"distance_m": metres})) == doubts


@pytest.mark.parametrize(
    ("stage", "state", "doubts"),
    [
        ("final", "燃烧", {Doubt.STILL_BURNING}),
        ("final", "控制", {Doubt.STILL_BURNING}),
        ("final", "明火扑灭", set()),
        ("final", "余火清理", set()),
        ("final", "看守", set()),
        ("update", "燃烧", set()),
        ("first", "燃烧", set()),
    ],
)
def test_a_final_report_of_a_fire_that_burns_is_asked_about(stage: str, state: str, doubts: set[Doubt]) -> None:
    """A fire ends when its flames are out; until then a final report waits for a person's yes."""
    draft = fire(state=state).model_copy(update={"stage": stage})
    assert {Doubt.STILL_BURNING} & set(found(draft)) == doubts
    assert Doubt.STILL_BURNING in HOLDING


@pytest.mark.parametrize("field", ["occurred_at", "started_at", "found_at"])
def test_what_is_still_to_come_has_not_happened(field: str) -> None:
    """A minute ahead is a clock, a day ahead is a slip."""
    assert found(fire(4, **{field: "2026-11-24T00:01:00Z"})) == ()
    assert found(fire(4, **{field: "2026-11-25T00:00:00Z"})) == (Doubt.FUTURE,)


def test_a_quantity_without_a_unit_is_asked_about() -> None:
    """A quantity without a unit raises a doubt."""
    payload = CRIME | {"objects": [{"species": "杉木", "protection": "无", "quantity": 6}]}
    draft = parse_draft({"type": "yizhan.incident.eco_crime.v1", "payload": payload, "touches": ["331126"]})
    assert found(draft) == (Doubt.NO_UNIT,)


def test_what_is_kept_is_marked() -> None:
    """The reader sees what the sender was asked about; a mark that nothing supports any more goes."""
    draft = fire(4, forest_ha=120.0, place=at(121.9, 27.0))
    marked = with_marks(draft, found(draft))
    assert marked.payload["doubtful"] == ["等级与数据不符", "坐标不在任何县境内"]
    again = parse_draft(
        strictjson.loads(strictjson.dumps(marked.model_dump(mode="json", exclude_none=True)), floats=True)
    )
    assert again == marked
    assert with_marks(marked, ()).payload == draft.payload


def test_where_an_answer_goes_is_never_doubted_but_what_it_says_is() -> None:
    """It goes where its original went; a slip in it is still a slip."""
    draft = fire(4, forest_ha=120.0)
    answer = draft.model_copy(update={"supersedes": object(), "touches": None})
    assert found(answer) == (Doubt.GRADE,)
