"""A form in the terminal: drives ``services.forms``, then shows the whole and asks what becomes of it.

Rule 1: nothing is sent before it was shown whole and a person answered yes.
Rule 2: ``<`` goes back, ``?`` says what is expected, ``-`` takes an answer away, Enter takes what is proposed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from yizhan.cli.accepted_view import show_sent_draft
from yizhan.cli.asking import ask
from yizhan.cli.output import print_table, say, tell
from yizhan.cli.screen import progress
from yizhan.producers.drafts import Draft
from yizhan.producers.forms import FieldKind
from yizhan.schemas.i18n import _, join_sentences, marked, with_note
from yizhan.schemas.invisible import escaped
from yizhan.services.attachments import total_bytes
from yizhan.services.doubts import doubt_sentences, goes_unasked
from yizhan.services.drafts import DraftFault, check_draft, drop_draft, judge_draft, open_form, send_draft
from yizhan.services.form_questions import MEANINGS, Question
from yizhan.services.form_text import draft_rows, fault_sentence, note_lines
from yizhan.services.forms import Form
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource
from yizhan.services.labels import type_name

BACK, HELP, REMOVE = "<", "?", "-"
_NO_QUESTION: Final = frozenset({"grade_basis"})
_STORED: Final = marked("草稿 {n} 留着；接着写：yizhan draft edit {n} --county {county}")


def fill_in(home: Home, county: str, n: int, passphrases: PassphraseSource) -> None:
    """Ask what was not asked yet, then finish; on an interrupt, print where the draft is."""
    try:
        with open_form(home, county, n) as form:
            _ask(form)
            _finish(home, form, passphrases)
    except click.Abort:
        say("")
        say(_(_STORED).format(n=n, county=county))
        raise


# -- asked --


def _ask(form: Form, name: str | None = None) -> None:
    """Ask what was not asked yet, or one question by its name."""
    form.start(name)
    listed: Question | None = None
    while (question := form.question) is not None:
        _say_notes(form)
        if question is not listed:
            _list_choices(question, form.context.members)
        listed = question
        text = _line(question)
        if text == BACK:
            form.back()
        else:
            form.answer(text)
    _say_notes(form)


def _list_choices(question: Question, members: Mapping[str, str]) -> None:
    field = question.field
    if field.choices or field.kind is FieldKind.MEMBER:
        labels = [one.label() for one in field.choices] or [f"{code} {name}" for code, name in members.items()]
        say(_(field.title) + ":")
        for number, label in enumerate(labels, 1):
            say(f"  {number}  {label}")


def _line(question: Question) -> str | None:
    """Read one line; None for an answer passed over or taken away."""
    field, proposed = question.field, question.proposed
    hint = "" if field.choices or field.kind is FieldKind.MEMBER else field.expected()
    optional = "" if field.required else _("可跳过")
    about = join_sentences(each for each in (hint, optional) if each)
    asked = with_note(_(field.title), about) if about else _(field.title)
    while True:
        answer = click.prompt(escaped(asked), default=proposed or "", show_default=bool(proposed), err=True,
                              prompt_suffix=": ")  # fmt: skip
        text = str(answer).strip()
        if text != HELP:
            return None if text in {"", REMOVE} else text
        say(field.expected() or _("文字"))
        if field.name in MEANINGS:
            say(_(MEANINGS[field.name]))
        say(_("< 回到上一题，- 清除这一项，回车保留方括号里的；Ctrl-C 停下，草稿留着"))


def _say_notes(form: Form) -> None:
    """Say what the form noted since the last question."""
    for note in form.take_notes():
        for line in note_lines(note, form.context.members):
            say(line)


# -- shown whole, then sent --


def show_draft(
    n: int, type: str, content: Mapping[str, Any], members: Mapping[str, str], files: Sequence[str] = ()
) -> list[str]:
    """Print a draft whole, numbered by question; return the questions in that order."""
    rows = draft_rows(type, content, members)
    order = list(dict.fromkeys(name for name, _title, _value in rows if name not in _NO_QUESTION))
    names = [name for name, _title, _value in rows]
    numbers = {names.index(name): number for number, name in enumerate(order, 1)}  # once, at the question's first row
    table = [(numbers.get(place, ""), title, value) for place, (_name, title, value) in enumerate(rows)]
    tell(_("{type}，草稿 {n}").format(type=type_name(type), n=n))
    table += [("", _("附件"), Path(each).name) for each in files]
    print_table([_("题号"), _("项目"), _("内容")], table, _("还是空的"))
    return order


def _finish(home: Home, form: Form, passphrases: PassphraseSource) -> None:
    """Show the whole, ask, and send, correct, store or drop."""
    county = form.context.county
    _ask(form, "files")
    word = ""
    while word not in {"s", "d"}:
        order = show_draft(form.n, form.type, form.content, form.context.members, form.files)
        draft, faults = check_draft(form.content)
        problems = [fault_sentence(each) for each in faults]
        for sentence in problems if draft is None else doubt_sentences(home, judge_draft(home, county, draft)):
            say(sentence)
        word = _decision(sendable=draft is not None)
        if word == "y" and draft is not None and _insists(home, county, draft):
            with progress(_("密封附件"), total_bytes(form.files)) as bar:
                sent = send_draft(home, county, form.n, passphrases, form.files, bar, confirmed=True)
            show_sent_draft(home, sent, as_json=False)
            return
        _change(form, word, faults, order)
    if word == "d":
        drop_draft(home, county, form.n)
        say(_("草稿 {n} 已丢弃").format(n=form.n))
    else:
        say(_(_STORED).format(n=form.n, county=county))


def _insists(home: Home, county: str, draft: Draft) -> bool:
    """Ask once more where a doubt is one that must be answered (``producers.doubts`` HOLDING)."""
    return goes_unasked(judge_draft(home, county, draft), forced=False) or ask(_("仍要发出吗？"))


def _change(form: Form, word: str, faults: tuple[DraftFault, ...], order: list[str]) -> None:
    """Ask again what a word names: what is wrong, what may be added, or a question by its number."""
    if word == "+":
        _ask(form, "optional")
    elif word == "f":
        _ask(form, "files")
    elif word == "m":
        for name in dict.fromkeys(name for each in faults for name in each.ask):
            _ask(form, name)
    elif word.isdecimal() and 1 <= int(word) <= len(order):
        _ask(form, order[int(word) - 1])
    elif word not in {"s", "d", "y"} or faults:
        say(_("请输入所列的字母，或 1 到 {count} 的题号").format(count=len(order)))


def _decision(*, sendable: bool) -> str:
    offered = _("y 发出") if sendable else _("m 补齐所缺")
    text = _("{offered}，题号 修改，+ 补充，f 附件，s 留作草稿，d 丢弃").format(offered=offered)
    return str(click.prompt(text, err=True, prompt_suffix="> ", default="", show_default=False)).strip().lower()
