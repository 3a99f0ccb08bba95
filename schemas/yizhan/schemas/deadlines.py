"""Counting of terms, as the law of criminal procedure counts them.

Rule 1: the hour and the day on which a term begins do not count (刑事诉讼法 art. 105).
Rule 2: a term in days ends with its last day, at 24:00 of the alliance's time zone; a last day that is a holiday
        is followed to the first working day after it, but never where somebody is in custody (art. 105).
Rule 3: minutes and hours run on without a stop, day and night.
Rule 4: holidays and make-up days are the State Council's, as ``chinese-calendar`` has them; of years that it does
        not know yet only weekends are known: see ``holidays_known``.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from chinese_calendar import Holiday, constants, get_holiday_detail, is_workday

OFFICE_OPENS: Final = time(9)
"""When a reminder of a term in days is given."""
_YEARS: Final = frozenset(day.year for day in constants.holidays)
_SATURDAY: Final = 5
_DAY: Final = timedelta(days=1)


def holidays_known(year: int) -> bool:
    """Tell whether the calendar has the holidays of a year."""
    return year in _YEARS


def working_day(day: date) -> bool:
    """Tell whether people work on a day in China.

    >>> working_day(date(2026, 10, 1)), working_day(date(2026, 11, 24))
    (False, True)
    """
    return is_workday(day) if holidays_known(day.year) else day.weekday() < _SATURDAY


def holiday_name(day: date) -> str:
    """Return what a public holiday is called in Chinese; empty for a day that is none, or that nobody has announced.

    >>> holiday_name(date(2026, 10, 1)), holiday_name(date(2026, 11, 24))
    ('国庆节', '')
    """
    if not holidays_known(day.year) or is_workday(day):
        return ""
    _free, name = get_holiday_detail(day)
    return "" if name is None else str(Holiday(name).chinese)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return 00:00 of a day, which is 24:00 of the day before it."""
    return datetime.combine(day, time(0), zone)


def after_days(begin: datetime, days: int, zone: ZoneInfo, *, rolls: bool = True) -> datetime:
    """Return when a term of ``days`` ends: 24:00 of its last day (rules 1 and 2).

    >>> from zoneinfo import ZoneInfo
    >>> zone = ZoneInfo("Asia/Shanghai")
    >>> after_days(datetime(2026, 9, 25, 15, tzinfo=zone), 7, zone).isoformat()
    '2026-10-09T00:00:00+08:00'
    >>> after_days(datetime(2026, 9, 25, 15, tzinfo=zone), 7, zone, rolls=False).isoformat()
    '2026-10-03T00:00:00+08:00'
    """
    last = begin.astimezone(zone).date() + days * _DAY
    while rolls and not working_day(last):
        last += _DAY
    return midnight(last + _DAY, zone)


def after_working_days(begin: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Return 24:00 of the n-th working day after the day on which a term begins."""
    last = begin.astimezone(zone).date()
    for _each in range(days):
        last += _DAY
        while not working_day(last):
            last += _DAY
    return midnight(last + _DAY, zone)


def before_days(due: datetime, days: int, zone: ZoneInfo, *, working: bool = False) -> datetime:
    """Return the morning of the n-th day, or working day, before the last day of a term."""
    day = _last_day(due, zone)
    for _each in range(days):
        day -= _DAY
        while working and not working_day(day):
            day -= _DAY
    return morning(day, zone)


def morning(day: date, zone: ZoneInfo) -> datetime:
    """Return the hour of a day at which offices open."""
    return datetime.combine(day, OFFICE_OPENS, zone)


def _last_day(due: datetime, zone: ZoneInfo) -> date:
    return (due.astimezone(zone) - timedelta(microseconds=1)).date()
