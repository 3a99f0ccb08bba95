"""The header: strict, small, and nothing about persons or places in it."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.world.each import each
from tests.world.forge import changed
from tests.world.simulator import BOOK, World
from yizhan.schemas.errors import Malformed, Refused
from yizhan.schemas.header import NOTICE, RECEIPT, Header, ReceiptRef, parse_header, split_id

WORLD = World(("331126", "350924"))
HEADER = WORLD.header()
REF = {"id": f"350924-{BOOK}-1", "hash": "0" * 64}
LANE = {"stage": "delivered", "source": "350924", "book": BOOK, "lane": "prompt", "up_to": 5}


def test_a_header_survives_the_wire() -> None:
    """What is written is read back as the same header."""
    assert parse_header(HEADER.to_bytes()) == HEADER


def test_every_attribute_survives_the_wire() -> None:
    """So is one with every optional attribute."""
    full = Header.model_validate(
        HEADER.model_dump(exclude_none=True)
        | {
            "subject": REF["id"], "grade": 2, "certainty": "Likely", "worse": False, "reply_to": REF,
            "supersedes": REF, "withdraws": REF, "expires": "2026-11-24T00:00:00.000Z",
            "wants": "identity-far", "period": "2026Q3",
        }
    )  # fmt: skip
    assert parse_header(full.to_bytes()) == full


def test_what_is_absent_is_left_out() -> None:
    """The wire has no null."""
    assert b"null" not in HEADER.to_bytes()


REQUIRED = ("specversion", "source", "id", "type", "time", "kid", "to", "lanes", "charter", "status", "priority")


@pytest.mark.parametrize("name", REQUIRED)
def test_required_attributes_are_missed(name: str) -> None:
    """Without a required attribute a header is malformed, and the error names it."""
    with pytest.raises(Malformed, match=name):
        parse_header(changed(HEADER, **{name: None}))


LANE_1 = {"lane": "prompt", "n": 1}
WRONG: dict[str, list[Any]] = {
    "specversion": ["1.1", "1", 1],
    "source": [
        "35092", "3509244", "350924.", "350924.Forest", "350924.a b", "350924." + "a" * 33, "350924\n",
        "３５０９２４", 350924,
    ],
    "id": [
        f"350924-{BOOK}-0", f"350924-{BOOK}-01", f"350924-{BOOK}-1\n", f" 350924-{BOOK}-1", f"350924-{BOOK}-",
        f"350924-{BOOK}-١", f"350924-{BOOK}-{10**15}", "350924-abc-1", f"350924-{'a' * 21}-1",
        f"331126-{BOOK}-1", f"350924.forest-{BOOK}-1",
    ],
    "type": [
        "fire", "yizhan.v1", "yizhan.incident.v0", "yizhan.Incident.fire.v1", "yizhan.a.b.c.d.v1", "yizhan..v1",
        "yizhan.incident.fire.v100", "org.incident.fire.v1", "yizhan.incident.fire.v1 ",
    ],
    "time": [
        "2026-11-23T08:00:00Z", "2026-11-23T08:00:00.000+00:00", "2026-11-23 08:00:00.000Z", "2026-11-31T08:00:00.000Z",
        "2026-11-23T24:00:00.000Z", "2026-11-23T23:59:60.000Z", "0000-01-01T00:00:00.000Z", "２026-11-23T08:00:00.000Z",
        0, "",
    ],
    "kid": ["0" * 63, "0" * 65, "A" * 64, "g" * 64, "0" * 64 + "\n", 5],
    "to": ["331126", [331126], ["33112"], ["331126", None], {"331126": 1}, [["331126"]], ["331126"] * 65],
    "lanes": [
        [], {"331126": 1}, {"331126": {"lane": "prompt"}}, {"331126": LANE_1 | {"lane": "alarm"}}, {"33112": LANE_1},
        {"331126": LANE_1 | {"n": 0}}, {"331126": LANE_1 | {"n": "1"}}, {"331126": LANE_1 | {"n": True}},
        {"331126": LANE_1 | {"x": 1}}, {f"{n:06}": LANE_1 for n in range(65)},
    ],
    "charter": ["1", "0-" + "0" * 16, "1-" + "0" * 15, "1-" + "G" * 16, "1234567890-" + "0" * 16],
    "status": ["actual", "System", "Draft", ""],
    "priority": ["Flash", "immediate", "特急"],
    "subject": ["350924", f"350924-{BOOK}-0"],
    "grade": [0, 5, -1, "1", True, 2**53],
    "certainty": ["observed", "Certain"],
    "touches": ["331126", ["33112６"], ["0x1234"], [True]],
    "stage": ["First", "initial"],
    "worse": ["true", 1, 0, "yes"],
    "reply_to": [REF["id"], {"id": REF["id"]}, {**REF, "hash": "0" * 63}, {**REF, "x": 1}, []],
    "supersedes": [{"hash": REF["hash"]}],
    "withdraws": [True],
    "receipt": [LANE],
    "expires": ["tomorrow"],
    "wants": ["money", "", 1],
    "period": ["2026-13", "2026Q5", "26", "2026-7", 2026],
    "urgency": ["Immediate"],
    "Status": ["Actual"],
    "__proto__": [{}],
}  # fmt: skip


@each("name, value", [(name, value) for name, values in WRONG.items() for value in values])
def test_a_value_outside_its_list_is_malformed(name: str, value: Any) -> None:  # noqa: ANN401 -- any JSON
    """One doubtful attribute and the header is refused."""
    with pytest.raises(Malformed):
        parse_header(changed(HEADER, **{name: value}))


@pytest.mark.parametrize("value", [b"", b"null", b"[]", b'"a"', b"1", b"{}", b'{"a":1}'])
def test_a_header_is_an_object(value: bytes) -> None:
    """Anything else is malformed."""
    with pytest.raises(Malformed):
        parse_header(value)


@pytest.mark.parametrize("name", ["grade", "touches", "receipt", "expires", "worse", "wants", "period"])
def test_null_is_no_spelling_of_absent(name: str) -> None:
    """An optional attribute is left out, never null; nor inside a receipt."""
    data = json.dumps(HEADER.model_dump(mode="json", exclude_none=True) | {name: None}).encode()
    with pytest.raises(Malformed, match="null"):
        parse_header(data)


RECEIPTS_WRONG = [
    {"stage": "seen", "event": REF},
    {"stage": "acknowledged"},
    {"stage": "acknowledged", "event": REF, "up_to": 1},
    {"stage": "declined", "event": REF, "beyond": []},
    {"stage": "unopenable", **{name: value for name, value in LANE.items() if name != "stage"}},
    LANE | {"event": REF},
    LANE | {"up_to": -1},
    LANE | {"lane": "alarm"},
    LANE | {"book": "abc"},
    LANE | {"beyond": [6]},
    LANE | {"beyond": [5, 8]},
    LANE | {"beyond": [8, 8]},
    LANE | {"beyond": [9, 8]},
    LANE | {"beyond": list(range(7, 7 + 65))},
    *(
        {name: value for name, value in LANE.items() if name != missing}
        for missing in ("source", "book", "lane", "up_to")
    ),
]


@pytest.mark.parametrize("receipt", RECEIPTS_WRONG, ids=str)
def test_a_receipt_has_one_of_two_shapes(receipt: dict[str, Any]) -> None:
    """It confirms a lane up to a number, or one event; nothing between."""
    with pytest.raises(Malformed):
        parse_header(changed(HEADER, type=RECEIPT, receipt=receipt))


@pytest.mark.parametrize("receipt", [LANE, LANE | {"up_to": 0}, LANE | {"beyond": []}, LANE | {"beyond": [7, 8, 70]}])
def test_a_cumulative_receipt_names_its_lane(receipt: dict[str, Any]) -> None:
    """It may name what arrived past a gap; its target is the lane's source."""
    header = parse_header(changed(HEADER, type=RECEIPT, receipt=receipt))
    assert header.receipt is not None
    assert header.receipt.target_source == "350924"


