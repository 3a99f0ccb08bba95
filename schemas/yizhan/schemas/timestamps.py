"""Instants as the contract writes them: RFC 3339, UTC, milliseconds, ``Z``.

Rule 1: nothing here reads a clock; an instant is an argument.
Rule 2: one instant has one spelling, so that equal statements have equal bytes.
Rule 3: what comes in lies from ``FIRST_YEAR`` to ``LAST_YEAR``, so that nobody's arithmetic on it leaves the calendar.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Final

from pydantic import AfterValidator, Field

FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2199
_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")


@lru_cache(maxsize=1024)  # a record names one instant several times, and so do its neighbours
def instant(text: str) -> datetime:
    """Read ``2026-11-23T08:05:00.000Z``.

    Raises:
        ValueError: for any other spelling, for days and hours that do not exist, and beyond the years above.

    >>> instant("2026-11-23T08:05:00.250Z")
    datetime.datetime(2026, 11, 23, 8, 5, 0, 250000, tzinfo=datetime.timezone.utc)
    """
    if not _FORM.fullmatch(text):
        message = f"expected UTC with milliseconds like 2026-11-23T08:05:00.000Z, got {text[:40]!r}"
        raise ValueError(message)
    moment = datetime.fromisoformat(text)
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        message = f"expected a year from {FIRST_YEAR} to {LAST_YEAR}, got {text}"
        raise ValueError(message)
    if written(moment) != text:  # 24:00:00 to newer Pythons
        message = f"expected the one spelling {written(moment)}, got {text}"
        raise ValueError(message)
    return moment


def written(moment: datetime) -> str:
    """Write an aware instant; what is finer than a millisecond is cut off.

    Raises:
        ValueError: for a time without a zone.

    >>> written(datetime(2026, 11, 23, 8, 5, tzinfo=UTC))
    '2026-11-23T08:05:00.000Z'
    """
    if moment.tzinfo is None:
        message = "expected a time with a zone; give it tzinfo"
        raise ValueError(message)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def from_milliseconds(since_epoch: int) -> datetime:
    """Turn Kafka's record timestamp (ms since 1970) into an instant.

    >>> written(from_milliseconds(1_700_000_000_123))
    '2023-11-14T22:13:20.123Z'
    """
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=since_epoch)


def _spelled(text: str) -> str:
    instant(text)
    return text


Timestamp = Annotated[
    str, Field(pattern=rf"^{_FORM.pattern}$", examples=["2026-11-23T08:05:00.000Z"]), AfterValidator(_spelled)
]
"""A string in the one spelling above, kept as text so that it is never re-spelled."""
