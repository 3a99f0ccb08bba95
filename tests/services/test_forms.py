"""A form is driven as data: questions, proposals, faults; and doubts are the same wherever an event comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.schemas.payloads.examples import EXAMPLES
from tests.services.access_world import NoPassphrase
from tests.services.form_questions import asked, form_of
from yizhan.producers.clock_times import ZONE
from yizhan.producers.doubts import Doubt, judge
from yizhan.producers.draft_store import DraftStore
from yizhan.producers.drafts import parse_draft
from yizhan.producers.form_values import AnswerInvalid, parse_answer
from yizhan.runtime.clock import utc_now
from yizhan.schemas.header import RECEIPT
from yizhan.schemas.payloads.table import CONSULTATION, PATROL_PLAN
from yizhan.services.doubts import sender_of
from yizhan.services.drafts import NewDraft, begin_draft, check_draft, judge_draft
from yizhan.services.form_questions import NoteKind
from yizhan.services.forms import Form
from yizhan.services.home import Home
from yizhan.services.stores import open_outbox

SHOUNING, QINGYUAN = "350924", "331126"
FIRE, CRIME = "yizhan.incident.forest_fire.v1", "yizhan.incident.eco_crime.v1"
NEAR_QINGYUAN = [119.2951, 27.4115]


def test_a_form_says_what_is_asked_what_is_proposed_and_what_is_wrong(home: Home, store: DraftStore) -> None:
    """No terminal: a question is data, a refused answer leaves a note and the same question, going back goes back."""
    form = form_of(home, store, begin_draft(home, SHOUNING, NewDraft(FIRE)))
    form.start()
    (needs,) = form.take_notes()
    assert (asked(form), needs.kind, needs.params["files"]) == ("what", NoteKind.NEEDS, True)
    assert {"拟稿人", "联系人"} <= set(needs.params["required"])
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
    n = begin_draft(home, SHOUNING, NewDraft(FIRE, exercise=True))
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


LATIN = re.compile(r"[a-z]+_[a-z]+|payload|JSON|\b(?:stage|grade|true|false)\b")


def half_done(kind: str) -> Iterator[dict[str, Any]]:
    """Yield drafts of a type that cannot be sent: empty, each part missing or wrong, parts of parts missing."""
    whole = EXAMPLES[kind]
    yield {}
    for name, value in whole.items():
        rest = {each: one for each, one in whole.items() if each != name}
        yield rest
        if isinstance(value, dict):
            yield from (whole | {name: {k: v for k, v in value.items() if k != part}} for part in value)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield whole | {name: []}
            yield from (whole | {name: [*value, {k: v for k, v in value[0].items() if k != part}]} for part in value[0])
    if "starts_on" in whole:
        yield whole | {"ends_on": "2020-01-01"}


@pytest.mark.parametrize("kind", [each for each in EXAMPLES if each != RECEIPT])
def test_every_fault_is_in_words_and_leads_to_a_question(home: Home, store: DraftStore, kind: str) -> None:
    """Whatever is missing or wrong, in any type: no name of the JSON is on the screen, and there is a question."""
    for payload in half_done(kind):
        content = {"type": kind, "status": "Actual", "payload": payload}
        found, faults = check_draft(content)
        assert (found is None) == bool(faults)
        for fault in faults:
            assert not LATIN.search(fault.problem), fault
            assert fault.ask, fault
            n = store.begin(content, utc_now())
            for name in fault.ask:
                form = form_of(home, store, n)
                form.start(name)
                assert form.question is not None or name == "optional", (fault, name)
            store.drop(n)


def test_what_is_missing_in_a_list_is_asked_alone(home: Home, store: DraftStore) -> None:
    """The second party of a dispute has no name: one question, that one; then the draft may go."""
    kind = "yizhan.dispute.case.v1"
    parties = [dict(each) for each in EXAMPLES[kind]["parties"]]
    del parties[1]["name"]
    n = store.begin({"type": kind, "status": "Actual", "payload": EXAMPLES[kind] | {"parties": parties}}, utc_now())
    form = form_of(home, store, n)
    _draft, (fault,) = check_draft(form.content)
    (name,) = fault.ask
    form.start(name)
    assert form.question is not None
    assert form.question.path == ("parties", 1, "name")
    form.answer("某林场")
    assert form.question is None
    assert check_draft(form.content)[1] == ()


def test_what_is_wrong_between_answers_asks_for_each(home: Home, store: DraftStore) -> None:
    """An end before the beginning is a fault of both answers: both are asked again."""
    kind = "yizhan.patrol.plan.v1"
    content = {"type": kind, "payload": EXAMPLES[kind] | {"ends_on": "2020-01-01"}}
    (fault,) = check_draft(content)[1]
    assert set(fault.ask) == {"starts_on", "ends_on"}
    assert fault.problem == "结束日期早于开始日期"


@pytest.mark.parametrize(("name", "badge", "said"), [("2", "035112", "数字"), ("刘某", "刘某", "没有数字")])
def test_an_implausible_officer_is_refused_at_the_question(
    home: Home, store: DraftStore, name: str, badge: str, said: str
) -> None:
    """The same question comes again after the reason; nothing of it is stored."""
    form = form_of(home, store, begin_draft(home, SHOUNING, NewDraft(FIRE)))
    form.start("drafted_by")
    form.take_notes()
    form.answer(name)
    if asked(form) == "badge":
        form.answer(badge)
    assert [said in note.params["text"] for note in form.take_notes() if note.kind is NoteKind.FAULT] == [True]
    wrong = "name" if said == "数字" else "badge"
    assert asked(form) == wrong
    assert wrong not in store.get(form.n).content["payload"].get("drafted_by", {})


def position(home: Home, store: DraftStore, *answers: str) -> tuple[Form, dict[str, Any]]:
    """Answer the question for the position of a fire; return the form and the place as it is stored."""
    form = form_of(home, store, begin_draft(home, SHOUNING, NewDraft(FIRE)))
    form.start("place.position")
    form.take_notes()
    for each in answers:
        form.answer(each)
    return form, dict(store.get(form.n).content["payload"].get("place", {}))


def test_a_position_keeps_what_was_said(home: Home, store: DraftStore) -> None:
    """WGS 84 is stored; the map's figures, or what was measured, stand in the words about the place."""
    form, place = position(home, store, "高德 119.3,27.4085")
    assert asked(form) == "accuracy_m"
    assert place["position"]["coordinates"] == pytest.approx([119.2951, 27.4115], abs=2e-3)
    assert place["spot"] == "高德 119.3,27.4085"
    form, asked_for = position(home, store, "119.3,27.4085", "高德")
    assert asked_for["position"] == place["position"]
    assert asked_for["spot"] == "GCJ-02 119.3,27.4085"
    _form, place = position(home, store, "119.3,27.4085", "1")
    assert "spot" not in place
    form, place = position(home, store, "WGS84 119.2951,27.4115 界南285米")
    assert place["spot"] == "WGS84 119.2951,27.4115 界南285米"
    assert NoteKind.CONVERTED in [note.kind for note in form.take_notes()]


