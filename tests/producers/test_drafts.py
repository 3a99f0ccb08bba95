"""Drafts: JSON Lines, each line for itself."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.schemas.payloads.examples import CONTACT, CRIME, EXAMPLES, FIRE, NOTICE, RECEIPT
from yizhan.producers.drafts import (
    MAX_LINE_BYTES,
    MAX_PROBLEMS,
    Draft,
    DraftInvalid,
    LineProblem,
    parse_draft,
    read_jsonl,
)

FOREST_FIRE = "yizhan.incident.forest_fire.v1"
LINE: dict[str, Any] = {
    "type": FOREST_FIRE,
    "time": "2026-11-23T16:05:00+08:00",
    "to": ["331126"],
    "priority": "flash",
    "certainty": "Observed",
    "touches": ["331126", "330327"],
    "stage": "first",
    "payload": FIRE,
}


def as_line(value: object) -> bytes:
    """Write one line."""
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def read_all(data: bytes) -> list[tuple[int, Draft | LineProblem]]:
    """Read a file."""
    return list(read_jsonl(io.BytesIO(data), "day.jsonl"))


def faults(value: dict[str, Any]) -> list[str]:
    """Return the paths of what is wrong with a draft."""
    with pytest.raises(DraftInvalid) as caught:
        parse_draft(value)
    return [path for path, _ in caught.value.errors]


def test_a_line_becomes_a_draft_word_for_word() -> None:
    """The draft holds exactly the fields of the line."""
    draft = parse_draft(LINE)
    assert draft.time == "2026-11-23T08:05:00.000Z"
    assert (draft.to, draft.touches) == (("331126",), ("330327", "331126"))
    assert (draft.priority, draft.certainty, draft.stage) == ("flash", "Observed", "first")
    assert (draft.grade, draft.worse, draft.subject, draft.expires) == (None, None, None, None)
    assert draft.payload["place"]["position"]["datum"] == "WGS84"


@pytest.mark.parametrize("type", sorted(set(EXAMPLES) - {"yizhan.receipt.v1", "yizhan.notice.v1"}))
def test_every_type_of_a_desk_can_be_drafted(type: str) -> None:
    """Type and payload are all that a draft must have, and answers and minutes their stage."""
    staged = {"yizhan.liaison.consultation.v1", "yizhan.assistance.response.v1", "yizhan.intelligence.feedback.v1"}
    draft = parse_draft({"type": type, "payload": EXAMPLES[type], "stage": "final" if type in staged else None})
    assert (draft.status, draft.priority) == ("Actual", "routine")


def test_what_the_station_must_know_follows_from_the_payload() -> None:
    """An officer is never asked for it; a draft that says otherwise is refused, and so is one that says more."""
    kind = "yizhan.assistance.request.v1"
    draft = parse_draft({"type": kind, "payload": EXAMPLES[kind]})
    assert (draft.wants, draft.period) == ("assistance", None)
    assert parse_draft({"type": kind, "payload": EXAMPLES[kind], "wants": "assistance"}) == draft
    assert faults({"type": kind, "payload": EXAMPLES[kind], "wants": "identity"}) == ["wants"]
    assert faults(LINE | {"period": "2026-11"}) == ["period"]
    plan = {"type": "yizhan.patrol.plan.v1", "payload": EXAMPLES["yizhan.patrol.plan.v1"]}
    assert parse_draft(plan).wants == "countersign"
    answer = parse_draft(plan | {"reply_to": {"external_ref": "1"}})
    assert (answer.wants, answer.expires) == (None, "2026-12-03T15:59:59.999Z")
    assert faults(plan | {"expires": "2026-12-05T00:00:00.000Z"}) == ["expires"]
    assert parse_draft({"type": "yizhan.liaison.contact.v1", "payload": CONTACT}).period == "2026-11"


def test_a_request_without_its_papers_is_refused_by_name() -> None:
    """At the desk, before anything is sealed: each missing paper has its own line."""
    kind = "yizhan.assistance.request.v1"
    bare = {name: value for name, value in EXAMPLES[kind].items() if name != "papers"}
    with pytest.raises(DraftInvalid, match=r"办案协作函件.*立案决定书"):
        parse_draft({"type": kind, "payload": bare})


def test_the_external_ref_is_said_once_and_stands_in_both() -> None:
    """In the draft or in the payload; two different ones are a mistake."""
    assert parse_draft(LINE).external_ref == FIRE["external_ref"]
    bare = {name: value for name, value in FIRE.items() if name != "external_ref"}
    draft = parse_draft(LINE | {"payload": bare, "external_ref": "110-7"})
    assert draft.payload["external_ref"] == "110-7"
    assert parse_draft(LINE | {"payload": bare}).external_ref is None
    assert faults(LINE | {"external_ref": "110-7"}) == ["external_ref"]


@pytest.mark.parametrize(
    "reference",
    [
        {"id": "350924-20261123k7qf-17", "hash": "ab" * 32},
        {"id": "350924-20261123k7qf-17"},
        {"external_ref": "35092420261123001"},
    ],
)
@pytest.mark.parametrize("name", ["reply_to", "supersedes", "withdraws"])
def test_an_event_is_referred_to_by_id_or_by_external_ref(name: str, reference: dict[str, str]) -> None:
    """The outbox turns the second into the first."""
    assert getattr(parse_draft(LINE | {name: reference}), name).model_dump(exclude_none=True) == reference


@pytest.mark.parametrize(
    "reference",
    [
        {},
        {"hash": "ab" * 32},
        {"id": "350924-20261123k7qf-17", "external_ref": "1"},
        {"external_ref": "1", "hash": "ab" * 32},
    ],
)
def test_a_reference_names_one_event_in_one_way(reference: dict[str, str]) -> None:
    """A reference is given by id and hash or by external_ref; none or both are refused."""
    assert faults(LINE | {"withdraws": reference}) == ["withdraws"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"type": "yizhan.incident.fire.v1"}, "type"),
        ({"type": 7}, "type"),
        ({"to": []}, "to"),
        ({"to": ["331126", "331126"]}, "to"),
        ({"to": ["庆元"]}, "to.0"),
        ({"status": "actual"}, "status"),
        ({"priority": "high"}, "priority"),
        ({"grade": 5}, "grade"),
        ({"grade": "2"}, "grade"),
        ({"worse": 1}, "worse"),
        ({"stage": ["first"]}, "stage"),
        ({"time": "2026-11-23 16:05"}, "time"),
        ({"kid": "00"}, "kid"),
        ({"payload": None}, "payload"),
        ({"payload": []}, "payload"),
        ({"payload": FIRE | {"dead": -1}}, "payload.dead"),
        ({"payload": FIRE | {"classification": "绝密"}}, "payload.classification"),
    ],
)
def test_a_fault_is_named_by_its_path(change: dict[str, Any], path: str) -> None:
    """A fault is named by its path, in the draft or in its payload."""
    assert faults(LINE | change) == [path]


def test_header_and_payload_faults_are_told_together() -> None:
    """Faults of header and payload are reported together."""
    assert faults(LINE | {"grade": 9, "payload": FIRE | {"dead": -1}}) == ["payload.dead", "grade"]


def test_a_second_report_of_a_fire_is_signed_by_three() -> None:
    """The payload is held against the header's stage."""
    bare = {name: value for name, value in FIRE.items() if name not in {"reviewed_by", "signed_off_by"}}
    parse_draft(LINE | {"payload": bare})
    assert faults(LINE | {"payload": bare, "stage": "update"}) == ["payload.reviewed_by", "payload.signed_off_by"]


