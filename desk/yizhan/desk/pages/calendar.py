"""The month: what is due, patrols that are planned, ends of quarters; as a file for other calendars too."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final

from starlette.responses import Response

from yizhan.desk.accounts.model import OFFICE
from yizhan.desk.calendar_days import (
    Entry,
    day_of,
    holidays_are_known,
    icalendar,
    next_month,
    previous_month,
    weeks,
)
from yizhan.desk.due_rows import short_name, state_of
from yizhan.desk.request import Ask, Page
from yizhan.runtime.clock import utc_now
from yizhan.schemas.errors import NotFound
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.schemas.quarters import Quarter
from yizhan.services.agenda import planned_patrols
from yizhan.services.obligation_text import debtor_name, obligation_name, rule_name
from yizhan.services.obligations import list_obligations
from yizhan.services.own_obligations import OwnObligation

FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2100
_LONGEST_PATROL: Final = 62
"""Days of one patrol that the calendar shows."""


def calendar(ask: Ask) -> Response:
    """Show a month; without one the present."""
    now = utc_now()
    today = now.astimezone(ask.desk.home.zone).date()
    first = _month(ask.query.get("month", ""), today)
    found = weeks(first.year, first.month, _entries(ask, now))
    return ask.page(
        "calendar.html", weeks=found, first=first, today=today, known=holidays_are_known(first.year), now=now,
        before=previous_month(first), after=next_month(first),
    )  # fmt: skip


def calendar_file(ask: Ask) -> Response:
    """Give what stands in the calendar as a file (RFC 5545): kind and county, no content."""
    name = f"yizhan-{ask.desk.county}.ics"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    body = icalendar(ask.desk.county, _entries(ask, utc_now()), utc_now())
    return Response(body, media_type="text/calendar; charset=utf-8", headers=headers)


def _month(asked: str, today: date) -> date:
    if not asked:
        return today.replace(day=1)
    try:
        found = datetime.strptime(asked, "%Y-%m").date()  # noqa: DTZ007 -- a month
    except ValueError:
        found = date.min
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise NotFound(marked("没有 {month} 这个月；请写如 2026-11"), month=asked)
    return found


def _entries(ask: Ask, now: datetime) -> list[Entry]:
    """Return everything that stands in the calendar, by day."""
    found = [*_due(ask, now), *_patrols(ask), *_quarters(ask, now)]
    order = ("over", "due", "theirs", "patrol", "quarter")
    return sorted(found, key=lambda each: (each.day, order.index(each.kind), each.id))


def _due(ask: Ask, now: datetime) -> Iterator[Entry]:
    home, county = ask.desk.home, ask.desk.county
    for each in list_obligations(home, county, ask.actor("calendar"), now):
        mine = county in each.owes
        who = _("本县") if mine else join_list(short_name(debtor_name(home, code)) for code in each.owes)
        what, local = obligation_name(home, each), each.due.astimezone(home.zone)
        # The words of a decision come from minutes that somebody sealed: they stay at the desk.
        kind = (
            (_("议定事项") if each.decision else what)
            if isinstance(each, OwnObligation)
            else rule_name(home, each.rule)
        )
        yield Entry(
            day_of(local),
            "theirs" if not mine else "over" if state_of(each, now) == "over" else "due",
            what if mine else f"{who} {what}",
            "/due",
            each.due,
            f"{kind} {who}",
            each.id,
        )


def _patrols(ask: Ask) -> Iterator[Entry]:
    home = ask.desk.home
    for each in planned_patrols(home, ask.desk.county, ask.actor("calendar")):
        words = _("联合巡护 {county}").format(county=short_name(home.member_name(each.county)))
        for n in range(min((each.last - each.first).days + 1, _LONGEST_PATROL)):
            day = each.first + timedelta(days=n)
            yield Entry(day, "patrol", words, f"/matters/{each.id}", None, words, each.id)


def _quarters(ask: Ask, now: datetime) -> Iterator[Entry]:
    zone = ask.desk.home.charter.time_zone
    quarter = Quarter.containing(now, zone).previous()
    for _n in range(6):
        words = _("{quarter} 季度结束").format(quarter=quarter)
        end = quarter.end(zone).astimezone(ask.desk.home.zone)
        yield Entry(day_of(end), "quarter", words, f"/bulletin/{quarter}", None, words, str(quarter))
        quarter = quarter.next()


PAGES = (Page("/calendar", calendar, OFFICE), Page("/calendar.ics", calendar_file, OFFICE))
