"""Tables of every type, in Excel and CSV: written, read, and whatever is wrong with them named by row and column."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from tests.schemas.payloads.examples import EXAMPLES
from yizhan.producers.columns import (
    EXTRA_HEADINGS,
    column_letters,
    columns_of,
    draft_content,
    in_both_languages,
    known_headings,
    template_columns,
    values_of,
)
from yizhan.producers.csv_tables import read_csv
from yizhan.producers.datum import Datum, from_wgs84
from yizhan.producers.drafts import Draft, parse_draft
from yizhan.producers.geography import sample_outlines
from yizhan.producers.headings import heading_index, heading_key
from yizhan.producers.proposals import AllianceMap
from yizhan.producers.table_files import MOST_COLUMNS, MOST_ROWS, TableInvalid
from yizhan.producers.tables import BadRow, TableContext, TableReader
from yizhan.producers.templates import csv_table, template, workbook
from yizhan.producers.workbooks import WorkbookReader
from yizhan.schemas.i18n import set_language
from yizhan.schemas.payloads import TYPES

FIRE, CRIME = "yizhan.incident.forest_fire.v1", "yizhan.incident.eco_crime.v1"
SHOUNING, QINGYUAN = "350924", "331126"
MEMBERS = {SHOUNING: "寿宁县", QINGYUAN: "庆元县"}
STAGES = {
    "yizhan.intelligence.feedback.v1": "final",
    "yizhan.assistance.response.v1": "final",
    "yizhan.liaison.consultation.v1": "final",
}
SENT_BY_DESKS = [kind for kind in TYPES if kind != "yizhan.receipt.v1"]
POSITION, DATUM = "地点·坐标·经度、纬度", "地点·坐标·坐标系"


@pytest.fixture(autouse=True)
def _chinese() -> Any:  # noqa: ANN401 -- a generator
    set_language("zh_CN")
    yield
    set_language("zh_CN")


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


def computed(data: bytes, formula: bytes, value: bytes) -> bytes:
    """Put what a formula came to beside it, as a spreadsheet does; openpyxl computes nothing."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as packed, zipfile.ZipFile(made, "w") as out:
        for one in packed.infolist():
            part, count = re.subn(rb"<v ?/>|<v></v>", b"<v>" + value + b"</v>", packed.read(one))
            assert count == (formula in part)
            out.writestr(one.filename, part)
    return made.getvalue()


def read(data: bytes, kind: str = FIRE, around: AllianceMap | None = None) -> tuple[list[str], list[Any]]:
    """Read a table: what is wrong with its headings, and what each row is."""
    stream = io.BytesIO(data)
    known = heading_index(kind)
    csv_rows = read_csv(stream, lambda heading: heading_key(heading) in known).rows if data[:2] != b"PK" else iter(())
    rows = WorkbookReader(stream).rows() if data.startswith(b"PK") else csv_rows
    reading = TableReader(kind, "t", TableContext(SHOUNING, MEMBERS, around))
    problems = reading.take_headings(next(rows))
    return [str(one) for one in problems], [reading.row(row) for row in rows] if reading.usable() else []


def told(found: Any) -> list[str]:  # noqa: ANN401 -- a bad row
    """Return what is wrong with a row."""
    assert isinstance(found, BadRow)
    return [str(one) for one in found.problems]


# -- every type --


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("kind", SENT_BY_DESKS)
def test_every_type_comes_back_from_a_table_as_it_went_in(kind: str, language: str) -> None:
    """The same draft, by workbook and by CSV, whichever language wrote it and whichever reads it."""
    set_language(language)
    one = draft(kind)
    row = as_row(one)
    tables = [workbook(kind, {"t": (list(row), [row])}), csv_table(list(row), [row])]
    for reading_in in ("zh_CN", "en"):
        set_language(reading_in)
        for table in tables:
            problems, (found,) = read(table, kind)
            assert problems == []
            assert isinstance(found, Draft), told(found)
            ours = {name: value for name, value in found.payload.items() if name in one.payload}
            assert (ours, found.to, found.touches, found.grade, found.stage) == (
                one.payload, one.to, one.touches, one.grade, one.stage
            )  # fmt: skip


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize("kind", SENT_BY_DESKS)
def test_every_template_can_be_filled_in(kind: str, language: str) -> None:
    """An example typed under a template's own headings goes; its notes tell of every column."""
    set_language(language)
    columns = template_columns(kind)
    made = load_workbook(io.BytesIO(template(kind, "题", columns, MEMBERS)))
    sheet, notes = made.worksheets[0], made.worksheets[1]
    assert [row[1].value for row in notes.iter_rows(min_row=7)] == [column.heading() for column in columns]
    row = as_row(draft(kind))
    for number, column in enumerate(columns, 1):
        heading = str(sheet.cell(1, number).value)
        assert heading.removesuffix("*") == column.heading()
        sheet.cell(2, number).value = row.get(column.heading())
    problems, (found, *rest) = read(saved(made), kind)
    assert problems == []
    assert rest == []
    assert isinstance(found, Draft), told(found)


