"""A table of one type, read row by row into drafts. No file is opened here.

Rule 1: a bad cell names row, column and heading; the other rows are still read.
Rule 2: an unknown heading is reported, and a row with something under it is not sent: nobody would
        know what is left out. Rows with nothing there go.
Rule 3: a row without a reference of its own is known by its content, so that a second import sends nothing twice.
Rule 4: a position names its datum; nothing is guessed. A day without its hour is no time.
Rule 5: an event that another county sent is not sent as one's own, as an export that is imported again would.
Rule 6: a number of more than 15 digits was changed by the spreadsheet before the import: it is refused. So is what the
        spreadsheet took for a date in a column that is none, and a number whose cell shows another unit than its
        heading's.
Rule 7: a badge, an officer's name, a reference is one: a cell with several is named.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from yizhan.producers import form_values
from yizhan.producers.columns import (
    EMPTY_LIST,
    EXTRA_HEADINGS,
    ID_HEADING,
    Column,
    column_letters,
    in_both_languages,
    known_headings,
    template_columns,
)
from yizhan.producers.datum import Datum, PositionInvalid, datum_of
from yizhan.producers.drafts import Draft, DraftInvalid, LineProblem, parse_draft
from yizhan.producers.form_values import AnswerInvalid, Path, parse_answer
from yizhan.producers.forms import Field, FieldKind, form_of
from yizhan.producers.headings import heading_index, heading_key, unit_of, unknown_heading
from yizhan.producers.positions import Spot, locate, read_spots
from yizhan.producers.proposals import AllianceMap, coordinates_of
from yizhan.producers.text_cleaning import tidy_text
from yizhan.schemas import strictjson
from yizhan.schemas.i18n import _, join_list
from yizhan.schemas.sentences import GOT
from yizhan.schemas.timestamps import written

BY_CONTENT: Final = "sheet:"
"""How a reference begins that was made from a row's content."""
_EXACT: Final = 10**15
"""From here on a spreadsheet's numbers (IEEE 754, shown with 15 digits) are no longer what was typed."""
_SHOWN: Final = 60
_AS_SHOWN: Final = frozenset({FieldKind.TEXT, FieldKind.MEMBER})
"""Kinds of columns for which a number is its digits."""
_COUNTED: Final = frozenset("人个起件次名户只头株处级岁条支辆台架份")
"""Measure words, which change no number."""
_SINGLE: Final = frozenset({"badge", "phone", "external_ref"})
_OFFICERS: Final = frozenset({"drafted_by", "reviewed_by", "signed_off_by"})
_ASKS_DAY: Final = re.compile("[0-9]{4}(?:-|Q|$)")
"""How the example of a column begins that asks for a day, a month, a quarter or a year."""
_NAME: Final = "[a-z]+(?:_[a-z]+)*"
_BETWEEN: Final = re.compile(r"[、，；;,\n]|\s/\s")
"""The separator between two values."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The content of a cell; ``fault`` if it may not be used (a formula, a part of merged cells)."""

    value: Any
    fault: str | None = None
    shown: str | None = None
    """A number's digits as its cell shows them, where the number format adds zeros or signs."""
    unit: str = ""
    """Text that its number format adds to the number."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table. ``number`` from 1, the headings' included; cells by their column's number from 0."""

    number: int
    cells: Mapping[int, Cell]
    fault: str | None = None
    """Why nothing of it may be used."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that may not go, and everything that is wrong with it."""

    row: TableRow
    problems: tuple[LineProblem, ...]


@dataclass(frozen=True, slots=True)
class TableContext:
    """In whose name a table is read."""

    county: str
    members: Mapping[str, str]
    """Code → name."""
    map: AllianceMap | None = None
    """Where positions are looked up; None for not at all."""
    office: Mapping[str, Any] = field(default_factory=dict)
    """Who answers for what is sent, where a row does not say."""


