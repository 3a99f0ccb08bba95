"""``yizhan import excel`` and ``import csv``: a table of one type; good rows go, the others are written beside it.

Rule 1: a bad row names row, column and heading; the others go.
Rule 2: a row that was sent before is not sent again: known by its reference, else by its content or its id.
Rule 3: what is doubtful is told row by row and asked about once; where nobody can be asked it stays back,
        unless the command line says otherwise. What goes nevertheless is marked in its payload.
Rule 4: what stayed back is in a file of the same columns with the reasons: mended, it is imported again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yizhan.cli.click_options import TYPE, Command, county_option, json_option, option, passphrase_option
from yizhan.cli.language import interactive
from yizhan.schemas.i18n import _, marked
from yizhan.services import imports

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from yizhan.producers.drafts import Draft
    from yizhan.producers.outbox import Outbox
    from yizhan.producers.tables import Reading, TableRow
    from yizhan.services.home import Home
    from yizhan.services.keys import PassphraseSource


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
    @option(
        "--office",
        type=click.Path(path_type=Path),
        metavar="JSON",
        help=marked("行里没写的机构代码、拟稿人、审核人、签发人、联系人取自这个文件（结构：yizhan schema office）"),
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
        passphrase_fd: int | None,
        as_json: bool,
    ) -> None:
        """Import a table."""
        from yizhan.cli.context import current_home
        from yizhan.cli.output import print_json
        from yizhan.cli.passphrase import TerminalPassphrase
        from yizhan.services.envelopes import there_already

        home = current_home()
        home.member(county)
        if bad is not None and Path(bad).exists():
            raise there_already(bad)
        found = _read(home, county, file, type, _Source(name == "excel", sheet, office))
        if not as_json:
            imports.tell_problems(found)
        if found.good:
            wish = _Wish(dry_run, keep_doubtful, as_drafts, as_json)
            _carry_out(home, county, found, wish, TerminalPassphrase(passphrase_fd))
        beside, broken = None, found.broken
        try:
            beside = None if dry_run else imports.write_beside(found, file, bad)
        except OSError as error:
            broken = broken or error
        if as_json:
            print_json(imports.as_json(found, beside, dry_run=dry_run))
        else:
            imports.tell_outcome(home, found, beside, dry_run=dry_run)
        if broken is not None:
            # What was told as sent is durable; the same file again sends the rest.
            raise broken
        if found.problems or found.failed or found.kept_back or any(sent.differs for sent in found.sent.values()):
            ctx.exit(1)

    return command


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


# -- read --


@dataclass(frozen=True, slots=True)
class _Source:
    excel: bool
    sheet: str | None
    office: Path | None


def _read(home: Home, county: str, file: str, type: str | None, source: _Source) -> imports.TableImport:
    from yizhan.cli.commands.imports import read_office
    from yizhan.cli.output import progress
    from yizhan.producers.geography import sample_outlines
    from yizhan.producers.proposals import Map
    from yizhan.producers.tables import Reading, TableContext
    from yizhan.producers.workbooks import TableInvalid, WorkbookReader, csv_rows
    from yizhan.services.errors import ServiceError

    members = {code: home.localized(member.name) for code, member in sorted(home.charter.members.items())}
    around = Map(sample_outlines(), frozenset(members), home.charter.policy.border_strip_km)
    office = read_office(source.office).model_dump(mode="json", exclude_none=True)
    found = imports.TableImport()
    try:
        with open(file, "rb") as stream, progress(_("读取表格")) as bar:  # noqa: PTH123 -- the name is told as it was typed
            book = WorkbookReader(stream, source.sheet) if source.excel else None
            found.unread = () if book is None else book.unread
            found.type = _type_of(type, book)
            reading = Reading(found.type, file, TableContext(county, members, around, office))
            for row in _rows(reading, found, csv_rows(stream) if book is None else book.rows()):
                _take(reading, found, row)
                bar.advance()
    except TableInvalid as error:
        raise ServiceError(f"{file}: {error}") from None
    return found


def _type_of(type: str | None, book: Any) -> str:  # noqa: ANN401 -- imported when needed
    from yizhan.schemas.payloads import TYPES
    from yizhan.services.errors import ServiceError
    from yizhan.services.labels import type_of

    if type is not None:
        return type
    found = (
        None
        if book is None
        else next(filter(None, (book.subject if book.subject in TYPES else None, type_of(book.title))), None)
    )
    if found is None:
        raise ServiceError(marked("看不出这是哪一类事件的表格；请在文件名后写明 TYPE，如 forest_fire"))
    return str(found)


def _rows(reading: Reading, found: imports.TableImport, rows: Iterator[TableRow]) -> Iterator[TableRow]:
    """Take the headings; the rows after them, or none where the headings make sense of no row."""
    from yizhan.services.errors import ServiceError

    first = next(rows, None)
    if first is None:
        raise ServiceError(marked("表格是空的：第一行应为表头；空白表格：yizhan template TYPE"))
    found.problems += reading.take_headings(first)
    found.headings = reading.headings
    if reading.usable():
        yield from rows


def _take(reading: Reading, found: imports.TableImport, row: TableRow) -> None:
    from yizhan.producers.tables import Bad

    judged = reading.row(row)
    if isinstance(judged, Bad):
        found.rows[row.number] = row
        found.problems += judged.problems
    elif judged is not None:
        found.rows[row.number] = row
        found.good[row.number] = judged
        if event_id := reading.event_id(row):
            found.named[row.number] = event_id


# -- judged, asked about, sent --


@dataclass(frozen=True, slots=True)
class _Wish:
    dry_run: bool
    keep_doubtful: bool
    as_drafts: bool
    quiet: bool


def _carry_out(home: Home, county: str, found: imports.TableImport, wish: _Wish, lock: PassphraseSource) -> None:
    with _desk(home, county, lock, dry_run=wish.dry_run or wish.as_drafts) as outbox:
        _judge(home, outbox, found)
        keep = wish.keep_doubtful or wish.as_drafts  # a draft is asked about when it is sent
        _ask(found, keep=keep, ask=not (keep or wish.dry_run or wish.quiet) and interactive(), quiet=wish.quiet)
        if wish.as_drafts and not wish.dry_run:
            _draft(home, county, found)
        elif not wish.dry_run:
            _send(outbox, found)


def _desk(home: Home, county: str, lock: PassphraseSource, *, dry_run: bool) -> AbstractContextManager[Outbox]:
    """Open the outbox, or a copy of it where nothing shall go."""
    from yizhan.runtime.clock import utc_now
    from yizhan.services.stores import open_outbox, scratch_outbox

    return scratch_outbox(home, county, home.charter, utc_now()) if dry_run else open_outbox(home, county, lock)


def _judge(home: Home, outbox: Outbox, found: imports.TableImport) -> None:
    """Sort out what was sent before or stands twice, and look for doubts in the rest."""
    from yizhan.producers.queries import OutboxQuery
    from yizhan.producers.tables import BY_CONTENT

    sent = {row.external_ref for row in outbox.rows(OutboxQuery(type=found.type))}
    seen: dict[str, tuple[int, Draft]] = {}
    for line, draft in list(found.good.items()):
        reference = draft.external_ref or ""
        if reference.startswith(BY_CONTENT) and (reference in sent or line in found.named):
            found.before.append(line)
            del found.good[line]
        elif reference and reference in seen:
            earlier, other = seen[reference]
            if draft == other:
                found.twice[line] = earlier
            else:
                sentence = _("接警单号/案件编号 {ref} 与第 {earlier} 行相同，内容不同；请改正编号")
                found.failed[line] = sentence.format(ref=reference, earlier=earlier)
            del found.good[line]
        else:
            seen[reference] = line, draft
            found.good[line] = _doubted(home, outbox, found, line, draft, known=reference in sent)


def _doubted(home: Home, outbox: Outbox, found: imports.TableImport, line: int, draft: Draft, *, known: bool) -> Draft:
    from yizhan.producers.doubts import Doubt, doubts, kept
    from yizhan.producers.geography import sample_outlines
    from yizhan.producers.numbering import Accepted
    from yizhan.runtime.clock import utc_now
    from yizhan.services.doubts import sentences, worth_asking

    doubtful = doubts(draft, outbox.county, home.charter.members, utc_now(), sample_outlines)
    draft = kept(draft, doubtful)
    if not doubtful or known:
        return draft
    if Doubt.TOUCHES_NOBODY in doubtful:
        likely = outbox.preview(draft)
        if isinstance(likely, Accepted):
            doubtful = worth_asking(doubtful, likely)
    if doubtful:
        found.doubts[line] = sentences(home, draft, doubtful)
    return draft


def _ask(found: imports.TableImport, *, keep: bool, ask: bool, quiet: bool) -> None:
    """Tell the doubts; keep them back unless somebody says that they go."""
    from yizhan.cli.output import say

    if not found.doubts:
        return
    if not quiet:
        for line, sentences in list(found.doubts.items())[: imports.TOLD]:
            say(_("第 {line} 行：{said}").format(line=line, said=" ".join(sentences)))
        if len(found.doubts) > imports.TOLD:
            say(_("还有 {count} 行有疑问；用 --json 看全部").format(count=len(found.doubts) - imports.TOLD))
    if not keep and ask:
        keep = click.confirm(
            _("这 {count} 行仍要发出吗？（发出的注明存疑）").format(count=len(found.doubts)), default=False, err=True
        )
    if not keep:
        found.kept_back = sorted(found.doubts)


def _send(outbox: Outbox, found: imports.TableImport) -> None:
    from yizhan.cli.output import progress
    from yizhan.runtime.errors import StoreError
    from yizhan.services.labels import error_sentence

    going = found.going()
    with progress(_("封好、存入发件箱"), len(going)) as bar:
        try:
            for line, result in zip(going, outbox.publish_many(going.values()), strict=True):
                if isinstance(result, Exception):
                    found.failed[line] = error_sentence(result)
                else:
                    found.sent[line] = result
                bar.advance()
        except StoreError as error:
            found.broken = error


def _draft(home: Home, county: str, found: imports.TableImport) -> None:
    """Keep every row as a draft, but for those that are one already."""
    from yizhan.runtime.clock import utc_now
    from yizhan.services.stores import open_drafts

    with open_drafts(home, county) as book:
        there = {each.content.get("external_ref") for each in book.all()}
        for line, draft in found.good.items():
            if draft.external_ref is not None and draft.external_ref in there:
                found.before.append(line)
                continue
            book.begin(draft.model_dump(mode="json", exclude_none=True), utc_now())
            found.drafts.append(line)
