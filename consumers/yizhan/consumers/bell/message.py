"""The text of a notification: no more than its channel may carry. Pure.

Rule 1: ``kind`` names the kind, how urgent it is, which report of a matter it is, and the sender; no id, place,
        person or figure. ``grade`` adds id, grade, certainty and the number of an update, ``summary`` where the matter
        stands and what the sender wrote first. An exercise is marked as one.
Rule 2: a program gets as much as a person, in words of closed lists.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from itertools import accumulate
from typing import Any, Final

from yizhan.consumers.bell.rings import ALARM_STEP, FINAL_STEP, LETTER_STEP, URGENT, MissedAlarms, Ring
from yizhan.consumers.bell.settings import Tells
from yizhan.consumers.items import Item
from yizhan.consumers.labels import Warn, sentence
from yizhan.schemas.i18n import _
from yizhan.schemas.obligation_steps import OVERDUE
from yizhan.schemas.payloads.letters import (
    PRESSING,
    PRIORITIES,
    header_facts,
    headline,
    report_name,
    state_name,
)

LONGEST_SUMMARY: Final = 200
MOST_BYTES: Final = 1500
"""Longest text, in characters, of the lines of a message about several events: a WeCom robot accepts 2 KiB in all."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: text for people, and ``event`` for programs (JSON values)."""

    title: str
    body: str
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a member and of a rule, by code and id; and the alliance's time zone."""

    county: Callable[[str], str]
    rule: Callable[[str], str]
    zone: tzinfo = UTC


def compose(rings: Sequence[Ring], tells: Tells, county: str, names: Names) -> Message:
    """Write one message for one rung: of one ring, or of several that are not urgent."""
    first = rings[0]
    if first.missed is not None:
        title, lines = _absence(first.missed, tells, names)
    elif first.plan.urgency == "alarm":
        title, lines = _alarm(first, tells, names)
    elif first.plan.urgency == "call":
        title = _("【驿站】对方无人签收报警，请电话联系")
        lines = ["、".join(map(names.county, first.plan.counties)) + _id(first, tells)]
    else:
        title, lines = _grouped(rings, tells, names)
    inbox = any(each.item is not None for each in rings) or first.plan.urgency == "alarm"
    look = _("请打开收件箱") if inbox else _("请查看待办")
    return Message(title, "\n".join([*filter(None, lines), look]), _event(rings, tells, county))


def _alarm(ring: Ring, tells: Tells, names: Names) -> tuple[str, list[str]]:
    item = ring.item
    if item is None:  # the station says that nobody acknowledges what we could not read yet
        return _("【驿站】有报警无人签收"), ["、".join(map(names.county, ring.plan.counties)) + _id(ring, tells)]
    lines = [_("来自 {sender}").format(sender=names.county(item.county)) + _id(ring, tells)]
    if ring.plan.step == LETTER_STEP:
        title = _("【驿站】{priority}来信：{kind}")
        title = title.format(priority=_(PRIORITIES[item.header.priority]), kind=item.title)
    elif ring.plan.step == FINAL_STEP:
        title = _("【驿站】终报：{kind}").format(kind=item.title)
        if facts := _facts(item, tells):
            lines.append(facts)
    else:
        if ring.plan.rung != "duty" or ring.plan.step != ALARM_STEP:
            lines.append(_("尚无人签收"))
        if facts := _facts(item, tells):
            lines.append(facts)
        if Warn.FIRST_MISSING in item.warnings:
            lines.append(sentence(Warn.FIRST_MISSING))
        title = _("【驿站】报警：{kind}").format(kind=item.title)
    if tells == "summary":
        lines.append(summary(item))
    return title, lines


def _absence(missed: MissedAlarms, tells: Tells, names: Names) -> tuple[str, list[str]]:
    """Return one message about all missed alarms; time and sender of the oldest are no content."""
    oldest = _("最早的来自 {sender}，驿站于 {at} 收到")
    at = f"{missed.received.astimezone(names.zone):%Y-%m-%d %H:%M}"
    line = oldest.format(sender=names.county(missed.county), at=at)
    id_ = "" if tells == "kind" else f" {missed.oldest}"
    return _("【驿站】值守中断期间有 {count} 件报警，无人签收").format(count=missed.count), [line + id_]


def _facts(item: Item, tells: Tells) -> str:
    """Return how urgent, how grave, how certain and which report an event is, as far as a channel may know."""
    if tells == "kind":
        priority = _(PRIORITIES[item.header.priority]) if item.header.priority in PRESSING else ""
        return " ".join(filter(None, (priority, report_name(item.header))))
    state = state_name(None if item.contents is None else item.contents.raw) if tells == "summary" else ""
    return " ".join(filter(None, (*header_facts(item.header, item.update), state)))


