"""The days of a month with what stands on each; and the same as an iCalendar file. Pure.

Rule 1: a week starts on Monday; a due date at 00:00 stands on the day before, whose 24:00 it is.
Rule 2: the file says kind and county only: calendars of telephones are read by others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from yizhan.schemas.deadlines import holiday_name, holidays_known, working_day

_DAY: Final = timedelta(days=1)
_FOLD: Final = 75
"""Octets of a line (RFC 5545, 3.1)."""
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """Something on a day: ``kind`` is ``due``, ``over``, ``theirs``, ``patrol`` or ``quarter``; ``at`` its hour."""

    day: date
    kind: str
    words: str
    link: str
    at: datetime | None = None
    short: str = ""
    """What may stand in a file that leaves the desk: kind and county."""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the page: ``off``: nobody works; ``shifted``: a Saturday or Sunday on which people work."""

    day: date
    here: bool
    off: bool
    shifted: bool
    holiday: str
    entries: tuple[Entry, ...]


def weeks(year: int, month: int, entries: Iterable[Entry]) -> tuple[tuple[Day, ...], ...]:
    """Return the weeks of a month, whole ones, Monday first."""
    by_day: dict[date, list[Entry]] = {}
    for each in entries:
        by_day.setdefault(each.day, []).append(each)
    first = date(year, month, 1)
    start = first - first.weekday() * _DAY
    last = next_month(first) - _DAY
    count = ((last - start).days // 7) + 1
    return tuple(tuple(_day(start + (7 * week + n) * _DAY, month, by_day) for n in range(7)) for week in range(count))


def _day(day: date, month: int, by_day: Mapping[date, Sequence[Entry]]) -> Day:
    working = working_day(day)
    return Day(
        day,
        here=day.month == month,
        off=not working,
        shifted=working and day.weekday() >= _SATURDAY,
        holiday=holiday_name(day),
        entries=tuple(by_day.get(day, ())),
    )


def next_month(first: date) -> date:
    """Return the first day of the next month."""
    return (first.replace(day=28) + 4 * _DAY).replace(day=1)


def previous_month(first: date) -> date:
    """Return the first day of the month before."""
    return (first - _DAY).replace(day=1)


def day_of(due: datetime) -> date:
    """Return the day on which a local due date stands (rule 1)."""
    return (due - timedelta(microseconds=1)).date()


def holidays_are_known(year: int) -> bool:
    """Tell whether the holidays of a year are known; else only its weekends are."""
    return holidays_known(year)


def icalendar(county: str, entries: Iterable[Entry], now: datetime) -> bytes:
    """Return entries as an iCalendar file (RFC 5545)."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Yizhan//desk//ZH", "CALSCALE:GREGORIAN"]
    for each in entries:
        name = hashlib.sha256(f"{each.kind} {each.id} {each.day}".encode()).hexdigest()[:32]
        lines += ["BEGIN:VEVENT", f"UID:{name}@{county}.yizhan", f"DTSTAMP:{_utc(now)}"]
        if each.at is None:
            lines += [f"DTSTART;VALUE=DATE:{each.day:%Y%m%d}", f"DTEND;VALUE=DATE:{each.day + _DAY:%Y%m%d}"]
        else:
            lines += [f"DTSTART:{_utc(each.at)}", f"DTEND:{_utc(each.at)}"]
        lines += [f"SUMMARY:{_escaped(each.short)}", "CLASS:CONFIDENTIAL", "TRANSP:TRANSPARENT", "END:VEVENT"]
    return "".join(f"{folded}\r\n" for line in [*lines, "END:VCALENDAR"] for folded in _fold(line)).encode()


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _escaped(text: str) -> str:
    r"""Escape a text (RFC 5545, 3.3.11).

    >>> _escaped("a,b;c\\d\ne")
    'a\\,b\\;c\\\\d\\ne'
    """
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _fold(line: str) -> Iterator[str]:
    """Yield the parts of a line, none longer than 75 octets, none cut within a character.

    >>> [len(each.encode()) for each in _fold("SUMMARY:" + "寿" * 40)]
    [74, 55]
    """
    part, size = "", 0
    for each in line:
        width = len(each.encode())
        if size + width > _FOLD:
            yield part
            part, size = " ", 1
        part, size = part + each, size + width
    yield part
