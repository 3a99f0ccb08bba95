"""Tables in files, written: an empty one to be filled in, and one of rows.

Rule 1: no text that is written begins a formula, whoever wrote it (CWE-1236): a cell of a workbook is marked as
        text; a CSV is guarded (``schemas.spreadsheet``), and an import takes the guard off.
Rule 2: CSV goes out as UTF-8 with a byte order mark: without it Excel reads GB 18030.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from yizhan.producers.columns import CODES, NOTES, Column, Value, column_letters
from yizhan.producers.forms import FieldKind
from yizhan.schemas.i18n import _
from yizhan.schemas.spreadsheet import guarded

_RULED_ROWS: Final = 2000
"""Rows of a template that have drop-down lists."""
_MOST_IN_NOTES: Final = 8
"""Longer lists of words are on the sheet of codes only."""
_LONGEST: Final = 32_767
"""Characters of a cell, by Excel."""


def template(type: str, title: str, columns: Sequence[Column], members: Mapping[str, str]) -> bytes:
    """Write an empty workbook: headings, drop-down lists, a sheet of notes, a sheet of codes; it names its type."""
    book = Workbook()
    book.properties.subject, book.properties.creator = type, "yizhan"
    sheet, notes, codes = book.worksheets[0], book.create_sheet(_(NOTES)), book.create_sheet(_(CODES))
    sheet.title = title[:31]
    for line in _notes_of(columns):
        notes.append(line)
    for name, width in {"A": 6, "B": 34, "C": 8, "D": 80}.items():
        notes.column_dimensions[name].width = width
    for cell in notes[_HEADINGS_AT]:
        cell.font = Font(bold=True)
    for number, column in enumerate(columns):
        _heading(sheet, number, column)
        words = _words_of(column, members)
        if words:
            _drop_down(sheet, codes, number, column, words)
        elif column.field.kind is FieldKind.TEXT or column.is_position:
            # A telephone or a case number typed into a number cell loses its zeros, or its last digits.
            sheet.column_dimensions[column_letters(number)].number_format = "@"
    sheet.freeze_panes = "A2"
    return _saved(book)


_HEADINGS_AT: Final = 6
"""Row of the notes in which their table begins."""


def _notes_of(columns: Sequence[Column]) -> list[list[str]]:
    first = [
        _("一行一件，从第 2 行填起；不要改表头，不要合并单元格，公式请粘贴为数值。带 * 的必填。"),
        _("填好后导入；可以先试导入，看会怎样，什么也不发出。"),
        _("坐标在旁边一列写明坐标系：WGS84（手持 GPS、天地图）、GCJ-02（高德、腾讯）、BD-09（百度）。"),
        _("同类多项（如涉案物1、涉案物2）可照样再加列；有多项的选择题用顿号分开。"),
        "",
    ]
    headings = [_("列"), _("表头"), _("必填"), _("应填什么")]
    rows = [
        [column_letters(n), column.heading(), _needed(column), _expected(column)] for n, column in enumerate(columns)
    ]
    return [*([line] for line in first), headings, *rows]


def _needed(column: Column) -> str:
    if column.is_datum:
        return _("有坐标时")
    return "*" if column.needed else ""


def heading_in_template(column: Column) -> str:
    """Return a heading with the mark of what is needed, which an import does not read."""
    # The bracket is one of those that ``heading_key`` takes off.
    if column.is_datum:
        return column.heading() + _("（有坐标必填）")
    return column.heading() + ("*" if column.needed else "")


def _expected(column: Column) -> str:
    if column.is_position:
        expected = _("经度,纬度，可用度分秒；或连坐标系一起写，如 高德 119.51,27.17")
        return expected + (_("；多点用分号分开") if column.field.many else "")
    if len(column.field.choices) > _MOST_IN_NOTES:
        return _("见“{sheet}”，从下拉列表中选").format(sheet=_(CODES))
    return column.field.expected() or _("文字")


def _heading(sheet: Worksheet, number: int, column: Column) -> None:
    heading = heading_in_template(column)
    cell = sheet.cell(1, number + 1, heading)
    cell.font = Font(bold=True)
    cell.fill = PatternFill("solid", fgColor="FFF2CC" if column.needed else "E7E6E6")
    cell.alignment = Alignment(wrap_text=True, vertical="top")
    sheet.column_dimensions[column_letters(number)].width = max(12, min(2 * len(heading) + 2, 32))


def _words_of(column: Column, members: Mapping[str, str]) -> list[str]:
    match column.field.kind:
        case FieldKind.MEMBER:
            return [f"{code} {name}" for code, name in members.items()]
        case FieldKind.FLAG:
            return [_("是"), _("否")]
        case _:
            return [choice.label() for choice in column.field.choices]


def _drop_down(sheet: Worksheet, codes: Worksheet, number: int, column: Column, words: Sequence[str]) -> None:
    """Give a column a drop-down list; its words are on the sheet of codes."""
    place = codes.max_column + 1 if codes.cell(1, 1).value else 1
    codes.cell(1, place, column.heading()).font = Font(bold=True)
    for row, word in enumerate(words, 2):
        codes.cell(row, place, word)
    name = column_letters(place - 1)
    codes.column_dimensions[name].width = max(12, *(2 * len(word) + 2 for word in words))
    rule = DataValidation("list", formula1=f"='{codes.title}'!${name}$2:${name}${len(words) + 1}", allow_blank=True)
    # Of a list several may be meant, typed with marks between; a number may stand for a word of a WHOLE.
    rule.showErrorMessage = not column.field.many and column.field.kind is not FieldKind.WHOLE
    rule.error = _("请从下拉列表中选")
    rule.add(f"{column_letters(number)}2:{column_letters(number)}{_RULED_ROWS + 1}")
    sheet.add_data_validation(rule)


def workbook(type: str, sheets: Mapping[str, tuple[Sequence[str], Iterable[Mapping[str, Value]]]]) -> bytes:
    """Write a workbook: title of a sheet → its headings, its rows (heading → value).

    ``type`` is noted in it, so that an import knows; empty where the sheets' titles say it.
    """
    book = Workbook(write_only=True)
    book.properties.subject, book.properties.creator = type, "yizhan"

    def cell(sheet: Any, value: Value | None, *, bold: bool = False) -> Any:  # noqa: ANN401 -- openpyxl's stubs call it a function
        if value is None:
            return None
        if not isinstance(value, str):
            return WriteOnlyCell(sheet, value)
        made = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", value)[:_LONGEST])
        made.data_type, made.number_format = "s", "@"
        if bold:
            made.font = Font(bold=True)
        return made

    for title, (headings, rows) in sheets.items():
        sheet = book.create_sheet(title[:31])
        sheet.freeze_panes = "A2"
        for number, heading in enumerate(headings):
            sheet.column_dimensions[column_letters(number)].width = max(12, min(2 * len(heading) + 2, 32))
        sheet.append([cell(sheet, heading, bold=True) for heading in headings])
        for values in rows:
            sheet.append([cell(sheet, values.get(heading)) for heading in headings])
    return _saved(book)


def _saved(book: Workbook) -> bytes:
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def csv_table(headings: Sequence[str], rows: Iterable[Mapping[str, Value]]) -> bytes:
    """Write CSV that Excel opens."""
    made = io.StringIO(newline="")
    writer = csv.writer(made)
    writer.writerow(map(guarded, headings))
    writer.writerows([guarded(str(values.get(heading, ""))) for heading in headings] for values in rows)
    return made.getvalue().encode("utf-8-sig")
