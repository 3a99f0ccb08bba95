"""Quarters, by the alliance's calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yizhan.schemas.quarters import Quarter

SHANGHAI = "Asia/Shanghai"
QUARTERS = st.builds(Quarter, st.integers(2000, 2198), st.integers(1, 4))


@given(quarter=QUARTERS)
def test_a_label_comes_back(quarter: Quarter) -> None:
    """Written and read, a quarter is the same; its next and previous lead back."""
    assert Quarter.parse(str(quarter)) == quarter == quarter.next().previous() == quarter.previous().next()
    assert quarter.previous() < quarter < quarter.next()


@given(quarter=QUARTERS)
def test_quarters_follow_each_other_without_gap(quarter: Quarter) -> None:
    """One ends in the instant in which the next starts, and its instants are its own."""
    start, end = quarter.start(SHANGHAI), quarter.end(SHANGHAI)
    assert end == quarter.next().start(SHANGHAI)
    assert Quarter.containing(start, SHANGHAI) == quarter
    assert Quarter.containing(end - timedelta(microseconds=1), SHANGHAI) == quarter
    assert Quarter.containing(end, SHANGHAI) == quarter.next()


@pytest.mark.parametrize(
    "label", ["", "2026", "2026Q0", "2026Q5", "2026q3", "26Q3", "2026Q3 ", "2026Q3\n", "２０２６Q3"], ids=ascii
)
def test_other_labels_are_refused(label: str) -> None:
    """Only four ASCII digits, Q and 1 to 4."""
    with pytest.raises(ValueError, match="2026Q3"):
        Quarter.parse(label)


def test_midnight_is_the_alliances() -> None:
    """A quarter turns at midnight in the alliance's zone, eight hours before UTC's."""
    turn = datetime(2026, 9, 30, 16, tzinfo=UTC)
    assert str(Quarter.containing(turn - timedelta(seconds=1), SHANGHAI)) == "2026Q3"
    assert str(Quarter.containing(turn, SHANGHAI)) == "2026Q4"
    assert str(Quarter.containing(turn, "UTC")) == "2026Q3"
