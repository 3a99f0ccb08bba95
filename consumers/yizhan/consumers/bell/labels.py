"""The words for the bell's codes: rungs, urgencies, states of a ring, outcomes of a try.

Rule 1: an outcome without a word here (``exit 1``, the system's own) is shown as it is.
"""

from __future__ import annotations

from typing import Final

from yizhan.consumers.bell.rings import NO_CHANNEL, OLD
from yizhan.schemas.i18n import _, marked

RUNGS: Final = {
    "duty": marked("值班"),
    "second": marked("第二电话"),
    "liaison": marked("联络员"),
    "leader": marked("领导"),
}
URGENCIES: Final = {
    "alarm": marked("报警"),
    "call": marked("请电话联系"),
    "notice": marked("通知"),
    "reminder": marked("催办"),
}
STATES: Final = {
    "due": marked("待响"),
    "tried": marked("正在送"),
    "delivered": marked("已送到"),
    "failed": marked("未送出，还会再试"),
    "dropped": marked("不必再响"),
}
TELLS: Final = {
    "kind": marked("种类和发件县（kind）"),
    "grade": marked("另有编号和等级（grade）"),
    "summary": marked("另有简要情况（summary）"),
}
OUTCOMES: Final = {
    "delivered": marked("送到"),
    "refused": marked("对方没有收下"),
    "timeout": marked("没有按时答复"),
    "hanging": marked("前几次还没有答复，这次没有试"),
    "fault": marked("程序出错，见日志"),
    "no console": marked("没有打开的值班台网页"),
    "no sound": marked("值班台网页没有声音"),
    "dead": marked("各通道都不通"),
    "no channel": marked("这一级没有通道"),
    "old": marked("太久以前的"),
    "acknowledged": marked("已有人签收"),
    "discharged": marked("已履行"),
    "cancelled": marked("已撤销"),
    "withdrawn": marked("发件县已撤回"),
    "expired": marked("已过时效"),
}


def state_name(state: str, why: str | None) -> str:
    """Return what the state of a ring is called: one dropped without an answer of a person did not ring."""
    return _("没有响") if state == "dropped" and why in {NO_CHANNEL, OLD} else _(STATES[state])


def rung_name(rung: str) -> str:
    """Return what a rung is called."""
    return _(RUNGS[rung]) if rung in RUNGS else rung


def outcome_name(outcome: str | None) -> str:
    """Return what the outcome of a try or a ring is called."""
    return "" if outcome is None else _(OUTCOMES[outcome]) if outcome in OUTCOMES else outcome