class TableReader:
    """A table of one type being read: the headings first, then row after row."""

    def __init__(self, type: str, name: str, context: TableContext) -> None:
        """Take whose it is; ``name`` is how problems call the file."""
        self._type, self._name, self._context = type, name, context
        self._names = {each.name for each in form_of(type)}
        self._known, self._by_key = known_headings(type), heading_index(type)
        self._columns: dict[int, Column] = {}
        self._skipped: frozenset[int] = frozenset()
        self._id: int | None = None
        """Column of an export's ids."""
        self.headings: tuple[str, ...] = ()
        """As they stood in the table."""

    def usable(self) -> bool:
        """Return whether the headings suffice to read the rows: those that every row needs are present."""
        return not self._missing()

    def _missing(self) -> list[str]:
        given = {column.path for column in self._columns.values()}
        return [
            column.heading()
            for column in template_columns(self._type)
            if column.needed and column.path not in given and form_values.get(self._office(), column.path[1:]) is None
        ]

    def _office(self) -> dict[str, Any]:
        return {"org_code": f"{self._context.county}000000", **self._context.office}

    def take_headings(self, row: TableRow) -> tuple[LineProblem, ...]:
        """Take the first row; return every problem with it."""
        problems, seen = [], set[Path]()
        skipped, passed_over = set(), set(map(heading_key, in_both_languages(EXTRA_HEADINGS)))
        texts = {n: "" if cell.value is None else str(cell.value).strip() for n, cell in row.cells.items()}
        self.headings = tuple(texts.get(n, "") for n in range(max(texts, default=-1) + 1))
        for number, cell in sorted(row.cells.items()):
            heading = " ".join(texts[number].rstrip("*＊").split())
            key = heading_key(heading)
            column = self._by_key.get(key)
            if (fault := cell.fault or row.fault) is not None:
                problems.append(self._problem(row.number, number, heading, fault, heading))
            elif key in passed_over:
                skipped.add(number)
                self._id = number if key in map(heading_key, in_both_languages((ID_HEADING,))) else self._id
            elif column is not None and column.path in seen:
                problems.append(self._problem(row.number, number, heading, _("同一表头只能有一次"), heading))
            elif column is not None:
                self._columns[number] = column
                seen.add(column.path)
            elif heading:
                expected = unknown_heading(heading, self._known)
                problems.append(self._problem(row.number, number, heading, expected, heading))
        self._skipped = frozenset(skipped)
        if missing := self._missing():
            expected = _("第一行应有表头：{names}").format(names="、".join(missing))
            got = "、".join(filter(None, self.headings))[:_SHOWN]
            problems.append(LineProblem(self._name, row.number, "", expected, got or _("空")))
        return tuple(problems)

    def row(self, row: TableRow) -> Draft | BadRow | None:
        """Read one row; None for an empty one."""
        filled = {n: cell for n, cell in row.cells.items() if n not in self._skipped}
        if not filled:
            return None
        if row.fault is not None:
            return BadRow(row, (LineProblem(self._name, row.number, "", row.fault, ""),))
        event_id = self.event_id(row)
        if event_id and not event_id.startswith(f"{self._context.county}-"):
            expected = _("这是别县的事件，不作为本县的发出；要答复请另写一件，要作为本县的另发一件请清空这一格")
            number = self._id or 0
            return BadRow(row, (self._problem(row.number, number, self.headings[number], expected, event_id),))
        content: dict[str, Any] = {"type": self._type, "payload": {}}
        problems: list[LineProblem] = []
        for number, cell in sorted(filled.items()):
            problems += self._put(content, row.number, number, cell)
        problems += self._converted(content, row.number)
        if problems:
            return BadRow(row, tuple(problems))
        self._complete(content, propose=self._id not in row.cells)
        try:
            return parse_draft(content)
        except DraftInvalid as error:
            return BadRow(row, tuple(self._from_model(row.number, path, problem) for path, problem in error.errors))

    def event_id(self, row: TableRow) -> str:
        """Return the id that a row of an export names; empty for a row that never was an event."""
        cell = None if self._id is None else row.cells.get(self._id)
        return "" if cell is None or cell.value is None else str(cell.value).strip()

    def _put(self, content: dict[str, Any], line: int, number: int, cell: Cell) -> Iterator[LineProblem]:
        """Put one cell where it belongs, or say why not."""
        column = self._columns.get(number)
        if column is None:
            heading = self.headings[number] if number < len(self.headings) else ""
            expected = _("这一列的表头不能用，不应有内容；请改正表头或删去这一列")
            yield self._problem(line, number, heading, expected, str(cell.value))
            return
        try:
            text = tidy_text(cell_text(cell.value, column.field) if cell.shown is None or column.field.kind
                             not in _AS_SHOWN else cell.shown)  # fmt: skip
            if (fault := cell.fault or _wrong_unit(cell, column) or _several(column, text)) is not None:
                yield self._problem(line, number, column.heading(), fault, text)
                return
            if not text:
                return
            form_values.put(content, column.path, self._value(column, text))
        except (AnswerInvalid, PositionInvalid) as error:
            yield self._problem(line, number, column.heading(), *_split_problem(str(error)))

    def _value(self, column: Column, text: str) -> Any:  # noqa: ANN401 -- JSON is any
        if column.is_position:
            spots = read_spots(text, self._context.map)
            return spots if column.field.many else spots[0]
        if column.is_datum:
            return datum_of(text).value
        if column.field.many and not column.field.choices and text in EMPTY_LIST:
            return []
        value = parse_answer(column.field, text, self._context.members)
        # As the models write it: a row is known by what it says, not by its time zone. It has a UTC: ``clock_times``.
        return written(datetime.fromisoformat(value)) if column.field.kind is FieldKind.MOMENT else value

    def _converted(self, content: dict[str, Any], line: int) -> Iterator[LineProblem]:
        """Turn every position into WGS 84; one without a datum is a problem."""
        for number, column in self._columns.items():
            if column.is_datum and form_values.get(content, (*column.path[:-1], "coordinates")) is None:
                form_values.remove(content, column.path)  # a datum of nothing, as a template filled downwards has
            if not column.is_position or (said := form_values.get(content, column.path)) is None:
                continue
            spots: list[Spot] = said if column.field.many else [said]
            datum_path = (*column.path[:-1], "datum")
            datum = form_values.get(content, datum_path)
            if datum is None and any(each.needs_datum for each in spots):
                heading = next(one.heading() for one in self._known.values() if one.path == datum_path)
                expected = _("写了坐标，就要在“{heading}”一列写明坐标系").format(heading=heading)
                yield self._problem(line, number, column.heading(), expected, _("空"))
                continue
            read_from = None if datum is None else Datum(datum)
            try:
                found = [list(locate(each, read_from, self._context.map, self._context.county)) for each in spots]
            except PositionInvalid as error:
                yield self._problem(line, number, column.heading(), *_split_problem(str(error)))
                continue
            form_values.put(content, column.path, found if column.field.many else found[0])
            form_values.remove(content, datum_path)

    def _complete(self, content: dict[str, Any], *, propose: bool) -> None:
        """Add what follows from a row: a reference, who answers for it, the border, whom it touches, the grade.

        Nothing is proposed for a row that was exported from an event: it says what the event says.
        """
        payload = content["payload"]
        if "external_ref" in self._names and "external_ref" not in payload:
            # Before anything else is added: a row stays the same row when officers and outlines change.
            payload["external_ref"] = BY_CONTENT + hashlib.sha256(strictjson.dumps(content)).hexdigest()[:24]
        for name, value in self._office().items():
            if name in self._names:
                payload.setdefault(name, value)
        point = coordinates_of(payload)
        if propose and point is not None and self._context.map is not None:
            seen = self._context.map.surroundings(*point, self._context.county)
            if seen.border is not None and "border" in self._names:
                payload.setdefault("border", dict(seen.border))
            if seen.touches:
                content.setdefault("touches", list(seen.touches))
        if "grade" in payload:
            content["grade"] = payload["grade"]

    def _from_model(self, line: int, path: str, problem: str) -> LineProblem:
        """Report a fault of the model by its column; one between several answers by those that its sentence names."""
        if path == "payload":
            return self._between_columns(line, problem)
        steps = tuple(int(step) if step.isdecimal() else step for step in path.split("."))
        for length in range(len(steps), 1, -1):
            place = steps[:length]
            for number, column in self._columns.items():
                if column.path == place or (length == len(steps) and column.path[:length] == place):
                    return self._problem(line, number, column.heading(), *_split_problem(problem))
        known = next((one.heading() for one in self._known.values() if one.path == steps), path)
        return LineProblem(self._name, line, known, *_split_problem(problem))

    def _between_columns(self, line: int, problem: str) -> LineProblem:
        """Report a fault of the row as a whole by the columns of the fields that its sentence names."""
        named = [each for each in form_of(self._type) if each.name in re.findall(_NAME, problem)]
        numbers = {column.path: number for number, column in reversed(self._columns.items())}
        headings = []
        for each in named:
            first = next((column for column in self._known.values() if column.path[:2] == ("payload", each.name)), None)
            if first is not None:
                number = next((n for path, n in numbers.items() if path[:2] == first.path[:2]), None)
                heading = first.heading()
                headings.append(heading if number is None else f"{column_letters(number)} {heading}")
        expected = _split_problem(problem)[0]
        for each in named:
            expected = re.sub(rf" ?[（(]{each.name}[)）]", "", expected)
        return LineProblem(self._name, line, join_list(headings) or _("这一行"), expected, "")

    def _problem(self, line: int, number: int, heading: str, expected: str, got: str) -> LineProblem:
        return LineProblem(self._name, line, f"{column_letters(number)} {heading}".strip(), expected, got[:_SHOWN])


