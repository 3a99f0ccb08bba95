"""The text of a bulletin as its editor draws it: sections, cases, the figures in them, the numbers typed by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from yizhan.bulletin.figure_list import USUAL, NamedFigure
from yizhan.bulletin.labels import SECTIONS
from yizhan.bulletin.sheet import short
from yizhan.bulletin.text import pieces
from yizhan.bulletin.text_store import BulletinText
from yizhan.bulletin.typed_numbers import TypedNumber
from yizhan.schemas.i18n import _
from yizhan.schemas.payloads.table import Counted, counted_as, type_name
from yizhan.services.bulletin_editing import BulletinEditor

CASE: Final = "case:"
_MOST_CANDIDATES: Final = 60
_DIGITS: Final = re.compile(r"[+\-−]?[0-9０-９]+(?:[.．,，][0-9０-９]+)*[%％]?")


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a section: plain text, a figure (``name``, ``title``, ``value``), or a number typed by hand."""

    kind: str
    text: str
    name: str = ""
    title: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One field of the editor: ``name`` in the form, and what stands in it."""

    name: str
    section: str
    title: str
    text: str
    segments: tuple[Segment, ...]
    numbers: tuple[TypedNumber, ...]

    @property
    def length(self) -> str:
        """Say how many characters are printed."""
        return _("{n} 字").format(n=sum(len(each.value or each.text) for each in self.segments))


def passages_of(editor: BulletinEditor) -> dict[str, Part]:
    """Return the sections but for the typical cases."""
    return {
        name: _part(editor, name, name, _(title), editor.text.passages.get(name, ""))
        for name, title in SECTIONS.items()
        if name != "typical"
    }


def cases_of(editor: BulletinEditor) -> list[Part]:
    """Return the chosen cases; those that the figures propose, where nobody chose."""
    chosen = editor.text.cases
    if chosen is None:
        chosen = dict.fromkeys(editor.reading.figures["typical"], "")
    known = _known(editor)
    return [_part(editor, f"{CASE}{name}", name, known.get(name, name), words) for name, words in chosen.items()]


def candidates_of(editor: BulletinEditor) -> list[tuple[str, str]]:
    """Return the events that may be chosen as a case: id and title."""
    chosen = {each.section for each in cases_of(editor)}
    return [(name, title) for name, title in _known(editor).items() if name not in chosen][:_MOST_CANDIDATES]


def _known(editor: BulletinEditor) -> dict[str, str]:
    kinds = {Counted.CASES, Counted.FIRES, Counted.DISASTERS}
    found = {}
    for each in editor.material.events:
        if counted_as(each.type) in kinds and not each.missing and each.stage in {None, "first"}:
            about = short(str(each.raw.get("title") or each.raw.get("summary") or ""), 40)
            found[each.id] = f"{type_name(each.type)}：{about}" if about else type_name(each.type)
    return found


def _part(editor: BulletinEditor, name: str, section: str, title: str, text: str) -> Part:
    numbers = tuple(each for each in editor.numbers if each.section == section)
    figures = {each.name: each for each in editor.figures}
    return Part(name, section, title, text, tuple(_segments(text, numbers, figures)), numbers)


def _segments(text: str, numbers: tuple[TypedNumber, ...], figures: Mapping[str, NamedFigure]) -> Iterator[Segment]:
    ends = {each.start: each.end for each in numbers}
    for begin, piece, is_name in pieces(text):
        if is_name:
            known = figures.get(piece)
            title, value = (piece, "?") if known is None else (brief(known.title), known.value)
            yield Segment("figure", piece, piece, title, value)
            continue
        here, end = begin, begin + len(piece)
        for place in sorted(place for place in ends if begin <= place < end):
            if place > here:
                yield Segment("text", text[here:place])
            yield Segment("typed", text[place : ends[place]])
            here = ends[place]
        if here < end:
            yield Segment("text", text[here:end])


def brief(title: str) -> str:
    """Return a figure's title without its unit, for a chip."""
    head, _mark, rest = title.partition("（")
    return head + rest.partition("）")[2]


def pick_groups(editor: BulletinEditor) -> tuple[list[tuple[str, str, str]], list[tuple[str, str, str]]]:
    """Return the figures to pick from (name, title, value): the usual ones, and all."""
    listed = [(each.name, brief(each.title), each.value) for each in editor.figures]
    return listed[:USUAL], listed


# -- what a form says --


def text_of(values: Mapping[str, str], kept: tuple[str, ...], action: tuple[str, str]) -> BulletinText:
    """Return the text that a form has, after what its button asks for: ``(name, value)``.

    ``keep``, ``drop``: section and number; ``pick``: section, number, figure; ``remove_case``, ``add_case``: an id.
    """
    passages = {name: values[name] for name in SECTIONS if name in values}
    cases: dict[str, str] | None = {
        name.removeprefix(CASE): words for name, words in values.items() if name.startswith(CASE)
    }
    stay = [_pair(each) for each in kept]
    kind, value = action
    if kind == "keep":
        stay.append(_pair(value))
    elif kind in {"drop", "pick"}:
        section, number, figure = (*value.split("|"), "", "")[:3]
        put = f"{{{{{figure}}}}}" if kind == "pick" and figure else ""
        for texts in (passages, cases or {}):
            if section in texts:
                texts[section] = _replaced(texts[section], number, put)
    elif kind == "add_case" and cases is not None and value:
        cases.setdefault(value, "")
    elif kind == "remove_case" and cases is not None:
        cases.pop(value, None)
    return BulletinText(passages, cases, tuple(stay))


def _replaced(text: str, number: str, put: str) -> str:
    """Replace the digits of a number typed by hand (its unit stays beside a figure), or take it out."""
    if not number or number not in text:
        return text
    digits = _DIGITS.match(number)
    unit = number if digits is None else number[digits.end() :]
    return text.replace(number, put + unit if put else "", 1)


def _pair(value: str) -> tuple[str, str]:
    section, _bar, number = value.partition("|")
    return section, number


def answer_of(editor: BulletinEditor, render: Any) -> dict[str, Any]:  # noqa: ANN401 -- Ask.render
    """Return what a page that is open needs after a text was kept."""
    parts = {each.name: each for each in (*passages_of(editor).values(), *cases_of(editor))}
    return {
        "seen": editor.text.token,
        "parts": {
            name: {
                "text": part.text,
                "length": part.length,
                "html": render("bulletin_box.html", part=part),
                "doubts": render("bulletin_doubts.html", part=part, editor=editor),
            }
            for name, part in parts.items()
        },
        "kept": render("bulletin_kept.html", editor=editor),
        "notes": render("bulletin_notes.html", editor=editor),
        "preview": render("bulletin_paper.html", editor=editor),
    }
