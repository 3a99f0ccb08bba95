"""What a county owes and is owed, told to officers: how long is left, how it is discharged.

Rule 1: what is due, and whether it ended, is the station's signed word; here it is only told.
Rule 2: how it is discharged follows from the charter's own row, whatever rules a charter has: no rule is named here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from yizhan.schemas.i18n import _, join_list, marked
from yizhan.schemas.payloads.table import BULLETIN, PATROL_PLAN
from yizhan.services.labels import type_name
from yizhan.services.own_obligations import STATION, OwnObligation

if TYPE_CHECKING:
    from yizhan.consumers.followups import Obligation
    from yizhan.schemas.charter_files import Officer
    from yizhan.schemas.followups import Followup
    from yizhan.schemas.obligation_rules import ObligationRule as Rule
    from yizhan.services.home import Home


"""Made from the quarter's figures, not asked for by a form."""
STEPS: Final = {
    "opened": marked("新的待办"),
    "overdue": marked("已逾期"),
    "discharged": marked("已履行"),
    "cancelled": marked("已撤销"),
    "not-owed": marked("这件没有履行任何待办，不是由本县履行的"),
}


def debtor_name(home: Home, code: str) -> str:
    """Return who owes: a member by name, or the station."""
    return _("驿站") if code == STATION else home.member_name(code)


def name(home: Home, each: Obligation) -> str:
    """Return what is owed, in words."""
    return each.what if isinstance(each, OwnObligation) else rule_name(home, each.rule)


def clause(home: Home, each: Obligation) -> str:
    """Return why it is owed."""
    return each.because if isinstance(each, OwnObligation) else rule_reason(home, each.rule)


def rule_name(home: Home, rule: str) -> str:
    """Return what the charter says is owed by a rule; its id if it has none such."""
    found = home.charter.policy.obligations.get(rule)
    return rule if found is None else home.localized(found.what)


def step_name(step: str) -> str:
    """Return what a step is called; one that the charter names is a reminder."""
    return _(STEPS[step]) if step in STEPS else _("催办")


