"""What came and what went, as tables that a spreadsheet opens and ``import`` takes again.

Rule 1: the export is in the access log before the file is written.
Rule 2: nothing that a stranger wrote becomes a formula on this machine.
Rule 3: one row an event, one sheet a type: each has columns of its own. What was corrected or withdrawn says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from yizhan.consumers.items import InboxQuery
from yizhan.producers.columns import (
    EXTRA_HEADINGS,
    MOST_REPEATED,
    PROBLEM_HEADING,
    columns_of,
    draft_content,
    values_of,
)
from yizhan.producers.queries import OutboxQuery
from yizhan.producers.templates import csv_table, workbook
from yizhan.schemas import strictjson
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads import TYPES
from yizhan.schemas.payloads.table import SYSTEM_TYPES
from yizhan.schemas.quarters import Quarter
from yizhan.schemas.timestamps import instant
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.errors import ServiceError
from yizhan.services.files import write_new
from yizhan.services.home import Home
from yizhan.services.labels import state_name, type_name
from yizhan.services.progress import SILENT, Progress
from yizhan.services.stores import read_inbox, read_outbox

Box = Literal["inbox", "outbox", "both"]


@dataclass(frozen=True, slots=True)
class ExportQuery:
    """Which events: of one type or all, of one quarter (``2026Q3``) or all, of which box."""

    type: str | None = None
    quarter: str | None = None
    box: Box = "both"


@dataclass(frozen=True, slots=True)
class _Row:
    """One event to be written. ``at`` is a written instant: when the station, or the outbox, had it."""

    id: str
    type: str
    thread: str
    county: str
    at: str
    state: str
    header: Mapping[str, Any] = field(hash=False)
    payload: Mapping[str, Any] = field(hash=False)


def export_tables(
    home: Home,
    county: str,
    query: ExportQuery,
    file: str,
    actor: Actor,
    progress: Progress = SILENT,
) -> dict[str, int]:
    """Write a county's events into a new file: CSV if its name ends so, else an Excel workbook.

    Args:
        home: of the installation.
        county: whose inbox and outbox.
        query: which events; CSV needs a type.
        file: must not exist.
        actor: who exports.
        progress: advances by one for each event read and each written.

    Returns:
        How many events of each type were written.

    Raises:
        ServiceError: what was asked cannot be, or the file is there already.
        StoreError: a store cannot be read, or the access log not written.
    """
    csv = file.lower().endswith(".csv")
    if query.type is None and csv:
        hint = Action.to("table.export_type", file=file, county=county)
        raise ServiceError(marked("CSV 只能写一类事件；请选定类型，或写成 .xlsx"), hint=hint)
    rows = []
    for row in _rows(home, county, query):
        rows.append(row)
        progress.advance()
    record(home, county, actor, "exported", [row.id for row in rows])
    write_new(file, _table(home, query.type, rows, progress, csv=csv), 0o600)
    return {kind: sum(row.type == kind for row in rows) for kind in sorted({row.type for row in rows})}


def _span(home: Home, label: str | None) -> tuple[datetime, datetime] | None:
    if label is None:
        return None
    try:
        quarter = Quarter.parse(label)
    except ValueError:
        raise ServiceError(marked("季度应写成 2026Q3 这样，得到 {got}"), got=label[:20]) from None
    return quarter.start(home.charter.time_zone), quarter.end(home.charter.time_zone)


def _rows(home: Home, county: str, query: ExportQuery) -> Iterator[_Row]:
    """Yield what officers wrote, of both boxes; what the system writes only where its type is asked for."""
    span = _span(home, query.quarter)
    for name, read in (("inbox", _received), ("outbox", _sent)):
        for row in read(home, county, query.type) if query.box in {name, "both"} else ():
            if query.type is None and row.type in SYSTEM_TYPES:
                continue
            if span is None or span[0] <= instant(row.at) < span[1]:
                yield row


def _received(home: Home, county: str, type: str | None) -> Iterator[_Row]:
    with read_inbox(home, county) as inbox:
        for item in () if inbox is None else inbox.items(InboxQuery(type=type)):
            header = item.header.model_dump(mode="json", exclude_none=True)
            payload = {} if item.contents is None else item.contents.raw
            state = _("已撤回") if item.withdrawn_by else _("已更正") if item.superseded_by else ""
            yield _Row(item.id, item.type, item.thread, item.county, item.received, state, header, payload)


def _sent(home: Home, county: str, type: str | None) -> Iterator[_Row]:
    with read_outbox(home, county) as outbox:
        for row in () if outbox is None else outbox.rows(OutboxQuery(type=type)):
            own = None if outbox is None else outbox.event(row.id)
            if own is None:
                continue
            header = own.header.model_dump(mode="json", exclude_none=True)
            payload = strictjson.loads(own.payload, floats=True)
            thread = own.header.subject or row.id
            yield _Row(row.id, row.type, thread, county, row.accepted, state_name(row.state), header, payload)


def _table(home: Home, type: str | None, rows: list[_Row], progress: Progress, *, csv: bool) -> bytes:
    """Write the table, or one sheet a type; a type of which there is nothing has a sheet if it was asked for."""
    sheets = {}
    for kind in sorted({row.type for row in rows} | ({type} if type else set())):
        values = []
        for row in rows:
            if row.type == kind:
                values.append(_values(home, row))
                progress.advance()
        sheets[type_name(kind)] = (_headings(kind, values), values)
    if csv:
        return csv_table(*next(iter(sheets.values())))
    return workbook(type or "", sheets or {_("没有事件"): ([], [])})


def _headings(type: str, values: list[dict[str, Any]]) -> list[str]:
    """Return the columns that are used, and those that every row must have, in the form's order."""
    used = {heading for each in values for heading in each}
    columns = columns_of(type, MOST_REPEATED) if type in TYPES else ()
    own = [one.heading() for one in columns if one.needed or one.heading() in used]
    return [*own, *(_(title) for title in EXTRA_HEADINGS if title != PROBLEM_HEADING)]


def _values(home: Home, row: _Row) -> dict[str, Any]:
    about = (row.id, row.thread, home.member_name(row.county), home.local_time(instant(row.at)), row.state)
    names = [_(title) for title in EXTRA_HEADINGS]
    members = {code: home.localized(member.name) for code, member in home.charter.members.items()}
    columns = columns_of(row.type, MOST_REPEATED) if row.type in TYPES else ()
    values = values_of(columns, draft_content(row.type, row.header, row.payload), members)
    return {**values, **dict(zip(names, about, strict=False))}