def _wrong_unit(cell: Cell, column: Column) -> str | None:
    """Say that a number's cell shows another unit than its heading's."""
    if not cell.unit or column.field.kind not in {FieldKind.NUMBER, FieldKind.WHOLE}:
        return None
    wanted = unit_of(column.field.title)
    if cell.unit == wanted or (wanted is None and (cell.unit in _COUNTED or cell.unit in column.field.title)):
        return None
    sentence = _("这个单元格的数字格式显示“{unit}”，这一列的单位是 {wanted}；请换算后以常规格式填写")
    return sentence.format(unit=cell.unit, wanted=wanted or _("个数"))


def _several(column: Column, text: str) -> str | None:
    """Say that a cell holds several values where its column takes one."""
    if column.field.many or column.field.kind is not FieldKind.TEXT:
        return None
    one_of_a_kind = column.path[-1] in _SINGLE or (column.path[-1] == "name" and column.path[-2] in _OFFICERS)
    if one_of_a_kind and _BETWEEN.search(text):
        return _("这一格只填一个；有几个的，请在简要情况里写明其余的")
    return None


def _split_problem(problem: str) -> tuple[str, str]:
    """Split a sentence into what was expected and what was found."""
    expected, found, got = problem.rpartition(_(GOT))
    return (expected, got) if found else (problem, "")


