"""What a form asks: one description of each type, read off its payload model.

Rule 1: the models are the only source: titles, choices, bounds, what is required. No type is named here.
Rule 2: a screen, a spreadsheet and a CSV ask the same questions, in the same order, by the same titles.
Rule 3: what a person answers becomes JSON in ``form_values.py``; whether it is valid is for the model to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final

from yizhan.producers.drafts import Draft
from yizhan.schemas.codes import CODES
from yizhan.schemas.i18n import SOURCE_LANGUAGE, _, catalogue, get_language, marked
from yizhan.schemas.payloads import TYPES
from yizhan.schemas.payloads.letters import CERTAINTIES, PRIORITIES, STAGES

_DAY: Final = "2026-11-23"
_NO_BOUND: Final = 1_000_000
"""An upper bound from here on is not worth showing."""


class FieldKind(StrEnum):
    """What an answer is."""

    TEXT = "text"
    WHOLE = "whole"
    NUMBER = "number"
    FLAG = "flag"
    MOMENT = "moment"
    CHOICE = "choice"
    MEMBER = "member"
    PAIR = "pair"
    POINT = "point"
    """Longitude and latitude: asked with their datum (``datum.py``)."""
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Choice:
    """One word to choose."""

    value: str
    """The value in the JSON document."""
    name: str
    """Chinese name, to be translated where shown."""
    en: str = ""
    """English name where the catalogue has none (code lists)."""
    also: tuple[str, ...] = ()
    coded: bool = False
    """Its value is a code that people know (GB/T 28921): it is shown before the name."""

    def label(self) -> str:
        """Return what a person reads: the name, after its code where it has one."""
        name = _(self.name) if get_language() == SOURCE_LANGUAGE else self.en or _(self.name)
        return f"{self.value} {name}" if self.coded else name

    def means(self, text: str) -> bool:
        """Return whether an answer means this choice."""
        plain = text.casefold()
        english = self.en or catalogue("en").get(self.name, "")
        spellings = (self.value, self.name, _(self.name), english, self.label(), *self.also)
        if self.coded:
            spellings += (f"{self.value} {self.name}", f"{self.value} {english}")
        return plain in {each.casefold() for each in spellings if each}


@dataclass(frozen=True, slots=True)
class Field:
    """One question."""

    name: str
    """Its name in the JSON."""
    title: str
    """Chinese title, to be translated where shown."""
    kind: FieldKind
    required: bool = False
    many: bool = False
    choices: tuple[Choice, ...] = ()
    """Of CHOICE; a WHOLE that has some takes a number or one of these words."""
    parts: tuple[Field, ...] = ()
    """Of GROUP."""
    low: float | None = None
    high: float | None = None
    default: Any = None
    example: str | None = None
    most: int | None = None
    """Characters that a text may have at most."""

    @property
    def is_day(self) -> bool:
        """Whether it asks for a day without an hour."""
        return self.kind is FieldKind.TEXT and self.example == _DAY

    def expected(self) -> str:
        """Describe in a few words what is expected."""
        kind = {
            FieldKind.WHOLE: _("整数"),
            FieldKind.NUMBER: _("数字"),
            FieldKind.FLAG: _("是/否"),
            FieldKind.MOMENT: _("时间，如 2026-11-23 16:05 或 2026-11-23 16时（北京时间）"),
            FieldKind.MEMBER: _("县的六位代码或名称"),
            FieldKind.PAIR: _("两个数字，用逗号分开"),
            FieldKind.POINT: _("经度,纬度，可用度分秒，可写 高德 119.51,27.17 或 119.51,27.17 界南285米"),
        }.get(self.kind, _("日期，如 {day}，只写到日").format(day=_DAY) if self.is_day else "")
        bounds = [_("不小于 {low}").format(low=f"{self.low:g}")] if self.low is not None else []
        if self.high is not None and self.high < _NO_BOUND:
            bounds.append(_("不大于 {high}").format(high=f"{self.high:g}"))
        words = [kind, *(bounds if self.kind in {FieldKind.WHOLE, FieldKind.NUMBER} else [])]
        words += [_("如 {example}").format(example=self.example)] if self.example and not kind else []
        labels = [choice.label() for choice in self.choices]
        words += [("; " if any("/" in label for label in labels) else "/").join(labels)] if labels else []
        if self.many and self.kind in {FieldKind.CHOICE, FieldKind.MEMBER}:
            words.append(_("可多项，用顿号或分号分开"))
        elif self.many and self.kind is not FieldKind.GROUP:
            words.append(_("可多项，用分号分开"))
        return ("，" if get_language() == SOURCE_LANGUAGE else ", ").join(word for word in words if word)


# -- the description --


@cache
def form_of(type: str) -> tuple[Field, ...]:
    """Return the questions of a payload type, a row of ``TYPES``, in the model's order."""
    schema = TYPES[type].model.model_json_schema(by_alias=True)
    return tuple(_fields(schema, schema.get("$defs", {})))


@cache
def header_form() -> tuple[Field, ...]:
    """Return the questions about the event itself: the attributes of the draft without type and payload."""
    schema = Draft.model_json_schema()
    found = []
    for field in _fields(schema, schema.get("$defs", {})):
        if field.name in _NOT_ASKED:
            continue
        title, words = _HEADER.get(field.name, (field.name, {}))
        choices = tuple(Choice(each.value, words.get(each.value, each.name)) for each in field.choices)
        kind = FieldKind.MEMBER if field.name in {"to", "touches"} else field.kind
        found.append(
            Field(
                field.name,
                title,
                kind,
                field.required,
                field.many,
                choices,
                field.parts,
                field.low,
                field.high,
                field.default,
            )
        )
    return tuple(found)