@pytest.mark.parametrize("kind", SENT_BY_DESKS)
def test_no_heading_means_two_things(kind: str) -> None:
    """In neither language do two columns of a type share a heading."""
    known = known_headings(kind)
    assert len(known) >= len(columns_of(kind, 50))
    assert not in_both_languages(EXTRA_HEADINGS) & set(known)
    for language in ("zh_CN", "en"):
        said = [column.heading(language) for column in columns_of(kind)]
        assert len(set(said)) == len(said)


def test_a_template_offers_the_words_that_an_import_takes() -> None:
    """Every drop-down's words stand on the sheet of codes, and each is understood."""
    made = load_workbook(io.BytesIO(template(FIRE, "题", template_columns(FIRE), MEMBERS)))
    rules = made.worksheets[0].data_validations.dataValidation
    codes = made["代码"]
    listed = {str(column[0].value): [cell.value for cell in column[1:] if cell.value] for column in codes.iter_cols()}
    assert len(rules) == len(listed)
    state = listed["火势状态"]
    row = as_row(draft())
    _problems, found = read(book(*[row | {"火势状态": word, "接警单号/案件编号": word} for word in state]))
    assert [one.payload["state"] for one in found] == state
    assert made.properties.subject == FIRE


# -- what officers write --


def test_dates_numbers_and_digits_are_read_as_people_write_them() -> None:
    """Date cells, text dates, full-width digits, numbers as text: the same values."""
    row = as_row(draft())
    ways: list[dict[str, Any]] = [
        {"起火时间": datetime(2026, 11, 23, 15, 30), "扑救人数": 24, "过火面积（公顷）": 0.3},  # noqa: DTZ001 -- as Excel
        {"起火时间": "2026-11-23 15:30", "扑救人数": "24", "过火面积（公顷）": "0.3"},
        {"起火时间": "2026年11月23日15时30分", "扑救人数": "２４", "过火面积（公顷）": "０．３"},
        {"起火时间": "2026/11/23 15:30", "扑救人数": 24.0, "过火面积（公顷）": " 0.3 "},
    ]
    problems, found = read(book(*[row | way for way in ways]))
    assert problems == []
    assert {(one.payload["started_at"], one.payload["crews"], one.payload["burnt_ha"]) for one in found} == {
        ("2026-11-23T07:30:00.000Z", 24, 0.3)
    }


def test_a_cell_of_spaces_is_an_empty_one() -> None:
    """Full-width ones, too; a row of them is none."""
    row = as_row(draft())
    blank = dict.fromkeys(row, "　 ")
    problems, found = read(book(row | {"风力（级）": "　"}, blank, row))
    assert problems == []
    assert [type(one) for one in found] == [Draft, type(None), Draft]
    assert "wind_force" not in found[0].payload


def test_a_day_without_its_hour_is_no_time() -> None:
    """A date cell is not taken for midnight."""
    _problems, (found,) = read(book(as_row(draft()) | {"起火时间": date(2026, 11, 23)}))
    (said,) = told(found)
    assert "起火时间" in said
    assert "2026-11-23" in said


