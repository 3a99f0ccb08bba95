"""Excel workbooks, read a row at a time (openpyxl). CSV: ``csv_tables.py``.

Rule 1: nothing in a file is computed: a formula is a fault of its cell, macros and links are never looked at.
        What the spreadsheet last computed is kept with the fault, for a person to check.
Rule 2: a workbook that would unpack to more than ``MOST_BYTES`` is not unpacked; entities are not resolved
        (openpyxl reads with defusedxml where that is installed, and it is).
Rule 3: a row that nobody sees, hidden or filtered away, is reported and not sent.
Rule 4: a cell says what a person sees in it; where its number format hides or scales what it holds, it is a fault.
Rule 5: every flavour of Office Open XML is read: transitional and strict, macros and templates, whatever its parts
        are called. What is another format is named, with what to do.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, time, timedelta
from typing import IO, Any, BinaryIO, Final
from xml.parsers import expat

from openpyxl import load_workbook
from openpyxl.utils.cell import range_boundaries

from yizhan.producers.columns import CODES, NOTES, in_both_languages
from yizhan.producers.number_formats import shown_number
from yizhan.producers.spreadsheet_packages import DAMAGED, no_workbook, opened_package
from yizhan.producers.table_files import MOST_BYTES, MOST_COLUMNS, MOST_ROWS, TableInvalid, narrowed
from yizhan.producers.tables import Cell, TableRow
from yizhan.schemas.i18n import _, marked

_Sheet = Any
"""openpyxl's ReadOnlyWorksheet, of which its stubs know little."""
_LAST_ROW: Final = 1_048_576
"""Excel's own."""
_MOST_MERGED_ROWS: Final = 200_000
_NO_FORMAT: Final = re.compile(r'\[[^\]]*\]|"[^"]*"|\\.')
"""What says nothing of hours in a number format: locales and colours, quoted words."""
_ESCAPE: Final = re.compile("_x([0-9A-Fa-f]{4})_")
"""How Open XML writes a character that XML cannot hold, or a carriage return (ECMA-376, 22.9.2.19)."""


class WorkbookReader:
    """An Excel workbook opened to be read."""

    def __init__(self, stream: BinaryIO, sheet: str | None = None) -> None:
        """Open it, and choose the sheet: of that name, else the first that is visible.

        Raises:
            TableInvalid: it is no workbook, too large, or has no such sheet.
        """
        self._stream = opened_package(stream, MOST_BYTES)
        try:
            with _quiet():
                self._book = load_workbook(self._stream, read_only=True, keep_links=False)
                self._sheet = self._chosen(sheet)
                self._merged, self._hidden = _layout(self._sheet)
                no_tables = in_both_languages((NOTES, CODES)) | {self._sheet.title}
                self.unread_sheets = tuple(
                    one.title
                    for one in self._book.worksheets
                    if one.title not in no_tables and one.sheet_state == "visible" and _has_rows(one)
                )
                """Titles of other visible sheets that hold something."""
        except DAMAGED as error:
            raise no_workbook(error) from None

    @property
    def title(self) -> str:
        """Title of the sheet that is read."""
        return str(self._sheet.title)

    @property
    def subject(self) -> str:
        """What the workbook says it is about: a template names its type here."""
        return self._book.properties.subject or ""

    def _chosen(self, name: str | None) -> _Sheet:
        sheets, no_tables = list(self._book.worksheets), in_both_languages((NOTES, CODES))
        wanted = [
            one
            for one in sheets
            if (one.title == name if name else one.sheet_state == "visible" and one.title not in no_tables)
        ]
        if not wanted:
            names = "、".join(one.title for one in sheets)
            raise TableInvalid(marked("工作簿里没有可读的工作表 {name}；有的是：{names}"), name=name or "", names=names)
        return wanted[0]

    def rows(self) -> Iterator[TableRow]:
        """Yield the rows that are not empty, the headings first.

        Raises:
            TableInvalid: more than ``MOST_ROWS``, or the file breaks off.
        """
        seen = 0
        try:
            with closing(_Computed(self._stream, self.title)) as computed:
                self._sheet.reset_dimensions()
                for number, cells in enumerate(_quietly(self._sheet.iter_rows(max_row=_LAST_ROW)), 1):
                    # A row is as wide as its last cell, be it empty: wide ones count, or reading them would never end.
                    wide = len(cells) > MOST_COLUMNS
                    found = narrowed((n, cell) for n, cell in enumerate(cells) if cell.value not in (None, ""))
                    seen += bool(found) or wide
                    if not found and not wide:
                        continue
                    if seen > MOST_ROWS + 1:
                        sentence = marked("一张表至多 {most} 行；请分成几个文件，一行也没有读入")
                        raise TableInvalid(sentence, most=MOST_ROWS)
                    fault = _("这一行隐藏着，看不见；要发请取消隐藏或筛选") if number in self._hidden else None
                    yield TableRow(number, self._read(number, found, computed), fault)
        except DAMAGED as error:
            raise no_workbook(error) from None

    def _read(self, number: int, found: Mapping[int, Any], computed: _Computed) -> dict[int, Cell]:
        read = {place: _cell(cell, number, place, computed) for place, cell in found.items()}
        cells = {place: cell for place, cell in read.items() if cell.value is not None or cell.fault is not None}
        for low, high, name in self._merged.get(number, ()):
            fault = _("这是合并单元格（{range}）的一部分，请取消合并，逐行填写").format(range=name)
            for place in range(low, min(high, MOST_COLUMNS) + 1):
                cells[place] = Cell(cells[place].value if place in cells else None, fault)
        return cells


