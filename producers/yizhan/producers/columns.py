"""A form as the columns of a table, and an event as one of its rows. No file is opened here.

Rule 1: headings are the models' own titles, Chinese or English; a table in either language is read in both.
Rule 2: a column for one item of a list has its number: ``涉案物2·数量``.
Rule 3: a position has a second column for its datum; exported positions are WGS 84, and the datum column says so.
Rule 4: a cell is written as ``form_values`` reads it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from yizhan.producers import form_values
from yizhan.producers.datum import Datum, names_of
from yizhan.producers.drafts import Draft
from yizhan.producers.form_values import Path
from yizhan.producers.forms import Choice, Field, FieldKind, form_of, header_form, is_position
from yizhan.schemas.i18n import LANGUAGES, _, catalogue, get_language, marked

REPEATED: Final = 3
"""Groups of columns in a template for a list of things; a table may have more."""
MOST_REPEATED: Final = 50
EXTRA_HEADINGS: Final = (
    marked("编号"),
    marked("所属事件"),
    marked("发件县"),
    marked("收到时间"),
    marked("信件状态"),
    marked("问题"),
)
"""Columns that an export, or a file of rejected rows, adds to the form's; an import ignores them."""
ID_HEADING: Final = EXTRA_HEADINGS[0]
PROBLEM_HEADING: Final = EXTRA_HEADINGS[-1]
_NOT_IN_TEMPLATE: Final = frozenset({"attachments", "doubtful", "border", "reply_to", "supersedes", "withdraws"})
"""Found by the machine, or referring to an event that the command line names better."""
_DATUM: Final = marked("坐标系")
NOTES: Final = marked("填写说明")
CODES: Final = marked("代码")
"""Sheets of a template that are no table."""
EMPTY_LIST: Final = (marked("无"), "none", "None")
"""An empty list, which is another thing than an empty cell: there is none, rather than nobody answered."""
Value = str | int | float
"""What is written into a cell."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the place of its value in a draft, and its question."""

    titles: tuple[tuple[str, int], ...]
    """From the outermost group in: Chinese title and which of a list (0: no list)."""
    path: Path
    field: Field = field(hash=False)
    needed: bool
    """A row makes no sense without it."""

    def heading(self, language: str | None = None) -> str:
        """Return its heading; in the language of the request if none is given."""
        words = catalogue(language or get_language())
        return "·".join(f"{words.get(title, title)}{nth or ''}" for title, nth in self.titles)

    @property
    def is_datum(self) -> bool:
        """Whether it names the datum of a position."""
        return self.path[-1] == "datum"

    @property
    def is_position(self) -> bool:
        """Whether it holds a position, or a line of them."""
        return self.path[-1] == "coordinates"

    @property
    def repeated(self) -> int:
        """Which item of a list it is about, from 1; 0 for none."""
        return max(nth for _title, nth in self.titles)


@cache
def columns_of(type: str, most: int = REPEATED) -> tuple[Column, ...]:
    """Return every column of a type: the event's, then the payload's; lists ``most`` times."""
    form = form_of(type)
    own = {each.title for each in form}
    header_fields = [each for each in header_form() if each.title not in own]
    return (*_columns(header_fields, (), (), most, needed=False), *_columns(form, ("payload",), (), most, needed=True))


def _columns(
    fields: Iterable[Field], above: Path, titles: tuple[tuple[str, int], ...], most: int, *, needed: bool
) -> Iterator[Column]:
    listed = any(nth for _title, nth in titles)
    for each in fields:
        path, wanted = (*above, each.name), needed and each.required
        if each.kind is not FieldKind.GROUP:
            yield Column((*titles, (each.title, 0)), path, each, wanted)
        elif each.many:
            # A list within a list would be a table within a cell: it cannot be given in a table.
            for nth in range(0 if listed else most):
                inner = (*titles, (each.title, nth + 1))
                yield from _columns(each.parts, (*path, nth), inner, most, needed=wanted and not nth)
        else:
            inner = (*titles, (each.title, 0))
            yield from _columns(each.parts, path, inner, most, needed=wanted)
            if is_position(each):
                yield Column((*inner, (_DATUM, 0)), (*path, "datum"), _DATUM_FIELD, needed=False)


_DATUM_FIELD: Final = Field(
    "datum",
    _DATUM,
    FieldKind.CHOICE,
    choices=tuple(Choice(each.value, each.value, also=names_of(each)) for each in Datum),
)


def template_columns(type: str) -> tuple[Column, ...]:
    """Return the columns of an empty table."""
    return tuple(column for column in columns_of(type) if not _NOT_IN_TEMPLATE & set(map(str, column.path)))


def known_headings(type: str) -> dict[str, Column]:
    """Return heading → column, of every heading that a table of a type may have, in both languages."""
    columns = columns_of(type, MOST_REPEATED)
    return {column.heading(language): column for language in LANGUAGES for column in columns}


def in_both_languages(words: Iterable[str]) -> frozenset[str]:
    """Return words as they occur in a table in either language.

    >>> sorted(in_both_languages([NOTES]))
    ['Notes', '填写说明']
    """
    return frozenset(catalogue(language).get(word, word) for word in words for language in LANGUAGES)


def column_letters(number: int) -> str:
    """Return a column's letters, counted from 0, as in spreadsheets.

    >>> column_letters(0), column_letters(27)
    ('A', 'AB')
    """
    name, number = "", number + 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


# -- an event as a row --


def values_of(columns: Sequence[Column], content: Mapping[str, Any], members: Mapping[str, str]) -> dict[str, Value]:
    """Return heading → value of an event as a draft's JSON has it, in the language chosen."""
    found: dict[str, Value] = {}
    for column in columns:
        value = form_values.get(content, column.path)
        if column.is_datum:
            value = None if form_values.get(content, (*column.path[:-1], "coordinates")) is None else Datum.WGS84.value
        if value is not None:
            found[column.heading()] = _written(column, value, members)
    return found


def _written(column: Column, value: Any, members: Mapping[str, str]) -> Value:  # noqa: ANN401 -- JSON is any
    if column.field.kind in {FieldKind.NUMBER, FieldKind.WHOLE} and isinstance(value, int | float):
        return value
    if value == []:
        return _(EMPTY_LIST[0])
    if column.is_position and column.field.many:
        return "；".join(",".join(map(str, point)) for point in value)
    return form_values.format_value(column.field, value, members)


def draft_content(type: str, header: Mapping[str, Any], payload: Mapping[str, Any]) -> dict[str, Any]:
    """Combine header and payload as a draft has them."""
    return {**{name: header[name] for name in Draft.model_fields if name in header}, "type": type, "payload": payload}
