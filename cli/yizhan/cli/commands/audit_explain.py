"""``yizhan audit explain``: one event's whole life."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yizhan.cli.audit_options import evidence_options
from yizhan.cli.checkpoint_view import checkpoint_json, tell_checkpoint
from yizhan.cli.click_options import FOLDER, json_option, option, single_command
from yizhan.cli.context import acting
from yizhan.cli.output import as_json as json_value
from yizhan.cli.output import print_json, print_pairs, print_table, tell
from yizhan.cli.screen import progress
from yizhan.ledger.audit.history import Life
from yizhan.ledger.audit.labels import step_name, vouch_name
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.schemas.payloads.letters import PRIORITIES
from yizhan.schemas.proofs import SUFFIX
from yizhan.services.audit import AuditSources, explain_event
from yizhan.services.audit_text import step_note
from yizhan.services.home import Home
from yizhan.services.labels import type_name


@single_command(
    "explain",
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
