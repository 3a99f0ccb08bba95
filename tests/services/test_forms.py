"""A form is driven as data: questions, proposals, faults; and doubts are the same wherever an event comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.schemas.payloads.examples import EXAMPLES
from yizhan.producers.doubts import Doubt, judge
from yizhan.producers.draft_store import DraftStore
from yizhan.producers.drafts import parse_draft
from yizhan.runtime.clock import utc_now
from yizhan.schemas.sample import TWO
from yizhan.services.doubts import sender_of
from yizhan.services.drafts import NewDraft, begin_draft, check_draft, form_context, judge_draft
from yizhan.services.form_questions import NoteKind
from yizhan.services.forms import Form
from yizhan.services.home import Home
from yizhan.services.sample import make_sample
from yizhan.services.stores import open_drafts

SHOUNING, QINGYUAN = "350924", "331126"
FIRE, CRIME = "yizhan.incident.forest_fire.v1", "yizhan.incident.eco_crime.v1"
NEAR_QINGYUAN = [119.2951, 27.4115]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the home of the two counties that really signed."""
    path = tmp_path_factory.mktemp("home") / "home"
    make_sample(path, TWO, utc_now())
    return path


@pytest.fixture
def home(folder: Path) -> Home:
    """Open it."""
    return Home(folder)


@pytest.fixture
def store(home: Home) -> Iterator[DraftStore]:
    """Open the drafts of 寿宁."""
    with open_drafts(home, SHOUNING) as opened:
        yield opened


def form_of(home: Home, store: DraftStore, n: int) -> Form:
    """Take up a draft."""
    return Form(form_context(home, SHOUNING, store, store.get(n).type), store, n)


def asked(form: Form) -> str:
    """Return the name of the field that is asked now."""
    assert form.question is not None
    return form.question.field.name


def test_a_form_says_what_is_asked_what_is_proposed_and_what_is_wrong(home: Home, store: DraftStore) -> None:
    """No terminal: a question is data, a refused answer leaves a note and the same question, going back goes back."""
    form = form_of(home, store, begin_draft(home, SHOUNING, store, NewDraft(FIRE)))
    form.start()
    assert (asked(form), form.take_notes()) == ("what", [])
    form.answer("9")
    assert asked(form) == "what"
    assert [note.kind for note in form.take_notes()] == [NoteKind.FAULT]
    form.answer("1")
    assert asked(form) == "org_code"
    assert form.question is not None
    assert form.question.proposed == "350924000000"
    form.answer(None)
    assert [note.kind for note in form.take_notes()] == [NoteKind.REQUIRED]
    form.back()
    assert asked(form) == "what"
    form.answer("1")
    form.answer("350924000000")
    assert asked(form) != "org_code"
    assert store.get(form.n).content["payload"]["org_code"] == "350924000000"


def test_a_form_that_was_left_goes_on_with_what_was_not_asked(home: Home, store: DraftStore) -> None:
    """Another process takes up the draft where the first one stopped."""
    n = begin_draft(home, SHOUNING, store, NewDraft(FIRE, exercise=True))
    first = form_of(home, store, n)
    first.start()
    first.answer("1")
    first.answer("350924000000")
    second = form_of(home, store, n)
    second.start()
    assert asked(second) == asked(first)
    draft, faults = check_draft(second.content)
    assert draft is None
    assert {"summary", "dead"} <= {fault.question for fault in faults}


def draft(kind: str, **attributes: Any) -> dict[str, Any]:  # noqa: ANN401 -- of any attribute
    """Write a draft of 寿宁 that touches nobody who would get it."""
    payload = {name: value for name, value in EXAMPLES[kind].items() if "grade" not in name}
    return {"type": kind, "to": [QINGYUAN], "payload": payload | {"place": {"county": SHOUNING}}} | attributes


@pytest.mark.parametrize(
    ("content", "doubts"),
    [
        (draft(FIRE, stage="first", priority="routine"), (Doubt.TOUCHES_NOBODY,)),
        (draft(FIRE, stage="first", priority="routine", touches=[QINGYUAN]), ()),
        (draft(CRIME, priority="routine"), ()),
    ],
    ids=["at once", "touched", "quarter"],
)
def test_that_nobody_is_touched_is_a_doubt_where_it_goes_at_once(
    home: Home, content: dict[str, Any], doubts: tuple[Doubt, ...]
) -> None:
    """Whatever priority a desk chose: the routes decide; what waits for the quarter raises none."""
    assert judge_draft(home, SHOUNING, parse_draft(content)).doubts == doubts


def test_positions_are_compared_with_the_outlines_of_the_alliance(home: Home, folder: Path) -> None:
    """The setting names a file: by its outlines the point is in the other county; by the sample's it is in ours."""
    place = {"county": SHOUNING, "position": {"coordinates": NEAR_QINGYUAN, "accuracy_m": 50}}
    content = draft(FIRE, stage="first", touches=[QINGYUAN])
    parsed = parse_draft(content | {"payload": content["payload"] | {"place": place}})
    assert judge_draft(home, SHOUNING, parsed).doubts == ()

    def square(code: str, west: float, south: float) -> dict[str, Any]:
        corners = [[west, south], [west + 1, south], [west + 1, south + 1], [west, south + 1], [west, south]]
        return {"properties": {"code": code}, "geometry": {"type": "Polygon", "coordinates": [corners]}}

    features = [square(SHOUNING, 121.0, 27.0), square(QINGYUAN, 119.0, 27.0)]
    (folder / "own.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    (folder / "yizhan.toml").write_text('outlines = "own.geojson"\n', "utf-8")
    try:
        assert judge(parsed, sender_of(Home(folder), SHOUNING)).doubts == (Doubt.OTHER_COUNTY,)
    finally:
        (folder / "yizhan.toml").unlink()