def test_a_grade_in_the_header_needs_its_basis() -> None:
    """A grade in the header needs grade_basis, and the same grade in the payload."""
    line = {"type": "yizhan.incident.eco_crime.v1", "grade": 2, "payload": CRIME}
    assert faults(line) == ["payload.grade"]
    parse_draft(line | {"payload": CRIME | {"grade": 2, "grade_basis": "涉案价值特别巨大"}})


@pytest.mark.parametrize(("type", "payload"), [("yizhan.receipt.v1", RECEIPT), ("yizhan.notice.v1", NOTICE)])
def test_what_the_system_says_is_no_draft(type: str, payload: dict[str, Any]) -> None:
    """Receipts and lane heads are written by the outbox and the inbox."""
    assert faults({"type": type, "payload": payload}) == ["type"]


def test_a_text_to_the_other_side_is_a_draft() -> None:
    """A notice of kind text can be written as a draft."""
    parse_draft({"type": "yizhan.notice.v1", "to": ["331126"], "payload": {"kind": "text", "text": "本周六系统维护"}})


def test_a_bad_line_names_file_line_and_field_and_the_others_still_go() -> None:
    """One typing slip does not hold up a fire."""
    data = as_line(LINE) + as_line(LINE | {"payload": FIRE | {"dead": "0"}}) + b"\n" + as_line(LINE)
    found = read_all(data)
    assert [number for number, _ in found] == [1, 2, 4]
    problem = found[1][1]
    assert isinstance(problem, LineProblem)
    assert (problem.file, problem.line, problem.field, problem.came) == ("day.jsonl", 2, "payload.dead", '"0"')
    assert str(problem).startswith("day.jsonl:2: payload.dead: ")
    assert isinstance(found[2][1], Draft)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"type":"a","type":"b"}', "twice"),
        (b'{"grade":NaN}', "NaN"),
        (b'{"grade":1', "not JSON"),
        (b"[1]", "not an object"),
        (b"7", "not an object"),
        (b"[" * 100_000, "nested"),
        ('{"type":"县"}'.encode("gb18030"), "另存为 UTF-8"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a":123456789012345678901234567890}', "2^53"),
    ],
)
def test_a_line_that_is_no_strict_json_is_named(line: bytes, said: str) -> None:
    """A line that is no strict JSON is named, and the next line is read."""
    found = read_all(line.replace(b"\n", b" ") + b"\n" + as_line(LINE))
    assert isinstance(found[0][1], LineProblem)
    assert said in found[0][1].expected
    assert isinstance(found[-1][1], Draft)