def test_a_file_is_attached_once(home: Home, store: DraftStore, tmp_path: Path) -> None:
    """The same path again is said to be there already."""
    (tmp_path / "map.txt").write_text("map")
    form = form_of(home, store, begin_draft(home, SHOUNING, NewDraft(FIRE)))
    form.start("files")
    for _again in range(2):
        form.answer(str(tmp_path / "map.txt"))
    assert form.files == [str(tmp_path / "map.txt")]
    assert "map.txt 已经附上" in form.take_notes()[-1].params["text"]


def test_in_a_fire_an_hour_alone_was_the_last_one(home: Home, store: DraftStore) -> None:
    """An officer types the clock; a time of day without a colon or 点 stays no time."""
    form = form_of(home, store, begin_draft(home, SHOUNING, NewDraft(FIRE)))
    form.start("found_at")
    form.answer("2026")
    assert "应为日期和时刻" in form.take_notes()[-1].params["text"]
    form.answer("00:00")
    assert form.payload["found_at"] == f"{utc_now().astimezone(ZONE):%Y-%m-%d}T00:00:00+08:00"


def test_a_place_that_cannot_be_found_is_asked_again(home: Home, store: DraftStore) -> None:
    """What is needed is said, and the question is the same."""
    form, place = position(home, store, "界南285米")
    assert asked(form) == "position" or form.question is not None
    assert ["从哪里量起" in note.params["text"] for note in form.take_notes()] == [True]
    assert place == {}