def _grouped(rings: Sequence[Ring], tells: Tells, names: Names) -> tuple[str, list[str]]:
    """Count kinds; where the channel may know more, name each."""
    lines = [_line(each, tells, names) for each in rings]
    lines = [f"{line} × {count}" if count > 1 else line for line, count in Counter(lines).items()]
    fitting = [
        line for line, so_far in zip(lines, accumulate(len(line.encode()) + 1 for line in lines), strict=True)
        if so_far <= MOST_BYTES
    ]  # fmt: skip
    if len(fitting) < len(lines):
        lines = [*fitting, "…"]
    kinds = {each.plan.urgency for each in rings}
    title = _("【驿站】通知 {count} 件") if kinds == {"notice"} else _("【驿站】催办 {count} 件")
    return (title if len(kinds) == 1 else _("【驿站】通知和催办 {count} 件")).format(count=len(rings)), lines


def _line(ring: Ring, tells: Tells, names: Names) -> str:
    plan, item = ring.plan, ring.item
    if plan.rule is not None:
        line = names.rule(plan.rule)
        if plan.urgency == "notice":
            line = _("对方已逾期：{what}").format(what=line)
        elif plan.step == OVERDUE:
            line = _("已逾期：{what}").format(what=line)
        if plan.counties:
            line += " · " + "、".join(map(names.county, plan.counties))
        return line + _id(ring, tells)
    if item is None:
        return _("通知") + _id(ring, tells)
    facts = _facts(item, tells)
    line = " · ".join(filter(None, (item.title, facts, names.county(item.county)))) + _id(ring, tells)
    text = summary(item) if tells == "summary" else ""
    return f"{line}: {text}" if text else line


def _id(ring: Ring, tells: Tells) -> str:
    return f" {ring.plan.about}" if ring.plan.about and tells != "kind" else ""


def summary(item: Item) -> str:
    """Return the beginning of what its sender wrote; empty where it could not be opened."""
    return headline(None if item.contents is None else item.contents.raw, LONGEST_SUMMARY)


def _event(rings: Sequence[Ring], tells: Tells, county: str) -> dict[str, Any]:
    return {"county": county, "tells": tells, "rings": [_ring_json(each, tells) for each in rings]}


def _ring_json(ring: Ring, tells: Tells) -> dict[str, Any]:
    plan, item = ring.plan, ring.item
    known: dict[str, Any] = {
        "urgency": plan.urgency,
        "urgent": plan.urgency in URGENT,
        "rung": plan.rung,
        "step": plan.step,
        "rule": plan.rule,
        "type": None if item is None else item.type,
        "status": None if item is None else item.status,
        "priority": None if item is None else item.header.priority,
        "stage": None if item is None else item.header.stage,
        "missed": None if ring.missed is None else ring.missed.count,
        "from": _from(ring),
    }
    if tells != "kind":
        known |= {"id": plan.about, "grade": None if item is None else item.header.grade}
        known |= {"certainty": None if item is None else item.header.certainty}
    if tells == "summary":
        known["summary"] = None if item is None else summary(item)
    return {name: value for name, value in known.items() if value is not None}


def _from(ring: Ring) -> list[str]:
    if ring.missed is not None:
        return [ring.missed.county]
    return list(ring.plan.counties) if ring.item is None else [ring.item.county]


def wordless(county: str) -> Message:
    """Return a message without content."""
    return Message(_("【驿站】请打开收件箱"), "", {"county": county})


def of_test(channel: str, county: str) -> Message:
    """Write what a test sends; ``county`` is the county's name."""
    title = _("【驿站】【测试】通道 {name}").format(name=channel)
    return Message(title, _("{county}的铃在试响，不必处置").format(county=county), {"county": county, "test": True})


def of_stopped_inbox(county: str, name: str) -> Message:
    """Write that nothing is received: ``county`` is the county's code, ``name`` its name."""
    body = _(
        "{county}的收件进程没有在运行，此间发来的报警不会响铃。"
        "请叫系统管理员启动它；启动以前，请与相邻县（市）保持电话联系"
    )
    return Message(_("【驿站】收件停了，报警收不到"), body.format(county=name), {"county": county, "stopped": "inbox"})


def of_stopped_outbox(county: str, name: str, count: int | None) -> Message:
    """Write that nothing is sent while ``count`` urgent events wait; None: the outbox cannot be read."""
    if count is None:
        body = _(
            "{county}的发件进程没有在运行，发件箱也读不出，不知有没有急件没有送出。急事请打电话，并叫系统管理员来看"
        )
    else:
        body = _("{county}的发件进程没有在运行，有 {count} 件急件没有送出。急事请打电话，并叫系统管理员启动它")
    title = _("【驿站】发件停了，急件送不出")
    return Message(title, body.format(county=name, count=count), {"county": county, "stopped": "outbox"})
