"""JSON with one meaning."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yizhan.schemas import strictjson
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.strictjson import MAX_INTEGER, StrictJsonError, dumps, loads

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(value=JSON)
def test_what_is_written_is_read(value: Any) -> None:  # noqa: ANN401 -- JSON is any
    """Every value comes back as it was, and the same value is always written alike."""
    assert loads(dumps(value), max_depth=20) == value
    assert dumps(loads(dumps(value), max_depth=20)) == dumps(value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not JSON"),
        (b" ", "not JSON"),
        (b"{", "not JSON"),
        (b"{}{}", "not JSON"),
        (b"{} x", "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b'{"a":1,}', "not JSON"),
        (b"[1,]", "not JSON"),
        (b"01", "not JSON"),
        (b"+1", "not JSON"),
        (b"0x10", "not JSON"),
        (b"1_000", "not JSON"),
        ("１".encode(), "not JSON"),
        ("1١".encode(), "not JSON"),
        (b"\xa0{}", "not UTF-8"),
        ("\u00a0{}".encode(), "not JSON"),
        (b"// c\n{}", "not JSON"),
        (b'"a\nb"', "not JSON"),
        (b'"\\x41"', "not JSON"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b'"\xff"', "not UTF-8"),
        (b'"\xc0\xaf"', "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b"NaN", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b'{"a":-Infinity}', "-Infinity"),
        (b'{"a":1,"a":1}', '"a" stands twice'),
        (b'{"a":1,"\\u0061":2}', '"a" stands twice'),
        (b'{"b":{"a":1,"a":2}}', '"a" stands twice'),
        (b'[{"a":1,"a":2}]', '"a" stands twice'),
        (b'{"\\u001b[2J":1,"\\u001b[2J":2}', r'"\\u001b\[2J" stands twice'),
        (b'{"\\ud800":1,"\\ud800":2}', r'"\\ud800" stands twice'),
        (b'"\\ud800"', "lone surrogate"),
        (b'["\\udc00"]', "lone surrogate"),
        (b'{"\\ud800":1}', "lone surrogate"),
        (b'"\\ude00\\ud83d"', "lone surrogate"),
        (b"9007199254740992", "beyond"),
        (b"-9007199254740992", "beyond"),
        (b"1" + b"0" * 5000, "beyond"),
        (b"1.0", "fraction"),
        (b"1e3", "fraction"),
        (b"-0.0", "fraction"),
        (b"[" * 9 + b"]" * 9, "nested"),
        (b'{"a":' * 9 + b"1" + b"}" * 9, "nested"),
        (b"[" * 500_000, "nested|not JSON"),
        (b'{"a":' * 500_000, "nested|not JSON"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_two_readers_could_read_differently_is_refused(data: bytes, said: str) -> None:
    """Doubtful JSON is an error of our tree that says what was found."""
    with pytest.raises(StrictJsonError, match=said) as error:
        loads(data)
    assert isinstance(error.value, YizhanError)
    assert str(error.value).isascii()


def test_what_is_allowed_just_so() -> None:
    """The largest integer, eight levels and a pair of surrogates are read."""
    assert loads(b"9007199254740991") == -loads(b"-9007199254740991") == MAX_INTEGER
    assert loads(b"[" * 8 + b"]" * 8) == [[[[[[[[]]]]]]]]
    assert loads(b'"\\ud83d\\ude00"') == "\U0001f600"
    assert loads(b' \t\r\n{"a" : 1} \n') == {"a": 1}


def test_floats_come_in_where_they_are_asked_for() -> None:
    """With floats allowed, fractions are read and what overflows is refused."""
    assert loads(b"[1.5,1e2,2]", floats=True) == [1.5, 100.0, 2]
    for data in (b"1e400", b"-1e400", b"NaN", b"Infinity"):
        with pytest.raises(StrictJsonError):
            loads(data, floats=True)


@pytest.mark.parametrize("data", [b"null", b'{"a":null}', b'[{"a":[null]}]', b'{"null":null}'])
def test_null_can_be_kept_out(data: bytes) -> None:
    """Where null is not allowed, absent has one spelling; the word in a string is a word."""
    loads(data)
    with pytest.raises(StrictJsonError, match="absent"):
        loads(data, nulls=False)
    assert loads(b'{"null":"null"}', nulls=False) == {"null": "null"}


@given(
    data=st.binary(max_size=60) | st.text(alphabet='{}[]",:0123456789.eE-\\u dnullNaNtrue', max_size=60).map(str.encode)
)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing but StrictJsonError is raised, and what is read is what the standard library reads."""
    try:
        value = loads(data)
    except StrictJsonError:
        return
    assert value == json.loads(data)


def test_writing_refuses_what_is_not_json() -> None:
    """NaN is never written."""
    with pytest.raises(ValueError, match="JSON"):
        strictjson.dumps({"a": float("nan")})