_BY_MACHINE: Final = frozenset({"sealed", "media_type"})
"""What ``files.attach`` writes of an attached file, and no person."""
_NOT_ASKED: Final = frozenset({"type", "payload", "subject", "external_ref", "wants", "period"})
"""What follows from the payload or from a reference."""
_HEADER: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "status": (marked("性质"), {"Actual": marked("实情"), "Exercise": marked("演练"), "Test": marked("测试")}),
    "stage": (marked("报次"), STAGES),
    "priority": (marked("紧急程度"), PRIORITIES),
    "grade": (marked("等级"), {}),
    "certainty": (marked("确定程度"), CERTAINTIES),
    "worse": (marked("事态加重"), {}),
    "touches": (marked("涉及的县"), {}),
    "to": (marked("收件县"), {}),
    "time": (marked("获知时间"), {}),
    "expires": (marked("有效时间"), {}),
    "reply_to": (marked("答复"), {}),
    "supersedes": (marked("更正"), {}),
    "withdraws": (marked("撤回"), {}),
}


def _fields(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Iterator[Field]:
    required = set(schema.get("required", ()))
    for name, property_ in schema.get("properties", {}).items():
        if name not in _BY_MACHINE and "const" not in (whole := _resolved(property_, defs)):
            yield _field(name, whole, defs, required=name in required)


def _resolved(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    """Resolve references and leave out ``null``; keywords of the field override those of its type."""
    whole = dict(schema)
    if "$ref" in whole:
        whole = {**_resolved(defs[whole.pop("$ref").rpartition("/")[2]], defs), **whole}
    present = [one for one in whole.get("anyOf", ()) if one.get("type") != "null"]
    if len(present) == 1:
        del whole["anyOf"]
        whole = {**_resolved(present[0], defs), **whole}
    return whole


def _field(name: str, whole: Mapping[str, Any], defs: Mapping[str, Any], *, required: bool) -> Field:
    inner, many = whole, False
    if whole.get("type") == "array" and "items" in whole:
        inner, many = _resolved(whole["items"], defs), True
    kind, about = _kind(inner, defs)
    examples = inner.get("examples") or whole.get("examples")
    return Field(
        name,
        str(whole.get("title", name)),
        kind,
        required,
        many,
        _choices(about),
        tuple(_fields(inner, defs)) if kind is FieldKind.GROUP else (),
        about.get("minimum", about.get("exclusiveMinimum")),
        about.get("maximum", about.get("exclusiveMaximum")),
        whole.get("default"),
        str(examples[0]) if examples else _DAY if inner.get("format") == "date" else None,
        inner.get("maxLength"),
    )


def _kind(inner: Mapping[str, Any], defs: Mapping[str, Any]) -> tuple[FieldKind, dict[str, Any]]:
    """Return the kind of value that a schema asks for, and its limits."""
    about = dict(inner)
    if "anyOf" in inner:
        for branch in inner["anyOf"]:
            about |= _resolved(branch, defs)
        about["type"] = "integer" if any(one.get("type") == "integer" for one in inner["anyOf"]) else about.get("type")
    if "prefixItems" in inner:
        named = {"number", "integer"} >= {_resolved(one, defs).get("type") for one in inner["prefixItems"]}
        return (FieldKind.PAIR if named else FieldKind.TEXT), about
    if inner.get("type") == "object" or "properties" in inner:
        return FieldKind.GROUP, about
    if about.get("type") == "integer":
        return FieldKind.WHOLE, about
    if "enum" in about:
        return FieldKind.CHOICE, about
    if about.get("format") == "date-time":
        return FieldKind.MOMENT, about
    if about.get("pattern") == "^[0-9]{6}$":
        return FieldKind.MEMBER, about
    return {"number": FieldKind.NUMBER, "boolean": FieldKind.FLAG}.get(str(about.get("type")), FieldKind.TEXT), about


def _choices(about: Mapping[str, Any]) -> tuple[Choice, ...]:
    values = about.get("enum", ())
    if about.get("type") == "integer" and all(isinstance(value, int) for value in values):
        return ()
    for listed in CODES.values():
        if [entry.value for entry in listed.entries] == list(values):
            return tuple(Choice(one.value, one.name, one.en, one.also, one.value != one.name) for one in listed.entries)
    return tuple(Choice(str(value), str(value)) for value in values)


def is_position(field: Field) -> bool:
    """Return whether a group is a GeoJSON point or line, so that its datum must be asked for."""
    return field.kind is FieldKind.GROUP and any(part.name == "coordinates" for part in field.parts)


def fields_on_path(fields: Sequence[Field], path: Sequence[str | int]) -> tuple[Field, ...]:
    """Return the fields along a path, outermost first, as far as they are known."""
    found: list[Field] = []
    for step in path:
        if isinstance(step, int) or step.isdecimal():
            continue
        field = next((one for one in fields if one.name == step), None)
        if field is None:
            break
        found.append(field)
        fields = field.parts
    return tuple(found)


def item_of(field: Field) -> Field:
    """Return the question about one item of a list."""
    return Field(field.name, field.title, field.kind, choices=field.choices, parts=field.parts)
