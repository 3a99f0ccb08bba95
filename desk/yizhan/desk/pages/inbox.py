"""What was received: a list with filters in its address, page by page, and as a table to take along."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from yizhan.consumers.items import InboxQuery
from yizhan.consumers.labels import State, sentence
from yizhan.desk.accounts.model import OFFICE
from yizhan.desk.pages.duty import NoticeRow, notice_row
from yizhan.desk.request import Ask, Page
from yizhan.runtime.clock import utc_now
from yizhan.schemas.payloads.table import SYSTEM_TYPES, TYPES, type_name
from yizhan.schemas.policy import Way
from yizhan.services.inbox import list_items
from yizhan.services.inbox_table import inbox_csv
from yizhan.services.labels import way_name

ROWS: Final = 50
_FILTERS: Final = ("type", "county", "way", "state", "since", "drills")
_SEQ_DIGITS: Final = 18
_FIRST_YEAR: Final = 2000


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; a value that means nothing is left out."""

    given: dict[str, str]
    query: InboxQuery

    def address(self, path: str = "/inbox", **more: object) -> str:
        """Return the address of this list, of another page or form of it."""
        pairs = {**self.given, **more}
        return f"{path}?{urlencode(pairs)}" if pairs else path


def inbox(ask: Ask) -> Response:
    """Show one page of the list, the newest first."""
    desk, filters = ask.desk, _filters(ask)
    before, after = _seq(ask.query.get("before")), _seq(ask.query.get("after"))
    query = replace(filters.query, limit=ROWS, before=before, after=None if before is not None else after)
    found = list_items(desk.home, desk.county, query, ask.actor("inbox list"))
    rows = [notice_row(each) for each in reversed(found.items)]
    return ask.page(
        "inbox.html", rows=rows, listing=found, filters=filters, choices=_choices(ask),
        newer=_newer(filters, query, rows), older=_older(filters, query, rows),
    )  # fmt: skip


def _newer(filters: Filters, query: InboxQuery, rows: list[NoticeRow]) -> str:
    """Return the address of the page of newer events; empty on the newest."""
    if query.after is not None and len(rows) < ROWS:
        return ""
    if query.after is None and query.before is None:
        return ""
    return filters.address(after=rows[0].item.seq) if rows else filters.address()


def _older(filters: Filters, query: InboxQuery, rows: list[NoticeRow]) -> str:
    """Return the address of the page of older events; empty where there is none."""
    if query.after is not None:
        return filters.address(before=rows[-1].item.seq if rows else query.after + 1)
    return filters.address(before=rows[-1].item.seq) if len(rows) == ROWS and rows[-1].item.seq > 1 else ""


def table(ask: Ask) -> Response:
    """Give the list as CSV, as far as its filters go."""
    desk = ask.desk
    made = inbox_csv(desk.home, desk.county, _filters(ask).query, ask.actor("inbox csv"))
    day = utc_now().astimezone(desk.home.zone).strftime("%Y%m%d")
    return ask.download(made, f"inbox-{desk.county}-{day}.csv", "text/csv; charset=utf-8")


def _choices(ask: Ask) -> dict[str, list[tuple[str, str]]]:
    """Return the values of each filter, with their words."""
    home = ask.desk.home
    return {
        "type": [(name, type_name(name)) for name in TYPES if name not in SYSTEM_TYPES],
        "county": [(code, home.member_name(code)) for code in home.charter.members if code != ask.desk.county],
        "way": [(each.value, way_name(each.value)) for each in Way],
        "state": [(each.value, sentence(each)) for each in State],
    }


def _filters(ask: Ask) -> Filters:
    asked = {name: ask.query.get(name, "").strip() for name in _FILTERS}
    since = _day(ask, asked["since"])
    way = Way(asked["way"]) if asked["way"] in list(Way) else None
    state = State(asked["state"]) if asked["state"] in list(State) else None
    drills = {"yes": True, "no": False}.get(asked["drills"])
    known = {"type": asked["type"] in TYPES, "county": asked["county"] in ask.desk.home.charter.members}
    kept = {**known, "since": since is not None, "way": way is not None, "state": state is not None}
    given = {name: value for name, value in asked.items() if kept.get(name, drills is not None)}
    query = InboxQuery(
        type=given.get("type"), county=given.get("county"), way=way, state=state, since=since, drills=drills
    )
    return Filters(given, query)


def _day(ask: Ask, text: str) -> datetime | None:
    """Return when a day begins here; None for what is no day."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime.combine(day, time(), ask.desk.home.zone) if day.year > _FIRST_YEAR else None


def _seq(text: str | None) -> int | None:
    fits = text is not None and text.isascii() and text.isdecimal() and len(text) <= _SEQ_DIGITS
    return int(text) if fits and text is not None else None


PAGES = (Page("/inbox", inbox, OFFICE), Page("/inbox.csv", table, OFFICE))