def left(due: datetime, now: datetime) -> str:
    """Say how long is left, or since when it is over, in the two largest units."""
    span = abs(due - now)
    hours, minutes = divmod(span.seconds // 60, 60)
    if span >= timedelta(days=1):
        said = _("{days} 天 {hours} 小时").format(days=span.days, hours=hours)
    elif hours:
        said = _("{hours} 小时 {minutes} 分").format(hours=hours, minutes=minutes)
    else:
        said = _("{minutes} 分").format(minutes=minutes)
    return (_("还剩 {span}") if now <= due else _("逾期 {span}")).format(span=said)


def manner(home: Home, each: Obligation, county: str) -> tuple[str, str]:
    """Return how an obligation is discharged, and by which command; both empty where another county owes it."""
    if isinstance(each, OwnObligation):
        return each.how
    rule = home.charter.policy.obligations.get(each.rule)
    if rule is None or county not in each.owes:
        return "", ""
    return discharge_text(rule), discharge_command(rule, each, county)


def discharge_text(rule: Rule) -> str:
    """Say which event discharges what a rule asks for."""
    types = _types(rule.discharged.when)
    if rule.discharged.by == "answers" and types == [PATROL_PLAN]:
        return _("会签这份计划")
    if not types:
        receipt = any("receipt" in row for row in rule.discharged.when)
        return _("值班人员签收，报姓名和警号") if receipt else ""
    sentence = {
        "answers": _("以{types}答复"), "thread": _("在同一件事里报送{types}"), "period": _("发出本期的{types}"),
    }[rule.discharged.by]  # fmt: skip
    return sentence.format(types=_("或").join(map(type_name, types)))


def discharge_command(rule: Rule, each: Obligation, county: str) -> str:
    """Return the command that discharges what a rule asks for, with what it is about filled in; empty for none."""
    types, at = _types(rule.discharged.when), f"--county {county}"
    if any("receipt" in row for row in rule.discharged.when):
        return f"yizhan inbox ack {each.about} {at} --name … --badge …"
    if not types:
        return ""
    if types[0] == BULLETIN and each.period is not None:
        partner = next(code for code in (*each.owed, *each.owes) if code != county)
        return f"yizhan bulletin make {each.period} {at} --with {partner} --office FILE"
    if types[0] == PATROL_PLAN and rule.discharged.by == "answers":
        return f"yizhan countersign {each.about} {at}"
    # Who goes on with what it reported itself is offered that by the form.
    goes_on = rule.discharged.by == "thread" and types[0] in _types(rule.opens.when or ())
    answering = "" if each.about is None or goes_on else f" --reply-to {each.about}"
    return f"yizhan new {types[0].removeprefix('yizhan.').removesuffix('.v1')} {at}{answering}"


def _types(rows: Iterable[Mapping[str, tuple[str, ...]]]) -> list[str]:
    return list(dict.fromkeys(each for row in rows for each in row.get("type", ())))


def telephone(home: Home, county: str) -> Officer | None:
    """Return the first of a county's ladder who has a telephone, by the charter in force."""
    return next(iter(home.charter.ladders.get(county, ())), None)


def call(home: Home, counties: tuple[str, ...]) -> str:
    """Say whom to telephone in these counties."""
    said = []
    for code in counties:
        officer = telephone(home, code)
        if officer is None:
            said.append(_("{county}（章程里没有电话）").format(county=home.member_name(code)))
        else:
            said.append(f"{home.member_name(code)} {officer.role} {officer.name} {officer.phone}")
    return _("请电话联系：{whom}").format(whom=join_list(said))


def unanswered(said: Followup | Obligation, county: str) -> bool:
    """Tell whether it is an alarm of ours that nobody at the other side acknowledges: time to telephone."""
    if said.rule != "acknowledge" or county not in said.owed:
        return False
    steps = getattr(said, "steps", None) or (getattr(said, "step", ""),)
    return "leader" in steps or getattr(said, "to_whom", None) == "leader"


def subject(about: str | None, period: str | None) -> str:
    """Say what an obligation is about: an event's id, a period, or both."""
    return " ".join(part for part in (about, period) if part)


def as_json(home: Home, each: Obligation, county: str, now: datetime) -> dict[str, Any]:
    """Return an obligation as JSON values: words and instants, and the command that discharges it."""
    return {
        "obligation": each.id,
        "rule": each.rule,
        "mine": county in each.owes,
        "owes": each.owes,
        "owed": each.owed,
        "about": each.about,
        "period": each.period,
        "opened": each.opened,
        "due": each.due,
        "seconds_left": int((each.due - now).total_seconds()),
        "overdue": each.overdue(now),
        "ended": each.ended,
        "by": each.by,
        "steps": each.steps,
        "what": name(home, each),
        "because": clause(home, each),
        "command": manner(home, each, county)[1] or None,
    }


def rule_reason(home: Home, rule: str) -> str:
    """Return the charter's clause behind a rule; empty where it names none."""
    found = home.charter.policy.obligations.get(rule)
    return "" if found is None else home.localized(found.because)


def tell_step(home: Home, county: str, said: Followup) -> None:
    """Tell of one step as it comes: a line; where nobody answers our alarm, whom to telephone."""
    from yizhan.cli.output import say

    if unanswered(said, county):
        sentence = _("报警 {id} 对方无人签收。{call}")
        say(sentence.format(id=said.about.id if said.about else said.obligation, call=call(home, said.owes)))
        return
    sentence = _("{step}：{rule} {subject}，期限 {due}")
    about = subject(None if said.about is None else said.about.id, said.period)
    say(
        sentence.format(
            step=step_name(said.step), rule=rule_name(home, said.rule), subject=about, due=home.local_time(said.due)
        )
    )