def test_a_line_that_is_too_long_is_named_and_not_kept() -> None:
    """A file without line ends cannot fill the memory; what follows is read."""
    exact = as_line(LINE).rstrip()
    exact += b" " * (MAX_LINE_BYTES - len(exact))
    found = read_all(exact + b"\r\n" + exact + b" \n" + b"x" * (3 * MAX_LINE_BYTES) + b"\n" + as_line(LINE))
    kinds = [type(item) for _, item in found]
    assert kinds == [Draft, LineProblem, LineProblem, Draft]
    assert [number for number, _ in found] == [1, 2, 3, 4]
    assert isinstance(found[2][1], LineProblem)
    assert found[2][1].came.startswith(str(3 * MAX_LINE_BYTES))


def test_windows_line_ends_and_byte_order_mark_do_no_harm() -> None:
    """CRLF, a byte order mark and a missing last line end are accepted."""
    found = read_all(b"\xef\xbb\xbf" + as_line(LINE).rstrip() + b"\r\n\r\n" + as_line(LINE).rstrip())
    assert [(number, type(item)) for number, item in found] == [(1, Draft), (3, Draft)]


def test_a_hopeless_line_has_a_bounded_number_of_problems() -> None:
    """At most twenty problems are reported for one line."""
    found = read_all(as_line(LINE | {f"x{n}": 1 for n in range(100)}))
    assert len(found) == MAX_PROBLEMS


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*Draft.model_fields, "x"]), json_values))
def test_any_object_gives_a_draft_or_its_faults(change: dict[str, Any]) -> None:
    """Any JSON object gives a draft or a list of faults, never another error."""
    try:
        draft = parse_draft(LINE | change)
    except DraftInvalid:
        return
    assert parse_draft(draft.model_dump(mode="json", exclude_none=True)) == draft


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(data: bytes) -> None:
    """Any bytes can be read without an exception, with increasing line numbers."""
    numbers = [number for number, _ in read_all(data)]
    assert numbers == sorted(numbers)