@pytest.mark.parametrize("shown", ["[$-zh-CN]yyyy/m/d", 'yyyy"h"mm"月"dd', "yyyy-mm-dd;@"])
def test_a_day_is_a_day_in_whatever_format_excel_shows_it(shown: str) -> None:
    """A letter of a locale, or of a quoted word, is no hour; 1904 counts from another day."""

    def change(sheet: Any) -> None:  # noqa: ANN401 -- openpyxl's
        cell = next(one for one in sheet[2] if one.value == datetime(2026, 11, 23))  # noqa: DTZ001 -- as Excel
        cell.number_format = shown
        sheet.parent.epoch = CALENDAR_MAC_1904

    _problems, (found,) = read(book(as_row(draft()) | {"起火时间": datetime(2026, 11, 23)}, change=change))  # noqa: DTZ001 -- as above
    (said,) = told(found)
    assert "起火时间" in said
    assert said.endswith("'2026-11-23'")


def test_what_excel_took_for_a_time_keeps_its_hour() -> None:
    """Typed into a column of words, it became a date cell."""
    _problems, (found,) = read(book(as_row(draft()) | {"简要情况": datetime(2026, 11, 23, 16, 5)}))  # noqa: DTZ001 -- as Excel
    assert found.payload["summary"] == "2026-11-23 16:05"


def test_a_number_is_what_excel_shows_of_it() -> None:
    """A sum pasted as a value has a seventeenth digit that nobody sees; a small one has no exponent; 85% says so."""
    row = as_row(draft())
    ways = [{"过火面积（公顷）": 0.1 + 0.2}, {"过火面积（公顷）": 0.00001, "受害森林面积（公顷）": 0}]

    def percent(sheet: Any) -> None:  # noqa: ANN401 -- openpyxl's
        next(one for one in sheet[4] if one.value == 0.85).number_format = "0%"

    _problems, found = read(book(*[row | way for way in ways], row | {"过火面积（公顷）": 0.85}, change=percent))
    assert [one.payload["burnt_ha"] for one in found[:2]] == [0.3, 0.00001]
    assert "百分" in told(found[2])[0]


@pytest.mark.parametrize(("typed", "read_as"), [("1,234.5", 1234.5), ("12,5", None), ("1,2345", None), ("0，3", None)])
def test_a_comma_stands_between_thousands_only(typed: str, read_as: float | None) -> None:
    """Twelve and a half hectares, with a comma for a point, are not a hundred and twenty-five."""
    _problems, (found,) = read(book(as_row(draft()) | {"过火面积（公顷）": typed}))
    if read_as is None:
        assert "过火面积" in told(found)[0]
    else:
        assert found.payload["burnt_ha"] == read_as


def test_a_row_that_nobody_sees_does_not_go() -> None:
    """Hidden by hand or by a filter: named, and the others go."""

    def hide(sheet: Any) -> None:  # noqa: ANN401 -- openpyxl's
        sheet.row_dimensions[3].hidden = True

    _problems, found = read(book(*[as_row(draft())] * 3, change=hide))
    assert [type(one) for one in found] == [Draft, BadRow, Draft]
    assert "隐藏" in told(found[1])[0]


def test_what_another_county_sent_is_not_sent_as_ones_own() -> None:
    """An export is imported again: the rows of received events say whose they are, and stay."""
    row = as_row(draft())
    _problems, found = read(book(row | {"编号": f"{QINGYUAN}-2A2B-7"}, row | {"编号": f"{SHOUNING}-2A2B-7"}, row))
    assert [type(one) for one in found] == [BadRow, Draft, Draft]
    assert f"{QINGYUAN}-2A2B-7" in told(found[0])[0]


def test_what_stands_beyond_the_last_column_is_named() -> None:
    """In a workbook and in a CSV, rather than let go."""

    def far(sheet: Any) -> None:  # noqa: ANN401 -- openpyxl's
        sheet.cell(2, MOST_COLUMNS + 5).value = "还有"

    row = as_row(draft())
    wide = csv_table(list(row), [row]).rstrip() + b"," * MOST_COLUMNS + "还有\r\n".encode()
    for data in (book(row, change=far), wide):
        _problems, (found,) = read(data)
        assert any("还有" in said for said in told(found))


def test_a_number_that_excel_has_changed_is_refused() -> None:
    """A case number of 17 digits typed into a number cell has lost its last ones."""
    _problems, (found,) = read(book(as_row(draft()) | {"接警单号/案件编号": 35092420261123001}))
    assert any("15 位" in said and "接警单号" in said for said in told(found))


