"""``yizhan audit explain``: one event's whole life."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import click

from yizhan.cli.audit_options import evidence_options
from yizhan.cli.checkpoint_view import checkpoint_json, tell_checkpoint
from yizhan.cli.click_options import FOLDER, Command, json_option, option
from yizhan.cli.context import acting
from yizhan.cli.obligation_view import debtor_name
from yizhan.cli.obligation_view import step_name as obligation_step_name
from yizhan.cli.output import as_json as json_value
from yizhan.cli.output import print_json, print_pairs, print_table, progress, tell
from yizhan.ledger.audit.history import HistoryStep, HistoryStepKind, Life
from yizhan.ledger.audit.labels import step_name, vouch_name
from yizhan.schemas.i18n import _, join_list, join_sentences, marked, with_note
from yizhan.schemas.payloads.letters import PRIORITIES
from yizhan.schemas.proofs import SUFFIX
from yizhan.services.audit import AuditSources, explain_event
from yizhan.services.home import Home
from yizhan.services.labels import refusal, type_name, way_name


@click.command(
    "explain",
    cls=Command,
    help=marked(
        "讲清一件事件的始末：何时获知、送出、收到，按哪一版章程的哪一条规则判定，何人何时签收，列入哪一期通报，"
        "由它而起、由它了结的待办各到何时，账上何处为证。"
        "ID 也可以是一项待办的名字，如 monthly-contact/2026-11/331126-350924/331126。\n\n"
        "来源是账本和各县的簿；加 --proofs 则把每一处的证明写成文件，凭章程即可核验。"
    ),
)
@click.argument("event_id", metavar="ID")
@option("--proofs", type=FOLDER, metavar="DIR", help=marked("把账上每一处的证明写到这个目录"))
@evidence_options
@json_option()
def explain(*, event_id: str, proofs: Path | None, sources: AuditSources, as_json: bool) -> None:
    """Tell an event's life."""
    with progress(_("核验账本")) as bar:
        found = explain_event(sources, event_id, acting("audit explain"), bar)
    if proofs is not None:
        proofs.mkdir(parents=True, exist_ok=True)
        for place, proof in found.proofs.items():
            (proofs / f"{event_id.replace('/', '_')}.{place}{SUFFIX}").write_bytes(proof.to_bytes())
    if as_json:
        checkpoint = checkpoint_json(found.checkpoint)
        print_json({"checkpoint": checkpoint, "life": _life_json(found.life), "proven": list(found.proofs)})
        return
    tell_checkpoint(sources.home, found.checkpoint)
    _tell_life(sources.home, found.life)


def _life_json(found: Life) -> dict[str, Any]:
    """Return a life for programs; ``by`` of a step is an account, or the officers in one text."""
    steps = []
    for step in found.steps:
        officers = "、".join(f"{each.name}（{each.badge}）" for each in step.people)
        fields = json_value(step) | {"by": step.by or officers or None}
        del fields["people"]
        steps.append(fields)
    life: dict[str, Any] = json_value(found) | {"steps": steps}
    return life


def _tell_life(home: Home, found: Life) -> None:
    header = found.header
    priority = PRIORITIES.get(str(header.get("priority")), "")
    print_pairs(
        [
            (_("编号"), found.id),
            (_("指纹"), found.hash),
            (_("类型"), type_name(header["type"]) if header else None),
            (_("收件"), join_list(home.member_name(code) for code in header["to"]) if header else None),
            (_("缓急"), _(priority) if header else None),
        ]
    )
    print_table(
        [_("时间"), _("事项"), _("单位"), _("说明"), _("凭据"), _("账上")],
        [
            (
                home.local_time(step.at),
                step_name(step.what),
                home.member_name(step.county),
                step_note(home, step),
                vouch_name(step.vouch),
                "" if step.place is None else step.place,
            )
            for step in found.steps
        ],
        _("账上和簿上都没有"),
    )
    for problem in found.problems:
        tell(_("注意：{problem}").format(problem=problem))
    if found.places:
        tell(_("账上 {count} 处，位置都已按检查点证明").format(count=len(found.places)))


def step_note(home: Home, step: HistoryStep) -> str:
    """Return the details of a step."""
    if step.what in _NOTES:
        return _NOTES[step.what](home, step)
    officers = join_list(with_note(each.name, each.badge) for each in step.people)
    return join_sentences(each for each in (step.by, officers, step.said.get("receipt"), step.said.get("hash")) if each)


def _decision_note(home: Home, step: HistoryStep) -> str:
    said = step.said
    because = home.localized(said["because"]) if "because" in said else said["rule"]
    again = {True: _("复算相同"), False: _("复算不同"), None: _("无法复算")}[said.get("recomputed")]
    sentence = _("{way}，章程 {charter} 规则 {rule}：{because}；{again}")
    return sentence.format(
        way=way_name(said["way"]), charter=said["charter"], rule=said["rule"], because=because, again=again
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
    said = step.said
    sentence = _("{what}：{step}，{whom} 应于 {due} 前办；章程 {charter} 规则 {rule}：{because}")
    note = sentence.format(
        what=home.localized(said["what"]) if "what" in said else said["rule"],
        step=f"{obligation_step_name(said['step'])} {said['step']}",
        whom=join_list(debtor_name(home, code) for code in said["owes"]),
        due=home.local_time(said["due"]),
        charter=said["charter"],
        rule=said["rule"],
        because=home.localized(said["because"]) if "because" in said else said["rule"],
    )
    return with_note(note, said["by"]["id"]) if "by" in said else note


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
