"""A CSV, read row by row. Encoding and separator: ``table_texts.py``.

Rule 1: rows end with a line feed, a carriage return or both, whichever the other program writes; so do lines in a
        quoted cell.
Rule 2: a quotation mark that is never closed, or a byte of another encoding, spoils its own row only.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from yizhan.producers.table_files import MOST_BYTES, MOST_ROWS, TableInvalid, narrowed
from yizhan.producers.table_texts import REPLACED, Known, TableText, TableTextInvalid, table_text
from yizhan.producers.tables import Cell, TableRow
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.sentences import technical
from yizhan.schemas.spreadsheet import unguarded

_BINARY: Final = (b"PK\x03\x04", bytes.fromhex("d0cf11e0a1b11ae1"))
"""How workbooks begin, new ones and old."""
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_MOST_LINES: Final = 500
"""Lines of one row: a quotation mark that is open longer was never meant to span them."""


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A CSV that is being read: how it was decoded, and its rows, the headings first; empty ones are left out."""

    source: TableText
    rows: Iterator[TableRow]
    """``number`` counts rows, not lines."""


def read_csv(stream: BinaryIO, known: Known = lambda _heading: False) -> CsvTable:
    """Read a CSV; ``known`` tells a heading, from which encoding and separator are found.

    Raises:
        TableInvalid: no CSV that can be read; ``rows`` raises it for more than ``MOST_ROWS``.
    """
    data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise TableInvalid(marked("文件至多 {most} 字节；请分成几个文件"), most=MOST_BYTES)
    if data.startswith(_BINARY):
        raise TableInvalid(marked("这是 Excel 工作簿，不是 CSV"), hint=Action.to("table.import_excel"))
    try:
        source = table_text(data, known)
    except TableTextInvalid as error:
        raise TableInvalid(str(error)) from None
    return CsvTable(source, _rows(source))


def _rows(source: TableText) -> Iterator[TableRow]:
    seen = 0
    for number, (values, fault) in enumerate(_records(source.text, source.separator), 1):
        found = narrowed(
            (n, Cell(unguarded(text))) for n, each in enumerate(values) if (text := each.strip("\ufeff \t\r\n\u3000"))
        )
        seen += bool(found)
        if seen > MOST_ROWS + 1:
            raise TableInvalid(marked("一张表至多 {most} 行；请分成几个文件，一行也没有读入"), most=MOST_ROWS)
        if found:
            unread = any(REPLACED in each for each in values)
            trouble = _("这一行有读不出来的字，文件可能混用了几种编码；请核对后另存为 UTF-8") if unread else None
            yield TableRow(number, found, fault or trouble)


def _records(text: str, separator: str) -> Iterator[tuple[list[str], str | None]]:
    """Yield the cells of each row, and why nothing of it may be used."""
    lines = [line for line in _LINE.findall(text) if line]
    place = 0
    while place < len(lines):
        values, fault, used = _record(lines, place, separator)
        yield values, fault
        place += used


def _record(lines: list[str], place: int, separator: str) -> tuple[list[str], str | None, int]:
    """Read the row that begins at a line: its cells, its fault, how many lines it takes."""
    broken: csv.Error | None = None
    for used in range(1, min(_MOST_LINES, len(lines) - place) + 1):
        if used > 1 and '"' not in lines[place + used - 1]:
            continue
        try:
            return next(csv.reader(io.StringIO("".join(lines[place : place + used]), newline=""),
                                   delimiter=separator, strict=True), []), None, used  # fmt: skip
        except csv.Error as error:
            broken = broken or error
            if "unexpected end" not in str(error):
                break
    fault = technical(_("这一行的引号没有成对，或后面还有别的字"), broken)
    return [lines[place].rstrip("\r\n")], fault, 1