def _is_typed_over(value: date | time) -> bool:
    """Return whether a spreadsheet may have made a date of 3-5; a value with an hour was meant as a time."""
    return not isinstance(value, datetime) or value.time() == time()


def cell_text(value: Any, asked: Field) -> str:  # noqa: ANN401 -- whatever a cell holds
    """Return what a cell says as text.

    Raises:
        AnswerInvalid: a number that the spreadsheet has changed.
    """
    match value:
        case None:
            return ""
        case bool():
            return "是" if value else "否"
        case date() | time() if (
            _is_typed_over(value) and asked.kind is FieldKind.TEXT and not _ASKS_DAY.match(asked.example or "")
        ):
            sentence = _("表格软件把这一格当成了日期或时刻；请把单元格格式设为“文本”，照原件重填")
            raise AnswerInvalid(f"{sentence}{_(GOT)}{value}")
        case datetime() if asked.kind is FieldKind.MOMENT or value.time() != time():
            return value.isoformat(sep=" ", timespec="minutes" if not value.second else "seconds")
        case date():
            return value.strftime("%Y-%m" if len(asked.example or "") == len("2026-11") else "%Y-%m-%d")
        case time():
            return value.isoformat()
        case int() | float() if abs(value) >= _EXACT:
            sentence = _("数字超过 15 位，Excel 已改掉末几位；请把单元格格式设为“文本”，照原件重填")
            raise AnswerInvalid(f"{sentence}{_(GOT)}{value:.0f}")
        case float():
            return f"{Decimal(f'{value:.15g}'):f}"  # as the spreadsheet shows it: no seventeenth digit, no exponent
        case _:
            return str(value).strip()
