"""Tables in files, read: Excel workbooks (openpyxl, a row at a time) and CSV.

Rule 1: nothing in a file is computed: a formula is a fault of its cell, macros and links are never looked at.
        What the spreadsheet last computed is kept with the fault, for a person to check.
Rule 2: a workbook that would unpack to more than ``MOST_BYTES`` is not unpacked; entities are not resolved
        (openpyxl reads with defusedxml where that is installed, and it is).
Rule 3: a row that nobody sees, hidden or filtered away, is reported and not sent.
Rule 4: CSV is UTF-8 if it can be, else GB 18030, as Chinese Excel writes it.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, time
from typing import IO, Any, BinaryIO, Final, TypeVar
from xml.parsers import expat

from openpyxl import load_workbook
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.exceptions import InvalidFileException

from yizhan.producers.columns import CODES, NOTES, in_both_languages
from yizhan.producers.tables import Cell, TableRow
from yizhan.schemas.actions import Action
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.sentences import technical
from yizhan.schemas.spreadsheet import unguarded

_Held = TypeVar("_Held")
_Sheet = Any
"""openpyxl's ReadOnlyWorksheet, of which its stubs know little."""
MOST_BYTES: Final = 128 * 1024 * 1024
"""Most that a workbook may unpack to, and that a CSV may have, in bytes."""
MOST_ROWS: Final = 20_000
"""Most rows of a table, empty ones not counted: a longer one is refused: it must be split."""
MOST_COLUMNS: Final = 1_000
_LAST_ROW: Final = 1_048_576
"""Excel's own."""
_MOST_MERGED_ROWS: Final = 200_000
_OLD_EXCEL: Final = bytes.fromhex("d0cf11e0a1b11ae1")
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


_NO_FORMAT: Final = re.compile(r'\[[^\]]*\]|"[^"]*"|\\.')
"""What says nothing of hours in a number format: locales and colours, quoted words."""
_DAMAGED: Final = (
    zipfile.BadZipFile, zlib.error, InvalidFileException, expat.ExpatError, SyntaxError, LookupError, ValueError,
    TypeError, AttributeError, EOFError, OSError, RuntimeError,
)  # fmt: skip
"""What zipfile (RuntimeError: a part has a password, or is packed in a way of its own), the parsers of XML and
openpyxl raise for a file that is damaged, or made to be.
"""


class TableInvalid(YizhanError):
    """A file that is no table which can be read."""


class WorkbookReader:
    """An Excel workbook opened to be read."""

    def __init__(self, stream: BinaryIO, sheet: str | None = None) -> None:
        """Open it, and choose the sheet: of that name, else the first that is visible.

        Raises:
            TableInvalid: it is no workbook, too large, or has no such sheet.
        """
        _check(stream)
        self._stream = stream
        try:
            with _quiet():
                self._book = load_workbook(stream, read_only=True, keep_links=False)
                self._sheet = self._chosen(sheet)
                self._merged, self._hidden = _layout(self._sheet)
                no_tables = in_both_languages((NOTES, CODES)) | {self._sheet.title}
                self.unread_sheets = tuple(
                    one.title
                    for one in self._book.worksheets
                    if one.title not in no_tables and one.sheet_state == "visible" and _has_rows(one)
                )
                """Titles of other visible sheets that hold something."""
        except _DAMAGED as error:
            raise _no_workbook(error) from None

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
                    found = _narrowed((n, cell) for n, cell in enumerate(cells) if cell.value not in (None, ""))
                    seen += bool(found) or wide
                    if not found and not wide:
                        continue
                    if seen > MOST_ROWS + 1:
                        sentence = marked("一张表至多 {most} 行；请分成几个文件，一行也没有读入")
                        raise TableInvalid(sentence, most=MOST_ROWS)
                    fault = _("这一行隐藏着，看不见；要发请取消隐藏或筛选") if number in self._hidden else None
                    yield TableRow(number, self._read(number, found, computed), fault)
        except _DAMAGED as error:
            raise _no_workbook(error) from None

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
    shown = _NO_FORMAT.sub("", str(cell.number_format)).lower()
    if isinstance(value, datetime) and value.time() == time() and "h" not in shown:
        value = value.date()  # a day, not midnight
    if isinstance(value, int | float) and "%" in shown:
        return Cell(value, _("这是百分数格式，看到的和存着的差一百倍；请改成常规格式，照表头的单位填写"))
    return Cell(value.strip() or None if isinstance(value, str) else value)


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


