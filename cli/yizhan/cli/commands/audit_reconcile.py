"""``yizhan audit reconcile``: two counties' books compared with each other and with the log."""

from __future__ import annotations

import click

from yizhan.cli.audit_options import evidence_options
from yizhan.cli.checkpoint_view import checkpoint_json, tell_checkpoint
from yizhan.cli.click_options import MEMBER, json_option, single_command
from yizhan.cli.output import print_json, print_table, tell
from yizhan.cli.screen import progress
from yizhan.ledger.audit.reconcile import LaneCount, Reconciliation
from yizhan.schemas.i18n import _, marked
from yizhan.services.audit import AuditSources, reconcile_counties
from yizhan.services.audit_text import discrepancy_sentence
from yizhan.services.home import Home


@single_command(
    "reconcile",
    help=marked(
        "对账：两个县的簿与账本逐道核对，双向。发了没收、收了没发、指纹不同、断号，逐件指名。\n\n"
        "先由两县各自导出：yizhan outbox export、yizhan inbox export。对不上时退出码为 1。"
    ),
)
@click.argument("a", type=MEMBER, metavar="A")
@click.argument("b", type=MEMBER, metavar="B")
@evidence_options
@json_option()
@click.pass_context
def reconcile(ctx: click.Context, *, a: str, b: str, sources: AuditSources, as_json: bool) -> None:
    """Reconcile two counties."""
    with progress(_("核验账本")) as bar:
        checkpoint, found = reconcile_counties(sources, a, b, bar)
    if as_json:
        print_json({"checkpoint": checkpoint_json(checkpoint), "reconciliation": found})
    else:
        tell_checkpoint(sources.home, checkpoint)
        _tell_reconciliation(sources.home, found)
    if not found.clean:
        ctx.exit(1)


def _tell_reconciliation(home: Home, found: Reconciliation) -> None:
    columns = [_("发件"), _("收件"), _("册"), _("道"), _("末号"), _("发出"), _("入账"), _("收到"), _("作废"), _("在途")]
    print_table(columns, [_row(home, lane) for lane in found.lanes], _("两县之间没有往来"))
    for each in found.discrepancies:
        tell(discrepancy_sentence(home, each))
    for county, kind in found.missing_books:
        name = _("发件簿") if kind == "outbox" else _("收件簿")
        tell(_("缺 {county} 的{name}，这个方向没有核对").format(county=home.member_name(county), name=name))
    if found.clean:
        tell(_("两县之间账实相符"))


def _row(home: Home, lane: LaneCount) -> tuple[object, ...]:
    names = home.member_name(lane.sender), home.member_name(lane.recipient)
    counts = lane.head, lane.sent, lane.logged, lane.came, lane.void, lane.waiting
    return (*names, lane.book, lane.lane, *counts)
