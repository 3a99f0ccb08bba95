"""The duty page: what rings, what came today, what is due; an alarm is acknowledged here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.responses import Response

from yizhan.consumers.items import InboxQuery, Item
from yizhan.consumers.labels import State, sentence
from yizhan.desk.accounts.model import OFFICE
from yizhan.desk.alarm_cards import position_of
from yizhan.desk.request import Ask, Page
from yizhan.runtime.clock import utc_now
from yizhan.schemas.payloads.letters import headline, report_name
from yizhan.schemas.payloads.table import type_name
from yizhan.services.bell import BellStatus, Rung, bell_status, ladder, read_bell
from yizhan.services.consoles import list_consoles
from yizhan.services.drafts import member_names
from yizhan.services.inbox import list_items
from yizhan.services.labels import stage_name
from yizhan.services.obligation_text import obligation_name, time_left
from yizhan.services.obligations import list_obligations

MOST_NOTICES: Final = 30
_SOON: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """One line of what came today: ``state`` is (class of the tag or empty, words)."""

    item: Item
    kind: str
    icon: str
    text: str
    state: tuple[str, str]
    position: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class DueRow:
    """One line of what is due soon."""

    left: str
    overdue: bool
    due: datetime
    what: str


def duty(ask: Ask) -> Response:
    """Show the page; what rings is sent by the stream, so nothing is rendered twice."""
    return ask.page("duty.html", **_side(ask), notices=_notices(ask), members=member_names(ask.desk.home))


def notices(ask: Ask) -> Response:
    """Show what came today, for a page that is open."""
    return ask.page("duty_notices.html", notices=_notices(ask))


def side(ask: Ask) -> Response:
    """Show what is due, who is on duty and the bell's channels, for a page that is open."""
    return ask.page("duty_side.html", **_side(ask))


def _notices(ask: Ask) -> list[NoticeRow]:
    desk = ask.desk
    local = utc_now().astimezone(desk.home.zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    query = InboxQuery(since=midnight, limit=MOST_NOTICES)
    found = list_items(desk.home, desk.county, query, ask.actor("duty")).items
    return [notice_row(each) for each in reversed(found) if each.state != State.RINGING]


def notice_row(item: Item) -> NoticeRow:
    """Return the line of an item in a list."""
    raw = None if item.contents is None else item.contents.raw
    report = report_name(item.header, item.update)
    kind = f"{type_name(item.type)} {report}" if report else type_name(item.type)
    if item.answers:
        state = ("ok", f"{item.answers[0].name} {stage_name(item.answers[0].stage)}")
    else:
        state = ("", sentence(item.state))
    return NoticeRow(item, kind, icon_of(item.type), headline(raw, 80), state, position_of(raw or {}))


def icon_of(type: str) -> str:
    """Return the name of an event type's icon."""
    words = {"forest_fire": "fire", "natural_disaster": "slide", "crime": "case", "patrol": "walk", "hotspot": "sat"}
    found = next((icon for word, icon in words.items() if word in type), None)
    return found or ("mail" if "notice" in type else "info")


def _side(ask: Ask) -> dict[str, Any]:
    desk, now = ask.desk, utc_now()
    due = [
        DueRow(time_left(each.due, now), each.overdue(now), each.due, obligation_name(desk.home, each))
        for each in list_obligations(desk.home, desk.county, ask.actor("duty"), now)
        if desk.county in each.owes and each.due <= now + _SOON
    ]
    bell = read_bell(desk.home, desk.county)
    rungs: tuple[Rung, ...] = () if bell is None else ladder(desk.home, desk.county, bell.settings)
    status: BellStatus | None = None if bell is None else bell_status(desk.home, desk.county)
    listening = list_consoles(desk.home, desk.county)
    return {"due": due, "rungs": rungs, "bell": status, "consoles": listening}


PAGES = (
    Page("/duty", duty, OFFICE),
    Page("/duty/notices", notices, OFFICE, unattended=True),
    Page("/duty/side", side, OFFICE, unattended=True),
)
