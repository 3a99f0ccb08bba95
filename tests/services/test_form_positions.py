"""What follows from a position follows it when it is changed; what a person wrote instead stays, and is doubted."""

from __future__ import annotations

from typing import Any

from tests.schemas.payloads.examples import EXAMPLES
from yizhan.producers.doubts import Doubt
from yizhan.producers.draft_store import DraftStore
from yizhan.producers.drafts import parse_draft
from yizhan.runtime.clock import utc_now
from yizhan.services.drafts import form_context, judge_draft
from yizhan.services.form_questions import NoteKind
from yizhan.services.forms import Form
from yizhan.services.home import Home

SHOUNING, QINGYUAN = "350924", "331126"
FIRE = "yizhan.incident.forest_fire.v1"
NEAR, FAR_INSIDE, BEYOND = "WGS84 119.33,27.47", "WGS84 119.50,27.30", "WGS84 119.06,27.62"


def at(home: Home, store: DraftStore, said: str, **change: Any) -> Form:  # noqa: ANN401 -- of any field
    """Write a fire whose position and counties were asked, and whose form proposed the rest."""
    payload = {name: value for name, value in EXAMPLES[FIRE].items() if name not in {"border", "external_ref"}}
    content = {
        "type": FIRE,
        "stage": "first",
        "priority": "urgent",
        "payload": payload | {"place": {"county": SHOUNING}},
    }
    form = Form(form_context(home, SHOUNING, store, FIRE), store, store.begin(content | change, utc_now()))
    move(form, said)
    form.start("touches")
    assert form.question is not None
    form.answer(form.question.proposed)
    form.take_notes()
    return form


def move(form: Form, said: str) -> list[NoteKind]:
    """Answer the question for the position again; return the notes."""
    form.start("place.position")
    form.answer(said)
    form.answer("50")
    return [note.kind for note in form.take_notes()]


def doubts(home: Home, form: Form) -> set[Doubt]:
    """Return the doubts about the draft as it is stored."""
    stored = form.store.get(form.n).content
    return set(judge_draft(home, SHOUNING, parse_draft(stored)).doubts)


def test_the_distance_and_the_counties_follow_the_position(home: Home, store: DraftStore) -> None:
    """Near the border, far from it, near again: what the form proposed is never that of another position."""
    form = at(home, store, NEAR)
    near = dict(form.content["payload"]["border"])
    assert 700 < near["distance_m"] < 900
    assert form.content["touches"] == [QINGYUAN]
    assert NoteKind.FOLLOWED in move(form, "WGS84 119.35,27.45")
    moved = store.get(form.n).content["payload"]["border"]
    assert moved["distance_m"] > near["distance_m"] + 1000
    assert doubts(home, form) == set()
    assert NoteKind.FOLLOWED in move(form, FAR_INSIDE)
    assert "border" not in store.get(form.n).content["payload"]
    assert "touches" not in store.get(form.n).content
    assert doubts(home, form) == {Doubt.TOUCHES_NOBODY}


def test_what_a_person_wrote_stays_and_is_doubted(home: Home, store: DraftStore) -> None:
    """A distance that was measured by hand is kept where the position is changed, and asked about; so are counties."""
    form = at(home, store, NEAR)
    form.start("border")
    form.answer("300")
    form.answer("300")
    assert form.question is None
    form.content["touches"] = ["331127"]
    notes = move(form, "WGS84 119.35,27.45")
    assert NoteKind.TOUCHES_STAY in notes
    stored = store.get(form.n).content
    assert stored["payload"]["border"]["distance_m"] == 300
    assert stored["touches"] == ["331127"]
    assert Doubt.BORDER in doubts(home, form)


def test_a_position_in_the_other_county_is_said_at_once_and_doubted(home: Home, store: DraftStore) -> None:
    """Also 300 m beyond the border; a fire that crossed nothing cannot lie there."""
    form = at(home, store, NEAR)
    assert NoteKind.ELSEWHERE in move(form, "WGS84 119.33,27.47 界北300米")
    assert doubts(home, form) == {Doubt.OTHER_COUNTY, Doubt.CROSSED}
    assert NoteKind.ELSEWHERE not in move(form, "WGS84 119.33,27.47 界南300米")
    assert doubts(home, form) == set()
    assert 150 < form.content["payload"]["border"]["distance_m"] < 350
    assert NoteKind.ELSEWHERE in move(form, BEYOND)


def test_going_back_within_a_group_leads_to_the_part_before(home: Home, store: DraftStore) -> None:
    """Going back from the position leads to the question before it in the group, not to the beginning of the group."""
    form = at(home, store, NEAR)
    form.start("place")
    names = []
    while form.question is not None and form.question.path[-1] != "coordinates":
        names.append(form.question.path[-1])
        form.answer(form.question.proposed)
    form.back()
    assert form.question is not None
    assert form.question.path[-1] == names[-1]
    form.back()
    assert form.question.path[-1] == names[-2]