@pytest.mark.parametrize("datum", list(Datum))
def test_a_position_of_any_datum_is_turned_into_wgs84(datum: Datum) -> None:
    """Within a tenth of a metre or so of where it was read."""
    x, y = from_wgs84((119.33, 27.47), datum)
    _problems, (found,) = read(book(as_row(draft()) | {POSITION: f"{x:.7f},{y:.7f}", DATUM: datum.value}))
    assert found.payload["place"]["position"]["coordinates"] == pytest.approx([119.33, 27.47], abs=2e-6)


def test_a_position_without_its_datum_is_a_bad_row() -> None:
    """It is never guessed; the column that is missing is named."""
    _problems, (found,) = read(book(as_row(draft()) | {DATUM: None}))
    assert any(DATUM in said for said in told(found))


def test_what_follows_from_a_position_is_added() -> None:
    """The border and whom it touches, as the form proposes them."""
    row = as_row(draft())
    for column in columns_of(FIRE):
        if {"border", "touches"} & set(column.path):
            row.pop(column.heading(), None)
    around = AllianceMap(sample_outlines(), frozenset(MEMBERS), 5.0)
    seen = around.surroundings(119.33, 27.47, SHOUNING)
    _problems, (found,) = read(book(row), around=around)
    assert found.touches == seen.touches == (QINGYUAN,)
    assert found.payload["border"] == seen.border


def test_a_row_without_a_reference_is_known_by_what_it_says() -> None:
    """The same twice, whatever its cells' formats; another as soon as it says something else."""
    row = as_row(draft())
    del row["接警单号/案件编号"]
    other = row | {"扑救人数": 25}
    _problems, found = read(book(row, row | {"扑救人数": "24"}, other))
    first, again, third = [one.external_ref for one in found]
    assert first.startswith("sheet:")
    assert first == again
    assert third != first


# -- what is wrong is named --


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
    """So that the file of bad rows has the value in place of the formula."""
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
    """They are named."""
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
    [(_old(), ".xls"), (b"a,b\n1,2\n", "按 CSV 导入"), (_no_workbook(), ".xlsx"), (b"", ".xlsx"),
     (_bomb(), "至多"), (_entities(), ".xlsx"), (book({"A": 1})[:900], ".xlsx")],
    ids=["old", "csv", "zip", "empty", "bomb", "entities", "cut"],
)  # fmt: skip
def test_what_is_no_workbook_is_told_apart(data: bytes, said: str) -> None:
    """An old or locked one, a CSV, a zip, a bomb, one with entities, one cut off: each says what to do."""
    with pytest.raises(TableInvalid, match=said):
        list(WorkbookReader(io.BytesIO(data)).rows())


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


def test_a_workbook_that_claims_the_whole_sheet_is_read_by_what_is_there() -> None:
    """A dimension of a million rows, or a cell in its last, costs nothing."""

    def far(sheet: Any) -> None:  # noqa: ANN401 -- openpyxl's
        sheet.cell(1_048_576, 1).number_format = "@"

    _problems, found = read(book(as_row(draft()), change=far))
    assert len(found) == 1


def test_more_rows_than_are_taken_are_told() -> None:
    """Before anything of the table is used."""
    lines = b"a\n" + b"1\n" * (MOST_ROWS + 1)
    with pytest.raises(TableInvalid, match=str(MOST_ROWS)):
        list(read_csv(io.BytesIO(lines)).rows)


# -- CSV --


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
    """Each says what to do."""
    with pytest.raises(TableInvalid, match=said):
        list(read_csv(io.BytesIO(data)).rows)


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1+cmd", "-2+3", "@SUM(1)", "\t=1", "＝1", "'=1", "''+1"])
def test_what_somebody_wrote_never_becomes_a_formula(text: str) -> None:
    """Neither in a workbook nor in a CSV; an import reads the text itself."""
    row = as_row(draft()) | {"简要情况": text}
    made = workbook(FIRE, {"t": (list(row), [row])})
    place = list(row).index("简要情况") + 1
    assert load_workbook(io.BytesIO(made)).worksheets[0].cell(2, place).data_type == "s"
    table = csv_table(list(row), [row])
    assert f"'{text}".encode() in table
    for data in (made, table):
        _problems, (found,) = read(data)
        assert found.payload["summary"] == text.strip()
