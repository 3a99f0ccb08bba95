"""Tables as other programs and people write them: encodings, line ends, separators, headings, number formats."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from tests.producers.table_cases import FIRE, as_row, book, draft, read, told
from tests.world.simulator import QINGYUAN
from yizhan.producers.columns import known_headings
from yizhan.producers.csv_tables import read_csv
from yizhan.producers.drafts import Draft, DraftInvalid, parse_draft
from yizhan.producers.headings import heading_index, heading_key, unit_of, unknown_heading
from yizhan.producers.number_formats import shown_number
from yizhan.producers.table_files import TableInvalid
from yizhan.producers.table_texts import table_text
from yizhan.producers.tables import BadRow
from yizhan.producers.templates import csv_table
from yizhan.producers.text_cleaning import tidy_text
from yizhan.producers.workbooks import WorkbookReader
from yizhan.schemas.payloads import TYPES

CASES = Path(__file__).parent / "cases"
MADE = Path(__file__).parent / "made_elsewhere"


def known(heading: str) -> bool:
    """Tell a heading of a fire's table."""
    return heading_key(heading) in heading_index(FIRE)


def table(*rows: dict[str, Any], encoding: str = "utf-8", end: str = "\r\n", separator: str = ",") -> bytes:
    """Write rows as another program does."""
    text = csv_table(list(rows[0]), rows).decode("utf-8-sig")
    if separator != ",":
        cells = [[f'"{each}"' for each in (str(row.get(name, "")) for name in rows[0])] for row in rows]
        text = "\r\n".join(separator.join(line) for line in [list(rows[0]), *cells]) + "\r\n"
    return text.replace("\r\n", "\n").replace("\n", end).encode(encoding)


def numbered(count: int, **change: Any) -> list[dict[str, Any]]:  # noqa: ANN401 -- whatever a cell holds
    """Write rows that differ by their references."""
    return [as_row(draft()) | {"接警单号/案件编号": f"Z-{n}"} | change for n in range(count)]


# -- encodings, line ends, separators --


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\r\r\n"])
def test_every_encoding_and_line_end_gives_the_same_rows(encoding: str, end: str) -> None:
    """With and without marks; an old Macintosh's returns; what doubles the returns."""
    problems, found = read(table(*numbered(3), encoding=encoding, end=end))
    assert problems == []
    assert found == read(table(*numbered(3)))[1]
    assert [isinstance(each, Draft) for each in found] == [True, True, True]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_a_line_end_in_a_quoted_cell_is_a_line_end(end: str) -> None:
    """Any line end within a quoted cell becomes a line feed, and the row stays one row."""
    problems, found = read(table(*numbered(2, 简要情况="第一行\n第二行"), end=end))
    assert problems == []
    assert [one.payload["summary"] for one in found] == ["第一行\n第二行"] * 2


def test_gbk_that_could_be_utf_8_is_told_by_its_headings() -> None:
    """联通 in GBK is lawful UTF-8; what the headings say decides."""
    data = "县,联通\r\n庆元,联通\r\n".encode("gbk")
    assert table_text("县\r\n联通\r\n".encode("gbk"), lambda cell: cell == "县").encoding == "gb18030"
    assert table_text(data, lambda cell: cell == "联通").encoding == "gb18030"
    assert table_text("县\r\n联通\r\n".encode(), lambda cell: cell == "县").encoding == "utf-8"


def test_a_byte_of_another_encoding_spoils_its_row_only() -> None:
    """Two files pasted together: the row is named, the others go."""
    one, two, three = table(*numbered(3)).split(b"\r\n")[1:4]
    head = table(*numbered(1)).split(b"\r\n")[0]
    data = b"\r\n".join([head, one, two.decode().encode("gbk"), three]) + b"\r\n"
    _problems, found = read(data)
    assert [isinstance(each, Draft) for each in found] == [True, False, True]
    assert "几种编码" in told(found[1])[0]


@pytest.mark.parametrize("separator", ["\t", ";", "|", "，", "；"])
def test_other_separators_are_found_by_the_headings_and_named(separator: str) -> None:
    """The rows are read, and the reader says by what."""
    data = table(*numbered(2), separator=separator)
    assert read_csv(io.BytesIO(data), known).source.separator == separator
    assert [isinstance(each, Draft) for each in read(data)[1]] == [True, True]


