"""A form as a page draws it: which control each question gets, under which heading; read off the description of a type.

Rule 1: no type is named here; whatever ``producers.forms`` describes has a control.
Rule 2: choices that fit on one line are buttons of one row; longer ones a list. A text of several lines has a box.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final
from zlib import crc32

from yizhan.producers import form_values, forms
from yizhan.producers.datum import Datum
from yizhan.producers.form_values import Path
from yizhan.producers.forms import Field, FieldKind
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads import TYPES
from yizhan.services.form_questions import COMPUTED, MEANINGS, WORSE
from yizhan.services.form_sheet import BY_PROGRAMS, FormSheet
from yizhan.services.form_sheet_questions import form_name

_OFFICE: Final = ("org_code", "drafted_by", "reviewed_by", "signed_off_by", "contact", "by", "doc_no", "external_ref")
_LONG: Final = 200
_MOST_IN_A_ROW: Final = 26
"""Characters of all choices together that stand in one row."""
_PARTS_IN_HALF: Final = 2
_UNIT: Final = re.compile(r"(.+?)\s*[（(]([^（）()]{1,6})[）)]")


@dataclass(frozen=True, slots=True)
class Control:
    """One question on the page; ``widget`` says how it is drawn."""

    name: str
    title: str
    widget: str
    required: bool = False
    hint: str = ""
    unit: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    values: tuple[str, ...] = ()
    width: str = "c6"
    parts: tuple[Control, ...] = ()
    """Of a group; of a list those of each row."""
    rows: tuple[Control, ...] = ()
    last: tuple[tuple[str, str], ...] = ()
    """Names of fields and what was written there the last time, to be taken over by a button."""
    help: str = ""

    @property
    def value(self) -> str:
        """The text that stands there."""
        return self.values[0] if self.values else ""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its questions; ``folded``: shown only when asked for."""

    title: str
    note: str
    controls: tuple[Control, ...]
    folded: bool = False


@dataclass(frozen=True, slots=True)
class FormView:
    """The whole form. ``shape`` is another one where other questions are asked: the page is then drawn anew."""

    sections: tuple[Section, ...]
    graded: bool
    basis_asked: bool
    files: bool
    map: str
    """Name of the position that the map shows; empty without one."""
    shape: str

    def names(self) -> Iterator[str]:
        """Yield the names of all questions."""
        for section in self.sections:
            yield from _names(section.controls)


def form_view(sheet: FormSheet) -> FormView:
    """Return the page of a draft."""
    hidden = {*COMPUTED - {"border"}, "attachments", *BY_PROGRAMS.get(sheet.type, ())}
    drawn = {name: _control(sheet, found, (name,)) for name, found in sheet.fields.items()
             if name not in hidden}  # fmt: skip
    office = [drawn.pop(name) for name in _OFFICE if name in drawn]
    border = [drawn.pop("border")] if "border" in drawn else []
    needed, may = sheet.needed, frozenset(TYPES[sheet.type].model.may_need)
    must = [each for name, each in drawn.items() if name in needed or name in may]
    rest = [each for name, each in drawn.items() if name not in needed | may]
    sections = [
        Section(_("概况"), "", tuple(_situation(sheet))),
        Section(_("内容"), _("带 * 的必填"), tuple(must)),
        Section(_("可以补充"), _("{count} 项").format(count=len(rest)), tuple(rest), folded=not _any(rest)),
        Section(_("发给谁"), "", (*_audience(sheet), *border)),
        Section(_("单位和人员"), "", tuple(office)),
    ]
    if "attachments" in sheet.fields:
        kept = _control(sheet, sheet.fields["attachments"], ("attachments",))
        kept = replace(kept, title=marked("另行移交、只写存放处的文件"))
        sections.append(Section(_("另行移交的文件"), "", (kept,), folded=not kept.rows))
    located = "place.position" if any(name == "place" for name in sheet.fields) else ""
    whole = tuple(each for each in sections if each.controls)
    graded = TYPES[sheet.type].graded or "grade" in sheet.fields
    view = FormView(whole, graded, "grade_basis" in sheet.fields, "attachments" in sheet.fields, located, "")
    return replace(view, shape=_shape(view))


