"""``yizhan audit verify|export``: the log checked, and given away, by whoever believes nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from yizhan.cli.click_options import Group, charter_option, json_option, option
from yizhan.cli.commands.audit_explain import explain
from yizhan.cli.commands.audit_find import find
from yizhan.cli.commands.audit_matters import reconcile
from yizhan.cli.commands.audit_report import report
from yizhan.schemas.i18n import _, join_list, marked

command = Group("audit", help=marked("审计：不信任何人，只凭章程核验账本"))
command.add_command(explain)
command.add_command(find)
command.add_command(reconcile)
command.add_command(report)


@command.command(
    "verify",
    help=marked(
        "核验整本账：每条账目、每个文件、根、账本的签名、各县的会签。不用网络，也不用驿站；WHERE 是目录或网址。\n\n"
        "有 statements 目录时，连原话一并核验。哪个文件不对就指出哪个，退出码为 1。"
    ),
)
@click.argument("where", metavar="WHERE")
@charter_option()
@option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=marked("进度记在这个文件里：中断后接着做，下次只做新的"),
)
@option("--not-final", is_flag=True, help=marked("没有法定多数会签的检查点也算通过"))
@json_option()
def verify(where: str, charter: Path | None, state: Path | None, not_final: bool, as_json: bool) -> None:
    """Verify a log."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, progress, tell
    from yizhan.ledger.log_source import CHECKPOINT, source
    from yizhan.ledger.statement_keys import read_said
    from yizhan.ledger.verify import read_checkpoint
    from yizhan.ledger.verify import verify as check
    from yizhan.services.errors import ServiceError

    home = current_home()
    home.charter_folder = charter or home.charter_folder
    files = source(where)
    newest = read_checkpoint(files, CHECKPOINT, home.charters)
    with progress(_("核验账本"), None if newest is None else newest.checkpoint.size) as bar:
        seen = [0]

        def checked(count: int) -> None:
            bar.advance(count - seen[0])
            seen[0] = count

        def statement(data: bytes) -> None:
            read_said(data, home.charters)

        found = check(files, home.charters, state=state, progress=checked, check_statement=statement)
    final = found.final
    figures: dict[str, Any] = {
        "size": found.newest.checkpoint.size,
        "root": found.newest.checkpoint.root,
        "signed": found.newest.at,
        "charter": found.newest.charter.name,
        "final_size": None if final is None else final.checkpoint.size,
        "cosigned": [] if final is None else sorted(final.cosigned),
        "quorum": found.newest.charter.quorum,
        "resumed_at": found.resumed_at,
        "statements": found.statements,
    }
    if as_json:
        print_json(figures)
    else:
        sentence = _("账本 {size} 条，逐条、逐个文件、签名都对；根 {root}")
        tell(sentence.format(size=figures["size"], root=figures["root"].hex()))
        if found.statements:
            tell(_("原话 {count} 条，与账目一致，驿站的签名都对").format(count=found.statements))
        if final is not None:
            members = join_list(home.member_name(code) for code in figures["cosigned"])
            tell(_("前 {size} 条已定局，会签：{members}").format(size=figures["final_size"], members=members))
    if final is None and not not_final:
        raise ServiceError(marked("没有一个检查点的会签达到法定多数；账本刚建立时可加 --not-final"))


@command.command(
    "export",
    help=marked(
        "把账本写到目录里，供网站发布或随身携带：tlog-tiles 格式，任何人的工具都能核验。\n\n"
        "只有指纹，看不出谁与谁往来；加 --statements 则连原话一起，只交给审计。可以接着以前的继续。"
    ),
)
@click.argument("target", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@option("--statements", "with_statements", is_flag=True, help=marked("连驿站的原话一起（只交给审计）"))
@json_option()
def export(target: Path, with_statements: bool, as_json: bool) -> None:
    """Export the log."""
    from yizhan.cli.context import current_home
    from yizhan.cli.output import print_json, progress, tell
    from yizhan.ledger.export import export as write
    from yizhan.ledger.log import PUBLIC
    from yizhan.services.ledger import kept_statements, ledger_folder

    home = current_home()
    with kept_statements(home) as statements, progress(_("导出账本"), statements.size) as bar:
        seen = [0]

        def written(count: int) -> None:
            bar.advance(count - seen[0])
            seen[0] = count

        opened = write(
            ledger_folder(home) / PUBLIC,
            target,
            home.charters,
            statements=statements if with_statements else None,
            progress=written,
        )
    if as_json:
        print_json({"folder": str(target), "size": opened.checkpoint.size, "root": opened.checkpoint.root})
        return
    tell(_("已导出 {size} 条到 {folder}").format(size=opened.checkpoint.size, folder=target))
