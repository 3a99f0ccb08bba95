"""Times as Chinese officers and their programs write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from yizhan.producers.clock_times import clock_time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026年11月29日下午3点20分", "15:20"), ("2026年11月29日15时40分许", "15:40"),
        ("2026年11月29日凌晨2点半", "02:30"),
        ("2026年11月29日 15点", "15:00"), ("2026年11月29日晚上8点整", "20:00"),
        ("二〇二六年十一月二十九日十五时四十分", "15:40"),
        ("2026年11月29日（星期日）上午九点一刻", "09:15"), ("2026-11-29 3:40 PM", "15:40"),
        ("2026.11.29 15：40", "15:40"),
        ("20261129 1540", "15:40"), ("2026年11月29日中午12点", "12:00"), ("2026-11-29T15:40:00+08:00", "15:40"),
        ("２０２６年１１月２９日１５时４０分", "15:40"), ("2026年11月29日零时", "00:00"),
    ],
)  # fmt: skip
def test_clock_times_are_read_as_chinese_write_them(text: str, expected: str) -> None:
    """On the 29th of November, Beijing's time."""
    assert clock_time(text).isoformat() == f"2026-11-29T{expected}:00+08:00"


@pytest.mark.parametrize(
    "text",
    ["2026年11月29日晚上12点", "0001/1/1 0:00:00", "0001-01-01 00:00:00", "9999-12-31T23:59:00-14:00", "11月29日15:40",
     "15:40", "2026-11-29", "2026-02-30 10:00", "2026年11月29日下午9点", "2026-11-29 25:00", "0001/1/1 00:00"],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    """Midnight of two days, a time before any calendar, no year, no hour."""
    with pytest.raises(ValueError, match=r"."):
        clock_time(text)


@example("十十年")
@given(st.text("2026年11月29日时点分秒半刻上下午晚凌晨:/-.T+08 0一十许", max_size=30))
def test_no_text_ends_the_reading_of_times(text: str) -> None:
    """Any text is read as a time or as no time, without an error."""
    try:
        assert clock_time(text).astimezone(UTC).tzinfo is UTC
    except ValueError:
        return


def test_24_hours_are_the_next_day() -> None:
    """24:00 is read as midnight at the end of the day."""
    assert clock_time("2026年11月30日24时") == datetime(2026, 11, 30, 16, tzinfo=UTC)
