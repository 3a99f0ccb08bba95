"""CAP 1.2 out and back: lossless for our own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.producers.cap_cases import EVENTS, NAMES, changed, content, header, out, read, said
from tests.schemas.payloads.examples import FIRE
from yizhan.producers.cap import CapInvalid, draft_of, write_cap
from yizhan.producers.cap.words import Triplet
from yizhan.producers.cap.xml import check
from yizhan.schemas import strictjson
from yizhan.schemas.payloads.table import FOREST_FIRE


@pytest.mark.parametrize("english", [False, True])
@pytest.mark.parametrize("status", ["Actual", "Exercise", "Test"])
@pytest.mark.parametrize("name", EVENTS)
def test_what_goes_out_comes_back(name: str, status: str, english: bool) -> None:  # noqa: FBT001 -- a row of a table
    """Payload and letter come back as they were, the status too; the message holds against the schema."""
    head = header(name, status=status, grade=3, certainty="Likely", stage="first", touches=("331126",), worse=True)
    payload = content(name)
    xml = out(head, payload, english=english)
    check(etree.fromstring(xml))
    message = read(xml)
    (event,) = message.events
    assert (dict(event.payload), event.type, event.unfit, event.ours) == (payload, head.type, (), True)
    assert event.attributes == {
        "status": status, "priority": "urgent", "grade": 3, "certainty": "Likely", "stage": "first", "worse": True,
        "touches": ["331126"], "time": "2026-11-23T08:05:00.250Z",
    }  # fmt: skip
    assert message.name == Triplet("yizhan:350924", head.id, datetime(2026, 11, 23, 8, 5, tzinfo=UTC))


TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs"), include_characters="\n\t"), min_size=1).filter(str.strip)


@given(summary=TEXT, cause=TEXT, x=st.floats(-180, 180), y=st.floats(-90, 90), metres=st.floats(0, 1e6) | st.none())
def test_whatever_is_written_comes_back(summary: str, cause: str, x: float, y: float, metres: float | None) -> None:
    """Any text that XML can or cannot carry, any position on earth, any accuracy."""
    place = FIRE["place"] | {"position": {"type": "Point", "coordinates": [x, y], "datum": "WGS84"}}
    if metres is not None:
        place["position"]["accuracy_m"] = metres
    payload = {**content("forest_fire"), "summary": summary, "cause": cause, "place": place}
    (event,) = read(out(header("forest_fire"), payload)).events
    assert dict(event.payload) == payload


@pytest.mark.parametrize(
    ("grade", "severity"), [(1, "Extreme"), (2, "Severe"), (3, "Moderate"), (4, "Minor"), (None, "Unknown")]
)
@pytest.mark.parametrize(
    ("priority", "urgency"), [("flash", "Immediate"), ("urgent", "Expected"), ("routine", "Future")]
)
def test_grade_and_priority_become_severity_and_urgency(
    grade: int | None, severity: str, priority: str, urgency: str
) -> None:
    """By the table of docs/events.md; what is over is Past."""
    head = header("forest_fire", grade=grade, priority=priority)
    xml = out(head, content("forest_fire"))
    assert (said(xml, "info/severity"), said(xml, "info/urgency")) == ([severity], [urgency])
    over = out(head.model_copy(update={"stage": "final"}), content("forest_fire"))
    assert (said(over, "info/urgency"), said(over, "info/responseType")) == (["Past"], ["AllClear"])


def test_a_colour_tells_the_severity_of_what_has_no_grade() -> None:
    """橙色 is Severe, as in China's public warnings."""
    assert said(out(header("natural_disaster"), content("natural_disaster")), "info/severity") == ["Severe"]


def test_it_is_never_public() -> None:
    """Restricted, with the restriction and who has it, whatever the payload's own level."""
    xml = out(header("forest_fire"), content("forest_fire", classification="公开"))
    assert (said(xml, "scope"), said(xml, "addresses")) == (["Restricted"], ["331126"])
    assert "不得公开" in said(xml, "restriction")[0]


