"""A table of one type, read row by row into drafts. No file is opened here.

Rule 1: a bad cell names row, column and heading; the other rows are still read.
Rule 2: an unknown heading is reported, and a row with something under it is not sent: nobody would
        know what is left out. Rows with nothing there go.
Rule 3: a row without a reference of its own is known by its content, so that a second import sends nothing twice.
Rule 4: a position names its datum; nothing is guessed. A day without its hour is no time.
Rule 5: an event that another county sent is not sent as one's own, as an export that is imported again would.
Rule 6: a number of more than 15 digits was changed by the spreadsheet before the import: it is refused.
"""

from __future__ import annotations

import difflib
import hashlib
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
from yizhan.producers.datum import Datum, PositionInvalid, datum_of, positions_of, to_wgs84
from yizhan.producers.drafts import Draft, DraftInvalid, LineProblem, parse_draft
from yizhan.producers.form_values import AnswerInvalid, parse_answer
from yizhan.producers.forms import Field, FieldKind, form_of
from yizhan.producers.proposals import AllianceMap, coordinates_of
from yizhan.schemas import strictjson
from yizhan.schemas.i18n import LANGUAGES, _
from yizhan.schemas.sentences import GOT
from yizhan.schemas.timestamps import written

BY_CONTENT: Final = "sheet:"
"""How a reference begins that was made from a row's content."""
_EXACT: Final = 10**15
"""From here on a spreadsheet's numbers (IEEE 754, shown with 15 digits) are no longer what was typed."""
_SHOWN: Final = 60
_ALIKE: Final = 0.5
"""Share of characters from which on a heading is taken for another one mistyped."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What stood in a cell; ``fault`` where it may not be used (a formula, a part of merged cells)."""

    value: Any
    fault: str | None = None


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
        self._known = known_headings(type)
        self._columns: dict[int, Column] = {}
        self._skipped: frozenset[int] = frozenset()
        self._id: int | None = None
        """Column of an export's ids."""
        self.headings: tuple[str, ...] = ()
        """As they stood in the table."""

    def usable(self) -> bool:
        """Tell whether the headings make sense of the rows: those that no row can do without are there."""
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
        problems, seen = [], set[str]()
        skipped, passed_over = set(), in_both_languages(EXTRA_HEADINGS)
        texts = {n: "" if cell.value is None else str(cell.value).strip() for n, cell in row.cells.items()}
        self.headings = tuple(texts.get(n, "") for n in range(max(texts, default=-1) + 1))
        for number, cell in sorted(row.cells.items()):
            heading = texts[number].rstrip("*＊").strip()
            column = self._known.get(heading)
            if cell.fault is not None:
                problems.append(self._problem(row.number, number, heading, cell.fault, heading))
            elif heading in passed_over:
                skipped.add(number)
                self._id = number if heading in in_both_languages((ID_HEADING,)) else self._id
            elif heading in seen:
                problems.append(self._problem(row.number, number, heading, _("同一表头只能有一次"), heading))
            elif column is not None:
                self._columns[number] = column
                seen |= {column.heading(language) for language in LANGUAGES}
            elif heading:
                near = difflib.get_close_matches(heading, self._known, 1, _ALIKE)
                expected = _("没有这个表头，是“{near}”吗").format(near=near[0]) if near else _("没有这个表头")
                problems.append(self._problem(row.number, number, heading, expected, heading))
        self._skipped = frozenset(skipped)
        if missing := self._missing():
            expected = _("第一行应有表头：{names}").format(names="、".join(missing))
            came = "、".join(filter(None, self.headings))[:_SHOWN]
            problems.append(LineProblem(self._name, row.number, "", expected, came or _("空")))
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
            text = cell_text(cell.value, column.field)
            if cell.fault is not None:
                yield self._problem(line, number, column.heading(), cell.fault, text)
                return
            form_values.put(content, column.path, self._value(column, text))
        except (AnswerInvalid, PositionInvalid) as error:
            yield self._problem(line, number, column.heading(), *_split_problem(str(error)))

    def _value(self, column: Column, text: str) -> Any:  # noqa: ANN401 -- JSON is any
        if column.is_position:
            points = [list(point) for point in positions_of(text)]
            return points if column.field.many else points[0]
        if column.is_datum:
            return datum_of(text).value
        if column.field.many and not column.field.choices and text in EMPTY_LIST:
            return []
        value = parse_answer(column.field, text, self._context.members)
        # As the models write it: a row is known by what it says, not by its time zone.
        return written(datetime.fromisoformat(value)) if column.field.kind is FieldKind.MOMENT else value

    def _converted(self, content: dict[str, Any], line: int) -> Iterator[LineProblem]:
        """Turn every position into WGS 84; one without a datum is a problem."""
        for number, column in self._columns.items():
            if column.is_datum and form_values.get(content, (*column.path[:-1], "coordinates")) is None:
                form_values.remove(content, column.path)  # a datum of nothing, as a template filled downwards has
            if not column.is_position or (points := form_values.get(content, column.path)) is None:
                continue
            datum_path = (*column.path[:-1], "datum")
            datum = form_values.get(content, datum_path)
            if datum is None:
                heading = next(one.heading() for one in self._known.values() if one.path == datum_path)
                expected = _("写了坐标，就要在“{heading}”一列写明坐标系").format(heading=heading)
                yield self._problem(line, number, column.heading(), expected, _("空"))
                continue
            found = [list(to_wgs84((x, y), Datum(datum))) for x, y in (points if column.field.many else [points])]
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
        """Say a fault of the model by the column in which it stands."""
        steps = tuple(int(step) if step.isdecimal() else step for step in path.split("."))
        for length in range(len(steps), 1, -1):
            place = steps[:length]
            for number, column in self._columns.items():
                if column.path == place or (length == len(steps) and column.path[:length] == place):
                    return self._problem(line, number, column.heading(), *_split_problem(problem))
        known = next((one.heading() for one in self._known.values() if one.path == steps), path)
        return LineProblem(self._name, line, known, *_split_problem(problem))

    def _problem(self, line: int, number: int, heading: str, expected: str, came: str) -> LineProblem:
        return LineProblem(self._name, line, f"{column_letters(number)} {heading}".strip(), expected, came[:_SHOWN])


def _split_problem(problem: str) -> tuple[str, str]:
    """Split a sentence into what was expected and what was found."""
    expected, found, came = problem.rpartition(_(GOT))
    return (expected, came) if found else (problem, "")


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
