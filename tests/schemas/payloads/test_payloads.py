"""Payloads: strict senders, the bytes, the table of types."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import Field

from tests.schemas.payloads.examples import CRIME, EXAMPLES, FIRE, HOTSPOT, NOTICE, PEOPLE, RECEIPT, REPORT, required_by
from yizhan.schemas.errors import PayloadInvalid
from yizhan.schemas.header import ReceiptRef
from yizhan.schemas.payloads import TYPES, Payload, PayloadType, encode, json_schemas, lines, parse_strict, read
from yizhan.schemas.payloads.common import Signed
from yizhan.schemas.payloads.intelligence_report import IntelligenceReport
from yizhan.schemas.payloads.receipt import Receipt
from yizhan.schemas.payloads.table import Retention

FOREST_FIRE = "yizhan.incident.forest_fire.v1"


def faults(type: str, value: bytes | dict[str, Any]) -> dict[str, str]:
    """Return path → sentence of what is wrong with a payload."""
    with pytest.raises(PayloadInvalid) as caught:
        parse_strict(type, value)
    return dict(caught.value.errors)


def without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    """Copy an object without some of its fields."""
    return {name: inner for name, inner in value.items() if name not in names}


@pytest.mark.parametrize("type", TYPES)
def test_every_type_has_an_example_that_comes_back_byte_for_byte(type: str) -> None:
    """What was written and read again gives the same bytes."""
    written = encode(parse_strict(type, EXAMPLES[type]))
    assert encode(parse_strict(type, written)) == written
    assert written.decode() == json.dumps(
        json.loads(written), ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    assert b"null" not in written


@pytest.mark.parametrize("type", TYPES)
def test_required_fields_are_required(type: str) -> None:
    """Leaving out a required field is named by its path."""
    for name, field in TYPES[type].model.model_fields.items():
        if field.is_required():
            said = field.alias or name
            assert "应填而未填；得到 空" in faults(type, without(EXAMPLES[type], said))[said]


@pytest.mark.parametrize("type", TYPES)
def test_every_field_has_a_chinese_title(type: str) -> None:
    """What an officer fills in has a Chinese name."""
    for name, field in TYPES[type].model.model_fields.items():
        if name not in ReceiptRef.model_fields:
            assert field.title, name
            assert not field.title.isascii(), name


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"dead": "0"}, "dead"),
        ({"dead": True}, "dead"),
        ({"dead": -1}, "dead"),
        ({"state": "烧"}, "state"),
        ({"ask": []}, "ask"),
        ({"ask": ["知悉", "知悉"]}, "ask"),
        ({"foo": 1}, "foo"),
        ({"int": 1}, "int"),
        ({"summary": " \n"}, "summary"),
        ({"summary": "a\u202eb"}, "summary"),
        ({"summary": "a\x1b[2J"}, "summary"),
        ({"burnt_ha": float("nan")}, ""),
        ({"burnt_ha": -0.5}, "burnt_ha"),
        ({"org_code": "３50924000000"}, "org_code"),
        ({"started_at": "2026-11-23 16:05"}, "started_at"),
        ({"started_at": "2026-11-23T16:05:00"}, "started_at"),
        ({"started_at": "2026-02-30T16:05:00Z"}, "started_at"),
        ({"started_at": "0001-01-01T00:00:00+08:00"}, "started_at"),
        ({"started_at": "2200-01-01T00:00:00Z"}, "started_at"),
        ({"contact": {"name": "值班室", "phone": "call me"}}, "contact.phone"),
        ({"drafted_by": {"name": "叶某"}}, "drafted_by.badge"),
        ({"attachments": [{"name": "a.jpg", "sha256": "00", "bytes": 1}]}, "attachments.0.sha256"),
    ],
)
def test_senders_are_strict(change: dict[str, Any], path: str) -> None:
    """A wrong value is named by its path and goes nowhere."""
    assert list(faults(FOREST_FIRE, FIRE | change)) == [path]


@pytest.mark.parametrize("due", ["9999-12-31", "2200-01-01", "1999-12-31", "0001-01-01"])
def test_a_day_at_which_calendars_end_is_no_term(due: str) -> None:
    """A decision that is due then obliges nobody; a reader shows the minutes as they came."""
    kind = "yizhan.liaison.consultation.v1"
    minutes = EXAMPLES[kind] | {"minutes": "议定", "decisions": [{"what": "清理", "who": "331126", "due": due}]}
    assert list(faults(kind, minutes)) == ["decisions.0.due"]
    assert read(kind, json.dumps(minutes).encode()).model is None


def test_every_fault_is_named_at_once() -> None:
    """An officer mends the form in one go."""
    assert len(faults(FOREST_FIRE, FIRE | {"dead": "x", "state": "y", "foo": 1})) == 3


@pytest.mark.parametrize("data", [b"", b"[]", b'"x"', b'{"a":1,"a":2}', b"\xef\xbb\xbf{}", b"\xff", b'{"a":NaN}'])
def test_what_is_not_strict_json_is_refused_as_a_whole(data: bytes) -> None:
    """Bytes with two meanings, or none, have one fault, of the whole."""
    assert list(faults(FOREST_FIRE, data)) == [""]


def test_an_unknown_type_is_refused_with_the_list_of_known_ones() -> None:
    """A sender cannot send what no partner can read."""
    assert FOREST_FIRE in faults("yizhan.incident.fire.v1", {})["type"]


@pytest.mark.parametrize("level", ["秘密", "机密", "绝密", "机密★10年", " 绝密"])
def test_state_secrets_are_refused_by_name(level: str) -> None:
    """The refusal names the level and the way out."""
    assert level.strip()[:2] in faults(FOREST_FIRE, FIRE | {"classification": level})["classification"]
    assert "涉密渠道" in faults(FOREST_FIRE, FIRE | {"classification": level})["classification"]


@pytest.mark.parametrize("field", ["summary", "cause", "doc_no"])
def test_a_mark_of_secrecy_is_refused_wherever_it_stands(field: str) -> None:
    """A pasted secret document is noticed by its mark."""
    assert "涉密渠道" in faults(FOREST_FIRE, FIRE | {field: "附件标注“秘密 ★ 5年”"})[field]


def test_work_secrets_are_welcome() -> None:
    """工作秘密 is no state secret."""
    parse_strict(FOREST_FIRE, FIRE | {"classification": "工作秘密"})


def test_coordinates_in_the_wrong_order_are_noticed() -> None:
    """In China a latitude of 119 is a longitude; the sentence says so."""
    swapped = {"county": "350924", "position": {"type": "Point", "coordinates": [27.6, 119.4]}}
    assert "请对调" in faults(FOREST_FIRE, FIRE | {"place": swapped})["place.position.coordinates"]


def test_other_datums_are_refused() -> None:
    """What comes from Chinese web maps is off by hundreds of metres until converted."""
    position = {"type": "Point", "coordinates": [119.4, 27.6], "datum": "GCJ-02"}
    assert list(faults(FOREST_FIRE, FIRE | {"place": {"county": "350924", "position": position}})) == [
        "place.position.datum"
    ]


def test_instants_get_one_spelling() -> None:
    """Whatever the zone, the bytes hold UTC."""
    model = parse_strict(FOREST_FIRE, FIRE | {"started_at": "2026-11-23t16:05+08:00"})
    assert b'"started_at":"2026-11-23T08:05:00.000Z"' in encode(model)


def test_a_fires_first_report_needs_its_drafter_only() -> None:
    """Minutes count; from the second report on all three officers stand in it."""
    model = parse_strict(FOREST_FIRE, without(FIRE, "reviewed_by", "signed_off_by"))
    assert list(model.against_header(stage="first", grade=None)) == []
    missing = dict(model.against_header(stage="update", grade=None))
    assert list(missing) == ["reviewed_by", "signed_off_by"]
    assert list(parse_strict(FOREST_FIRE, FIRE).against_header(stage="final", grade=4)) == []


@pytest.mark.parametrize("verification", ["林火", "农事用火", "无火"])
def test_a_verified_hotspot_is_signed(verification: str) -> None:
    """A program may send what nobody verified yet; what was verified names its officers."""
    said = HOTSPOT | {"verification": verification}
    assert "drafted_by" in faults("yizhan.incident.hotspot.v1", said)[""]
    parse_strict("yizhan.incident.hotspot.v1", {**said, **PEOPLE, "contact": FIRE["contact"]})


def test_a_criminal_case_names_its_charge() -> None:
    """A clue need not, a criminal case must; short forms become official names."""
    kind = "yizhan.incident.eco_crime.v1"
    assert "charge" in faults(kind, without(CRIME, "charge"))[""]
    parse_strict(kind, without(CRIME, "charge") | {"nature": "线索"})
    assert "盗窃" in faults(kind, CRIME | {"charge": "盗窃"})["charge"]
    model = parse_strict(kind, CRIME | {"charge": "危害珍贵濒危野生动物罪"})
    assert "危害珍贵、濒危野生动物".encode() in encode(model)


def test_a_grade_says_on_what_it_rests() -> None:
    """Grade and basis go together, and header and payload name the same one."""
    kind = "yizhan.incident.eco_crime.v1"
    assert "grade_basis" in faults(kind, CRIME | {"grade": 2})[""]
    model = parse_strict(kind, CRIME | {"grade": 2, "grade_basis": "涉案价值特别巨大"})
    assert list(model.against_header(stage="first", grade=2)) == []
    assert [path for path, _ in model.against_header(stage="first", grade=None)] == ["grade"]


def test_what_is_not_judged_is_f6() -> None:
    """Without an assessment the reliability is F6."""
    model = parse_strict("yizhan.intelligence.report.v1", REPORT)
    assert isinstance(model, IntelligenceReport)
    assert (model.source_reliability, model.credibility) == ("F", 6)


def test_a_receipt_is_the_headers_receipt_and_a_person() -> None:
    """``confirms`` is what the header carries: no person, no text."""
    model = parse_strict("yizhan.receipt.v1", RECEIPT)
    assert isinstance(model, Receipt)
    assert model.confirms == ReceiptRef.model_validate({"stage": RECEIPT["stage"], "event": RECEIPT["event"]})


@pytest.mark.parametrize("stage", ["acknowledged", "acted", "declined"])
def test_a_persons_word_names_the_person(stage: str) -> None:
    """A receipt of a person names the person."""
    assert "by" in faults("yizhan.receipt.v1", without(RECEIPT, "by") | {"stage": stage})[""]


def test_a_delivered_receipt_is_cumulative() -> None:
    """It names a lane and how far it came, and no event."""
    lane = {"stage": "delivered", "source": "350924", "book": "20261123k7qf", "lane": "prompt", "up_to": 3}
    model = parse_strict("yizhan.receipt.v1", lane | {"beyond": [5, 9]})
    assert isinstance(model, Receipt)
    assert model.confirms.beyond == (5, 9)
    faults("yizhan.receipt.v1", lane | {"beyond": [4]})
    faults("yizhan.receipt.v1", lane | {"event": RECEIPT["event"]})


@pytest.mark.parametrize("notice", [{"kind": "text"}, NOTICE | {"text": "你好"}, {"kind": "lane_heads"}, {"kind": "x"}])
def test_a_notice_has_one_shape(notice: dict[str, Any]) -> None:
    """A notice has lanes or a text, as its kind says."""
    faults("yizhan.notice.v1", notice)
    parse_strict("yizhan.notice.v1", {"kind": "text", "text": "本周六系统维护"})


def test_a_disaster_is_classed_by_the_standard() -> None:
    """The name is understood, the code is what travels."""
    kind = "yizhan.incident.natural_disaster.v1"
    for said in ("020400", "滑坡灾害", "滑坡"):
        assert b'"class":"020400"' in encode(parse_strict(kind, EXAMPLES[kind] | {"class": said}))
    assert "GB/T 28921" in faults(kind, EXAMPLES[kind] | {"class": "999999"})["class"]


def test_a_new_type_is_one_file_and_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a row in the table it can be sent, read, shown and exported, and tests take its example from its model."""

    class Drill(Signed):
        km: float = Field(title="里程（公里）")

    kind = "yizhan.patrol.drill.v1"
    monkeypatch.setitem(TYPES, kind, PayloadType(Drill, "联排", "联合演练", Retention.YEARS_10))
    written = encode(parse_strict(kind, required_by(Drill)))
    found = read(kind, written)
    assert isinstance(found.model, Drill)
    assert ("里程（公里）",) in {line.titles for line in lines(found)}
    assert json_schemas()[kind]["title"] == "联排 · 联合演练"


