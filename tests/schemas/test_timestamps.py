"""One instant, one spelling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yizhan.schemas.timestamps import from_milliseconds, instant, written

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 -- hypothesis adds the zone


@given(moment=MOMENTS)
def test_what_is_written_is_read(moment: datetime) -> None:
    """An instant comes back cut to the millisecond, and its text comes back as it was."""
    text = written(moment)
    assert len(text) == 24
    assert moment - instant(text) < timedelta(milliseconds=1)
    assert written(instant(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "2026-11-23", "2026-11-23T08:05:00Z", "2026-11-23T08:05:00.0Z", "2026-11-23T08:05:00.0000Z",
        "2026-11-23T08:05:00.000z", "2026-11-23t08:05:00.000Z", "2026-11-23T08:05:00.000+00:00",
        "2026-11-23T08:05:00,000Z", "20261123T080500.000Z", "2026-W48-1T08:05:00.000Z", "2026-11-31T08:05:00.000Z",
        "2026-13-01T08:05:00.000Z", "2026-02-29T08:05:00.000Z", "0000-01-01T00:00:00.000Z", "2026-11-23T24:00:00.000Z",
        "2026-11-23T08:60:00.000Z", "2026-12-31T23:59:60.000Z", "2026-11-23T08:05:00.000Z\n",
        " 2026-11-23T08:05:00.000Z", "２０２６-11-23T08:05:00.000Z", "2026-11-23T08:05:00.٠٠٠Z",
    ],
    ids=ascii,
)  # fmt: skip
def test_other_spellings_are_refused(text: str) -> None:
    """No other form of RFC 3339 or ISO 8601, no day that is none, no digits but ASCII."""
    with pytest.raises(ValueError, match=r"expected|out of range|must be|isoformat"):
        instant(text)


@pytest.mark.parametrize("text", ["1999-12-31T23:59:59.999Z", "2200-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"])
def test_years_at_which_arithmetic_would_end_are_refused(text: str) -> None:
    """Instants that come in lie from 2000 to 2199; both ends are in."""
    with pytest.raises(ValueError, match="expected a year from 2000 to 2199"):
        instant(text)
    for lawful in ("2000-01-01T00:00:00.000Z", "2199-12-31T23:59:59.999Z"):
        assert written(instant(lawful)) == lawful


def test_zones_are_needed_and_turned_into_utc() -> None:
    """A time without a zone is an error; another zone is written in UTC."""
    eight = timezone(timedelta(hours=8))
    assert written(datetime(2026, 11, 23, 16, 5, tzinfo=eight)) == "2026-11-23T08:05:00.000Z"
    with pytest.raises(ValueError, match="zone"):
        written(datetime(2026, 11, 23))  # noqa: DTZ001 -- that is the point


def test_early_years_have_four_digits() -> None:
    """The year 1 is written 0001."""
    assert written(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00.000Z"


@given(milliseconds=st.integers(946_684_800_000, 7_258_118_399_999))
def test_kafkas_time_is_exact(milliseconds: int) -> None:
    """A record's timestamp is an instant to the millisecond."""
    assert instant(written(from_milliseconds(milliseconds))) == from_milliseconds(milliseconds)
