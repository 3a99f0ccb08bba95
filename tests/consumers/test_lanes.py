"""Which numbers came: a table."""

from __future__ import annotations

import sqlite3
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yizhan.consumers import lane_store
from yizhan.consumers.lanes import NumberRange, beyond, missing, up_to
from yizhan.consumers.store import MIGRATIONS

LANE = ("350924", "20261123test", "prompt")


def spans_of(numbers: list[int]) -> list[NumberRange]:
    """Enter numbers into a database and return its spans."""
    conn = sqlite3.connect(":memory:")
    conn.row_factory = sqlite3.Row
    conn.executescript(MIGRATIONS[0])
    seen: set[int] = set()
    for n in numbers:
        assert lane_store.enter(conn, LANE, n) is (n not in seen)
        seen.add(n)
    found = [NumberRange(*row) for row in conn.execute("SELECT first, last FROM spans ORDER BY first")]
    conn.close()
    return found


@pytest.mark.parametrize(
    ("came", "contiguous", "past", "gaps"),
    [
        ([], 0, (), []),
        ([1], 1, (), []),
        ([1, 2, 3], 3, (), []),
        ([3, 1, 2], 3, (), []),
        ([2], 0, (2,), [(1, 1)]),
        ([1, 2, 4, 7], 2, (4, 7), [(3, 3), (5, 6)]),
        ([1, 1, 1], 1, (), []),
        ([4, 2], 0, (2, 4), [(1, 1), (3, 3)]),
        ([1, 3, 2], 3, (), []),
        ([2**53 - 1], 0, (2**53 - 1,), [(1, 2**53 - 2)]),
    ],
)
def test_what_came_and_what_did_not(
    came: list[int], contiguous: int, past: tuple[int, ...], gaps: list[tuple[int, int]]
) -> None:
    """For any order of arrival: what is complete, what arrived after a gap, what is missing."""
    spans = spans_of(came)
    assert (up_to(spans), beyond(spans), [tuple(gap) for gap in missing(spans)]) == (contiguous, past, gaps)


@given(st.lists(st.integers(1, 40), max_size=60))
def test_spans_are_the_set_of_what_came(numbers: list[int]) -> None:
    """Spans neither touch nor overlap, and hold exactly what came."""
    spans = spans_of(numbers)
    assert {n for span in spans for n in range(span.first, span.last + 1)} == set(numbers)
    assert all(left.last + 1 < right.first for left, right in pairwise(spans))


def test_a_receipt_names_at_most_64_numbers_past_a_gap() -> None:
    """A receipt names at most 64 numbers after a gap, so its header stays small."""
    assert beyond([NumberRange(1, 3), NumberRange(10, 500)]) == tuple(range(10, 74))
    assert len(beyond([NumberRange(2 * n, 2 * n) for n in range(2, 200)])) == 64


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"kind": "text", "text": "早上好"},
        {"kind": "lane_heads", "lanes": 5},
        {"kind": "lane_heads", "lanes": [5, None, [], {"book": 1}]},
        {"kind": "lane_heads", "lanes": [{"book": "b", "lane": "side", "head": 3}]},
        {"kind": "lane_heads", "lanes": [{"book": "b", "lane": "prompt", "head": True}]},
        {"kind": "lane_heads", "lanes": [{"book": "b", "lane": "prompt", "head": -1}]},
        {"kind": "lane_heads", "lanes": [{"book": "b", "lane": "prompt", "head": 2**70}]},
    ],
)
def test_odd_notices_announce_nothing(payload: dict[str, object]) -> None:
    """A notice is read as far as it makes sense."""
    assert list(lane_store.announced(payload)) == []


def test_void_numbers_beyond_the_head_do_not_count() -> None:
    """A void number was given once, so it is not above the last one."""
    notice = {"kind": "lane_heads", "lanes": [{"book": "b", "lane": "digest", "head": 3, "void": [0, 2, 4, "1", True]}]}
    assert list(lane_store.announced(notice)) == [lane_store.Announced("b", "digest", 3, (2,))]
