"""What a county owes and is owed, told to officers: how long is left, how it is discharged.

Rule 1: what is due, and whether it ended, is the station's signed word; here it is only told.
Rule 2: a rule that this version does not know is shown by its id, with the charter's own clause.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from yizhan.cli.words import _, listed, marked

if TYPE_CHECKING:
    from yizhan.cli.app import App
    from yizhan.consumers.followups import Obligation
    from yizhan.schemas.charter import Officer
    from yizhan.schemas.followups import Followup


@dataclass(frozen=True, slots=True)
class Manner:
    """How an obligation of one rule is met; ``command`` has {county}, {about}, {period}."""

    discharge: str
    command: str


_REPLY: Final = "yizhan new {type} --county {{county}}"
MANNERS: Final[Mapping[str, Manner]] = {
    "tell": Manner(marked("发出所获知的警情"), "yizhan outbox run --county {county}"),
    "acknowledge": Manner(
        marked("值班人员签收，报姓名和警号"),
        "yizhan inbox ack {about} --county {county} --name … --badge …",
    ),
    "follow-up": Manner(marked("发出同一件事的续报或终报"), "yizhan inbox show {about} --county {county}"),
    "verify-hotspot": Manner(marked("核查后以更新报送结果"), "yizhan inbox show {about} --county {county}"),
    "monthly-contact": Manner(
        marked("发出本月联系记录，由对方确认"),
        _REPLY.format(type="contact"),
    ),
    "quarterly-exchange": Manner(
        marked("签发本季度通报"),
        "yizhan bulletin make {period} --county {county} --office FILE",
    ),
    "consultation": Manner(marked("召开会商并发出会商记录"), _REPLY.format(type="consultation")),
    "feedback": Manner(marked("发出对该情报的反馈"), _REPLY.format(type="feedback")),
    "identity-request": Manner(marked("答复该协查请求"), _REPLY.format(type="response")),
    "other-assistance": Manner(marked("先告进展，再答复该协查请求"), _REPLY.format(type="response")),
    "missing-papers": Manner(marked("答复请求并写明缺哪些材料"), _REPLY.format(type="response")),
    "countersign": Manner(marked("会签该方案"), _REPLY.format(type="plan")),
    "dispute-status": Manner(marked("发出该纠纷的进展"), _REPLY.format(type="case")),
}
"""The rules of the agreement; a charter may have others."""
STEPS: Final = {
    "opened": marked("新的待办"),
    "overdue": marked("已逾期"),
    "discharged": marked("已履行"),
    "cancelled": marked("已撤销"),
    "not-owed": marked("这件没有履行任何待办，不是由本县履行的"),
}


def rule_name(app: App, rule: str) -> str:
    """Return what the charter says is owed by a rule; its id if it has none such."""
    found = app.charter.policy.obligations.get(rule)
    return rule if found is None else app.said(found.what)


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


def command(each: Obligation, county: str) -> str:
    """Return the command that discharges an obligation, its id or period filled in; empty where none does."""
    manner = MANNERS.get(each.rule)
    if manner is None or county not in each.owes:
        return ""
    return manner.command.format(county=county, about=each.about or "", period=each.period or "")


def telephone(app: App, county: str) -> Officer | None:
    """Return the first of a county's ladder who has a telephone, by the charter in force."""
    return next(iter(app.charter.ladders.get(county, ())), None)


def call(app: App, counties: tuple[str, ...]) -> str:
    """Say whom to telephone in these counties."""
    said = []
    for code in counties:
        officer = telephone(app, code)
        if officer is None:
            said.append(_("{county}（章程里没有电话）").format(county=app.named(code)))
        else:
            said.append(f"{app.named(code)} {officer.role} {officer.name} {officer.phone}")
    return _("请电话联系：{whom}").format(whom=listed(said))


def unanswered(said: Followup | Obligation, county: str) -> bool:
    """Tell whether it is an alarm of ours that nobody at the other side acknowledges: time to telephone."""
    if said.rule != "acknowledge" or county not in said.owed:
        return False
    steps = getattr(said, "steps", None) or (getattr(said, "step", ""),)
    return "leader" in steps or getattr(said, "to_whom", None) == "leader"


def subject(about: str | None, period: str | None) -> str:
    """Say what an obligation is about: an event's id, a period, or both."""
    return " ".join(part for part in (about, period) if part)


def as_json(app: App, each: Obligation, county: str, now: datetime) -> dict[str, Any]:
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
        "because": because(app, each.rule),
        "command": command(each, county) or None,
    }


def because(app: App, rule: str) -> str:
    """Return the charter's clause behind a rule; empty where it names none."""
    found = app.charter.policy.obligations.get(rule)
    return "" if found is None else app.said(found.because)


def tell_step(app: App, county: str, said: Followup) -> None:
    """Tell of one step as it comes: a line; where nobody answers our alarm, whom to telephone."""
    from yizhan.cli.output import say

    if unanswered(said, county):
        sentence = _("报警 {id} 对方无人签收。{call}")
        say(sentence.format(id=said.about.id if said.about else said.obligation, call=call(app, said.owes)))
        return
    sentence = _("{step}：{rule} {subject}，期限 {due}")
    about = subject(None if said.about is None else said.about.id, said.period)
    say(
        sentence.format(
            step=step_name(said.step), rule=rule_name(app, said.rule), subject=about, due=app.local(said.due)
        )
    )