def _shape(view: FormView) -> str:
    required = [each.name for section in view.sections for each in section.controls if each.required]
    thread = [each.choices for section in view.sections for each in section.controls if each.name == "header.what"]
    subjects = [part.name for section in view.sections for each in section.controls for part in each.parts
                if each.name == "header.what"]  # fmt: skip
    return f"{crc32(repr((list(view.names()), required, thread, subjects)).encode()):08x}"


def _any(controls: Iterable[Control]) -> bool:
    return any(each.values or each.rows or _any(each.parts) for each in controls)


def _names(controls: Iterable[Control]) -> Iterator[str]:
    for each in controls:
        if each.widget == "group":
            yield from _names(each.parts)
        elif each.widget == "rows":
            for row in each.rows:
                yield from _names(row.parts)
        else:
            yield each.name
            if each.widget == "position":
                yield from _names(each.parts)


# -- the header --


def _situation(sheet: FormSheet) -> Iterator[Control]:
    what = sheet.what_question()
    if what is not None:
        more = tuple(_of_thread(sheet)) if sheet.goes_on else ()
        choices = tuple((each.value, each.label()) for each in what.choices)
        yield Control("header.what", what.title, "list", required=True, choices=choices,
                      values=sheet.values("header.what"), width="c6", parts=more)  # fmt: skip
    bad = sheet.urgency_question()
    yield Control("header.how_bad", bad.title, "list", required=True, width="c6", values=sheet.values("header.how_bad"),
                  choices=tuple((each.value, each.label()) for each in bad.choices))  # fmt: skip
    status = _attribute(sheet, "status", "c6")
    yield replace(status, choices=tuple(each for each in status.choices if each[0]))
    yield _attribute(sheet, "time", "c3")
    yield _attribute(sheet, "expires", "c3")


def _of_thread(sheet: FormSheet) -> Iterator[Control]:
    earlier = tuple(sheet.earlier())
    if earlier:
        stored = sheet.content.get("subject")
        yield Control("subject", marked("接着哪一件"), "select", required=True, choices=earlier,
                      values=(str(stored),) if stored else (), width="c12")  # fmt: skip
    if sheet.asks_worse and sheet.content.get("subject"):
        worse = sheet.content.get("worse")
        values = () if worse is None else ("true" if worse else "false",)
        yield Control("worse", WORSE.title, "radio", required=True, choices=_yes_no(), values=values, width="c12")


def _audience(sheet: FormSheet) -> Iterator[Control]:
    yield _attribute(sheet, "touches", "c6")
    yield replace(_attribute(sheet, "to", "c6"), hint=_("不选就发给所涉及的县；答复、更正和撤回发给收过原件的县"))


def _attribute(sheet: FormSheet, name: str, width: str) -> Control:
    described = next(each for each in forms.header_form() if each.name == name)
    values = sheet.values(f"header.{name}")
    if described.kind is FieldKind.MEMBER:
        members = {code: title for code, title in sheet.context.members.items() if code != sheet.context.county}
        choices = {**{each: each for each in values}, **{code: f"{title} {code}" for code, title in members.items()}}
        return Control(f"header.{name}", described.title, "checks", choices=tuple(choices.items()), values=values,
                       width=width)  # fmt: skip
    hint = _("不写就是发出的时刻") if name == "time" else ""
    return replace(_leaf(described, f"header.{name}", values, {}), width=width, hint=hint)


# -- the payload --