@pytest.fixture(scope="module")
def schemas() -> dict[str, dict[str, Any]]:
    """Return type → its exported schema."""
    return json_schemas()


@pytest.mark.parametrize("type", TYPES)
def test_the_exported_schema_takes_what_the_sender_takes(type: str, schemas: dict[str, dict[str, Any]]) -> None:
    """An integrator who follows the schema can send; who leaves out what is required cannot."""
    schema = schemas[type]
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert list(validator.iter_errors(EXAMPLES[type])) == []
    assert list(validator.iter_errors(json.loads(encode(parse_strict(type, EXAMPLES[type]))))) == []
    assert list(validator.iter_errors(EXAMPLES[type] | {"foo": 1})) != []


@pytest.mark.parametrize("type", TYPES)
def test_payloads_are_frozen(type: str) -> None:
    """What was checked stays as it was checked."""
    model: Payload = parse_strict(type, EXAMPLES[type])
    name = next(iter(TYPES[type].model.model_fields))
    with pytest.raises(ValueError, match="frozen"):
        setattr(model, name, None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(type=st.sampled_from(sorted(TYPES)), data=st.data())
def test_nothing_but_payload_invalid_comes_out(type: str, data: st.DataObject) -> None:
    """Whatever stands in a field, the sender gets a payload or the list of faults."""
    names = [field.alias or name for name, field in TYPES[type].model.model_fields.items()]
    value = EXAMPLES[type] | {data.draw(st.sampled_from(names)): data.draw(json_values)}
    try:
        written = encode(parse_strict(type, value))
    except PayloadInvalid:
        return
    assert encode(parse_strict(type, written)) == written
