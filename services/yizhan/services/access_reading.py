"""The access log of a county, read: who looked at what, when; whether its chain is unbroken.

Rule 1: it holds ids, names of officers, times and what was done, and no content; reading it writes no entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from yizhan.runtime import access_log
from yizhan.runtime.access_log import AccessEntry, Break
from yizhan.schemas.timestamps import instant
from yizhan.services.access_log import access_log_path
from yizhan.services.home import Home

_A_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AccessQuery:
    """Which entries: of whom and of which event (parts of the names do), on which day (local), before which number."""

    who: str = ""
    what: str = ""
    day: date | None = None
    before: int | None = None
    limit: int = 50


EVERYTHING: Final = AccessQuery()


@dataclass(frozen=True, slots=True)
class AccessPage:
    """Entries, the newest first; ``before`` begins the next page, None: there is none. Of ``unreadable`` lines."""

    entries: tuple[AccessEntry, ...]
    before: int | None
    unreadable: int


def list_accesses(home: Home, county: str, query: AccessQuery = EVERYTHING) -> AccessPage:
    """Return entries of a county's access log, the newest first."""
    home.member(county)
    first, last = _span(home, query.day)
    found, unreadable = list[AccessEntry](), 0
    for line in access_log.newest(access_log_path(home, county)):
        entry = access_log.parse(line)
        if entry is None:
            unreadable += 1
            continue
        at = instant(entry.at)
        if first is not None and at < first - _A_DAY:
            break
        if _fits(entry, query) and (first is None or last is None or first <= at < last):
            if len(found) == query.limit:
                return AccessPage(tuple(found), found[-1].n, unreadable)
            found.append(entry)
    return AccessPage(tuple(found), None, unreadable)


def check_access_log(home: Home, county: str) -> tuple[int, tuple[Break, ...]]:
    """Read a county's whole access log: how many entries it has, and where its chain is broken."""
    home.member(county)
    entries, breaks = access_log.check(access_log.read(access_log_path(home, county)))
    return len(entries), tuple(breaks)


def _span(home: Home, day: date | None) -> tuple[datetime | None, datetime | None]:
    if day is None:
        return None, None
    first = datetime(day.year, day.month, day.day, tzinfo=home.zone)
    return first, first + _A_DAY


def _fits(entry: AccessEntry, query: AccessQuery) -> bool:
    if query.before is not None and entry.n >= query.before:
        return False
    if query.who and query.who not in entry.who:
        return False
    return not query.what or any(query.what in each for each in entry.what)
