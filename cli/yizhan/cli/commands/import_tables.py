"""``yizhan import excel`` and ``import csv``: a table of one type; good rows are sent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from yizhan.cli.accepted_view import say_if_nobody_sends
from yizhan.cli.asking import ask, interactive
from yizhan.cli.click_options import TYPE, county_option, json_option, office_option, option, single_command
from yizhan.cli.context import current_home
from yizhan.cli.output import as_json as json_value
from yizhan.cli.output import print_json, say, tell
from yizhan.cli.passphrase import TerminalPassphrase, passphrase_option
from yizhan.cli.screen import progress
from yizhan.producers.table_texts import NAMES, SEPARATORS
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.services.doubts import doubt_sentences
from yizhan.services.event_text import accepted_lines
from yizhan.services.home import Home
from yizhan.services.labels import error_sentence
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
    @single_command(name, help=text)
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
        written = None if dry_run else write_rejects(home, found, source.file, wish.rejects)
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


LISTED: Final = 50
"""Rows or problems listed on a screen."""


def table_json(home: Home, found: TableImport, rejects: str | None, *, dry_run: bool) -> dict[str, Any]:
    """Return it all for programs; rows by their number."""
    return {
        "dry_run": dry_run,
        "would_send": list(found.going()) if dry_run else [],
        "sent": [{"row": line, **json_value(sent)} for line, sent in found.sent.items()],
        "drafts": found.drafts,
        "sent_before": found.sent_before,
        "repeated": [{"row": line, "same_as": earlier} for line, earlier in found.repeated.items()],
        "problems": found.problems,
        "doubts": [{"row": line, "said": doubt_sentences(home, each)} for line, each in found.doubtful.items()],
        "kept_back": found.held_back,
        "failed": [{"row": line, "error": error_sentence(error)} for line, error in found.failed.items()],
        "unread_sheets": list(found.unread_sheets),
        "read_as": None
        if found.text is None
        else {"encoding": NAMES[found.text.encoding], "separator": found.text.separator},
        "bad_file": rejects,
    }


def show_problems(found: TableImport) -> None:
    """Say how the table was read, what is wrong with it, and what of it was not read."""
    if found.text is not None and not found.text.usual:
        sentence = _("按 {encoding} 读取，各格以{separator}分隔")
        separator = _(SEPARATORS[found.text.separator])
        say(sentence.format(encoding=NAMES[found.text.encoding], separator=separator))
    if found.unread_sheets:
        say(_("没有读的工作表：{names}；要读请用 --sheet").format(names=join_list(found.unread_sheets)))
    for problem in found.problems[:LISTED]:
        say(str(problem))
    if len(found.problems) > LISTED:
        count = len(found.problems) - LISTED
        say(_("还有 {count} 处问题；写在没有发的行的文件里，或用 --json").format(count=count))


def show_doubts(home: Home, found: TableImport) -> None:
    """Say the doubts, row by row."""
    for line, judged in list(found.doubtful.items())[:LISTED]:
        say(_("第 {line} 行：{said}").format(line=line, said=" ".join(doubt_sentences(home, judged))))
    if len(found.doubtful) > LISTED:
        say(_("还有 {count} 行有疑问；用 --json 看全部").format(count=len(found.doubtful) - LISTED))


def show_outcome(home: Home, found: TableImport, rejects: str | None, *, dry_run: bool) -> None:
    """Say what went, what did not, and where that is."""
    new = [sent for sent in found.sent.values() if not sent.duplicate]
    for sent in new[:LISTED]:
        tell("\n".join(accepted_lines(home, sent)))
    for line, sent in found.sent.items():
        if sent.differs:
            sentence = _(
                "第 {line} 行：以前以 {id} 发出过内容不同的一件，这一份没有发；要更正请用 yizhan new --supersedes"
            )
            say(sentence.format(line=line, id=sent.id))
    if again := [line for line in found.sent_before if line in found.event_ids]:
        sentence = _("第 {lines} 行有编号，是发过的，没有再发；改过的不算：要另发一件，请清空编号")
        say(sentence.format(lines=", ".join(map(str, again[:LISTED])) + (" …" if len(again) > LISTED else "")))
    for line, earlier in found.repeated.items():
        say(_("第 {line} 行与第 {earlier} 行相同，只发一次").format(line=line, earlier=earlier))
    for line, error in found.failed.items():
        say(_("第 {line} 行：{said}").format(line=line, said=error_sentence(error)))
    if found.drafts:
        say(_("存成草稿 {count} 份：yizhan draft list").format(count=len(found.drafts)))
    if found.empty:
        say(_("表格里只有表头，没有一行可发"))
    say(_summary(found, len(new), dry_run=dry_run))
    if rejects is not None:
        say(_("没有发的行和原因：{file}；改好后再导入").format(file=rejects))


def _summary(found: TableImport, new: int, *, dry_run: bool) -> str:
    sentence = (
        _("会发出 {new} 行，以前已发过 {before} 行，不能发 {bad} 行，有疑问留下 {kept} 行")
        if dry_run
        else _("发出 {new} 行，以前已发过 {before} 行，不能发 {bad} 行，有疑问留下 {kept} 行")
    )
    bad = {problem.line for problem in found.problems if problem.line in found.rows} | set(found.failed)
    before = len(found.sent_before) + len(found.sent) - new
    count = len(found.going()) if dry_run else new
    return sentence.format(new=count, before=before, bad=len(bad), kept=len(found.held_back))
