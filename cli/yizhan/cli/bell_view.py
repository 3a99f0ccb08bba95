"""The bell in words and as JSON: rungs, channels, what was rung and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from yizhan.cli.output import fields_of, print_line, print_table, say
from yizhan.consumers.bell.channels import DELIVERED
from yizhan.consumers.bell.labels import TELLS, URGENCIES, outcome_name, rung_name, state_name
from yizhan.consumers.bell.rings import (
    ABSENCE_STEP,
    ALARM_STEP,
    FINAL_STEP,
    LETTER_STEP,
    NO_CHANNEL,
    NOTICE_STEP,
    Plan,
    Ring,
    RingOutcome,
    Try,
)
from yizhan.schemas.i18n import _, join_list, join_sentences
from yizhan.services.bell import BellStatus, ChannelStatus, Rung
from yizhan.services.home import Home
from yizhan.services.obligation_text import step_name


def unreachable_rungs(rungs: Sequence[Rung]) -> Iterator[str]:
    """Say which rungs have no channel."""
    silent = [rung_name(each.rung) for each in rungs if not each.channels]
    if silent:
        sentence = _("{rungs}没有通道：轮到时改响就近的有通道的一级；请在 bell.toml 的 [rungs] 里写上")
        yield sentence.format(rungs=join_list(silent))


def problems(status: BellStatus) -> Iterator[str]:
    """Say what does not work."""
    yield from unreachable_rungs(status.rungs)
    for each in status.channels:
        if each.dead:
            sentence = _("通道 {name} 不通：最近一次没有送出；修好后请运行 yizhan bell test")
            yield sentence.format(name=each.name)
    if status.unheard:
        sentence = _("有 {count} 次报警没有任何通道送出，还在试；请当面或电话告知")
        yield sentence.format(count=status.unheard)


def status_json(county: str, status: BellStatus) -> dict[str, Any]:
    """Return the status for programs."""
    return {
        "county": county,
        **fields_of(status.settings, "quiet_hours group_seconds"),
        **fields_of(status, "rungs channels unheard"),
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
                _subject(ring.plan),
                " ".join(filter(None, (_(URGENCIES[ring.plan.urgency]), _step_text(home, ring.plan)))),
                rung_name(ring.plan.rung),
                home.local_time(ring.plan.due),
                join_sentences(filter(None, (state_name(ring.state, ring.why), _why(ring, rung_instead(ring, found))))),
                join_sentences(_try_text(home, each) for each in tries),
            )
            for ring, tries in found
        ],
        _("还没有响过"),
    )


def _subject(plan: Plan) -> str:
    return _("值守中断") if plan.subject == ABSENCE_STEP else plan.about or plan.subject


def _step_text(home: Home, plan: Plan) -> str:
    """Return a step in words: the rung that the charter's reminder is meant for, or what the step is called."""
    rule = None if plan.rule is None else home.charter.policy.obligations.get(plan.rule)
    for each in () if rule is None else rule.reminders:
        if each.id == plan.step:
            return rung_name(each.to)
    if plan.step in {LETTER_STEP, FINAL_STEP}:
        return _("来信") if plan.step == LETTER_STEP else _("终报")
    if plan.step in {ALARM_STEP, NOTICE_STEP} or plan.subject == ABSENCE_STEP:
        return ""
    return step_name(plan.step)


def rung_instead(ring: Ring, found: Sequence[tuple[Ring, Sequence[Try]]]) -> str | None:
    """Return the rung that was rung instead of one without a channel."""
    name = ring.plan.subject, ring.plan.step
    if ring.why != NO_CHANNEL:
        return None
    later = (each.plan for each, _tries in found if each.seq > ring.seq)
    return next((plan.rung for plan in later if (plan.subject, plan.step) == name), None)


def _why(ring: Ring, instead: str | None) -> str:
    if instead is None:
        return outcome_name(ring.why)
    return _("这一级没有通道，改响{rung}").format(rung=rung_name(instead))


def _try_text(home: Home, each: Try) -> str:
    outcome = outcome_name(each.outcome) if each.ended else _("不知是否送到")
    return f"{home.local_time(each.at)} {each.channel} {outcome}"


def ring_json(ring: Ring, tries: Sequence[Try]) -> dict[str, Any]:
    """Return a ring with its tries for programs."""
    return {
        **fields_of(ring.plan, "subject step rung urgency about rule due"),
        **fields_of(ring, "made state at channel why rounds"),
        "tries": [fields_of(each, "channel tells at ended outcome") for each in tries],
    }


def say_heard(heard: RingOutcome, *, as_json: bool) -> None:
    """Say what came of one sending: to programs everything, to people what they must know."""
    rung = heard.rings[0].plan.rung
    if as_json:
        document = {"became": "bell", "rings": False, "reason": heard.outcome, "item": None, "followup": None}
        subjects = [each.plan.subject for each in heard.rings]
        print_line(document | {"rung": rung, "channel": heard.channel, "instead": heard.instead, "subjects": subjects})
    elif heard.channel is None and heard.outcome == NO_CHANNEL and heard.instead is not None:
        say(_("铃：{rung}没有通道，改响{other}").format(rung=rung_name(rung), other=rung_name(heard.instead)))
    elif heard.channel is None and heard.instead is not None:
        say(_("铃：{rung}的通道都不通，改响{other}").format(rung=rung_name(rung), other=rung_name(heard.instead)))
    elif heard.channel is None:
        say(_("铃：{rung}的通道都不通，没有人听到！请当面或电话告知").format(rung=rung_name(rung)))
    elif heard.outcome == DELIVERED:
        say(_("铃：已由通道 {channel} 告知{rung}").format(channel=heard.channel, rung=rung_name(rung)))
    else:
        sentence = _("铃：通道 {channel} 没有送出：{why}；换下一个")
        say(sentence.format(channel=heard.channel, why=outcome_name(heard.outcome)))
