"""Obligations as the desk shows them: who owes what, how long is left, what is to be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from yizhan.consumers.followups import Obligation
from yizhan.desk.request import Ask
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.schemas.payloads.table import type_name
from yizhan.services.agenda import AboutEvent, events_about
from yizhan.services.home import Home
from yizhan.services.obligation_text import (
    answer_line,
    debtor_name,
    discharge_text,
    obligation_name,
    obligation_reason,
    step_name,
    telephone_sentence,
)
from yizhan.services.obligations import discharge_action, list_obligations, officers_answers
from yizhan.services.own_obligations import STATION_DEBTOR

SOON: Final = timedelta(hours=2)
BAR: Final = 96
"""How wide the bar of the time that has gone is, in pixels."""
GROUPS: Final = (marked("已逾期"), marked("两小时内"), marked("今日"), marked("七日内"), marked("以后"))
ENDED: Final = marked("已办结")


@dataclass(frozen=True, slots=True)
class DueRow:
    """One obligation. ``gone`` of ``BAR`` pixels of its time have passed; ``link`` is (words, address) of the form."""

    obligation: Obligation
    mine: bool
    who: str
    what: str
    about: str
    clause: str
    how: str
    state: str
    """``over``, ``soon``, ``ended``, or empty."""
    left: str
    group: str
    gone: int
    link: tuple[str, str] | None
    call: str
    """Whom to telephone, where the other side is late."""
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DueList:
    """What is owed: ours, the others', by due date; how many answers were not looked up."""

    mine: tuple[DueRow, ...]
    theirs: tuple[DueRow, ...]
    not_looked_up: int


def due_list(ask: Ask, now: datetime, *, ended: bool = False) -> DueList:
    """Read obligations: those that are open, or those that ``ended``, the newest first."""
    desk, actor = ask.desk, ask.actor("due")
    found: Sequence[Obligation] = list_obligations(desk.home, desk.county, actor, now, ended=ended)
    if ended:
        found = [each for each in reversed(found) if each.ended is not None]
    ids = [each.about for each in found if each.about]
    answers = officers_answers(desk.home, desk.county, ids, actor)
    about = events_about(desk.home, desk.county, ids, actor)
    rows = [
        _row(ask, each, now, about, tuple(answer_line(desk.home, each.about or "", one) for one in said))
        for each in found
        for said in [answers.by_event.get(each.about or "", ())]
    ]
    mine, theirs = (tuple(each for each in rows if each.mine is side) for side in (True, False))
    return DueList(mine, theirs, answers.not_looked_up)


def _row(
    ask: Ask, each: Obligation, now: datetime, about: Mapping[str, AboutEvent], answers: tuple[str, ...]
) -> DueRow:
    home, county, mine = ask.desk.home, ask.desk.county, ask.desk.county in each.owes
    action = None if each.ended else discharge_action(home, each, county)
    counties = [code for code in each.owes if code != STATION_DEBTOR]
    late = each.overdue(now)
    return DueRow(
        obligation=each,
        mine=mine,
        who=_("本县") if mine else join_list(short_name(debtor_name(home, code)) for code in each.owes),
        what=obligation_name(home, each),
        about=about_words(home, each, about),
        clause=obligation_reason(home, each),
        how=discharge_text(home, each),
        state=state_of(each, now),
        left=step_name(each.ended) if each.ended else shortly_left(each.due, now),
        group=group_of(home, each, now),
        gone=bar_width(each, now),
        link=ask.link(action),
        call=telephone_sentence(home, counties) if late and not mine and counties else "",
        answers=answers,
    )


def about_words(home: Home, each: Obligation, about: Mapping[str, AboutEvent]) -> str:
    """Say what an obligation is about: the event in one line, or the period."""
    event = about.get(each.about or "")
    if event is None:
        return " ".join(filter(None, (each.about, each.period)))
    facts = (short_name(home.member_name(event.county)), type_name(event.type), home.local_time(event.time)[5:16])
    return " ".join(filter(None, (*facts, event.text)))


def shortly_left(due: datetime, now: datetime) -> str:
    """Say how long is left, or since when it is overdue, in one unit; the instant itself stands beside it."""
    minutes = int(abs(due - now).total_seconds()) // 60
    hours, days = minutes // 60, minutes // (60 * 24)
    if days:
        span = _("{days} 天").format(days=days)
    elif hours >= SOON // timedelta(hours=1):
        span = _("{hours} 小时").format(hours=hours)
    else:
        span = _("{minutes} 分").format(minutes=minutes)
    return (_("剩 {span}") if now <= due else _("逾期 {span}")).format(span=span)


def state_of(each: Obligation, now: datetime) -> str:
    """Return the class of an obligation: ``over``, ``soon``, ``ended``, or empty."""
    if each.ended is not None:
        return "ended"
    return "over" if each.overdue(now) else "soon" if each.due - now <= SOON else ""


def bar_width(each: Obligation, now: datetime) -> int:
    """Return how much of the time has gone, in pixels of ``BAR``."""
    whole = (each.due - each.opened).total_seconds()
    share = 1.0 if whole <= 0 else (now - each.opened).total_seconds() / whole
    return round(BAR * min(1.0, max(0.0, share)))


def group_of(home: Home, each: Obligation, now: datetime) -> str:
    """Return the heading under which an obligation stands."""
    if each.ended is not None:
        return _(ENDED)
    late, soon, today, week, later = GROUPS
    # A day ends at 24:00, which is 00:00 of the next one: it belongs to the day before.
    end_of_today = (now.astimezone(home.zone) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    if each.overdue(now):
        return _(late)
    if each.due - now <= SOON:
        return _(soon)
    if each.due <= end_of_today:
        return _(today)
    return _(week) if each.due <= end_of_today + timedelta(days=6) else _(later)


def short_name(name: str) -> str:
    """Return the name of a member without its code."""
    return name.partition(" ")[2] if name[:1].isdigit() else name


def grouped(rows: Sequence[DueRow]) -> Iterator[tuple[str, list[DueRow]]]:
    """Yield headings, each with its rows, in the order of the rows."""
    for name, found in groupby(rows, key=lambda each: each.group):
        yield name, list(found)
