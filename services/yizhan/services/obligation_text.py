"""Obligations in words, for every face: what is owed by whom and why, how long is left, how it is discharged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from yizhan.consumers.followups import Obligation
from yizhan.schemas.followups import Followup
from yizhan.schemas.i18n import _, join_list, with_note
from yizhan.schemas.matters import CountyAnswer
from yizhan.schemas.obligation_rules import ObligationRule
from yizhan.schemas.payloads.letters import headline
from yizhan.schemas.payloads.table import PATROL_PLAN, type_name
from yizhan.services.home import Home
from yizhan.services.labels import DISCHARGES, OBLIGATION_STEPS, stage_name
from yizhan.services.obligations import asks_receipt, discharging_types, needs_telephone
from yizhan.services.own_obligations import STATION_DEBTOR, OwnObligation

MOST_NOTE: Final = 400
"""Characters of an officer's note that a line shows."""


def debtor_name(home: Home, code: str) -> str:
    """Return who owes: a member by name, or the station."""
    return _("驿站") if code == STATION_DEBTOR else home.member_name(code)


def obligation_name(home: Home, each: Obligation) -> str:
    """Return what is owed."""
    if not isinstance(each, OwnObligation):
        return rule_name(home, each.rule)
    if each.decision is None:
        return _("送达本季度清单（零报告也要）")
    return each.decision.what if each.decision.unit is None else with_note(each.decision.what, each.decision.unit)


def obligation_reason(home: Home, each: Obligation) -> str:
    """Return why it is owed; empty where the charter names no clause."""
    if isinstance(each, OwnObligation):
        if each.decision is None:
            return _("联享：每季度定期通报和交流；五日为样例")
        return _("会商议定第 {n} 项").format(n=each.decision.number)
    rule = home.charter.policy.obligations.get(each.rule)
    return "" if rule is None else home.localized(rule.because)


def rule_name(home: Home, rule_id: str) -> str:
    """Return what the charter says is owed by a rule; its id if it has none such."""
    rule = home.charter.policy.obligations.get(rule_id)
    return rule_id if rule is None else home.localized(rule.what)


def step_name(step: str) -> str:
    """Return what a step is called; one that the charter names is a reminder."""
    return _(OBLIGATION_STEPS[step]) if step in OBLIGATION_STEPS else _("催办")


def time_left(due: datetime, now: datetime) -> str:
    """Say how long is left, or since when it is overdue, in the two largest units."""
    span = abs(due - now)
    hours, minutes = divmod(span.seconds // 60, 60)
    if span >= timedelta(days=1):
        text = _("{days} 天 {hours} 小时").format(days=span.days, hours=hours)
    elif hours:
        text = _("{hours} 小时 {minutes} 分").format(hours=hours, minutes=minutes)
    else:
        text = _("{minutes} 分").format(minutes=minutes)
    return (_("还剩 {span}") if now <= due else _("逾期 {span}")).format(span=text)


def discharge_text(home: Home, each: Obligation) -> str:
    """Say how an obligation is discharged; empty where the charter does not say."""
    if isinstance(each, OwnObligation):
        return "" if each.decision is None else _("办结后告知对方")
    rule = home.charter.policy.obligations.get(each.rule)
    return "" if rule is None else rule_discharge_text(rule)


def rule_discharge_text(rule: ObligationRule) -> str:
    """Say which event discharges what a rule asks for."""
    types = discharging_types(rule)
    if rule.discharged.by == "answers" and types == [PATROL_PLAN]:
        return _("会签这份计划")
    if not types:
        return _("值班人员签收，报姓名和警号") if asks_receipt(rule) else ""
    return _(DISCHARGES[rule.discharged.by]).format(types=_("或").join(map(type_name, types)))


def telephone_sentence(home: Home, counties: Sequence[str]) -> str:
    """Say whom to telephone in these counties: the first of each ladder, by the charter in force."""
    names = []
    for code in counties:
        officer = next(iter(home.charter.ladders.get(code, ())), None)
        if officer is None:
            names.append(_("{county}（章程里没有电话）").format(county=home.member_name(code)))
        else:
            names.append(f"{home.member_name(code)} {officer.role} {officer.name} {officer.phone}")
    return _("请电话联系：{whom}").format(whom=join_list(names))


def subject(about: str | None, period: str | None) -> str:
    """Return what an obligation is about: an event's id, a period, or both."""
    return " ".join(part for part in (about, period) if part)


def answer_line(home: Home, event_id: str, answer: CountyAnswer) -> str:
    """Say in one line what an officer of another county answered to an event of ours."""
    who = with_note(answer.name, answer.badge)
    words = (home.local_time(answer.at), home.member_name(answer.county), stage_name(answer.stage), event_id, who)
    line = " ".join(words)
    return f"{line}: {headline({'text': answer.note}, MOST_NOTE)}" if answer.note else line


def followup_line(home: Home, county: str, followup: Followup) -> str:
    """Say one step; where nobody acknowledges an alarm of this county, whom to telephone."""
    about = None if followup.about is None else followup.about.id
    if needs_telephone(followup, county):
        sentence = _("报警 {id} 对方无人签收。{call}")
        return sentence.format(id=about or followup.obligation, call=telephone_sentence(home, followup.owes))
    return _("{step}：{rule} {subject}，期限 {due}").format(
        step=step_name(followup.step),
        rule=rule_name(home, followup.rule),
        subject=subject(about, followup.period),
        due=home.local_time(followup.due),
    )
