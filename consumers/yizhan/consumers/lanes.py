"""Which numbers of a lane have arrived: spans of consecutive numbers. Pure.

A sender counts 1, 2, 3 … in each lane to us. What has come is kept as spans that neither touch nor
overlap, so that a lane without a loss is one span, however many events it carried.

Rule 1: nothing is counted twice: a number is in a span or it is not.
Rule 2: a span is one row, whatever numbers a sender makes up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from yizhan.schemas.header import MAX_BEYOND


class NumberRange(NamedTuple):
    """Consecutive numbers, both ends included; 1 ≤ first ≤ last."""

    first: int
    last: int


def covered(near: Iterable[NumberRange], n: int) -> bool:
    """Return whether a number lies in one of the spans.

    >>> covered([NumberRange(1, 3), NumberRange(7, 7)], 7)
    True
    """
    return any(span.first <= n <= span.last for span in near)


def joined(near: Iterable[NumberRange], n: int) -> NumberRange:
    """Return the one span that a number makes with the spans that touch it.

    ``near`` are the spans with ``last ≥ n - 1`` and ``first ≤ n + 1``.

    >>> joined([NumberRange(1, 3), NumberRange(5, 9)], 4)
    NumberRange(first=1, last=9)
    """
    spans = [*near, NumberRange(n, n)]
    return NumberRange(min(span.first for span in spans), max(span.last for span in spans))


def up_to(spans: Sequence[NumberRange]) -> int:
    """Return the number up to which nothing is missing; 0 for none. ``spans`` rise."""
    return spans[0].last if spans and spans[0].first == 1 else 0


def beyond(spans: Sequence[NumberRange], most: int = MAX_BEYOND) -> tuple[int, ...]:
    """Return the first numbers that arrived after a gap, at most ``most``. ``spans`` rise.

    >>> beyond([NumberRange(1, 3), NumberRange(5, 6), NumberRange(9, 9)])
    (5, 6, 9)
    """
    found: list[int] = []
    for span in spans[1:] if up_to(spans) else spans:
        room = most - len(found)
        found += range(span.first, min(span.last, span.first + room - 1) + 1)
        if len(found) >= most:
            break
    return tuple(found)


def missing(spans: Sequence[NumberRange], head: int = 0) -> Iterator[NumberRange]:
    """Yield the missing numbers, up to the last that arrived, or to ``head`` if that is higher.

    >>> list(missing([NumberRange(2, 3), NumberRange(5, 6)], head=9))
    [NumberRange(first=1, last=1), NumberRange(first=4, last=4), NumberRange(first=7, last=9)]
    """
    expected = 1
    for span in spans:
        if span.first > expected:
            yield NumberRange(expected, span.first - 1)
        expected = span.last + 1
    if head >= expected:
        yield NumberRange(expected, head)
