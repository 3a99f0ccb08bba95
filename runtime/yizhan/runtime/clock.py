"""This machine's clock. Only this module reads it; other code takes the time as an argument."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current instant, in UTC."""
    return datetime.now(UTC)
