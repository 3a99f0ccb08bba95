"""What was sent: the list with what waits before it; one event, who has it, who opened it, what was answered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from starlette.responses import Response

from yizhan.desk.accounts.model import OFFICE
from yizhan.desk.filters import ROWS, Choices, day_asked, number_asked, type_choices
from yizhan.desk.pages.drafts import DraftRow, draft_row
from yizhan.desk.pages.duty import icon_of
from yizhan.desk.request import Ask, Page
from yizhan.producers.queries import EventRow, OutboxQuery, Posting
from yizhan.runtime.clock import utc_now
from yizhan.schemas.header import NOTICE
from yizhan.schemas.i18n import _
from yizhan.schemas.matters import MatterEvent
from yizhan.schemas.payloads.letters import headline, officer_name, status_mark
from yizhan.schemas.payloads.table import TYPES, type_name
from yizhan.services.event_text import STEPS, event_rows, progress_name, receipt_line, waiting_line
from yizhan.services.item_text import way_words
from yizhan.services.labels import STATES, refusal, short_type, state_name
from yizhan.services.outbox import OutboxListing, ShownEvent
from yizhan.services.queue import queued
from yizhan.services.sent_events import SentRow, list_sent, show_sent

_STAGED: Final = "incident."
"""Types that have a first report, updates and a final one."""
_ANSWERS: Final = ("acknowledged", "acted", "declined", "unopenable", "unfetched")
_LINE: Final = 80


@dataclass(frozen=True, slots=True)
class SentLine:
    """One line of the list; ``state`` is (class of the tag, words), ``said`` who answered what."""

    id: str
    at: str
    to: tuple[str, ...]
    icon: str
    kind: str
    mark: str
    text: str
    state: tuple[str, str]
    said: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """How far an event came with one recipient: (words, when, whether it is reached) of each step; what was said there.

    A step whose time nobody told is reached all the same where a later one is.
    """

    county: str
    way: str
    state: tuple[str, str]
    steps: tuple[tuple[str, str | None, bool], ...]
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReplyLine:
    """An event that answers the one that is shown."""

    path: str
    ours: bool
    county: str
    at: str
    kind: str
    text: str
    by: str


# -- the list --


def outbox(ask: Ask) -> Response:
    """Show the drafts that are on their way, then one page of what was sent, the newest first."""
    desk, (choices, query) = ask.desk, _asked(ask)
    before, after = number_asked(ask, "before"), number_asked(ask, "after")
    page = replace(query, limit=ROWS + 1, before=before, after=None if before is not None else after)
    found = list_sent(desk.home, desk.county, page, ask.actor("outbox list"))
    rows, newer, older = _page(choices, page, list(found.rows))
    first = not choices.given and before is None and after is None
    return ask.page(
        "outbox.html", rows=[_line(ask, each) for each in reversed(rows)], choices=choices, newer=newer, older=older,
        waiting=_waiting(ask) if first else [], types=[*type_choices(), (NOTICE, type_name(NOTICE))],
        states=[(name, state_name(name)) for name in STATES], trouble=_trouble(ask, found.listing),
    )  # fmt: skip


def _asked(ask: Ask) -> tuple[Choices, OutboxQuery]:
    asked = {name: ask.query.get(name, "").strip() for name in ("type", "state", "since", "until")}
    since, until = day_asked(ask, "since"), day_asked(ask, "until")
    known = {
        "type": asked["type"] in TYPES, "state": asked["state"] in STATES, "since": since is not None,
        "until": until is not None,
    }  # fmt: skip
    given = {name: value for name, value in asked.items() if known[name]}
    end = None if until is None else until + timedelta(days=1)
    state: Any = given.get("state")
    return Choices("/outbox", given), OutboxQuery(
        type=given.get("type"), state=state, since=since, until=end, people=True
    )


def _page(choices: Choices, query: OutboxQuery, found: list[SentRow]) -> tuple[list[SentRow], str, str]:
    """Return the rows of a page, the newest last, and the addresses of the pages beside it; one row more was read."""
    more = len(found) > ROWS
    if query.after is not None:
        rows = found[:ROWS]
        newer = choices.address(after=rows[-1].row.seq) if more else ""
        return rows, newer, choices.address(before=rows[0].row.seq if rows else query.after + 1)
    rows = found[-ROWS:]
    newer = "" if query.before is None else choices.address(after=rows[-1].row.seq if rows else query.before - 1)
    return rows, newer, choices.address(before=rows[0].row.seq) if more else ""


def _line(ask: Ask, each: SentRow) -> SentLine:
    home = ask.desk.home
    said = [
        f"{home.member_name(posting.recipient).partition(' ')[2]} {receipt_line(home, stage, receipt)}"
        for posting in each.postings
        for stage in _ANSWERS
        for receipt in posting.said.get(stage, ())
    ]
    row = each.row
    if row.reason is not None:
        said.append(refusal(row.reason, row.detail))
    elif row.trouble is not None:
        said.append(row.trouble)
    return SentLine(
        row.id, row.accepted, row.to, icon_of(row.type), type_name(row.type), status_mark(each.header.status),
        headline(each.contents.raw, _LINE), (_mark(row, each.states.values()), progress_name(row, each.states)),
        "；".join(said),
    )  # fmt: skip


def _mark(row: EventRow, states: Any) -> str:  # noqa: ANN401 -- words of steps
    """Return the class of a tag: refused, all acknowledged, some step beyond the station."""
    if row.state == "refused":
        return "warn"
    reached = set(states)
    if reached and reached <= {"acknowledged"}:
        return "ok"
    return "act" if row.state == "queued" else ""


def _waiting(ask: Ask) -> list[DraftRow]:
    return [draft_row(each) for each in queued(ask.desk.home, ask.desk.county)]


def _trouble(ask: Ask, found: OutboxListing) -> str:
    """Say why something waits; nothing where all is sent."""
    if found.figures is None or found.waits is None:
        return ""
    said = waiting_line(found.figures)
    if found.waits == "no_publisher":
        return f"{said}。{_('发送程序没有运行，什么也发不出；请报告设备管理员')}"
    if found.waits == "no_broker" and found.no_broker_since is not None:
        since = ask.desk.home.local_time(found.no_broker_since)
        return f"{said}。{_('自 {since} 起连不上 Kafka；接通后自动送出').format(since=since)}"
    return said


# -- one event --


def event(ask: Ask) -> Response:
    """Show one event whole."""
    desk, home = ask.desk, ask.desk.home
    found = show_sent(home, desk.county, ask.path["id"], ask.actor("outbox show"))
    shown, header, row = found.shown, found.shown.event.header, found.shown.event.row
    states = {each.recipient: shown.state(each) for each in shown.postings}
    return ask.page(
        "sent.html", header=header, row=row, title=headline(shown.contents.raw, _LINE) or type_name(header.type),
        kind=type_name(header.type), icon_name=icon_of(header.type), mark=status_mark(header.status),
        state=(_mark(row, states.values()), progress_name(row, states)),
        refused="" if row.reason is None else refusal(row.reason, row.detail),
        rows=list(event_rows(home, replace(shown, postings=()))), now=utc_now(),
        recipients=[_recipient(ask, shown, each) for each in shown.postings],
        replies=[_reply(ask, each) for each in found.replies], files=found.files, files_trouble=found.files_trouble,
        short=short_type(header.type), takes_updates=_STAGED in header.type and header.withdraws is None,
        may_withdraw=header.withdraws is None and row.state != "refused",
    )  # fmt: skip


def _recipient(ask: Ask, shown: ShownEvent, posting: Posting) -> Recipient:
    home, state = ask.desk.home, shown.state(posting)
    way, rule = posting.stamped_way or posting.way, posting.stamped_rule or posting.rule
    reached = list(shown.steps(posting).items())
    last = max((place for place, (_name, at) in enumerate(reached) if at is not None), default=-1)
    steps = tuple((_(STEPS[name]), at, place <= last) for place, (name, at) in enumerate(reached))
    said = tuple(receipt_line(home, stage, each) for stage, found in posting.said.items() for each in found)
    mark = {"refused": "warn", "acknowledged": "ok"}.get(state, "")
    if "unopenable" in posting.said:
        mark = "warn"
    return Recipient(posting.recipient, way_words(home, way, rule), (mark, _(STEPS[state])), steps, said)


def _reply(ask: Ask, each: MatterEvent) -> ReplyLine:
    header, raw = each.header, None if each.contents is None else each.contents.raw
    ours = header.county == ask.desk.county
    by = "" if raw is None else officer_name(raw.get("drafted_by") or raw.get("by"))
    return ReplyLine(
        f"/{'outbox' if ours else 'inbox'}/{header.id}", ours, header.county, header.time,
        status_mark(header.status) + type_name(header.type), headline(raw, _LINE * 4), by,
    )  # fmt: skip


PAGES = (Page("/outbox", outbox, OFFICE), Page("/outbox/{id}", event, OFFICE))