def test_excels_own_line_about_the_separator_is_obeyed() -> None:
    """``sep=;`` is no heading, and rows keep their numbers."""
    data = b"sep=;\r\n" + table(*numbered(1), separator=";")
    rows = list(read_csv(io.BytesIO(data), known).rows)
    assert [row.number for row in rows] == [2, 3]


def test_a_quotation_mark_that_is_never_closed_spoils_its_row_only() -> None:
    """The rows after it still go."""
    lines = table(*numbered(3)).split(b"\r\n")
    lines[2] = b'"' + lines[2]
    _problems, found = read(b"\r\n".join(lines))
    assert [isinstance(each, Draft) for each in found] == [True, False, True]
    assert "引号" in told(found[1])[0]


# -- headings --


@pytest.mark.parametrize(
    "written",
    [
        "过火面积(公顷)",
        "过火面积（公顷）*",
        " 过火面积 （公顷） ",
        "过火面积\n（公顷）",
        "过火面积【公顷】",
        "过火面积（公顷）：",
        "＊过火面积（公顷）",
        "过火面积（公顷）（必填）",
    ],
)
def test_a_heading_is_known_however_it_is_written(written: str) -> None:
    """Half-width brackets, line breaks, marks, colons."""
    assert heading_index(FIRE)[heading_key(written)].path == ("payload", "burnt_ha")


@pytest.mark.parametrize("dot", "·•‧・･.．。/-—")
def test_another_dot_is_the_same_dot(dot: str) -> None:
    """On most keyboards there is no middle dot."""
    assert heading_index(FIRE)[heading_key(f"拟稿人{dot}姓名")].path == ("payload", "drafted_by", "name")


@pytest.mark.parametrize("kind", TYPES)
def test_no_two_headings_of_a_type_become_one(kind: str) -> None:
    """No two headings of a type are equal under the loose comparison."""
    paths: dict[str, Any] = {}
    for heading, column in known_headings(kind).items():
        assert paths.setdefault(heading_key(heading), column.path) == column.path, heading


@pytest.mark.parametrize("written", ["过火面积（亩）", "过火面积亩", "受害森林面积（亩）", "距界（公里）"])
def test_another_unit_is_never_offered_as_a_near_name(written: str) -> None:
    """A heading with another unit is refused, with the advice to convert the figures."""
    said = unknown_heading(written, known_headings(FIRE))
    assert "要换算" in said
    assert "吗" not in said
    assert unit_of(written) in {"亩", "公里"}


# -- cells --


def formatted(column: str, value: Any, number_format: str) -> list[Any]:  # noqa: ANN401 -- whatever a cell holds
    """Read one row whose cell has a number format."""

    def change(sheet: Any) -> None:  # noqa: ANN401 -- openpyxl's
        sheet.cell(2, [cell.value for cell in sheet[1]].index(column) + 1).number_format = number_format

    return read(book(as_row(draft()) | {column: value}, change=change))[1]


def test_what_a_number_format_shows_is_what_is_read() -> None:
    """Leading zeros of a badge, words for figures, thousands with commas."""
    (found,) = formatted("拟稿人·警号", 35112, "000000")
    assert found.payload["drafted_by"]["badge"] == "035112"
    (found,) = formatted("联系人·电话", 5935522110, "0000-0000000")
    assert found.payload["contact"]["phone"] == "0593-5522110"
    (found,) = formatted("扑救人数", 24, '#,##0"人"')
    assert found.payload["crews"] == 24
    (found,) = formatted("过火面积（公顷）", 0.3, '0.0"公顷"')
    assert found.payload["burnt_ha"] == 0.3
    (found,) = formatted("越界情况", 1, '"已越界";;"无"')
    assert not isinstance(found, Draft) or found.payload["crossing"] == "已越界"
    (found,) = formatted("越界情况", 0, '"已越界";;"无"')
    assert found.payload["crossing"] == "无"


