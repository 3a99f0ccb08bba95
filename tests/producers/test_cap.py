"""CAP 1.2 out and in: lossless for our own, careful with everybody else's."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.schemas.payloads.examples import DISASTER, FIRE, HOTSPOT, PEOPLE
from yizhan.producers import proposals
from yizhan.producers.cap import CapContext, CapInvalid, CapMessage, draft_of, read_cap, words, write_cap
from yizhan.producers.cap.places import AreaInvalid, circle_of, position_of_circle, position_of_polygon
from yizhan.producers.cap.words import Triplet
from yizhan.producers.cap.xml import MAX_BYTES, NAMESPACE, check
from yizhan.producers.drafts import Office, parse_draft
from yizhan.producers.geography import sample_outlines
from yizhan.schemas import strictjson
from yizhan.schemas.header import Header
from yizhan.schemas.payloads import encode, parse_strict
from yizhan.schemas.payloads.table import FOREST_FIRE, NATURAL_DISASTER
from yizhan.schemas.sample import SIX

MESSAGES = Path(__file__).parent / "cap_messages"
RAIN = (MESSAGES / "rainstorm-two-languages.xml").read_bytes()
NOW = datetime(2026, 11, 24, tzinfo=UTC)
NAMES = {"350924": {"zh": "寿宁县", "en": "Shouning"}, "331126": {"zh": "庆元县", "en": "Qingyuan"}}
EVENTS = {"forest_fire": FIRE, "hotspot": HOTSPOT, "natural_disaster": DISASTER}
NUMBERED: dict[str, Any] = {
    "source": "350924", "id": "350924-20261123k7qf-17", "time": "2026-11-23T08:05:00.250Z", "kid": "a" * 64,
    "to": ("331126",), "lanes": {"331126": {"lane": "prompt", "n": 1}}, "charter": "1-9f86d081884c7d65",
}  # fmt: skip


def setting(county: str = "350924", office: Office | None = None) -> CapContext:
    """Put a county among the six."""
    around = proposals.AllianceMap(sample_outlines(), frozenset(SIX), 10.0)
    return CapContext(county, around, office or Office(), NOW)


def header(name: str, **more: Any) -> Header:  # noqa: ANN401 -- attributes are any
    """Make a header of a type."""
    said = {"status": "Actual", "priority": "urgent", "type": f"yizhan.incident.{name}.v1", **NUMBERED, **more}
    return Header.model_validate(said)


def content(name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON is any
    """Write an example payload as it is sealed."""
    payload = parse_strict(f"yizhan.incident.{name}.v1", {**EVENTS[name], **more})
    found: dict[str, Any] = strictjson.loads(encode(payload), floats=True)
    return found


def out(head: Header, payload: dict[str, Any], *, english: bool = False) -> bytes:
    """Write an event; every other one was learnt of a minute before."""
    return write_cap(head, payload, NAMES, lambda _id: "2026-11-23T08:04:00.000Z", english=english).xml


def said(xml: bytes, path: str) -> list[str]:
    """Return the texts of elements of a message."""
    found = etree.fromstring(xml).findall("/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/")))
    return [each.text or "" for each in found]


def read(data: bytes) -> CapMessage:
    """Read a message at 寿宁."""
    return read_cap(data, setting())


def changed(old: str, new: str, data: bytes = RAIN) -> bytes:
    """Change a text of the rainstorm's message wherever it stands."""
    assert old.encode() in data
    return data.replace(old.encode(), new.encode())


# -- out, and back --


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
    """A crime is no CAP message."""
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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text("叶a", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["county", "coordinates"]), inner),
    max_leaves=6,
)
PATHS = ["place", "place.county", "place.position", "place.position.coordinates", "dead", "summary", "attachments",
         "header.priority", "header.touches", "header.grade", "header.reply_to", "header.stage", "new_field",
         "a.b.c", "..", "header.status", "header.to", "type"]  # fmt: skip


