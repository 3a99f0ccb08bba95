"""``yizhan audit explain``: one event's whole life."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from yizhan.cli.click_options import Command, json_option, option
from yizhan.cli.commands.audit_matters import Asked, checkpoint_as_json, evidence_options, tell_checkpoint
from yizhan.schemas.i18n import _, join_list, join_sentences, marked, with_note
from yizhan.schemas.payloads.letters import PRIORITIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from yizhan.ledger.audit.history import HistoryStep, Life
    from yizhan.services.home import Home



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
@option(
    "--proofs",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help=marked("把账上每一处的证明写到这个目录"),
)
@evidence_options
@json_option()
def explain(
    *,
    event_id: str,
    proofs: Path | None,
    asked: Asked,
    as_json: bool,
) -> None:
    """Tell an event's life."""
    from yizhan.cli.output import print_json
    from yizhan.ledger.audit.history import life
    from yizhan.ledger.audit.logged import prove
    from yizhan.schemas.proofs import SUFFIX
    from yizhan.services.books import people_of

    home = asked.home
    with asked.gather() as (files, evidence):
        found = life(evidence, event_id, home.charters, {} if asked.books else people_of(home, event_id))
        proven = {place: prove(files, evidence.logged, place, home.charters) for place in found.places}
    if proofs is not None:
        proofs.mkdir(parents=True, exist_ok=True)
        for place, proof in proven.items():
            (proofs / f"{event_id.replace('/', '_')}.{place}{SUFFIX}").write_bytes(proof.to_bytes())
    if as_json:
        print_json(
            {"checkpoint": checkpoint_as_json(evidence.logged.checkpoint), "life": found, "proven": list(proven)}
        )
        return
    tell_checkpoint(home, evidence.logged.checkpoint)
    _tell_life(home, found)


def _tell_life(home: Home, found: Life) -> None:
    from yizhan.cli.output import print_pairs, print_table, tell
    from yizhan.ledger.audit.labels import step_name, vouch_name
    from yizhan.services.labels import type_name

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
    """Say what a step's details are."""
    from yizhan.ledger.audit.history import What

    notes: dict[What, Callable[[Home, HistoryStep], str]] = {
        What.DECIDED: _decision_note,
        What.REFUSED: lambda _app, step: _reason_note(step),
        What.RECEIVED: lambda _app, step: _origin_note(step),
        What.STORED: lambda _app, step: _way_note(step),
        What.OPENED: lambda _app, step: _look_note(step),
        What.DIGESTED: lambda _app, step: _digest_note(step),
        What.ANSWERED: lambda _app, step: _answer_note(step),
        What.DESTROYED: lambda _app, step: _destruction_note(step),
        What.OWED: _owed_note,
    }
    if step.what in notes:
        return notes[step.what](home, step)
    return join_sentences(each for each in (step.by, step.said.get("receipt"), step.said.get("hash")) if each)


def _decision_note(home: Home, step: HistoryStep) -> str:
    from yizhan.services.labels import way_name

    said = step.said
    because = home.localized(said["because"]) if "because" in said else said["rule"]
    again = {True: _("复算相同"), False: _("复算不同"), None: _("无法复算")}[said.get("recomputed")]
    sentence = _("{way}，章程 {charter} 规则 {rule}：{because}；{again}")
    return sentence.format(
        way=way_name(said["way"]), charter=said["charter"], rule=said["rule"], because=because, again=again
    )


def _reason_note(step: HistoryStep) -> str:
    from yizhan.services.labels import refusal

    return refusal(step.said["reason"], step.said["detail"])


def _origin_note(step: HistoryStep) -> str:
    note = _("{record}，章程 {charter}").format(record=step.said["record"], charter=step.said["charter"])
    return note + (_("；发件时钟偏快") if "clock_suspect" in step.said else "")


def _way_note(step: HistoryStep) -> str:
    from yizhan.services.labels import way_name

    return join_sentences([way_name(step.said["way"]), *step.said["warnings"]])


def _look_note(step: HistoryStep) -> str:
    sentence = _("{by}，{command}，共 {times} 次")
    return sentence.format(by=step.by, command=step.said["command"], times=step.said["times"])


def _digest_note(step: HistoryStep) -> str:
    state = _("已按清单核对") if step.said["proven"] else _("与清单不符")
    sentence = _("{label} 第 {position} 件，{state}")
    return sentence.format(label=step.said["label"], position=step.said["position"] + 1, state=state)


def _answer_note(step: HistoryStep) -> str:
    from yizhan.services.labels import type_name

    return with_note(f"{type_name(step.said['type'])} {step.said['id']}", step.said["refers"])


def _owed_note(home: Home, step: HistoryStep) -> str:
    """Say what was owed, which step this is, until when, by which rule of which charter, and why."""
    from yizhan.cli.obligation_view import debtor_name, step_name

    said = step.said
    sentence = _("{what}：{step}，{whom} 应于 {due} 前办；章程 {charter} 规则 {rule}：{because}")
    note = sentence.format(
        what=home.localized(said["what"]) if "what" in said else said["rule"],
        step=f"{step_name(said['step'])} {said['step']}",
        whom=join_list(debtor_name(home, code) for code in said["owes"]),
        due=home.local_time(said["due"]),
        charter=said["charter"],
        rule=said["rule"],
        because=home.localized(said["because"]) if "because" in said else said["rule"],
    )
    return with_note(note, said["by"]["id"]) if "by" in said else note


def _destruction_note(step: HistoryStep) -> str:
    sentence = _("保管期限 {retention}，通知 {notice}")
    return sentence.format(retention=step.said["retention"], notice=step.said["notice"] or _("待发"))
