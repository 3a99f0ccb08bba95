"""Faults of a draft in the words of its form: titles instead of the names in the JSON, and which question to ask again.

Rule 1: models judge files and forms alike, so that their sentences name fields as files do; here they become titles.
Rule 2: every fault leads to a question: to the field that it names, to what a group or a list lacks, or, where it is
        about several, to those that the sentence names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

from yizhan.producers import forms
from yizhan.producers.forms import Field
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.letters import STAGES
from yizhan.schemas.sentences import GOT, WRONG

_INSTEAD: Final = {
    WRONG["dict_type"]: marked("应逐项填写"),
    WRONG["list_type"]: marked("应写一项或几项"),
    WRONG["bool_type"]: marked("应答是或否"),
}
_WORDS: Final = {**STAGES, "payload": marked("内容"), "true": marked("是"), "false": marked("否")}
_NAME: Final = r"[a-z]+(?:_[a-z]+)*"
_BRACKETS: Final = re.compile(rf" ?[（(](?P<names>{_NAME}(?:(?:[、：:，, ]| 为 | is )+{_NAME})*)[）)]")
_SINGLE: Final = re.compile(rf"(?<![A-Za-z0-9_.]){_NAME}(?![A-Za-z0-9_])")
_ASKED_BY: Final = {
    "grade": "grade", "grade_basis": "grade", "touches": "touches", "stage": "what",
    "certainty": "what", "subject": "what", "worse": "what", "priority": "how_bad",
    "type": "kind",
}  # fmt: skip
"""What is asked under another name than its own."""


def in_form_words(type: str, problem: str) -> str:
    """Return a sentence of a model in the words of the form of a type."""
    sentence, got, came = problem.rpartition(_(GOT))
    if got and (came == _("空") or came.startswith(("{", "[")) or came == _("一个 JSON 对象")):
        problem = sentence
    sentence = next((_(said) for model, said in _INSTEAD.items() if problem == _(model)), problem)
    titles = _titles(type)
    known = {*titles, *_WORDS, "by"}
    sentence = _BRACKETS.sub(
        lambda one: "" if set(re.findall(_NAME, one["names"])) - {"is"} <= known else one[0], sentence
    )
    return _SINGLE.sub(lambda one: _word(one[0], titles), sentence)


def _word(name: str, titles: dict[str, str]) -> str:
    if name in _WORDS:
        return _(_WORDS[name])
    return _(titles[name]) if name in titles and ("_" in name or name in {"stage", "grade"}) else name


@cache
def _titles(type: str) -> dict[str, str]:
    """Return name in the JSON → Chinese title, of every field of a form and of the header."""

    def walk(fields: Iterable[Field]) -> Iterator[tuple[str, str]]:
        for field in fields:
            yield field.name, field.title
            yield from walk(field.parts)

    return dict([*walk(forms.form_of(type)), *walk(forms.header_form())])


def questions_of(type: str, path: str, problem: str, lacking: Iterable[str]) -> tuple[str, ...]:
    """Return what ``Form.start`` takes to ask again for what a fault is about; never nothing.

    Args:
        type: of the draft.
        path: of the fault, as ``parse_draft`` names it.
        problem: its sentence, as the model says it.
        lacking: names of the required fields that the payload does not have.
    """
    name = path.removeprefix("payload").removeprefix(".")
    first = name.partition(".")[0]
    if first in _ASKED_BY:
        return (_ASKED_BY[first],)
    if not path.startswith("payload") or forms.fields_on_path(forms.form_of(type), name.split(".")):
        return (name if path.startswith("payload") else first,)
    named = [
        each.name for each in forms.form_of(type) if each.name in re.findall(_NAME, problem) or _(each.title) in problem
    ]
    asked = dict.fromkeys(_ASKED_BY.get(each, each) for each in (*named, *_header_named(problem), *lacking))
    return tuple(asked) or ("optional",)


def _header_named(problem: str) -> list[str]:
    return [each for each in ("stage", "grade", "certainty") if each in re.findall(_NAME, problem)]