@given(said=st.lists(st.tuples(st.sampled_from(PATHS), JSON), min_size=1, max_size=4))
def test_parameters_that_somebody_wrote_are_let_go_and_named(said: list[tuple[str, Any]]) -> None:
    """Whatever they hold: what the type does not accept goes, the rest stays, and a draft can be made of it."""
    extra = "".join(
        f"<parameter><valueName>yizhan:{path}</valueName><value>{strictjson.dumps(value).decode()}</value></parameter>"
        for path, value in said
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


# -- in --


def test_a_chinese_warning_is_read_as_far_as_it_goes() -> None:
    """The Chinese info, its class, colour, place, whom it touches; no casualty is made up."""
    message = read(RAIN)
    (event,) = message.events
    draft = draft_of(message, event, "350924", {})
    payload = draft["payload"]
    assert (draft["type"], payload["class"], payload["warning_colour"]) == (NATURAL_DISASTER, "010400", "橙色")
    assert (draft["status"], draft["priority"], draft["certainty"], draft["stage"]) == (
        "Actual", "urgent", "Likely", "first",
    )  # fmt: skip
    assert draft["touches"] == ["331126"]
    assert payload["place"]["county"] == "350924"
    assert payload["place"]["position"]["coordinates"] == [119.33, 27.4]
    assert payload["place"]["position"]["accuracy_m"] == 4000
    assert payload["summary"].startswith("寿宁县气象台发布暴雨橙色预警")
    assert "35092441600000_20261123213138" in payload["summary"]
    assert not {"dead", "missing", "evacuated"} & payload.keys()
    assert any("expires" in each for each in event.unfit)
    assert any("en-us" in each for each in message.unfit)


def test_an_officer_completes_it_and_it_may_go() -> None:
    """With the office and the casualties the draft holds."""
    office = Office.model_validate_json(
        strictjson.dumps({**PEOPLE, "contact": {"name": "值班室", "phone": "0593-5522110"}})
    )
    message = read_cap(RAIN, setting(office=office))
    draft = draft_of(message, message.events[0], "350924", {})
    draft["payload"] |= {"dead": 0, "missing": 0, "evacuated": 12}
    assert parse_draft(draft).external_ref == (
        "cap:Shouning_Meteorological_Observatory,35092441600000_20261123213138,20261123T133138Z"
    )


@pytest.mark.parametrize("status", ["Actual", "Exercise", "Test"])
def test_a_status_stays_what_it_is(status: str) -> None:
    """A drill never comes in as real, whatever a parameter says."""
    drill = changed("<status>Actual", f"<status>{status}")
    assert read(drill).events[0].attributes["status"] == status
    lying = changed(
        "</parameter>",
        '</parameter><parameter><valueName>yizhan:header.status</valueName><value>"Actual"</value></parameter>',
        out(header("forest_fire", status="Exercise"), content("forest_fire")),
    )
    assert read(lying).events[0].attributes["status"] == "Exercise"


@pytest.mark.parametrize("status", ["System", "Draft"])
def test_what_is_no_event_is_refused(status: str) -> None:
    """System and Draft are nobody's event, Ack and Error are answers between machines."""
    with pytest.raises(CapInvalid, match=status):
        read(changed("<status>Actual", f"<status>{status}"))
    for kind in ("Ack", "Error"):
        with pytest.raises(CapInvalid, match=kind):
            read(changed("<msgType>Alert", f"<msgType>{kind}"))


def test_an_unknown_event_is_refused_with_what_is_known() -> None:
    """Of the specification's examples the storm and the earthquake are known, the terror alert is not."""
    storm = read((MESSAGES / "oasis-a2-severe-thunderstorm.xml").read_bytes())
    assert storm.events[0].payload["class"] == "019900"
    assert any("不在中国境内" in each for each in storm.events[0].unfit)
    quake = read((MESSAGES / "oasis-a3-earthquake.xml").read_bytes())
    assert (quake.events[0].payload["class"], quake.events[0].attributes["stage"]) == ("020100", "final")
    terror = read((MESSAGES / "oasis-a1-homeland-security.xml").read_bytes())
    assert terror.events == ()
    assert "Homeland Security" in terror.refused[0]
    assert "滑坡灾害" in terror.refused[0]


@pytest.mark.parametrize(
    ("event", "type_", "found"),
    [
        ("森林火灾", FOREST_FIRE, None), ("Wildfire Warning", FOREST_FIRE, None),
        ("暴雨橙色预警信号", NATURAL_DISASTER, "010400"),
        ("Flash Flood Watch", NATURAL_DISASTER, "010200"), ("Red Thunder Alert", NATURAL_DISASTER, "010700"),
        ("地质灾害气象风险预警", NATURAL_DISASTER, "029900"), ("landslide", NATURAL_DISASTER, "020400"),
    ],
)  # fmt: skip
def test_events_are_known_by_their_names(event: str, type_: str, found: str | None) -> None:
    """In both languages, without the words for a warning and its colour."""
    assert words.find_event(event, ()) == words.KnownEvent(type_, found)


def test_two_infos_of_one_language_are_two_events() -> None:
    """Each has its own reference; one that is unknown does not keep the other."""
    info = re.search(rb"<info>\s*<language>zh-CN.*?</info>", RAIN, re.DOTALL)
    assert info is not None
    second = info[0].replace("<event>暴雨".encode(), b"<event>landslide").replace(b"11B03", b"x")
    third = info[0].replace("<event>暴雨".encode(), "<event>蝗灾".encode()).replace(b"11B03", b"x")
    message = read(RAIN.replace(info[0], info[0] + third + second))
    assert [each.payload["class"] for each in message.events] == ["010400", "020400"]
    assert len(message.refused) == 1
    refs = [draft_of(message, each, "350924", {})["external_ref"] for each in message.events]
    assert refs == [message.name.reference(), message.name.reference() + "#2"]


def test_an_update_goes_on_with_what_was_sent_even_where_its_reference_tells_a_wrong_time() -> None:
    """Found by sender and identifier; one of nothing that was sent is a first report."""
    update = changed("<msgType>Alert", "<msgType>Update").replace(
        b"<note></note>", b"<references>Shouning_Meteorological_Observatory,old,2026-11-23T21:31:38+08:00</references>"
    )
    message = read(update)
    sent = "cap:Shouning_Meteorological_Observatory,old,20261123T000000Z"
    place = words.parse_reference(sent)
    assert place is not None
    goes_on = draft_of(message, message.events[0], "350924", {place: sent})
    assert (goes_on["stage"], goes_on["reply_to"]) == ("update", {"external_ref": sent})
    alone = draft_of(message, message.events[0], "350924", {})
    assert (alone["stage"], "reply_to" in alone) == ("first", False)


def test_one_message_has_one_reference_whatever_zone_it_names() -> None:
    """The same instant is the same message; a long name is hashed, and still tells stem and number."""
    east = read(RAIN).name
    west = read(changed("<sent>2026-11-23T21:31:38+08:00", "<sent>2026-11-23T13:31:38-00:00")).name
    assert east.reference() == west.reference()
    long = Triplet("s" * 150, "i" * 150, NOW)
    assert len(long.reference(12)) <= 120
    assert words.parse_reference(long.reference(12)) == (long.stem, 12)


# -- hostile and wrong --

BOMB = b"""<?xml version="1.0"?><!DOCTYPE alert [<!ENTITY a "ha">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">
<!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;"><!ENTITY g "&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;">
<!ENTITY h "&g;&g;&g;&g;&g;&g;&g;&g;&g;&g;"><!ENTITY i "&h;&h;&h;&h;&h;&h;&h;&h;&h;&h;">]>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>&i;</identifier></alert>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE alert [<!ENTITY x SYSTEM "file:///etc/hostname">]>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>&x;</identifier></alert>"""


@pytest.mark.parametrize("data", [BOMB, OUTSIDE, OUTSIDE.decode().encode("utf-16")], ids=["bomb", "file", "utf-16"])
def test_entities_are_refused(data: bytes) -> None:
    """Billion laughs and files of this machine: no document type is taken, in any encoding."""
    with pytest.raises(CapInvalid):
        read(data)


def test_what_is_too_long_is_refused_before_it_is_parsed() -> None:
    """50 MB of anything."""
    with pytest.raises(CapInvalid, match=str(MAX_BYTES)):
        read(b"<" * 50_000_000)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "读不出来"),
        (b"<alert/>", "1.2"),
        (changed("cap:1.2", "cap:1.1"), "cap:1.1"),
        (changed("<sent>2026-11-23T21:31:38+08:00", "<sent>2026-11-23T13:31:38Z"), "sent"),
        (changed("<sent>2026-11-23T21:31:38+08:00", "<sent>2026-11-23T21:31:38"), "sent"),
        (changed("<sent>2026-11-23T21:31:38+08:00", "<sent>2026-02-30T21:31:38+08:00"), "sent"),
        (changed("<onset>2026-11-23", "<onset>2026-13-23"), "onset"),
        (changed("<scope>Public</scope>", ""), "scope"),
        (changed("<severity>Severe", "<severity>Orange"), "severity"),
        (changed("<sender>Shouning_Met", "<sender>Shouning Met"), "sender"),
        (changed("<note></note>", "<note>机密★10年</note>"), "机密"),
        (changed("预计未来", "秘密★ 预计未来"), "秘密"),
    ],
)
def test_what_is_no_cap_12_is_refused_and_told_why(data: bytes, sentence: str) -> None:
    """Another version, times without offset or with Z, words that the schema does not have, state secrets."""
    with pytest.raises(CapInvalid, match=re.escape(sentence)):
        read(data)


