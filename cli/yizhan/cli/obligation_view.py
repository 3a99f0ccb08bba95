"""Obligations in words and as JSON: what is owed, why, how long is left, how it is discharged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from yizhan.cli.output import fields_of, print_table, say, tell
from yizhan.consumers.followups import Obligation
from yizhan.schemas.i18n import _, join_list
from yizhan.schemas.matters import CountyAnswer
from yizhan.services.commands import command_of
from yizhan.services.home import Home
from yizhan.services.obligation_text import (
    answer_line,
    debtor_name,
    discharge_text,
    obligation_name,
    obligation_reason,
    step_name,
    subject,
    telephone_sentence,
    time_left,
)
from yizhan.services.obligations import discharge_action, needs_telephone
from yizhan.services.own_obligations import STATION_DEBTOR


def print_obligations(home: Home, county: str, found: Sequence[Obligation], now: datetime) -> None:
    """Print what a county owes, then what it is owed; below, what to do."""
    mine = [each for each in found if county in each.owes]
    theirs = [each for each in found if county not in each.owes]
    print_table(
        [_("事由"), _("该谁办"), _("待办"), _("期限"), _("情况"), _("依据")],
        [_row(home, county, each, now) for each in [*mine, *theirs]],
        _("没有待办"),
        whole=(0, 3),
    )
    for each in mine:
        action = None if each.ended else discharge_action(home, each, county)
        words = [] if each.ended else [discharge_text(home, each), "" if action is None else command_of(action)]
        if any(words):
            tell(f"{each.about or each.period}  {' '.join(words)}".rstrip())
    for each in theirs:
        if each.ended is None and needs_telephone(each, county):
            say(telephone_sentence(home, each.owes))
    for each in theirs:
        if STATION_DEBTOR in each.owes and each.overdue(now):
            sentence = _("驿站欠 {period} 的清单，从 {due} 起逾期；请催驿站结算：yizhan digest close")
            say(sentence.format(period=each.period, due=home.local_time(each.due)))
    late = sum(each.overdue(now) for each in mine)
    if late:
        say(_("其中 {count} 件本县已逾期").format(count=late))


def print_answers(home: Home, answers: Mapping[str, Sequence[CountyAnswer]]) -> None:
    """Print what officers of other counties answered to own events: who, when and what."""
    for event_id, said in answers.items():
        for each in said:
            tell(answer_line(home, event_id, each))


def _row(home: Home, county: str, each: Obligation, now: datetime) -> tuple[str, ...]:
    who = _("本县") if county in each.owes else join_list(debtor_name(home, code) for code in each.owes)
    return (
        subject(each.about, each.period) or each.id,
        who,
        obligation_name(home, each),
        home.local_time(each.due),
        step_name(each.ended) if each.ended else time_left(each.due, now),
        obligation_reason(home, each),
    )


def obligation_json(home: Home, each: Obligation, county: str, now: datetime) -> dict[str, Any]:
    """Return an obligation for programs: words and instants, and the command that discharges it."""
    action = discharge_action(home, each, county)
    return {
        "obligation": each.id,
        **fields_of(each, "rule owes owed about period opened due ended by steps"),
        "mine": county in each.owes,
        "seconds_left": int((each.due - now).total_seconds()),
        "overdue": each.overdue(now),
        "what": obligation_name(home, each),
        "because": obligation_reason(home, each),
        "command": None if action is None else command_of(action),
    }