def test_positions_are_latitude_first_and_times_have_an_offset() -> None:
    """A circle is "lat,lon km"; no time ends in Z (3.3.2)."""
    xml = out(header("forest_fire"), content("forest_fire"))
    assert said(xml, "info/area/circle") == ["27.47,119.33 0.05"]
    assert said(xml, "sent") == ["2026-11-23T16:05:00+08:00"]
    assert said(xml, "info/area/geocode/value") == ["350924"]


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({}, "Alert"),
        ({"stage": "update", "subject": "350924-20261123k7qf-3"}, "Update"),
        ({"supersedes": {"id": "350924-20261123k7qf-3", "hash": "b" * 64}}, "Update"),
        ({"withdraws": {"id": "350924-20261123k7qf-3", "hash": "b" * 64}}, "Cancel"),
    ],
)
def test_references_become_update_and_cancel(more: dict[str, Any], kind: str) -> None:
    """Sender, identifier and sent of what is gone on with, corrected or taken back."""
    xml = out(header("forest_fire", **more), content("forest_fire"))
    assert said(xml, "msgType") == [kind]
    expected = ["yizhan:350924,350924-20261123k7qf-3,2026-11-23T16:04:00+08:00"] if more else []
    assert said(xml, "references") == expected
    message = read(xml)
    assert [each.identifier for each in message.references] == (["350924-20261123k7qf-3"] if more else [])


def test_a_report_about_anothers_fire_updates_nothing() -> None:
    """Only its own sender updates a message: the other's id stands among our parameters."""
    other = {"id": "331126-20261123k7qf-3", "hash": "b" * 64}
    xml = out(
        header("forest_fire", stage="update", reply_to=other, subject="350924-20261123k7qf-1"), content("forest_fire")
    )
    assert "331126" not in said(xml, "references")[0]
    assert read(xml).events[0].attributes["reply_to"] == other


def test_the_keys_of_attached_files_stay() -> None:
    """Name, size and hash go; what opens the file does not, and that is said."""
    file = {"name": "photo.jpg", "sha256": "c" * 64, "bytes": 5, "media_type": "image/jpeg",
            "sealed": {"key": "d" * 64, "root": "e" * 64}}  # fmt: skip
    made = write_cap(header("forest_fire"), content("forest_fire", attachments=[file]), NAMES, lambda _id: None)
    assert b"d" * 64 not in made.xml
    assert b"c" * 64 in made.xml
    assert len(made.left_out) == 1
    assert said(made.xml, "info/resource/resourceDesc") == ["photo.jpg"]


def test_another_type_is_refused_with_those_that_go() -> None:
    """An eco-crime cannot be written as CAP; the types that can are named."""
    with pytest.raises(CapInvalid, match="森林火灾, 卫星热点, 自然灾害"):
        write_cap(header("eco_crime"), {}, NAMES, lambda _id: None)


def test_an_edited_element_that_contradicts_a_parameter_is_named() -> None:
    """Who changes the severity with a foreign tool hears that the grade did not follow."""
    xml = changed(
        "<severity>Moderate", "<severity>Extreme", out(header("forest_fire", grade=3), content("forest_fire"))
    )
    (event,) = read(xml).events
    assert event.attributes["grade"] == 3
    assert "severity 为 Extreme" in event.unfit[0]


JSON_TEXT = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("叶a", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["county", "coordinates"]), inner),
    max_leaves=6,
).map(lambda value: strictjson.dumps(value).decode())


NO_JSON = st.sampled_from(["NaN", "Infinity", "-Infinity", "1e999", "9007199254740993", "{", '"\\ud800"', ""])


PATHS = ["place", "place.county", "place.position", "place.position.coordinates", "dead", "summary", "attachments",
         "header.priority", "header.touches", "header.grade", "header.reply_to", "header.stage", "new_field",
         "a.b.c", "..", "header.status", "header.to", "type"]  # fmt: skip


@given(said=st.lists(st.tuples(st.sampled_from(PATHS), JSON_TEXT | NO_JSON), min_size=1, max_size=4))
def test_parameters_that_somebody_wrote_are_let_go_and_named(said: list[tuple[str, str]]) -> None:
    """Parameters with values that the type does not accept are dropped and named; the rest makes a draft."""
    extra = "".join(
        f"<parameter><valueName>yizhan:{path}</valueName><value>{value}</value></parameter>" for path, value in said
    )
    xml = out(header("forest_fire", grade=3), content("forest_fire"))
    try:
        message = read(changed("<area>", f"{extra}<area>", xml))
    except CapInvalid:
        return
    for event in message.events:
        assert event.type == FOREST_FIRE or not event.ours
        assert not {"to", "new_field"} & (event.attributes.keys() | event.payload.keys())
        assert event.attributes["status"] == "Actual"
        draft = draft_of(message, event, "331126", {}, {})
        assert set(draft.get("payload", {}).get("place", {"county": ""})) >= {"county"}