def _check(stream: BinaryIO) -> None:
    """Look at what a file is before anything of it is unpacked."""
    head = stream.read(8)
    stream.seek(0)
    if head == _OLD_EXCEL:
        raise TableInvalid(marked("这是旧的 .xls，或加了密码的工作簿；请另存为不加密的 .xlsx"))
    try:
        with zipfile.ZipFile(stream) as packed:
            size = sum(one.file_size for one in packed.infolist())
            names = set(packed.namelist())
    except _DAMAGED as error:
        raise _no_workbook(error) from None
    if "xl/workbook.xml" not in names:
        raise _no_workbook("xl/workbook.xml")
    if size > MOST_BYTES:
        raise TableInvalid(marked("工作簿解开有 {size} 字节，至多 {most}；请分成几个文件"), size=size, most=MOST_BYTES)
    stream.seek(0)


def _no_workbook(error: object) -> YizhanError:
    if isinstance(error, TableInvalid):
        return error
    sentence = _("应为完好的 Excel 工作簿（.xlsx）；旧的 .xls 请另存为 .xlsx，CSV 请按 CSV 导入")
    return TableInvalid(technical(sentence, str(error)[:100]), hint=Action.to("table.import_csv"))


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


def _narrowed(cells: Iterable[tuple[int, _Held]]) -> dict[int, _Held]:
    """Return the cells that hold something; of those beyond ``MOST_COLUMNS`` the first, which no heading is for."""
    found: dict[int, _Held] = {}
    for place, cell in cells:
        found.setdefault(min(place, MOST_COLUMNS), cell)
    return found


# -- CSV --


def csv_rows(stream: BinaryIO) -> Iterator[TableRow]:
    """Yield the rows of a CSV that are not empty, the headings first; ``number`` counts rows, not lines.

    Raises:
        TableInvalid: no CSV that can be read, or more than ``MOST_ROWS``.
    """
    data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise TableInvalid(marked("文件至多 {most} 字节；请分成几个文件"), most=MOST_BYTES)
    if data.startswith((b"PK\x03\x04", _OLD_EXCEL)):
        raise TableInvalid(marked("这是 Excel 工作簿，不是 CSV"), hint=Action.to("table.import_excel"))
    reader = csv.reader(io.StringIO(_decoded(data), newline=""), strict=True)
    seen = 0
    try:
        for number, values in enumerate(reader, 1):
            found = _narrowed((n, Cell(unguarded(text))) for n, each in enumerate(values) if (text := each.strip()))
            seen += bool(found)
            if seen > MOST_ROWS + 1:
                raise TableInvalid(marked("一张表至多 {most} 行；请分成几个文件，一行也没有读入"), most=MOST_ROWS)
            if found:
                yield TableRow(number, found)
    except csv.Error as error:
        sentence = _("第 {line} 行起不是逗号分隔的 CSV，引号要成对").format(line=reader.line_num)
        raise TableInvalid(technical(sentence, error)) from None


def _decoded(data: bytes) -> str:
    if data.startswith(_UTF16):
        raise TableInvalid(marked("这是 UTF-16 文本；请另存为“CSV UTF-8（逗号分隔）”"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            return data.decode("gb18030")
        except UnicodeDecodeError as error:
            raise TableInvalid(technical(_("应为 UTF-8 或 GB 18030 的 CSV"), error)) from None