def _control(sheet: FormSheet, found: Field, path: Path) -> Control:
    name = form_name(path)
    if found.kind is not FieldKind.GROUP:
        control = _leaf(found, name, sheet.values(name), sheet.context.members)
        return replace(control, required=found.required or (len(path) == 1 and found.name in sheet.needed))
    required = found.required or (len(path) == 1 and found.name in sheet.needed)
    if forms.is_position(found):
        rest = tuple(_control(sheet, part, (*path, part.name)) for part in found.parts if part.name != "coordinates")
        stored = isinstance(form_values.get(sheet.payload, (*path, "coordinates")), list)
        many = next(part for part in found.parts if part.name == "coordinates").many
        datums = tuple((each.value, _(each.label)) for each in Datum)
        return Control(
            name, found.title, "position", required, _position_hint(many=many), Datum.WGS84.value if stored else "",
            datums, sheet.values(name), "c12", rest, help="many" if many else "",
        )  # fmt: skip
    if found.many:
        stored_rows = form_values.get(sheet.payload, path)
        count = len(stored_rows) if isinstance(stored_rows, list) else 0
        rows = tuple(
            Control(form_name((*path, n)), _("第 {n} 项").format(n=n + 1), "group",
                    parts=tuple(_control(sheet, part, (*path, n, part.name)) for part in found.parts))
            for n in range(count)
        )  # fmt: skip
        return Control(name, found.title, "rows", required, width="c12", rows=rows)
    parts = tuple(_control(sheet, part, (*path, part.name)) for part in found.parts)
    if not required and not form_values.get(sheet.payload, path):
        parts = tuple(replace(part, required=False) for part in parts)
    signer = sheet.last_signers().get(name) if len(path) == 1 else None
    last = () if signer is None else ((f"{name}.name", signer[0]), (f"{name}.badge", signer[1]))
    width = "c12" if len(parts) > _PARTS_IN_HALF else "c6"
    return Control(name, found.title, "group", required, width=width, parts=parts, last=last)


def _position_hint(*, many: bool) -> str:
    one = _("可用度分秒，如 119°30′36″E 27°10′12″N；可写 高德 119.51,27.17 或 119.51,27.17 界南285米")
    return one + _("；一行一点") if many else one


def _leaf(found: Field, name: str, values: tuple[str, ...], members: Mapping[str, str]) -> Control:
    title, unit = _with_unit(found)
    base = Control(
        name, title, "line", found.required, _hint(found), unit, values=values, help=MEANINGS.get(found.name, "")
    )
    match found.kind:
        case FieldKind.FLAG:
            return replace(base, widget="radio", choices=_yes_no(), width="c3", hint="")
        case FieldKind.CHOICE:
            return _chosen(base, found)
        case FieldKind.MEMBER:
            choices = tuple((code, f"{title} {code}") for code, title in members.items())
            if found.many:
                return replace(base, widget="checks", choices=choices, hint="")
            return replace(
                base,
                widget="listed",
                choices=tuple((f"{code} {title}", "") for code, title in members.items()),
                width="c4",
                hint="",
            )
        case FieldKind.WHOLE | FieldKind.NUMBER if not found.many:
            listed = tuple((each.value, each.label()) for each in found.choices)
            return replace(base, widget="number", width="c3", choices=listed)
        case FieldKind.MOMENT:
            return replace(base, width="c4", hint=_("如 {time}，北京时间").format(time="2026-11-23 16:05"))
        case _:
            long = (found.most or 0) > _LONG
            if long or found.many:
                return replace(
                    base,
                    widget="box",
                    width="c12" if found.required or found.many else "c6",
                    hint=_("一行一项；没有就写“无”") if found.many else "",
                )
            return replace(base, width="c4" if found.is_day or found.kind is FieldKind.PAIR else "c6")


def _chosen(base: Control, found: Field) -> Control:
    choices = tuple((each.value, each.label()) for each in found.choices)
    length = sum(len(label) + 2 for _value, label in choices)
    if found.many:
        return replace(
            base, widget="checks", choices=choices, width="c12" if length > _MOST_IN_A_ROW else "c6", hint=""
        )
    if length <= _MOST_IN_A_ROW:
        if not found.required:
            choices = (("", _("未填")), *choices)
        return replace(
            base, widget="radio", choices=choices, hint="", width="c6" if length > _MOST_IN_A_ROW / 2 else "c4"
        )
    return replace(base, widget="select", choices=choices, hint="", width="c4")


def _yes_no() -> tuple[tuple[str, str], ...]:
    return (("true", _("是")), ("false", _("否")))


def _with_unit(found: Field) -> tuple[str, str]:
    """Return a title without its unit, and the unit: 过火面积（公顷）."""
    title = _(found.title)
    match = _UNIT.fullmatch(title) if found.kind in {FieldKind.NUMBER, FieldKind.WHOLE} else None
    return (match[1], match[2]) if match else (title, "")


def _hint(found: Field) -> str:
    if found.kind is FieldKind.PAIR or found.is_day or (found.kind is FieldKind.TEXT and found.example):
        return found.expected()
    return ""
