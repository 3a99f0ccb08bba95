"""Drafts as rows, workbooks of them, and what an import reads."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

from openpyxl import Workbook

from tests.schemas.payloads.examples import EXAMPLES
from tests.world.simulator import QINGYUAN, SHOUNING
from yizhan.producers.columns import (
    columns_of,
    draft_content,
    values_of,
)
from yizhan.producers.csv_tables import read_csv
from yizhan.producers.drafts import Draft, parse_draft
from yizhan.producers.headings import heading_index, heading_key
from yizhan.producers.proposals import AllianceMap
from yizhan.producers.tables import BadRow, TableContext, TableReader
from yizhan.producers.workbooks import WorkbookReader

FIRE, CRIME = "yizhan.incident.forest_fire.v1", "yizhan.incident.eco_crime.v1"


MEMBERS = {SHOUNING: "寿宁县", QINGYUAN: "庆元县"}


STAGES = {
    "yizhan.intelligence.feedback.v1": "final",
    "yizhan.assistance.response.v1": "final",
    "yizhan.liaison.consultation.v1": "final",
}


def draft(kind: str = FIRE, **payload: Any) -> Draft:  # noqa: ANN401 -- of any field
    """Draft the example of a type."""
    said = {"kind": "text", "text": "周五停电"} if kind == "yizhan.notice.v1" else EXAMPLES[kind] | payload
    header: dict[str, Any] = {"grade": said["grade"]} if "grade" in said else {}
    if kind in STAGES:
        header["stage"] = STAGES[kind]
    return parse_draft({"type": kind, "to": [QINGYUAN], "touches": [QINGYUAN], "payload": said} | header)


def as_row(one: Draft) -> dict[str, Any]:
    """Write a draft as a row."""
    header = one.model_dump(mode="json", exclude_none=True)
    return dict(values_of(columns_of(one.type), draft_content(one.type, header, one.payload), MEMBERS))


def book(*rows: Mapping[str, Any], change: Callable[[Any], None] = lambda _sheet: None) -> bytes:
    """Write rows as an officer's Excel does: under the headings of them all, values as they are."""
    made = Workbook()
    sheet = made.worksheets[0]
    headings = list(dict.fromkeys(heading for row in rows for heading in row))
    sheet.append(headings)
    for row in rows:
        sheet.append([row.get(heading) for heading in headings])
    change(sheet)
    return saved(made)


def saved(made: Workbook) -> bytes:
    """Return a workbook's bytes."""
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


def read(data: bytes, kind: str = FIRE, around: AllianceMap | None = None) -> tuple[list[str], list[Any]]:
    """Read a table: what is wrong with its headings, and what each row is."""
    stream = io.BytesIO(data)
    if data.startswith(b"PK"):
        rows = WorkbookReader(stream).rows()
    else:
        known = heading_index(kind)
        rows = read_csv(stream, lambda heading: heading_key(heading) in known).rows
    reading = TableReader(kind, "t", TableContext(SHOUNING, MEMBERS, around))
    problems = reading.take_headings(next(rows))
    return [str(one) for one in problems], [reading.row(row) for row in rows] if reading.usable() else []


def told(found: Any) -> list[str]:  # noqa: ANN401 -- a bad row
    """Return what is wrong with a row."""
    assert isinstance(found, BadRow)
    return [str(one) for one in found.problems]


def computed(data: bytes, formula: bytes, value: bytes) -> bytes:
    """Put what a formula came to beside it, as a spreadsheet does; openpyxl computes nothing."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as packed, zipfile.ZipFile(made, "w") as out:
        for one in packed.infolist():
            part, count = re.subn(rb"<v ?/>|<v></v>", b"<v>" + value + b"</v>", packed.read(one))
            assert count == (formula in part)
            out.writestr(one.filename, part)
    return made.getvalue()