@pytest.mark.parametrize(
    ("read_area", "area", "sentence"),
    [
        (position_of_circle, "119.33,27.40 4.0", "写反"),
        (position_of_circle, "27.40 119.33 4.0", "circle"),
        (position_of_circle, "27.40,119.33 400", "太大"),
        (position_of_circle, "nan,119.33 4", "circle"),
        (position_of_polygon, "27.4,119.3 27.5,119.3 27.5,119.4 27.4,119.4", "首尾相同"),
        (position_of_polygon, "27.4,119.3 27.5,119.3 27.4,119.3", "至少四个点"),
        (position_of_polygon, "119.3,27.4 119.3,27.5 119.4,27.5 119.3,27.4", "写反"),
        (position_of_polygon, "38.47,-120.14 38.34,-119.95 38.52,-119.74 38.47,-120.14", "不在中国"),
        (position_of_polygon, "20,110 40,110 40,120 20,120 20,110", "太大"),
    ],
)
def test_an_area_that_is_none_is_named(read_area: Any, area: str, sentence: str) -> None:  # noqa: ANN401 -- two functions
    """Swapped, open, too small, too wide, outside China."""
    with pytest.raises(AreaInvalid, match=sentence):
        read_area(area)


def test_a_swapped_circle_keeps_no_event_back() -> None:
    """The draft has no position and says why."""
    (event,) = read(changed("27.40,119.33 4.0", "119.33,27.40 4.0")).events
    assert "position" not in event.payload["place"]
    assert any("写反" in each for each in event.unfit)


