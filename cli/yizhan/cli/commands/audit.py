"""``yizhan audit verify|export``: the log verified, and written to a folder for others."""

from __future__ import annotations

from pathlib import Path

import click

from yizhan.cli.click_options import FOLDER, NEW_FILE, Group, charter_option, json_option, option
from yizhan.cli.commands.audit_explain import explain
from yizhan.cli.commands.audit_find import find
from yizhan.cli.commands.audit_reconcile import reconcile
from yizhan.cli.commands.audit_report import report
from yizhan.cli.context import current_home
from yizhan.cli.output import print_json, tell
from yizhan.cli.screen import progress
from yizhan.ledger.verify import VerifiedLog
from yizhan.schemas.i18n import _, marked
from yizhan.services.audit import export_log, newest_checkpoint, require_final, verify_log
from yizhan.services.audit_text import cosigners
from yizhan.services.home import Home

command = Group("audit", help=marked("审计：不信任何人，只凭章程核验账本"))
for each in (explain, find, reconcile, report):
    command.add_command(each)


@command.command(
    "verify",
    help=marked(
        "核验整本账：每条账目、每个文件、根、账本的签名、各县的会签。不用网络，也不用驿站；WHERE 是目录或网址。\n\n"
        "有 statements 目录时，连原话一并核验。哪个文件不对就指出哪个，退出码为 1。"
    ),
)
@click.argument("where", metavar="WHERE")
@charter_option()
@option("--state", type=NEW_FILE, metavar="FILE", help=marked("进度记在这个文件里：中断后接着做，下次只做新的"))
@option("--not-final", is_flag=True, help=marked("没有法定多数会签的检查点也算通过"))
@json_option()
def verify(where: str, charter: Path | None, state: Path | None, not_final: bool, as_json: bool) -> None:
    """Verify a log."""
    home = current_home(charter)
    newest = newest_checkpoint(home, where)
    with progress(_("核验账本"), None if newest is None else newest.checkpoint.size) as bar:
        found = verify_log(home, where, state, bar)
    _show(home, found, as_json=as_json)
    if not not_final:
        require_final(found, where)


def _show(home: Home, found: VerifiedLog, *, as_json: bool) -> None:
    newest, final = found.newest, found.final
    if as_json:
        print_json(
            {
                "size": newest.checkpoint.size,
                "root": newest.checkpoint.root,
                "signed": newest.at,
                "charter": newest.charter.name,
                "final_size": None if final is None else final.checkpoint.size,
                "cosigned": [] if final is None else sorted(final.cosigned),
                "quorum": newest.charter.quorum,
                "resumed_at": found.resumed_at,
                "statements": found.statements,
            }
        )
        return
    if found.all_files:
        sentence = _("账本 {size} 条，逐条、逐个文件、签名都对；根 {root}")
    else:
        sentence = _(
            "账本 {size} 条，逐条、读到的文件、签名都对；网址列不出文件，已被更宽的取代的旧文件没有核对；根 {root}"
        )
    tell(sentence.format(size=newest.checkpoint.size, root=newest.checkpoint.root.hex()))
    if found.statements:
        tell(_("原话 {count} 条，与账目一致，驿站的签名都对").format(count=found.statements))
    if final is not None:
        sentence = _("前 {size} 条已定局，会签：{members}")
        tell(sentence.format(size=final.checkpoint.size, members=cosigners(home, final)))


@command.command(
    "export",
    help=marked(
        "把账本写到目录里，供网站发布或随身携带：tlog-tiles 格式，任何人的工具都能核验。\n\n"
        "只有指纹，看不出谁与谁往来；加 --statements 则连原话一起，只交给审计。可以接着以前的继续。"
    ),
)
@click.argument("target", type=FOLDER, metavar="DIR")
@option("--statements", "with_statements", is_flag=True, help=marked("连驿站的原话一起（只交给审计）"))
@json_option()
def export(target: Path, with_statements: bool, as_json: bool) -> None:
    """Export the log."""
    with progress(_("导出账本")) as bar:
        opened = export_log(current_home(), target, with_statements=with_statements, progress=bar)
    if as_json:
        print_json({"folder": str(target), "size": opened.checkpoint.size, "root": opened.checkpoint.root})
        return
    tell(_("已导出 {size} 条到 {folder}").format(size=opened.checkpoint.size, folder=target))
