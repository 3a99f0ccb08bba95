"""The bell in words, for every face: whom nothing reaches, why it rang, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from yizhan.consumers.bell.channels import DELIVERED
from yizhan.consumers.bell.labels import outcome_name, rung_name
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
from yizhan.schemas.i18n import _, join_list
from yizhan.services.bell import Rung
from yizhan.services.home import Home
from yizhan.services.obligation_text import step_name


def unreachable_rungs(rungs: Sequence[Rung]) -> Iterator[str]:
    """Say which rungs have no channel."""
    silent = [rung_name(each.rung) for each in rungs if not each.channels]
    if silent:
        sentence = _("{rungs}没有通道：轮到时改响就近的有通道的一级；请在 bell.toml 的 [rungs] 里写上")
        yield sentence.format(rungs=join_list(silent))


def ring_subject(plan: Plan) -> str:
    """Say what a ring is about."""
    return _("值守中断") if plan.subject == ABSENCE_STEP else plan.about or plan.subject


def ring_reason(home: Home, plan: Plan) -> str:
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


def _rung_instead(ring: Ring, found: Sequence[tuple[Ring, Sequence[Try]]]) -> str | None:
    """Return the rung that was rung instead of one without a channel."""
    name = ring.plan.subject, ring.plan.step
    if ring.why != NO_CHANNEL:
        return None
    later = (each.plan for each, _tries in found if each.seq > ring.seq)
    return next((plan.rung for plan in later if (plan.subject, plan.step) == name), None)


def not_rung_words(ring: Ring, found: Sequence[tuple[Ring, Sequence[Try]]]) -> str:
    """Say why a ring did not reach its rung; ``found`` are the rings that were listed with it."""
    instead = _rung_instead(ring, found)
    if instead is None:
        return outcome_name(ring.why)
    return _("这一级没有通道，改响{rung}").format(rung=rung_name(instead))


def try_words(home: Home, each: Try) -> str:
    """Say when a channel was tried, and what came of it."""
    outcome = outcome_name(each.outcome) if each.ended else _("不知是否送到")
    return f"{home.local_time(each.at)} {each.channel} {outcome}"


def heard_line(heard: RingOutcome) -> str:
    """Say what came of one sending."""
    rung, other = rung_name(heard.rings[0].plan.rung), None if heard.instead is None else rung_name(heard.instead)
    if heard.channel is None and heard.outcome == NO_CHANNEL and other is not None:
        return _("铃：{rung}没有通道，改响{other}").format(rung=rung, other=other)
    if heard.channel is None and other is not None:
        return _("铃：{rung}的通道都不通，改响{other}").format(rung=rung, other=other)
    if heard.channel is None:
        return _("铃：{rung}的通道都不通，没有人听到！请当面或电话告知").format(rung=rung)
    if heard.outcome == DELIVERED:
        return _("铃：已由通道 {channel} 告知{rung}").format(channel=heard.channel, rung=rung)
    sentence = _("铃：通道 {channel} 没有送出：{why}；换下一个")
    return sentence.format(channel=heard.channel, why=outcome_name(heard.outcome))
