"""Readers lose nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.schemas.payloads.examples import EXAMPLES, FIRE
from yizhan.schemas.payloads import TYPES, lines, read
from yizhan.schemas.payloads.forest_fire import ForestFire
from yizhan.schemas.payloads.reading import MAX_PROBLEMS, TOO_MUCH

FOREST_FIRE = "yizhan.incident.forest_fire.v1"


def as_bytes(value: dict[str, Any]) -> bytes:
    """Write JSON."""
    return json.dumps(value, ensure_ascii=False).encode()


@pytest.mark.parametrize("type", TYPES)
def test_what_a_sender_writes_is_understood_in_full(type: str) -> None:
    """No problem, no unknown field, every value shown."""
    found = read(type, as_bytes(EXAMPLES[type]))
    assert found.model is not None
    assert found.raw == EXAMPLES[type]
    assert found.unknown_fields == ()
    assert found.problems == ()


@pytest.mark.parametrize("many", [{"attachments": [{}] * 30_000}, {"u": [[0] * 300] * 300}])
def test_what_nobody_could_have_written_is_kept_and_not_checked_value_by_value(many: dict[str, Any]) -> None:
    """One record with hundreds of thousands of values must not hold up the fire behind it."""
    found = read(FOREST_FIRE, as_bytes(many))
    assert found.raw == many
    assert (found.model, found.problems) == (None, (("", TOO_MUCH),))


def test_of_many_faults_some_are_named() -> None:
    """An officer mends a partner's report in nobody's stead: a screenful is enough."""
    found = read(FOREST_FIRE, as_bytes(FIRE | {"attachments": [{}] * 500}))
    assert len(found.problems) == MAX_PROBLEMS


def test_unknown_fields_are_kept_and_named() -> None:
    """A newer partner's fire is read with what this version knows; the rest is shown too."""
    newer = FIRE | {"drone": {"id": 7}, "place": FIRE["place"] | {"grid": "A7"}}
    found = read(FOREST_FIRE, as_bytes(newer))
    assert isinstance(found.model, ForestFire)
    assert set(found.unknown_fields) == {"drone", "place.grid"}
    shown = {line.path: line.value for line in lines(found)}
    assert (shown["drone.id"], shown["place.grid"]) == (7, "A7")


def test_a_wrong_value_hides_nothing() -> None:
    """A state that this version does not know is shown as it came, with the problem named."""
    found = read(FOREST_FIRE, as_bytes(FIRE | {"state": "复燃", "drone": 1}))
    assert found.model is None
    assert found.unknown_fields == ("drone",)
    assert [path for path, _ in found.problems] == ["state"]
    shown = {line.path: (line.titles, line.value) for line in lines(found)}
    assert shown["state"] == (("火势状态",), "复燃")
    assert shown["summary"] == (("简要情况",), FIRE["summary"])


def test_an_unknown_type_is_shown_raw() -> None:
    """An older partner never loses a report."""
    found = read("yizhan.incident.flood.v2", as_bytes({"level": 3}))
    assert (found.model, found.raw) == (None, {"level": 3})
    assert [(line.titles, line.value) for line in lines(found)] == [(("level",), 3)]


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[1]", b"fire!", b'{"a":1,"a":2}', b"[" * 100_000, b'{"a":NaN}'])
def test_what_is_no_json_object_is_shown_as_text(data: bytes) -> None:
    """A payload that is no JSON object is shown as text."""
    found = read(FOREST_FIRE, data)
    assert found.text == data.decode("utf-8", "replace")
    assert found.problems
    assert [line.value for line in lines(found)] == [found.text]


def test_values_come_in_the_models_order() -> None:
    """A screen lists fields as the form does, whatever their order on the wire."""
    shown = [line.path for line in lines(read(FOREST_FIRE, as_bytes(dict(reversed(FIRE.items())))))]
    assert shown.index("org_code") < shown.index("summary") < shown.index("state") < shown.index("crossing")


def test_nested_values_bear_the_titles_from_the_outside_in() -> None:
    """地点 · 坐标 · 误差（米）."""
    titles = {line.path: line.titles for line in lines(read(FOREST_FIRE, as_bytes(FIRE)))}
    assert titles["place.position.accuracy_m"] == ("地点", "坐标", "误差（米）")
    assert titles["ask.1"] == ("请对方",)


@given(type=st.sampled_from([*sorted(TYPES), "yizhan.x.v1"]), data=st.binary(max_size=200))
def test_reading_never_raises(type: str, data: bytes) -> None:
    """Bytes of any kind give something to show."""
    found = read(type, data)
    assert found.text is not None or found.raw is not None
    list(lines(found))


json_objects = st.dictionaries(
    st.sampled_from([*FIRE, "x"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "x", "county"]), inner),
        max_leaves=6,
    ),
)


@given(type=st.sampled_from(sorted(TYPES)), value=json_objects)
def test_every_leaf_that_came_is_shown(type: str, value: dict[str, Any]) -> None:
    """Whatever the shape, each value that stands in the JSON is among the lines."""

    def leaves(inner: object) -> int:
        if isinstance(inner, dict):
            return sum(map(leaves, inner.values()))
        if isinstance(inner, list):
            return sum(map(leaves, inner))
        return 1

    data = json.dumps(value).encode()
    found = read(type, data)
    if found.text is None:
        assert len(list(lines(found))) == leaves(value)
