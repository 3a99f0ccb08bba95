"""``yizhan import excel`` and ``import csv``: a table of one type; good rows are sent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from yizhan.cli.accepted_view import say_if_nobody_sends
from yizhan.cli.asking import ask
from yizhan.cli.click_options import TYPE, Command, county_option, json_option, office_option, option
from yizhan.cli.context import current_home
from yizhan.cli.language import interactive
from yizhan.cli.output import print_json
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.cli.screen import progress
from yizhan.cli.table_view import reject_reasons, show_doubts, show_outcome, show_problems, table_json
from yizhan.schemas.i18n import _, marked
from yizhan.services.home import Home
from yizhan.services.tables import (
    TableImport,
    TableMode,
    TableSource,
    check_free,
    import_table,
    read_table,
    write_rejects,
)


@dataclass(frozen=True, slots=True)
class _Wish:
    """The options of the command line, but for those about the table itself."""

    county: str
    mode: TableMode
    keep_doubtful: bool
    rejects: str | None
    passphrases: TerminalPassphrase
    as_json: bool

    def confirm(self, home: Home, found: TableImport) -> bool | None:
        """Show the doubts; on a terminal, ask whether the doubtful rows go (None: nobody can be asked)."""
        if not self.as_json:
            show_doubts(home, found)
        if self.keep_doubtful:
            return True
        if self.as_json or self.mode is not TableMode.SEND or not interactive():
            return None
        question = _("这 {count} 行仍要发出吗？（发出的注明存疑）").format(count=len(found.doubtful))
        return ask(question)


def _command(name: str, text: str) -> click.Command:
    @click.command(name, cls=Command, help=text)
    @click.argument("file", metavar="FILE")
    @click.argument("type", type=TYPE, metavar="[TYPE]", required=False)
    @county_option()
    @option("--dry-run", is_flag=True, help=marked("只检查、列出会怎样，不发出"))
    @option("--keep-doubtful", is_flag=True, help=marked("有疑问的也不再询问，发出并在内容里注明存疑"))
    @option("--draft", "as_drafts", is_flag=True, help=marked("不发出，每行存成一份草稿（yizhan draft list）"))
    @option("--bad", metavar="FILE", help=marked("没有发的行连同原因写到这个文件（默认在原文件旁，名为 *.bad.*）"))
    @option("--sheet", metavar="NAME", hidden=name != "excel", help=marked("读这张工作表（默认第一张可见的）"))
    @office_option(
        marked("行里没写的机构代码、拟稿人、审核人、签发人、联系人取自这个文件（结构：yizhan schema office）")
    )
    @passphrase_option()
    @json_option()
    @click.pass_context
    def command(
        ctx: click.Context,
        *,
        file: str,
        type: str | None,
        county: str,
        dry_run: bool,
        keep_doubtful: bool,
        as_drafts: bool,
        bad: str | None,
        sheet: str | None,
        office: Path | None,
        passphrases: TerminalPassphrase,
        as_json: bool,
    ) -> None:
        """Import a table."""
        mode = TableMode.DRY_RUN if dry_run else TableMode.DRAFT if as_drafts else TableMode.SEND
        wish = _Wish(county, mode, keep_doubtful, bad, passphrases, as_json)
        if not _import(TableSource(file, type, name == "excel", sheet, office), wish):
            ctx.exit(1)

    return command


def _import(source: TableSource, wish: _Wish) -> bool:
    """Import a table and show what became of it; return whether every row went."""
    home = current_home()
    home.member(wish.county)
    check_free(wish.rejects)
    with progress(_("读取表格")) as bar:
        found = read_table(home, wish.county, source, bar)
    if not wish.as_json:
        show_problems(found)
    import_table(
        home,
        wish.county,
        found,
        wish.mode,
        lambda table: wish.confirm(home, table),
        wish.passphrases,
        lambda total: progress(_("封好、存入发件箱"), total),
    )
    dry_run = wish.mode is TableMode.DRY_RUN
    written: str | None = None
    broken: OSError | None = None
    try:
        reasons = {} if dry_run else reject_reasons(home, found)
        written = write_rejects(found, source.file, wish.rejects, reasons)
    except OSError as error:
        broken = error
    if wish.as_json:
        print_json(table_json(home, found, written, dry_run=dry_run))
    else:
        show_outcome(home, found, written, dry_run=dry_run)
    if any(not sent.duplicate for sent in found.sent.values()):
        say_if_nobody_sends(home, wish.county)
    if (failure := found.broken or broken) is not None:
        # What was reported as sent is durable; the same file again sends the rest.
        raise failure
    differs = any(sent.differs for sent in found.sent.values())
    return not (found.empty or found.problems or found.failed or found.held_back or differs)


excel = _command(
    "excel",
    marked(
        "导入填好的 Excel 表格（.xlsx），一行一件；空白表格：yizhan template TYPE。\n\n"
        "坏的行指明行、列、表头，好的行照发；没有发的行连同原因写到旁边的文件，改好再导入。"
        "公式、合并单元格不收。坐标要在旁边一列写明坐标系。"
        "有疑问的（日期在未来、坐标在海里或别县、数量缺单位、面积与等级不符等）在终端上询问，"
        "没有终端时留下不发，--keep-doubtful 则发出并注明。"
        "有接警单号/案件编号的以此为准，没有的以内容为准，再次导入不会重发。"
        "TYPE 可不写：模板和导出的表格自己写明。有没发的行时退出码为 1。"
    ),
)
csv = _command("csv", marked("导入 CSV 表格（UTF-8 或 GB 18030），须写明 TYPE；表头和规则同 import excel"))
