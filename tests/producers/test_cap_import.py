"""CAP 1.2 of others: read as far as it goes, hostile and wrong messages named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.producers.cap_cases import MESSAGES, NOW, RAIN, changed, content, header, out, read, setting
from tests.schemas.payloads.examples import PEOPLE
from yizhan.producers.cap import CapInvalid, draft_of, read_cap, words
from yizhan.producers.cap.places import AreaInvalid, circle_of, position_of_circle, position_of_polygon
from yizhan.producers.cap.words import Triplet
from yizhan.producers.cap.xml import MAX_BYTES
from yizhan.producers.drafts import Office, parse_draft
from yizhan.schemas import strictjson
from yizhan.schemas.payloads.table import FOREST_FIRE, NATURAL_DISASTER


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
    """A message over the size limit is refused before it is parsed."""
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