def test_an_update_begins_with_the_last_report(home: Home, store: DraftStore) -> None:
    """All but its reference and files; another thread takes its place; what was answered stays."""
    first = {"type": FIRE, "stage": "first", "certainty": "Observed", "priority": "urgent", "touches": [QINGYUAN]}
    words = EXAMPLES[FIRE] | {"place": {"county": SHOUNING, "village": "某村"}}
    with open_outbox(home, SHOUNING, NoPassphrase()) as outbox:
        ids = [
            outbox.publish(
                parse_draft(first | {"payload": words | {"external_ref": f"接-{n}", "summary": f"第{n}件"}})
            ).id
            for n in (1, 2)
        ]
        update = first | {"stage": "update", "subject": ids[0], "worse": False}
        outbox.publish(parse_draft(update | {"payload": words | {"external_ref": "接-1-2", "summary": "续报一"}}))
    form = form_of(home, store, begin_draft(home, SHOUNING, NewDraft(FIRE)))
    form.start()
    form.answer("以前报过的，有新情况")
    form.answer("1")
    assert form.content["payload"]["summary"] == "续报一"
    form.back()
    assert asked(form) == "what"
    form.answer("以前报过的，有新情况")
    form.answer("2")
    assert form.content["payload"]["summary"] == "第2件"
    assert form.content["subject"] == ids[1]
    form.answer("否")
    assert form.question is not None
    assert form.question.proposed == words["org_code"]
    assert "external_ref" not in form.content["payload"]
    assert (form.content["priority"], form.content["touches"]) == ("urgent", [QINGYUAN])
    form.start("summary")
    form.answer("火已扑灭")
    form.start("what")
    form.answer("以前报过的，有新情况")
    form.answer("1")
    assert form.content["payload"]["summary"] == "火已扑灭"
    assert form.content["payload"]["place"]["village"] == "某村"


@pytest.mark.parametrize("kind", [CONSULTATION, PATROL_PLAN])
def test_a_meeting_is_not_asked_about_like_a_fire(home: Home, store: DraftStore, kind: str) -> None:
    """Neither how certain nor how bad it is, nor whether it grew; an urgent priority is not proposed."""
    form = form_of(home, store, begin_draft(home, SHOUNING, NewDraft(kind)))
    form.start("what")
    assert form.question is not None
    assert [choice.value for choice in form.question.field.choices] == ["new", "goes_on", "over"]
    form.answer("1")
    assert (form.content["stage"], "certainty" in form.content) == ("first", False)
    form.start("how_bad")
    assert form.question is not None
    assert "严重" not in form.question.field.title
    assert (form.question.proposed or "").startswith("平急")


def test_a_term_is_a_day_as_people_write_it(home: Home, store: DraftStore) -> None:
    """The minutes' term takes a day in plain words; an hour with it is refused with what is expected."""
    form = form_of(home, store, begin_draft(home, SHOUNING, NewDraft(CONSULTATION)))
    (due,) = [part for part in form.fields["decisions"].parts if part.name == "due"]
    assert "只写到日" in due.expected()
    assert parse_answer(due, "2026年12月5日", {}) == parse_answer(due, "2026-12-05", {}) == "2026-12-05"
    with pytest.raises(AnswerInvalid, match="只写到日"):
        parse_answer(due, "2026年12月5日17时", {})


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
        (draft(CONSULTATION, stage="final", priority="urgent"), ()),
        (draft(PATROL_PLAN, priority="urgent"), ()),
    ],
    ids=["at once", "touched", "quarter", "meeting", "plan"],
)
def test_that_nobody_is_touched_is_a_doubt_where_it_goes_at_once(
    home: Home, content: dict[str, Any], doubts: tuple[Doubt, ...]
) -> None:
    """Touching nobody is a doubt if the routes send the event at once, and no doubt if it waits for the quarter."""
    assert judge_draft(home, SHOUNING, parse_draft(content)).doubts == doubts


def test_positions_are_compared_with_the_outlines_of_the_alliance(home: Home, folder: Path) -> None:
    """The setting names a file: by its outlines the point is in the other county; by the sample's it is in ours."""
    place = {"county": SHOUNING, "position": {"coordinates": NEAR_QINGYUAN, "accuracy_m": 50}}
    content = draft(FIRE, stage="first", touches=[QINGYUAN])
    payload = {name: value for name, value in content["payload"].items() if name != "border"}
    parsed = parse_draft(content | {"payload": payload | {"place": place, "crossing": "烧出"}})
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
