"""JSON objects in a file, however they are laid out."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yizhan.producers.drafts import Draft, LineProblem, read_jsonl
from yizhan.producers.json_pieces import Line, json_pieces, numbered_lines

CASES = Path(__file__).parent / "cases"
MOST = 200


def pieces(data: bytes, most: int = MOST) -> list[tuple[int, Line]]:
    """Split a file."""
    return list(json_pieces(numbered_lines(io.BytesIO(data), most), most))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a":1}\n{"b":2}\n', [(1, b'{"a":1}'), (2, b'{"b":2}')]),
        (b'{"a":1}\r{"b":2}\r\n\r\n{"c":3}', [(1, b'{"a":1}'), (2, b'{"b":2}'), (4, b'{"c":3}')]),
        (b'[{"a":1},{"b":2}]', [(1, b'{"a":1}'), (1, b'{"b":2}')]),
        (b'[\n{"a":1},\n{"b":[{}]}\n]\n', [(2, b'{"a":1}'), (3, b'{"b":[{}]}')]),
        (b'{"a":\n{"t":"}{"}\n}\n{"b":2}', [(1, b'{"a":\n{"t":"}{"}\n}'), (4, b'{"b":2}')]),
        (b"", []),
    ],
)
def test_an_object_is_one_piece_on_one_line_or_many(data: bytes, expected: list[tuple[int, bytes]]) -> None:
    """An object over one or many lines is one piece, with the line where it begins."""
    assert pieces(data) == expected


@pytest.mark.parametrize(
    ("data", "good"),
    [
        (b'{"a":1\n{"b":2}\n', (2, b'{"b":2}')),
        (b'{"a":"x\n{"b":2}\n', (2, b'{"b":2}')),
        (b'garbage\n{"b":2}', (2, b'{"b":2}')),
        (b'{"a":"' + b"x" * MOST + b'"}\n{"b":2}', (2, b'{"b":2}')),
        (b'{"a":1}}\n{"b":2}', (2, b'{"b":2}')),
        (b'[{"a":1},\n{"b":"x\n},\n{"c":3}]', (4, b'{"c":3}')),
    ],
)
def test_a_broken_piece_takes_no_other_with_it(data: bytes, good: tuple[int, bytes]) -> None:
    """An unclosed object, an unclosed text, no JSON or an overlong piece leaves the other pieces intact."""
    assert good in pieces(data)
    assert len(pieces(data)) > 1


TEXTS = st.text('{}[]",:\\\n\r ab县', max_size=8)
VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
OBJECTS = st.lists(st.dictionaries(TEXTS, VALUES, max_size=4), max_size=4)


@given(OBJECTS, st.sampled_from([None, 1, "\t"]), st.booleans(), st.sampled_from(["\n", "\r\n", "\r"]))
def test_whatever_a_library_writes_is_read(values: list[Any], indent: int | str | None, array: bool, end: str) -> None:  # noqa: FBT001 -- drawn
    """Compact or indented, an array or one after the other: the same objects, in their order."""
    texts = [json.dumps(values, indent=indent)] if array else [json.dumps(each, indent=indent) for each in values]
    data = "\n".join(texts).replace("\n", end).encode()
    found = [json.loads(piece) for _number, piece in pieces(data, 10_000) if isinstance(piece, bytes)]
    assert found == values


@given(st.binary(max_size=60) | st.text('{}[]",:\\\r\n a', max_size=60).map(str.encode))
def test_no_bytes_end_the_reading(data: bytes) -> None:
    """And no byte that is no blank is lost, however they are divided."""
    for number, piece in pieces(data):
        assert number >= 1
        assert isinstance(piece, bytes | int)


def test_a_pretty_array_of_drafts_is_published_like_lines() -> None:
    """As an editor or ``jq`` lays it out, also in UTF-16 as Windows' shell writes it."""
    lines = (CASES / "fire-update.jsonl").read_text("utf-8").splitlines()
    values = [json.loads(line) for line in lines]
    for data in (
        json.dumps(values, ensure_ascii=False, indent=2).encode(),
        "\n".join(json.dumps(each, indent=4) for each in values).encode(),
        json.dumps(values, ensure_ascii=False).encode("utf-16"),
    ):
        found = [each for _line, each in read_jsonl(io.BytesIO(data), "x")]
        assert [each.external_ref for each in found if isinstance(each, Draft)] == ["N-fire-1", "N-fire-2"]


def test_references_that_look_the_same_are_the_same() -> None:
    """A zero-width space makes no other event."""
    found = [each for _line, each in read_jsonl(io.BytesIO((CASES / "zwsp-ref.jsonl").read_bytes()), "x")]
    assert [each.external_ref for each in found if isinstance(each, Draft)] == ["Z-1", "Z-1"]


def test_a_private_character_is_named_with_its_field() -> None:
    """A private-use character is refused with its field, and the rest of the file is sent."""
    one, two = (CASES / "zwsp-ref.jsonl").read_text("utf-8").splitlines()
    data = one.replace("叶某", "叶\ue000") + "\n" + two
    problem, good = [each for _line, each in read_jsonl(io.BytesIO(data.encode()), "x")]
    assert isinstance(problem, LineProblem)
    assert problem.field == "payload.drafted_by.name"
    assert isinstance(good, Draft)
