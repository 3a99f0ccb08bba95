"""Quarters of the calendar, in the alliance's time zone.

Rule 1: a quarter is a label such as ``2026Q3``; what a digest holds is told by its manifest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

_LABEL = re.compile(r"(2[01][0-9]{2})Q([1-4])")


@dataclass(frozen=True, order=True, slots=True)
class Quarter:
    """One quarter of one year.

    >>> str(Quarter.parse("2026Q3").next())
    '2026Q4'
    """

    year: int
    number: int

    @classmethod
    def parse(cls, label: str) -> Quarter:
        """Read ``2026Q3`` (``ValueError`` for anything else)."""
        match = _LABEL.fullmatch(label)
        if match is None:
            message = f"expected a quarter like 2026Q3, got {label[:40]!r}"
            raise ValueError(message)
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def containing(cls, moment: datetime, time_zone: str) -> Quarter:
        """Find the quarter of an instant, by the calendar of an IANA time zone.

        >>> from datetime import UTC
        >>> str(Quarter.containing(datetime(2026, 9, 30, 17, tzinfo=UTC), "Asia/Shanghai"))
        '2026Q4'
        """
        local = moment.astimezone(ZoneInfo(time_zone))
        return cls(local.year, (local.month + 2) // 3)

    def next(self) -> Quarter:
        """Return the quarter after."""
        return Quarter(self.year + self.number // 4, self.number % 4 + 1)

    def previous(self) -> Quarter:
        """Return the quarter before."""
        return Quarter(self.year - (self.number == 1), (self.number - 2) % 4 + 1)

    def start(self, time_zone: str) -> datetime:
        """First instant of the quarter."""
        return datetime(self.year, self.number * 3 - 2, 1, tzinfo=ZoneInfo(time_zone))

    def end(self, time_zone: str) -> datetime:
        """First instant after the quarter: the closing instant."""
        return self.next().start(time_zone)

    def __str__(self) -> str:
        """Write the label."""
        return f"{self.year:04d}Q{self.number}"
