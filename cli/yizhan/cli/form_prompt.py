"""A form in the terminal: drives ``services.forms``, then shows the whole and asks what becomes of it.

Rule 1: nothing is sent before it was shown whole and a person answered yes.
Rule 2: ``<`` goes back, ``?`` says what is expected, ``-`` takes an answer away, Enter takes what is proposed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import click

from yizhan.cli.accepted_view import show_sent_draft
from yizhan.cli.asking import ask
from yizhan.cli.draft_view import fault_sentence, show_draft
from yizhan.cli.output import say
from yizhan.cli.screen import progress
from yizhan.producers.drafts import Draft
from yizhan.producers.forms import FieldKind
from yizhan.schemas.i18n import _, join_list, join_sentences, marked, with_note
from yizhan.schemas.invisible import escaped
from yizhan.services.attachments import total_bytes
from yizhan.services.doubts import doubt_sentences, goes_unasked
from yizhan.services.drafts import DraftFault, check_draft, drop_draft, judge_draft, open_form, send_draft
from yizhan.services.form_questions import NoteKind, Question
from yizhan.services.forms import Form
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource

BACK, HELP, REMOVE = "<", "?", "-"
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
        say(_("< 回到上一题，- 清除这一项，回车保留方括号里的；Ctrl-C 停下，草稿留着"))


_NOTES: Final[Mapping[NoteKind, str]] = {
    NoteKind.GROUP: "— {title} —",
    NoteKind.ITEM: marked("— {title} 第 {number} 项 —"),
    NoteKind.FAULT: "{text}",
    NoteKind.REQUIRED: marked("这一项必填"),
    NoteKind.NOTHING_EARLIER: marked("本县没有发过这一类的事件，按独立的一件发出"),
    NoteKind.BORDER: marked("距 {member} 界约 {metres:.0f} 米，方位 {bearing:.0f} 度"),
    NoteKind.ELSEWHERE: marked("按县界图，坐标在 {member} 境内；请核对坐标、县和越界情况"),
    NoteKind.FOLLOWED: marked("坐标改了，距界情况和涉及的县已随之重算；涉及的县：{members}"),
    NoteKind.TOUCHES_STAY: marked("涉及的县是自己填的（{members}），没有随坐标改；请核对"),
    NoteKind.CONVERTED: marked("换算为 WGS84：{points}"),
    NoteKind.GRADE_BASIS: "{text}",
    NoteKind.ATTACHED: marked("附件 {number}：{name}，{size} 字节"),
}


def _say_notes(form: Form) -> None:
    """Say what the form noted since the last question."""
    for note in form.take_notes():
        if note.kind is NoteKind.NEEDS:
            _say_needs(**note.params)
            continue
        facts = dict(note.params)
        if (title := facts.get("title")) is not None:
            facts["title"] = _(title)
        if "member" in facts:
            facts["member"] = form.context.members.get(str(facts["member"]), facts["member"])
        if "members" in facts:
            facts["members"] = join_list(form.context.members.get(each, each) for each in facts["members"]) or _("无")
        if "points" in facts:
            facts["points"] = "; ".join(f"{x},{y}" for x, y in facts["points"])
        say(_(_NOTES[note.kind]).format(**facts))


def _say_needs(*, required: Sequence[str], later: Sequence[str], perhaps: Sequence[str], files: bool) -> None:
    """Say before the first question what an officer should have at hand."""
    say(_("本表必填：{titles}").format(titles=join_list(_(each) for each in required)))
    if later:
        say(_("续报、终报还必填：{titles}").format(titles=join_list(_(each) for each in later)))
    if perhaps:
        say(_("有的还要：{titles}；缺了发不出去").format(titles=join_list(_(each) for each in perhaps)))
    if files:
        say(_("附件请先备好文件，全部填完后问；现在没有的，可停下（Ctrl-C），草稿留着"))


# -- shown whole, then sent --


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
