"""``yizhan export``: what came and what went, as tables that a spreadsheet opens and ``import`` takes again.

Rule 1: whoever exports is written down first, as for every look into letters.
Rule 2: nothing that a stranger wrote becomes a formula on this machine.
Rule 3: one row an event, one sheet a type: each has columns of its own. What was corrected or withdrawn says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from yizhan.cli.click_options import Command, OneOf, county_option, json_option, option, type_option
from yizhan.schemas.i18n import _, marked

if TYPE_CHECKING:
    from datetime import datetime

    from yizhan.services.home import Home


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One event to be written. ``at`` is a written instant: when the station, or the outbox, had it."""

    id: str
    type: str
    thread: str
    county: str
    at: str
    state: str
    header: Mapping[str, Any] = field(hash=False)
    payload: Mapping[str, Any] = field(hash=False)


@click.command(
    "export",
    cls=Command,
    help=marked(
        "把收到和发出的事件导出成表格：一行一件，每类一张工作表，表头同 yizhan template，可再导入。\n\n"
        "FILE 以 .csv 结尾的写成 CSV（只能是一类，须用 --type），否则写成 Excel 工作簿。"
        "像公式的文字一律按文字写。先记入本县的调阅记录；文件只有本人可读。"
    ),
)
@click.argument("file", metavar="FILE")
@county_option()
@type_option()
@option("--quarter", metavar="2026Q3", help=marked("只导出这个季度的（收件按驿站收到时间，发件按存入发件箱时间）"))
@option("--box", type=OneOf(["inbox", "outbox", "both"]), default="both", help=marked("收件箱、发件箱或两者（默认）"))
@json_option()
def command(*, file: str, county: str, type: str | None, quarter: str | None, box: str, as_json: bool) -> None:
    """Export tables."""
    from yizhan.cli.context import acting, current_home
    from yizhan.cli.output import print_json, progress, tell
    from yizhan.services.access_log import record
    from yizhan.services.envelopes import write_new
    from yizhan.services.errors import ServiceError
    from yizhan.services.labels import type_name

    home = current_home()
    if type is None and file.lower().endswith(".csv"):
        raise ServiceError(marked("CSV 只能写一类事件；请用 --type 选定，或写成 .xlsx"))
    rows: list[ExportRow] = []
    with progress(_("读取信箱")) as bar:
        for row in _rows(home, county, type, _span(home, quarter), box):
            rows.append(row)
            bar.advance()
    record(home, county, acting("export"), "exported", [row.id for row in rows])
    counts = {kind: sum(row.type == kind for row in rows) for kind in sorted({row.type for row in rows})}
    with progress(_("写表格"), len(rows)) as bar:
        made = _made(home, type, rows, bar.advance, csv=file.lower().endswith(".csv"))
    write_new(file, made, 0o600)
    if as_json:
        print_json({"file": file, "events": counts})
    else:
        tell("\n".join([_("{file}：{count} 件").format(file=file, count=len(rows)), *(
            f"  {type_name(kind)} {count}" for kind, count in counts.items())]))  # fmt: skip


def _span(home: Home, label: str | None) -> tuple[datetime, datetime] | None:
    from yizhan.schemas.quarters import Quarter
    from yizhan.services.errors import ServiceError

    if label is None:
        return None
    try:
        quarter = Quarter.parse(label)
    except ValueError:
        raise ServiceError(marked("--quarter 应为如 2026Q3 的季度，得到 {came}"), came=label[:20]) from None
    return quarter.start(home.charter.time_zone), quarter.end(home.charter.time_zone)


def _rows(
    home: Home, county: str, type: str | None, span: tuple[datetime, datetime] | None, box: str
) -> Iterator[ExportRow]:
    """Yield what a desk wrote of both boxes; what the system writes only where it is asked for by its type."""
    from yizhan.schemas.payloads.table import SYSTEM_TYPES
    from yizhan.schemas.timestamps import instant

    both = (each for name, read in (("inbox", _received), ("outbox", _sent)) if box in {name, "both"}
            for each in read(home, county, type))  # fmt: skip
    for row in both:
        if type is None and row.type in SYSTEM_TYPES:
            continue
        if span is None or span[0] <= instant(row.at) < span[1]:
            yield row


def _received(home: Home, county: str, type: str | None) -> Iterator[ExportRow]:
    from yizhan.consumers.items import InboxQuery
    from yizhan.services.stores import read_inbox

    with read_inbox(home, county) as inbox:
        for item in () if inbox is None else inbox.items(InboxQuery(type=type)):
            header = item.header.model_dump(mode="json", exclude_none=True)
            payload = {} if item.contents is None else item.contents.raw
            state = _("已撤回") if item.withdrawn_by else _("已更正") if item.superseded_by else ""
            yield ExportRow(item.id, item.type, item.thread, item.county, item.received, state, header, payload)


def _sent(home: Home, county: str, type: str | None) -> Iterator[ExportRow]:
    from yizhan.producers.queries import OutboxQuery
    from yizhan.schemas import strictjson
    from yizhan.services.labels import state_name
    from yizhan.services.stores import read_outbox

    with read_outbox(home, county) as outbox:
        for row in () if outbox is None else outbox.rows(OutboxQuery(type=type)):
            own = None if outbox is None else outbox.event(row.id)
            if own is None:
                continue
            header = own.header.model_dump(mode="json", exclude_none=True)
            payload = strictjson.loads(own.payload, floats=True)
            thread = own.header.subject or row.id
            yield ExportRow(row.id, row.type, thread, county, row.accepted, state_name(row.state), header, payload)


def _made(home: Home, type: str | None, rows: list[ExportRow], tick: Any, *, csv: bool) -> bytes:  # noqa: ANN401 -- a bar's
    """Write the table, or one sheet a type; a type of which there is nothing has a sheet if it was asked for."""
    from yizhan.producers.templates import csv_table, workbook
    from yizhan.services.labels import type_name

    sheets = {}
    for kind in sorted({row.type for row in rows} | ({type} if type else set())):
        values = []
        for row in rows:
            if row.type == kind:
                values.append(_values(home, row))
                tick()
        sheets[type_name(kind)] = (_headings(kind, values), values)
    if csv:
        return csv_table(*next(iter(sheets.values())))
    return workbook(type or "", sheets or {_("没有事件"): ([], [])})


def _headings(type: str, values: list[dict[str, Any]]) -> list[str]:
    """Return the columns that are used, and those that every row must have, in the form's order."""
    from yizhan.producers.columns import BESIDE, MOST_REPEATED, TROUBLE, columns_of
    from yizhan.schemas.payloads import TYPES

    used = {heading for each in values for heading in each}
    columns = columns_of(type, MOST_REPEATED) if type in TYPES else ()
    own = [one.heading() for one in columns if one.needed or one.heading() in used]
    return [*own, *(_(title) for title in BESIDE if title != TROUBLE)]


def _values(home: Home, row: ExportRow) -> dict[str, Any]:
    from yizhan.producers.columns import BESIDE, MOST_REPEATED, columns_of, content_of, values_of
    from yizhan.schemas.payloads import TYPES
    from yizhan.schemas.timestamps import instant

    beside = (row.id, row.thread, home.member_name(row.county), home.local_time(instant(row.at)), row.state)
    names = [_(title) for title in BESIDE]
    members = {code: home.localized(member.name) for code, member in home.charter.members.items()}
    columns = columns_of(row.type, MOST_REPEATED) if row.type in TYPES else ()
    values = values_of(columns, content_of(row.type, row.header, row.payload), members)
    return {**values, **dict(zip(names, beside, strict=False))}
