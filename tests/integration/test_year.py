"""The year's first quarter through the real station, beside the table that predicts them (``make year`` plays all)."""

from __future__ import annotations

from datetime import datetime

from tests.year.run import run


def test_two_counties_owe_and_are_reminded_as_the_table_says() -> None:
    """Every step at its minute and no other, nothing lost, the same figures on both sides and from rebuilt inboxes."""
    found = run(2, datetime(2026, 4, 2))  # noqa: DTZ001 -- Beijing time
    assert found["problems"] == []
    assert (found["lost"], found["doubled"]) == (0, 0)
    assert found["rows"]["331126"] == sum(found["steps"].values()) > 60
    assert len(found["figures"]) == 1
