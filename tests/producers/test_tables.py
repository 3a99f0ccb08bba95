"""Templates and tables: every type there and back, and what officers write into cells."""

from __future__ import annotations

import io
from datetime import date, datetime
from typing import Any

import pytest
from openpyxl import load_workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from tests.producers.table_cases import FIRE, MEMBERS, as_row, book, draft, read, saved, told
from tests.world.simulator import QINGYUAN, SHOUNING
from yizhan.producers.columns import (
    EXTRA_HEADINGS,
    columns_of,
    in_both_languages,
    known_headings,
    template_columns,
)
from yizhan.producers.datum import Datum, from_wgs84
from yizhan.producers.drafts import Draft
from yizhan.producers.geography import sample_outlines
from yizhan.producers.headings import heading_key
from yizhan.producers.proposals import AllianceMap
from yizhan.producers.table_files import MOST_COLUMNS
from yizhan.producers.tables import BadRow
from yizhan.producers.templates import csv_table, template, workbook
from yizhan.schemas.i18n import set_language
from yizhan.schemas.payloads import TYPES

SENT_BY_DESKS = [kind for kind in TYPES if kind != "yizhan.receipt.v1"]


POSITION, DATUM = "地点·坐标·经度、纬度", "地点·坐标·坐标系"
ENGLISH_TOO = [
    *((kind, "zh_CN") for kind in SENT_BY_DESKS),
    *(pytest.param(kind, "en", marks=() if kind == FIRE else pytest.mark.exhaustive) for kind in SENT_BY_DESKS),
]
"""Every type in both languages; in a quick run, English for one type only."""


@pytest.mark.parametrize(("kind", "language"), ENGLISH_TOO)
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


@pytest.mark.parametrize(("kind", "language"), ENGLISH_TOO)
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
        assert heading_key(heading) == heading_key(column.heading())
        assert heading != column.heading() or not (column.needed or column.is_datum)
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