def test_the_middle_of_a_polygon_is_that_of_its_area() -> None:
    """An L of three squares; its farthest corner is the accuracy."""
    found = position_of_polygon("27.0,119.0 27.0,119.2 27.1,119.2 27.1,119.1 27.2,119.1 27.2,119.0 27.0,119.0")
    assert found["coordinates"] == pytest.approx([119.0833333, 27.0833333], abs=1e-6)
    assert found["accuracy_m"] == pytest.approx(15_390, rel=0.005)
    assert position_of_circle(circle_of(found)) == found


def test_what_lies_elsewhere_says_where() -> None:
    """A member's code, else the county that has the point, else our own with a word about it."""
    elsewhere = changed("350924000000", "331126000000")
    assert read(elsewhere).events[0].payload["place"]["county"] == "331126"
    whole_city = changed("350924000000", "350900000000")
    assert read(whole_city).events[0].payload["place"]["county"] == "350924"
    unsaid = changed(
        "CPEAS Geographic Code</valueName>\n        <value>350924000000", "SAME</valueName>\n<value>006109"
    )
    assert read(unsaid).events[0].payload["place"]["county"] == "350924"
    nowhere = read(changed("27.40,119.33 4.0", "26.5,121.5 1", unsaid)).events[0]
    assert any("没有写明是哪个县" in each for each in nowhere.unfit)


def test_a_signature_is_told_as_not_verified() -> None:
    """The officer who imports answers for where it came from."""
    signed = changed("</alert>", '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><x/></Signature></alert>')
    assert any("没有核验" in each for each in read(signed).unfit)


def test_a_message_of_tomorrow_is_told() -> None:
    """Its time is compared with the clock, within its tolerance."""
    late = changed("<sent>2026-11-23T21:31:38+08:00", "<sent>2026-11-25T21:31:38+08:00")
    assert any("还没有到" in each for each in read(late).unfit)


def test_every_word_of_the_table_is_documented() -> None:
    """docs/events.md shows the table that is used."""
    page = (Path(__file__).parents[2] / "docs" / "events.md").read_text("utf-8")
    for name in ("severity", "colours", "urgency"):
        for ours, caps in words.table()[name].items():
            assert re.search(rf"^[^\n]*\b{ours}\b[^\n]*{caps}", page, re.MULTILINE), (ours, caps)