def _cell(cell: Any, number: int, place: int, computed: _Computed) -> Cell:  # noqa: ANN401 -- two kinds of openpyxl's
    value = cell.value
    if cell.data_type == "f":
        return Cell(
            computed.value_at(number, place), _("这是公式 {formula}；请核对算得的值，粘贴为数值").format(formula=value)
        )
    if cell.data_type == "e":
        return Cell(str(value), _("这个单元格出错；请填写数值"))
    if isinstance(value, str):
        return Cell(_ESCAPE.sub(lambda match: chr(int(match[1], 16)), value).strip() or None)
    if isinstance(value, datetime):
        codes = _NO_FORMAT.sub("", str(cell.number_format)).lower()
        # A day, not midnight.
        return Cell(value.date() if value.time() == time() and "h" not in codes else value)
    if isinstance(value, timedelta):
        return Cell(str(value), _("这是一段时长，不是时刻；请把单元格格式设为“文本”重填"))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Cell(value)
    shown = shown_number(value, str(cell.number_format))
    return Cell(shown.text if shown.words else value, shown.fault, shown.text, shown.unit)


class _Computed:
    """What the spreadsheet last computed; read only where there are formulas, in step with their rows."""

    def __init__(self, stream: BinaryIO, title: str) -> None:
        self._stream, self._title = stream, title
        self._book: Any = None
        self._rows: Iterator[tuple[int, tuple[Any, ...]]] = iter(())
        self._row: tuple[int, tuple[Any, ...]] = (0, ())

    def value_at(self, number: int, place: int) -> Any:  # noqa: ANN401 -- whatever a cell holds
        if self._book is None:
            with _quiet():
                self._book = load_workbook(self._stream, read_only=True, data_only=True, keep_links=False)
            sheet = self._book[self._title]
            sheet.reset_dimensions()
            self._rows = enumerate(_quietly(sheet.iter_rows(max_row=_LAST_ROW, values_only=True)), 1)
        while self._row[0] < number:
            self._row = next(self._rows)
        return self._row[1][place]

    def close(self) -> None:
        self._rows = iter(())


def _has_rows(sheet: _Sheet) -> bool:
    return any(cell is not None for row in sheet.iter_rows(max_row=5, max_col=20, values_only=True) for cell in row)


_Merged = dict[int, list[tuple[int, int, str]]]
"""Row → (first column, last column from 0, range) of merged cells."""


def _layout(sheet: _Sheet) -> tuple[_Merged, set[int]]:
    """Return merged cells and hidden rows, which openpyxl's reader of single rows leaves out.

    It also passes over a row whose number does not rise: such a sheet is damaged.
    """
    merged: _Merged = {}
    hidden, last, count = set[int](), 0, 0

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal last
        match name.rpartition(":")[2]:
            case "mergeCell":
                merge(attributes["ref"])
            case "row":
                number = int(attributes.get("r", last + 1))
                if number <= last:
                    raise ValueError(number)
                last = number
                if attributes.get("hidden") in {"1", "true"}:
                    hidden.add(number)

    def merge(ref: str) -> None:
        nonlocal count
        left, top, right, bottom = range_boundaries(ref)
        if left is None or top is None or right is None or bottom is None:
            raise ValueError(ref)
        count += bottom - top + 1
        if count > _MOST_MERGED_ROWS:
            raise TableInvalid(marked("合并单元格太多，读不下；请取消合并"))
        for row in range(top, bottom + 1):
            merged.setdefault(row, []).append((left - 1, right - 1, ref))

    reader = expat.ParserCreate()
    reader.StartElementHandler = start
    source: IO[bytes]
    with sheet._get_source() as source:  # noqa: SLF001 -- openpyxl has no other way to a sheet's bytes
        reader.ParseFile(source)
    return merged, hidden


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep openpyxl's warnings off an officer's screen: what it does not read is nothing of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _quietly(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    while True:
        with _quiet():
            row = next(rows, None)
        if row is None:
            return
        yield row