@pytest.mark.parametrize("stage", ["unopenable", "acknowledged", "acted", "declined"])
def test_other_receipts_name_one_event(stage: str) -> None:
    """Its target is the event's source, its unit included."""
    receipt = ReceiptRef.model_validate({"stage": stage, "event": {**REF, "id": f"350924.forest-{BOOK}-3"}})
    assert receipt.target_source == "350924.forest"


def test_only_receipts_confirm() -> None:
    """The attribute receipt belongs to one type, and that type needs it."""
    with pytest.raises(Malformed):
        parse_header(changed(HEADER, receipt=LANE))
    with pytest.raises(Malformed):
        parse_header(changed(HEADER, type=NOTICE, receipt=LANE))
    with pytest.raises(Malformed):
        parse_header(changed(HEADER, type=RECEIPT))


@pytest.mark.parametrize(
    ("event_id", "parts"),
    [
        ("350924-20261123k7qf-17", ("350924", "20261123k7qf", 17)),
        ("350924.a-b-c-abcd-1", ("350924.a-b-c", "abcd", 1)),
        ("350924.x-abcd-1-abcd-999999999999999", ("350924.x-abcd-1", "abcd", 999_999_999_999_999)),
    ],
)
def test_an_id_comes_apart_in_one_way(event_id: str, parts: tuple[str, str, int]) -> None:
    """Book and number have no hyphen, so a unit's hyphens cannot be mistaken."""
    assert split_id(event_id) == parts


@pytest.mark.parametrize(
    ("references", "strongest"),
    [((), "none"), (("reply_to",), "reply_to"), (("reply_to", "supersedes"), "supersedes"),
     (("reply_to", "supersedes", "withdraws"), "withdraws")],
)  # fmt: skip
def test_the_strongest_reference_counts(references: tuple[str, ...], strongest: str) -> None:
    """A withdrawal is a withdrawal, whatever else it refers to."""
    header = Header.model_validate(HEADER.model_dump(exclude_none=True) | dict.fromkeys(references, REF))
    assert header.refers == strongest


def test_a_hostile_name_cannot_steer_a_terminal() -> None:
    """What a refusal repeats of a stranger's header is printable ASCII and short."""
    for name in ("\x1b[2J", "\n2026 INFO all is well", "\u202e", "县" * 400, "x" * 10_000):
        with pytest.raises(Malformed) as error:
            parse_header(changed(HEADER, **{name: 1}))
        said = str(error.value)
        assert said.isascii()
        assert said.isprintable()
        assert len(said) < 300


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["331126", "first"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@given(attributes=st.dictionaries(st.sampled_from([*Header.model_fields, "x"]), VALUES))
def test_any_object_is_a_header_or_malformed(attributes: dict[str, Any]) -> None:
    """Nothing but a Refused is raised, whatever stands in a header."""
    values = HEADER.model_dump(mode="json", exclude_none=True) | attributes
    with contextlib.suppress(Refused):
        parse_header(json.dumps(values).encode())


def test_headers_do_not_change() -> None:
    """A header is frozen."""
    with pytest.raises(ValidationError, match="frozen"):
        HEADER.status = "Test"  # type: ignore[misc] # that is the point
