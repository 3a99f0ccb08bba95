"""When an obligation is due, and when its reminders come: the table's terms as instants.

Rule 1: days are counted by ``deadlines``; reminders of days come in the morning.
Rule 2: what is marked ``flash`` may mean somebody in custody: no holiday prolongs its term (刑事诉讼法 art. 105).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from yizhan.schemas.deadlines import after_days, after_working_days, before_days, midnight, morning
from yizhan.schemas.header import Header
from yizhan.schemas.obligation_rules import ObligationRule, Reminder, Term
from yizhan.schemas.timestamps import instant

FARTHEST: Final = timedelta(days=400)
"""How far off an event may put the beginning of a term: an expiry in the year 9999 is the sender's word, no date."""


def term(due: Term, opened: datetime, header: Header, zone: ZoneInfo) -> datetime:
    """Return when a term that an event opened ends; an expiry that is further off than ``FARTHEST`` counts as that."""
    begin = opened
    if due.since == "expires" and header.expires is not None:
        begin = min(max(opened, instant(header.expires)), opened + FARTHEST)
    if due.minutes is not None or due.hours is not None:
        return begin + timedelta(minutes=due.minutes or 0, hours=due.hours or 0)
    if due.working_days is not None:
        return after_working_days(begin, due.working_days, zone)
    return after_days(begin, due.days or 0, zone, rolls=header.priority != "flash")


def periods(rule: ObligationRule, now: datetime, zone: ZoneInfo) -> Iterator[tuple[str, datetime, datetime]]:
    """Yield the periods of a rule that are open at an instant: label, opened, due.

    What is due at its period's end opens with the period; what is due some days after the end opens at the end.
    """
    if rule.opens.each is None:
        return
    current = _start(rule.opens.each, now.astimezone(zone).date())
    for first in (_start(rule.opens.each, current - timedelta(days=1)), current):
        end = midnight(_next(rule.opens.each, first), zone)
        days = rule.due.days or 0
        opened = end if days else midnight(first, zone)
        due = end + timedelta(days=days)
        if opened <= now < due:
            yield _label(rule.opens.each, first), opened, due


def schedule(
    reminders: Iterable[Reminder], opened: datetime, due: datetime, zone: ZoneInfo
) -> Iterator[tuple[Reminder, datetime]]:
    """Yield each reminder with its instant; one that would come before the opening is left out."""
    for each in reminders:
        at = _at(each, opened, due, zone)
        if at > opened:
            yield each, at


def _at(reminder: Reminder, opened: datetime, due: datetime, zone: ZoneInfo) -> datetime:
    if reminder.after_minutes is not None:
        return opened + timedelta(minutes=reminder.after_minutes)
    if reminder.before_minutes is not None:
        return due - timedelta(minutes=reminder.before_minutes)
    if reminder.after_days is not None:
        return morning(opened.astimezone(zone).date() + timedelta(days=reminder.after_days), zone)
    if reminder.before_days is not None:
        return before_days(due, reminder.before_days, zone)
    if reminder.before_working_days is not None:
        return before_days(due, reminder.before_working_days, zone, working=True)
    if reminder.half:
        return opened + (due - opened) / 2
    first = opened.astimezone(zone).date()
    if reminder.day is not None:
        return morning(first.replace(day=reminder.day), zone)
    month, day = map(int, (reminder.on or "01-01").split("-"))
    return morning(date(first.year, month, day), zone)


def _start(each: str, day: date) -> date:
    if each == "year":
        return date(day.year, 1, 1)
    return date(day.year, day.month if each == "month" else (day.month - 1) // 3 * 3 + 1, 1)


def _next(each: str, first: date) -> date:
    months = {"month": 1, "quarter": 3, "year": 12}[each]
    years, month = divmod(first.month - 1 + months, 12)
    return date(first.year + years, month + 1, 1)


def _label(each: str, first: date) -> str:
    if each == "year":
        return str(first.year)
    return f"{first.year}-{first.month:02}" if each == "month" else f"{first.year}Q{(first.month + 2) // 3}"
