"""What is wrong with a table is named; CSV; hostile workbooks."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from openpyxl import load_workbook

from tests.producers.table_cases import CRIME, FIRE, as_row, book, computed, draft, read, saved, told
from yizhan.producers.columns import (
    column_letters,
)
from yizhan.producers.csv_tables import read_csv
from yizhan.producers.drafts import Draft
from yizhan.producers.table_files import MOST_ROWS, TableInvalid
from yizhan.producers.tables import BadRow
from yizhan.producers.templates import csv_table, workbook
from yizhan.producers.workbooks import WorkbookReader


def test_bad_cells_are_named_by_row_column_and_heading_and_good_rows_go() -> None:
    """Every fault of a row, in its own words."""
    row = as_row(draft())
    problems, (first, second, third) = read(book(row, row | {"火势状态": "很大", "死亡人数": "两人"}, row))
    assert problems == []
    assert isinstance(first, Draft)
    assert isinstance(third, Draft)
    said = told(second)
    assert said[0].startswith(f"t:3: {column_letters(list(row).index('火势状态'))} 火势状态: 应为")
    assert "得到 '很大'" in said[0]
    assert "死亡人数: 应为整数" in said[1]


def test_a_fault_between_columns_is_named_by_its_column() -> None:
    """A criminal case without its charge: the empty column, by letter and heading, without words of the JSON."""
    row = as_row(draft(CRIME)) | {"案件性质": "刑事", "罪名": None}
    _problems, (found,) = read(book(row), CRIME)
    assert told(found) == [f"t:2: {column_letters(list(row).index('罪名'))} 罪名: 刑事案件应写明罪名"]
    bare = {heading: value for heading, value in row.items() if heading != "罪名"}
    _problems, (found,) = read(book(bare), CRIME)
    assert told(found) == ["t:2: 罪名: 刑事案件应写明罪名"]


def test_merged_cells_are_named_with_their_range() -> None:
    """Each row they reach is bad, the others go."""
    row = as_row(draft())
    place = list(row).index("简要情况") + 1

    def merge(sheet: Any) -> None:  # noqa: ANN401 -- openpyxl's
        sheet.merge_cells(start_row=3, end_row=4, start_column=place, end_column=place)

    _problems, found = read(book(row, row, row, row, change=merge))
    assert [isinstance(one, Draft) for one in found] == [True, False, False, True]
    assert all("合并单元格" in said and "简要情况" in said and "3:" in said for said in told(found[1])[:1])
    assert any("合并单元格" in said for said in told(found[2]))


def test_formulas_are_named_and_never_computed() -> None:
    """With what the spreadsheet last computed, where it did; openpyxl computes nothing, so here it did not."""
    row = as_row(draft())
    _problems, (found, good) = read(book(row | {"扑救人数": "=12*2"}, row))
    (said,) = told(found)
    assert "公式 =12*2" in said
    assert "扑救人数" in said
    assert isinstance(good, Draft)


def test_what_a_formula_came_to_stands_beside_its_fault() -> None:
    """A cell with a formula is a fault that also holds the computed value, for the file of rejected rows."""
    row = as_row(draft())
    again = io.BytesIO(computed(book(row | {"扑救人数": "=12*2"}), b"12*2", b"24"))
    rows = list(WorkbookReader(again).rows())
    place = list(row).index("扑救人数")
    assert rows[1].cells[place].value == 24
    assert rows[1].cells[place].fault is not None


def test_wrong_headings_are_named_and_only_rows_that_use_them_stay() -> None:
    """With a guess at what was meant; an empty column hurts nobody."""
    row = as_row(draft())
    problems, (first, second) = read(book(row | {"火势走向": None, "备注二": None}, row | {"火势走向": "向北"}))
    assert any("火势走向" in said and "是“火势" in said for said in problems)
    assert any("备注二" in said for said in problems)
    assert isinstance(first, Draft)
    assert any("火势走向" in said for said in told(second))


def test_a_heading_that_stands_twice_is_named() -> None:
    """The first is taken; a row with something under the second stays."""
    row = as_row(draft())

    def twice(sheet: Any) -> None:  # noqa: ANN401 -- openpyxl's
        last = sheet.max_column + 1
        sheet.cell(1, last).value = "扑救人数"
        sheet.cell(3, last).value = 30

    problems, (first, second) = read(book(row, row, change=twice))
    assert any("只能有一次" in said for said in problems)
    assert isinstance(first, Draft)
    assert isinstance(second, BadRow)


def test_without_the_headings_that_every_row_needs_no_row_is_read() -> None:
    """Without the headings that every row needs no row is read, and these headings are named."""
    row = as_row(draft())
    del row["火势状态"]
    problems, found = read(book(row))
    assert found == []
    assert "火势状态" in problems[-1]


def test_hidden_sheets_are_passed_over_and_other_sheets_named() -> None:
    """The first visible one is read, unless another is asked for by its name."""
    made = load_workbook(io.BytesIO(book(as_row(draft()))))
    hidden = made.create_sheet("旧表", 0)
    hidden["A1"] = "旧"
    hidden.sheet_state = "hidden"
    made.create_sheet("五月")["A1"] = "接警单号/案件编号"
    made.active = 1
    opened = WorkbookReader(io.BytesIO(saved(made)))
    assert opened.title == "Sheet"
    assert opened.unread_sheets == ("五月",)
    assert WorkbookReader(io.BytesIO(saved(made)), "旧表").title == "旧表"
    with pytest.raises(TableInvalid, match="六月"):
        WorkbookReader(io.BytesIO(saved(made)), "六月")


def _old() -> bytes:
    return bytes.fromhex("d0cf11e0a1b11ae1") + bytes(512)


def _no_workbook() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        packed.writestr("照片.jpg", b"")
    return made.getvalue()


def _bomb() -> bytes:
    made = io.BytesIO(book(as_row(draft())))
    with zipfile.ZipFile(made, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/media/big.bin", bytes(129 * 1024 * 1024))
    return made.getvalue()


def _entities() -> bytes:
    made, again = io.BytesIO(book(as_row(draft()))), io.BytesIO()
    with zipfile.ZipFile(made) as packed, zipfile.ZipFile(again, "w") as out:
        for one in packed.infolist():
            part = packed.read(one)
            if one.filename == "xl/worksheets/sheet1.xml":
                part = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]>' + part
            out.writestr(one.filename, part)
    return again.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [(_old, ".xls"), (lambda: b"a,b\n1,2\n", "按 CSV 导入"), (_no_workbook, ".xlsx"), (bytes, ".xlsx"),
     (_bomb, "至多"), (_entities, ".xlsx"), (lambda: book({"A": 1})[:900], ".xlsx")],
    ids=["old", "csv", "zip", "empty", "bomb", "entities", "cut"],
)  # fmt: skip
def test_what_is_no_workbook_is_told_apart(data: Callable[[], bytes], said: str) -> None:
    """An old or locked one, a CSV, a zip, a bomb, one with entities, one cut off: each says what to do."""
    with pytest.raises(TableInvalid, match=said):
        list(WorkbookReader(io.BytesIO(data())).rows())


def _with(part: str, change: Callable[[bytes], bytes]) -> bytes:
    """Change one part of a workbook."""
    made, again = io.BytesIO(book(as_row(draft()), as_row(draft()))), io.BytesIO()
    with zipfile.ZipFile(made) as packed, zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as out:
        for one in packed.infolist():
            out.writestr(one.filename, change(packed.read(one)) if one.filename == part else packed.read(one))
    return again.getvalue()


def _doubled(sheet: bytes) -> bytes:
    return sheet.replace(b'<row r="3"', b'<row r="2"')


def _damaged() -> bytes:
    made = bytearray(_with("xl/workbook.xml", bytes))
    made[made.index(b"xl/workbook.xml") + 40] ^= 0xFF
    return bytes(made)


@pytest.mark.parametrize(
    "data",
    [
        *(_with(part, lambda whole: whole[: len(whole) // 2]) for part in (
            "xl/workbook.xml", "xl/styles.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml",
            "xl/_rels/workbook.xml.rels", "docProps/core.xml",
        )),
        _with("xl/worksheets/sheet1.xml", _doubled), _damaged(),
    ],
)  # fmt: skip
def test_a_damaged_workbook_is_told_as_one(data: bytes) -> None:
    """Cut, its bytes turned, or a row number used twice, of which a reader would drop one: a sentence, no fault."""
    with pytest.raises(TableInvalid, match="应为完好的"):
        list(WorkbookReader(io.BytesIO(data)).rows())


@pytest.mark.exhaustive
def test_a_workbook_that_claims_the_whole_sheet_is_read_by_what_is_there() -> None:
    """A dimension of a million rows, or a cell in its last, costs nothing."""

    def far(sheet: Any) -> None:  # noqa: ANN401 -- openpyxl's
        sheet.cell(1_048_576, 1).number_format = "@"

    _problems, found = read(book(as_row(draft()), change=far))
    assert len(found) == 1


def test_more_rows_than_are_taken_are_told() -> None:
    """A table with too many rows is refused before any row is used."""
    lines = b"a\n" + b"1\n" * (MOST_ROWS + 1)
    with pytest.raises(TableInvalid, match=str(MOST_ROWS)):
        list(read_csv(io.BytesIO(lines)).rows)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_is_read_in_the_encodings_that_excel_writes(encoding: str) -> None:
    """UTF-8 with and without its mark, and GB 18030, found by trying."""
    row = as_row(draft())
    data = csv_table(list(row), [row]).decode("utf-8-sig").encode(encoding)
    problems, (found,) = read(data)
    assert problems == []
    assert isinstance(found, Draft)


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"PK\x03\x04", "不是 CSV"), (b"\xff\xff\xff", "GB 18030")],
    ids=["workbook", "bytes"],
)
def test_what_is_no_csv_is_told_apart(data: bytes, said: str) -> None:
    """Each kind of file that is no CSV has a sentence that says what to do."""
    with pytest.raises(TableInvalid, match=said):
        list(read_csv(io.BytesIO(data)).rows)


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1+cmd", "-2+3", "@SUM(1)", "\t=1", "＝1", "'=1", "''+1"])
def test_what_somebody_wrote_never_becomes_a_formula(text: str) -> None:
    """Text that looks like a formula is written as text, in workbooks and CSV, and read back unchanged."""
    row = as_row(draft()) | {"简要情况": text}
    made = workbook(FIRE, {"t": (list(row), [row])})
    place = list(row).index("简要情况") + 1
    assert load_workbook(io.BytesIO(made)).worksheets[0].cell(2, place).data_type == "s"
    table = csv_table(list(row), [row])
    assert f"'{text}".encode() in table
    for data in (made, table):
        _problems, (found,) = read(data)
        assert found.payload["summary"] == text.strip()