@pytest.mark.parametrize(
    ("number_format", "said"),
    [('0.0"亩"', "亩"), ("0.0%", "百分数"), ('0.0,"千"', "一千倍"), (";;;", "空的"), ('[>1]"多";0', "按大小")],
)
def test_a_number_whose_cell_shows_something_else_is_named(number_format: str, said: str) -> None:
    """Another unit, a hundredth, a thousandth, nothing."""
    (found,) = formatted("过火面积（公顷）", 0.3, number_format)
    assert said in told(found)[0]


def test_what_excel_made_a_date_of_is_named() -> None:
    """3-5 of a forest compartment is no day in March."""
    _problems, (found,) = read(book(as_row(draft()) | {"地点·林班/小班": date(2026, 3, 5)}))
    assert "当成了日期" in told(found)[0]


def test_the_escapes_of_open_xml_are_read() -> None:
    """``_x000D_`` is a carriage return, ``_x005F_`` an underline."""
    _problems, (found,) = read(book(as_row(draft()) | {"简要情况": "一_x000D_\n二_x005F_x000D_"}))
    assert found.payload["summary"] == "一\n二_x000D_"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("拟稿人·警号", "035112、035113"),
        ("拟稿人·姓名", "叶某；李某"),
        ("接警单号/案件编号", "A-1,A-2"),
        ("拟稿人·姓名", "叶某\n李某"),
    ],
)
def test_two_values_where_one_is_taken_are_named(column: str, value: str) -> None:
    """A cell with two values where one is expected is a fault."""
    _problems, (found,) = read(book(as_row(draft()) | {column: value}))
    assert "只填一个" in told(found)[0]


@given(st.floats(0, 1e9, allow_nan=False), st.text('0#?.,%;"亩-E@ [>]hm\\_*', max_size=12))
def test_every_number_format_is_read_or_refused(value: float, number_format: str) -> None:
    """Any number format is read or refused, never an error."""
    shown = shown_number(value, number_format)
    assert shown.text is None or isinstance(shown.text, str)


# -- the shared cases --


def test_a_row_with_a_time_before_any_calendar_is_named_and_the_good_rows_go() -> None:
    """A row with a time before year 1 is named, and the other rows are sent."""
    _problems, found = read((CASES / "date-minvalue.csv").read_bytes())
    assert [isinstance(each, Draft) for each in found] == [True, False, True]
    assert "发生时间" in told(found[1])[0]


def test_one_name_in_two_encodings_is_one_name() -> None:
    """GB 18030's private-use point is the character that the standard has given since: the same reference."""
    (one,), (other,) = (read((CASES / f"name-{each}.csv").read_bytes())[1] for each in ("gb18030", "utf8"))
    assert one == other
    assert one.payload["drafted_by"]["name"] == "叶龴"


def test_what_is_left_private_is_named() -> None:
    """A character that one office made for itself says nothing elsewhere."""
    (found,) = read(table(*numbered(1, 拟稿人·姓名="叶\ue000")))[1]
    assert "U+E000" in told(found)[0]
    assert "拟稿人·姓名" in told(found)[0]


@pytest.mark.parametrize("text", ["\u200b", "\u2060\ufeff", "\u3164", "\u2800 \u00ad", "\ufe0f"])
def test_a_text_of_nothing_visible_is_empty(text: str) -> None:
    """A text of invisible characters only counts as empty."""
    assert tidy_text(text) == ""
    content = draft().model_dump(mode="json", exclude_none=True)
    content["payload"]["drafted_by"]["name"] = text
    with pytest.raises(DraftInvalid):
        parse_draft(content)


@given(st.text())
def test_a_tidied_text_stays_as_it_is(text: str) -> None:
    """Cleaning a cleaned text changes nothing."""
    assert tidy_text(tidy_text(text)) == tidy_text(text)


# -- flavours of workbooks --


