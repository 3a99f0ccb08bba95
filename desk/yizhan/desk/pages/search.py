"""Searching: one box over both books, filters in the address, searches that an officer keeps, the hits as a table."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from starlette.responses import Response

from yizhan.consumers.items import InboxQuery
from yizhan.consumers.labels import State, sentence
from yizhan.desk.accounts.errors import AccountError
from yizhan.desk.accounts.model import OFFICE
from yizhan.desk.filters import Choices, day_asked, partner_choices, type_choices
from yizhan.desk.pages.duty import icon_of
from yizhan.desk.request import Ask, Page
from yizhan.runtime.clock import utc_now
from yizhan.schemas.invisible import escaped
from yizhan.schemas.payloads.letters import status_mark
from yizhan.schemas.payloads.table import TYPES, type_name
from yizhan.services.labels import stage_name, state_name
from yizhan.services.searching import LONGEST_TERM, MOST_TERMS, SearchHit, SearchResult, Snippet, search, search_csv

_LONGEST = LONGEST_TERM * MOST_TERMS
_FILTERS = ("q", "type", "county", "since")


@dataclass(frozen=True, slots=True)
class HitRow:
    """One line of what was found; ``counties`` are the sender, or those it was sent to; ``state``: class and words."""

    path: str
    at: str
    ours: bool
    counties: tuple[str, ...]
    icon: str
    kind: str
    mark: str
    snippet: Snippet
    state: tuple[str, str]


def find(ask: Ask) -> Response:
    """Show the box, the searches that are kept, and what is found."""
    return _shown(ask)


def _shown(ask: Ask, error: AccountError | None = None) -> Response:
    choices, query = _asked(ask)
    found = SearchResult()
    if text := choices.given.get("q", ""):
        found = search(ask.desk.home, ask.desk.county, text, query, ask.actor("search"))
    return ask.page(
        "search.html", 200 if error is None else 400, choices=choices, found=found, error=error,
        rows=[_row(each) for each in found.hits], kept=ask.desk.accounts.searches.all(ask.account.badge),
        types=type_choices(), partners=partner_choices(ask),
    )  # fmt: skip


def table(ask: Ask) -> Response:
    """Give what is found as CSV."""
    choices, query = _asked(ask)
    desk = ask.desk
    made = search_csv(desk.home, desk.county, choices.given.get("q", ""), query, ask.actor("search csv"))
    day = utc_now().astimezone(desk.home.zone).strftime("%Y%m%d")
    return ask.download(made, f"search-{desk.county}-{day}.csv", "text/csv; charset=utf-8")


def keep(ask: Ask) -> Response:
    """Keep a search under a name."""
    pairs = [(name, value) for name, value in parse_qsl(ask.form.get("query", "")) if name in _FILTERS]
    query = urlencode(pairs)
    try:
        ask.desk.accounts.searches.keep(ask.account.badge, ask.form.get("name", ""), query, utc_now())
    except AccountError as error:
        return _shown(ask, error)
    return ask.see(f"/search?{query}")


def forget(ask: Ask) -> Response:
    """Delete a search that is kept."""
    text = ask.path["n"]
    if text.isascii() and text.isdecimal() and len(text) < 10:  # noqa: PLR2004 -- digits
        ask.desk.accounts.searches.forget(ask.account.badge, int(text))
    return ask.see("/search")


def _asked(ask: Ask) -> tuple[Choices, InboxQuery]:
    asked = {name: ask.query.get(name, "").strip() for name in _FILTERS}
    asked["q"] = "".join(each for each in asked["q"][:_LONGEST] if escaped(each) == each)
    since = day_asked(ask, "since")
    known = {
        "q": bool(asked["q"]), "type": asked["type"] in TYPES, "since": since is not None,
        "county": asked["county"] in ask.desk.home.charter.members,
    }  # fmt: skip
    given = {name: value for name, value in asked.items() if known[name]}
    return Choices("/search", given), InboxQuery(type=given.get("type"), county=given.get("county"), since=since)


def _row(hit: SearchHit) -> HitRow:
    if (item := hit.item) is not None:
        state = ("", sentence(item.state))
        if item.answers:
            state = ("ok", f"{item.answers[0].name} {stage_name(item.answers[0].stage)}")
        elif item.state == State.RINGING:
            state = ("t1", sentence(item.state))
        return HitRow(
            f"/inbox/{item.id}", item.stored, ours=False, counties=(item.county,), icon=icon_of(item.type),
            kind=type_name(item.type), mark=item.mark, snippet=hit.snippet, state=state,
        )  # fmt: skip
    assert hit.own is not None  # noqa: S101 -- a hit is of one book or the other
    row, header = hit.own.row, hit.own.header
    return HitRow(
        f"/outbox/{row.id}", row.accepted, ours=True, counties=header.to, icon=icon_of(row.type),
        kind=type_name(row.type), mark=status_mark(header.status), snippet=hit.snippet,
        state=("warn" if row.state == "refused" else "", state_name(row.state)),
    )  # fmt: skip


PAGES = (
    Page("/search", find, OFFICE),
    Page("/search.csv", table, OFFICE),
    Page("/search/kept", keep, OFFICE, methods=("POST",)),
    Page("/search/kept/{n}/forget", forget, OFFICE, methods=("POST",)),
)
