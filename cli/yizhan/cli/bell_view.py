"""The bell in words and as JSON: rungs, channels, what was rung and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from yizhan.cli.output import fields_of, print_line, print_table, say
from yizhan.consumers.bell.labels import TELLS, URGENCIES, outcome_name, rung_name, state_name
from yizhan.consumers.bell.rings import Ring, RingOutcome, Try
from yizhan.schemas.i18n import _, join_list, join_sentences
from yizhan.services.bell import CONSOLE, BellStatus, ChannelStatus
from yizhan.services.bell_text import (
    heard_line,
    not_rung_words,
    ring_reason,
    ring_subject,
    try_words,
    unreachable_rungs,
)
from yizhan.services.home import Home


def problems(status: BellStatus) -> Iterator[str]:
    """Say what does not work."""
    yield from unreachable_rungs(status.rungs)
    for each in status.channels:
        if each.dead:
            sentence = (
                _("通道 {name} 不通：{why}；请打开值班台网页，并打开声音")
                if each.kind == CONSOLE
                else _("通道 {name} 不通：最近一次没有送出；修好后请运行 yizhan bell test")
            )
            yield sentence.format(name=each.name, why=outcome_name(each.why))
    if status.unheard:
        sentence = _("有 {count} 次报警没有任何通道送出，还在试；请当面或电话告知")
        yield sentence.format(count=status.unheard)


def status_json(county: str, status: BellStatus) -> dict[str, Any]:
    """Return the status for programs."""
    return {
        "county": county,
        **fields_of(status.settings, "quiet_hours group_seconds"),
        **fields_of(status, "rungs channels unheard consoles"),
        "problems": list(problems(status)),
    }


def print_status(home: Home, status: BellStatus) -> None:
    """Print rungs and channels, and on stderr what does not work."""
    print_table(
        [_("级"), _("是谁"), _("电话"), _("响铃通道")],
        [
            (
                rung_name(each.rung),
                "" if each.officer is None else f"{each.officer.role} {each.officer.name}",
                "" if each.officer is None else each.officer.phone,
                join_list(each.channels),
            )
            for each in status.rungs
        ],
        "",
    )
    columns = [_("响铃通道"), _("经由"), _("许带"), _("最近送到"), _("最近不通"), _("现在")]
    print_table(columns, [_channel_row(home, each) for each in status.channels], "")
    if status.consoles:
        rows = [(each.label, each.badge, home.local_time(each.seen), _("有") if each.audible else _("没有")) for each in
                status.consoles]  # fmt: skip
        print_table([_("值班台网页"), _("警号"), _("最近一次"), _("声音")], rows, "")
    for problem in problems(status):
        say(problem)


def _channel_row(home: Home, each: ChannelStatus) -> tuple[str, ...]:
    failed = join_sentences(filter(None, (home.local_time(each.failed), outcome_name(each.why))))
    now = _("不通") if each.dead else _("通") if each.delivered else _("没有试过")
    return each.name, each.kind, _(TELLS[each.tells]), home.local_time(each.delivered), failed, now


def print_rings(home: Home, found: Sequence[tuple[Ring, Sequence[Try]]]) -> None:
    """Print rings, each with its tries."""
    print_table(
        [_("事由"), _("为何"), _("哪一级"), _("应响"), _("情况"), _("经过")],
        [
            (
                ring_subject(ring.plan),
                " ".join(filter(None, (_(URGENCIES[ring.plan.urgency]), ring_reason(home, ring.plan)))),
                rung_name(ring.plan.rung),
                home.local_time(ring.plan.due),
                join_sentences(filter(None, (state_name(ring.state, ring.why), not_rung_words(ring, found)))),
                join_sentences(try_words(home, each) for each in tries),
            )
            for ring, tries in found
        ],
        _("还没有响过"),
    )


def ring_json(ring: Ring, tries: Sequence[Try]) -> dict[str, Any]:
    """Return a ring with its tries for programs."""
    return {
        **fields_of(ring.plan, "subject step rung urgency about rule due"),
        **fields_of(ring, "made state at channel why rounds"),
        "tries": [fields_of(each, "channel tells at ended outcome") for each in tries],
    }


def say_heard(heard: RingOutcome, *, as_json: bool) -> None:
    """Say what came of one sending: to programs everything, to people what they must know."""
    if not as_json:
        say(heard_line(heard))
        return
    document = {"became": "bell", "rings": False, "reason": heard.outcome, "item": None, "followup": None}
    document |= {"rung": heard.rings[0].plan.rung, "channel": heard.channel, "instead": heard.instead}
    print_line(document | {"subjects": [each.plan.subject for each in heard.rings]})