def repacked(data: bytes, *, strict: bool = False, named: str = "xl/workbook.xml", slash: str = "/") -> bytes:
    """Write a workbook as another program names and spells its parts."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as packed, zipfile.ZipFile(made, "w") as out:
        for one in packed.infolist():
            part = packed.read(one).replace(b"/xl/workbook.xml", f"/{named}".encode())
            if strict:
                part = part.replace(
                    b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
                    b"http://purl.oclc.org/ooxml/spreadsheetml/main",
                )
                part = part.replace(
                    b"http://schemas.openxmlformats.org/officeDocument/2006/",
                    b"http://purl.oclc.org/ooxml/officeDocument/",
                )
            name = one.filename.replace("xl/workbook.xml", named).replace(
                "xl/_rels/workbook.xml.rels", f"xl/_rels/{named[3:]}.rels"
            )
            info = zipfile.ZipInfo("x" * len(name.replace("/", slash)))
            info.filename = name.replace("/", slash)
            out.writestr(info, part)
    return made.getvalue()


@pytest.mark.parametrize(
    "change", [{"strict": True}, {"named": "xl/workbook22.xml"}, {"slash": "\\"}, {"strict": True, "slash": "\\"}]
)
def test_every_flavour_of_open_xml_is_read(change: dict[str, Any]) -> None:
    """The strict one, another name for the workbook's part, a zip with the other slash."""
    data = repacked(book(as_row(draft())), **change)
    problems, (found,) = read(data)
    assert problems == []
    assert isinstance(found, Draft)


@pytest.mark.parametrize(
    ("parts", "said"),
    [({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}, r"\.ods"), ({"xl/workbook.bin": ""}, r"\.xlsb"),
     ({"word/document.xml": ""}, "Word"), ({"Index/Document.iwa": ""}, "Numbers"), ({"a.txt": ""}, "应为完好的")],
)  # fmt: skip
def test_another_format_is_named_with_what_to_do(parts: dict[str, str], said: str) -> None:
    """Another file format is recognised by content, not by name, and the sentence says what to do."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    with pytest.raises(TableInvalid, match=said):
        WorkbookReader(made)


def test_a_row_of_a_bad_number_format_leaves_the_others() -> None:
    """A bad number format spoils its row only."""
    made = Workbook()
    sheet = made.worksheets[0]
    row = as_row(draft())
    sheet.append(list(row))
    for n in range(2):
        sheet.append(list((row | {"接警单号/案件编号": f"Z-{n}"}).values()))
    sheet.cell(2, list(row).index("死亡人数") + 1).number_format = '0,"千"'
    stream = io.BytesIO()
    made.save(stream)
    _problems, found = read(stream.getvalue())
    assert isinstance(found[0], BadRow)
    assert isinstance(found[1], Draft)
    assert QINGYUAN in (found[1].to or ())


# -- files that another program made --


@pytest.mark.parametrize("name", ["libreoffice-gb18030.csv", "libreoffice-utf16-tabs.csv"])
def test_what_libreoffice_writes_as_csv_is_the_same_event(name: str) -> None:
    """But for the badge, whose leading zero LibreOffice dropped; the encoding and the separator are found."""
    problems, (found,) = read((MADE / name).read_bytes())
    (source,) = read((CASES / "name-utf8.csv").read_bytes())[1]
    assert problems == []
    assert isinstance(found, Draft), told(found)
    assert {**found.payload, "drafted_by": 0, "external_ref": 0} == {
        **source.payload,
        "drafted_by": 0,
        "external_ref": 0,
    }
    assert found.payload["drafted_by"] == {"name": "叶龴", "badge": "35112"}


def test_what_libreoffice_writes_as_a_workbook_is_the_same_event() -> None:
    """But for the badge, of whose leading zero LibreOffice keeps nothing unless the cell is text."""
    problems, (found,) = read((MADE / "libreoffice.xlsx").read_bytes())
    assert problems == []
    assert isinstance(found, Draft), told(found)
    assert found.payload["drafted_by"]["name"] == "叶龴"
    assert found.payload["occurred_at"] == "2026-11-29T07:40:00.000Z"


def test_an_open_document_is_named_with_what_to_do() -> None:
    """An OpenDocument table is refused with what to do."""
    with pytest.raises(TableInvalid, match=r"\.ods.*另存为"):
        WorkbookReader(io.BytesIO((MADE / "libreoffice.ods").read_bytes()))
