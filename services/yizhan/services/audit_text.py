"""What an audit found in words, for every face: the details of a step, a finding, a discrepancy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from yizhan.ledger.audit.findings import Finding
from yizhan.ledger.audit.history import HistoryStep, HistoryStepKind
from yizhan.ledger.audit.labels import discrepancy_name
from yizhan.ledger.audit.reconcile import Discrepancy
from yizhan.schemas.checkpoints import OpenedCheckpoint
from yizhan.schemas.i18n import _, join_list, join_sentences, with_note
from yizhan.schemas.obligation_rules import rule_name
from yizhan.services.home import Home
from yizhan.services.labels import REASONS, reason_name, refusal, type_name, way_name
from yizhan.services.obligation_text import debtor_name
from yizhan.services.obligation_text import step_name as obligation_step_name


def step_note(home: Home, step: HistoryStep) -> str:
    """Return the details of a step."""
    if step.what in _NOTES:
        return _NOTES[step.what](home, step)
    officers = join_list(with_note(each.name, each.badge) for each in step.people)
    return join_sentences(each for each in (step.by, officers, step.said.get("receipt"), step.said.get("hash")) if each)


def _decision_note(home: Home, step: HistoryStep) -> str:
    details = step.said
    because = home.localized(details["because"]) if "because" in details else details["rule"]
    again = {True: _("复算相同"), False: _("复算不同"), None: _("无法复算")}[details.get("recomputed")]
    sentence = _("{way}，章程 {charter} 规则 {rule}：{because}；{again}")
    return sentence.format(
        way=way_name(details["way"]), charter=details["charter"], rule=details["rule"], because=because, again=again
    )


def _reason_note(_home: Home, step: HistoryStep) -> str:
    return refusal(step.said["reason"], step.said["detail"])


def _origin_note(_home: Home, step: HistoryStep) -> str:
    note = _("{record}，章程 {charter}").format(record=step.said["record"], charter=step.said["charter"])
    return note + (_("；发件时钟偏快") if "clock_suspect" in step.said else "")


def _way_note(_home: Home, step: HistoryStep) -> str:
    return join_sentences([way_name(step.said["way"]), *step.said["warnings"]])


def _look_note(_home: Home, step: HistoryStep) -> str:
    sentence = _("{by}，{command}，共 {times} 次")
    return sentence.format(by=step.by, command=step.said["command"], times=step.said["times"])


def _digest_note(_home: Home, step: HistoryStep) -> str:
    state = _("已按清单核对") if step.said["proven"] else _("与清单不符")
    sentence = _("{label} 第 {position} 件，{state}")
    return sentence.format(label=step.said["label"], position=step.said["position"] + 1, state=state)


def _answer_note(_home: Home, step: HistoryStep) -> str:
    return with_note(f"{type_name(step.said['type'])} {step.said['id']}", step.said["refers"])


def _owed_note(home: Home, step: HistoryStep) -> str:
    """Say what was owed, which step this is, until when, by which rule of which charter, and why."""
    details = step.said
    sentence = _("{what}：{step}，{whom} 应于 {due} 前办；章程 {charter} 规则 {rule}：{because}")
    note = sentence.format(
        what=home.localized(details["what"]) if "what" in details else details["rule"],
        step=f"{obligation_step_name(details['step'])} {details['step']}",
        whom=join_list(debtor_name(home, code) for code in details["owes"]),
        due=home.local_time(details["due"]),
        charter=details["charter"],
        rule=details["rule"],
        because=home.localized(details["because"]) if "because" in details else details["rule"],
    )
    return with_note(note, details["by"]["id"]) if "by" in details else note


def _destruction_note(_home: Home, step: HistoryStep) -> str:
    sentence = _("保管期限 {retention}，通知 {notice}")
    return sentence.format(retention=step.said["retention"], notice=step.said["notice"] or _("待发"))


_NOTES: Final[Mapping[HistoryStepKind, Callable[[Home, HistoryStep], str]]] = {
    HistoryStepKind.DECIDED: _decision_note,
    HistoryStepKind.REFUSED: _reason_note,
    HistoryStepKind.RECEIVED: _origin_note,
    HistoryStepKind.STORED: _way_note,
    HistoryStepKind.OPENED: _look_note,
    HistoryStepKind.DIGESTED: _digest_note,
    HistoryStepKind.ANSWERED: _answer_note,
    HistoryStepKind.DESTROYED: _destruction_note,
    HistoryStepKind.OWED: _owed_note,
}


def finding_note(home: Home, each: Finding) -> str:
    """Return the obligation, how long it took, and the detail."""
    parts = []
    if each.what is not None:
        parts.append(home.localized(each.what))
    elif each.rule is not None:
        parts.append(reason_name(each.rule) if each.rule in REASONS else rule_name(each.rule))
    if each.took is not None and each.limit is not None:
        sentence = _("用时 {took} 分钟，限 {limit} 分钟")
        parts.append(sentence.format(took=round(each.took / 60), limit=round(each.limit / 60)))
    return join_sentences([*parts, *([each.detail] if each.detail else [])])


def discrepancy_sentence(home: Home, each: Discrepancy) -> str:
    """Return one discrepancy as one line."""
    number = "" if each.first is None else str(each.first)
    if each.last != each.first:
        number += f"–{each.last}"
    sentence = _("✘ {sender} 发给 {recipient} {lane} {number} {id}：{odd}（{word}）{place}{detail}")
    return sentence.format(
        sender=home.member_name(each.sender),
        recipient=home.member_name(each.recipient),
        lane=f"{each.book}/{each.lane}" if each.lane else "",
        number=number,
        id=each.id or "",
        odd=discrepancy_name(each.odd),
        word=each.odd.value,
        place="" if each.place is None else _("，账上第 {place} 条").format(place=each.place),
        detail=f": {each.detail}" if each.detail else "",
    )


def checkpoint_line(home: Home, opened: OpenedCheckpoint) -> str:
    """Return size, time and cosignatures of a checkpoint."""
    return _("{size} 条，{at}，会签 {cosigned}/{quorum}").format(
        size=opened.checkpoint.size,
        at=home.local_time(opened.at),
        cosigned=len(opened.cosigned),
        quorum=opened.charter.quorum,
    )


def cosigners(home: Home, opened: OpenedCheckpoint) -> str:
    """Return the names of the counties that cosigned."""
    return join_list(home.member_name(code) for code in sorted(opened.cosigned))
