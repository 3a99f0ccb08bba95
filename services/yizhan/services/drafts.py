"""Drafts at the command line: opened, shown whole, asked about, sent.

Rule 1: nothing goes before it was shown whole and a person said yes, unless ``--yes`` stood there.
Rule 2: a draft goes by the same path as every other event: checked, doubted, numbered, sealed, stored.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from yizhan.cli.accepted_view import accepted_lines
from yizhan.cli.form_prompt import Asking, FormContext
from yizhan.cli.output import print_table, say, tell
from yizhan.producers import form_values, forms, proposals
from yizhan.producers.doubts import Doubt, doubts, kept
from yizhan.producers.draft_store import DraftStore, gone_as
from yizhan.producers.drafts import Draft, DraftInvalid, parse_draft
from yizhan.producers.forms import FieldKind
from yizhan.producers.geography import sample_outlines
from yizhan.producers.queries import OutboxQuery
from yizhan.runtime.clock import utc_now
from yizhan.schemas import strictjson
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.reading import ReadPayload, Shown, lines
from yizhan.services.attachments import attach_files
from yizhan.services.doubts import sentences
from yizhan.services.errors import ServiceError
from yizhan.services.labels import type_name
from yizhan.services.stores import open_outbox, read_outbox

if TYPE_CHECKING:
    from yizhan.producers.numbering import Accepted
    from yizhan.services.home import Home
    from yizhan.services.keys import PassphraseSource

MOST_EARLIER: Final = 9
"""How many earlier events are offered to go on with."""
_SHOWN: Final = 40
_KEPT: Final = marked("草稿 {n} 留着；接着写：yizhan draft edit {n} --county {county}")


def setting_of(home: Home, county: str, book: DraftStore, type: str) -> FormContext:
    """Put together what a form proposes from."""
    charter = home.charter
    members = {code: home.localized(member.name) for code, member in sorted(charter.members.items())}
    around = proposals.Map(sample_outlines(), frozenset(members), charter.policy.border_strip_km)
    return FormContext(county, members, around, book.office(), lambda: _earlier(home, county, type))


def _earlier(home: Home, county: str, type: str) -> list[tuple[str, str]]:
    """List the threads of a type that this county opened, the newest first."""
    with read_outbox(home, county) as outbox:
        rows = () if outbox is None else outbox.rows(OutboxQuery(type=type, limit=200))
        found: dict[str, str] = {}
        for row in reversed(rows):
            own = None if outbox is None else outbox.event(row.id)
            if own is None or len(found) >= MOST_EARLIER:
                continue
            thread = own.header.subject or row.id
            said = strictjson.loads(own.payload, floats=True)
            summary = str(said.get("summary", ""))[:_SHOWN] if isinstance(said, dict) else ""
            found.setdefault(thread, f"{home.local_time(row.accepted)} {summary}")
    return list(found.items())


# -- shown whole --


def rows_of(type: str, content: dict[str, Any], members: dict[str, str]) -> list[tuple[str, str, str]]:
    """Return (question, title, value) of everything that a draft says: the letter first, then the payload."""
    found = []
    own = {"stage": "what", "certainty": "what", "subject": "what", "worse": "what", "priority": "how_bad"}
    for field in forms.header_form():
        if (value := content.get(field.name)) is not None:
            text = str(value) if isinstance(value, dict) else form_values.written_out(field, value, members)
            found.append((own.get(field.name, field.name), _(field.title), text))
    if "subject" in content:
        found.append(("what", _("所属事件"), str(content["subject"])))
    payload = content.get("payload", {})
    for shown in lines(ReadPayload(type, None, payload)):
        title, value = "·".join(map(_, dict.fromkeys(shown.titles))), _value(type, shown, members)
        if value is None:
            question, told, so_far = found.pop()
            found.append((question, told, f"{so_far},{shown.value}"))
        else:
            found.append((shown.path.split(".")[0], title, value))
    order = list(dict.fromkeys(name for name, _title, _value in found))
    return sorted(found, key=lambda row: order.index(row[0]))


def _value(type: str, shown: Shown, members: dict[str, str]) -> str | None:
    """Write one value; None where it is the second of a pair."""
    fields = forms.find(forms.form_of(type), shown.path.split("."))
    leaf = fields[-1] if fields else None
    if leaf is None or leaf.kind is FieldKind.GROUP:
        return str(shown.value)
    if leaf.kind in {FieldKind.PAIR, FieldKind.POINT}:
        return None if shown.path.endswith(".1") else str(shown.value)
    return form_values.written_out(forms.single(leaf), shown.value, members)


def show_draft(asking: Asking) -> list[str]:
    """Print a draft whole, numbered by question; return the questions in that order."""
    rows = rows_of(asking.type, asking.content, dict(asking.setting.members))
    order = list(dict.fromkeys(name for name, _title, _value in rows if name not in {"border", "grade_basis"}))
    table = [(order.index(name) + 1 if name in order else "", title, value) for name, title, value in rows]
    tell(_("{type}，草稿 {n}").format(type=type_name(asking.type), n=asking.n))
    table += [("", _("附件"), Path(each).name) for each in asking.files]
    print_table([_("题号"), _("项目"), _("内容")], table, _("还是空的"))
    return order


def checked(asking: Asking) -> tuple[Draft | None, list[tuple[str, str]]]:
    """Return the draft if it may go, and what is wrong with it: (question, sentence)."""
    try:
        return parse_draft(asking.content), []
    except DraftInvalid as error:
        form, found = forms.form_of(asking.type), []
        for path, said in error.errors:
            steps = path.removeprefix("payload.").split(".")
            titles = [_(field.title) for field in forms.find(form, steps)]
            found.append((steps[0], f"{'·'.join(titles) or path}: {said}" if path else said))
        return None, found


# -- asked, then sent --


def go_on(home: Home, county: str, book: DraftStore, n: int, lock: PassphraseSource) -> None:
    """Ask what was not asked yet, then finish; whoever stops in between is told where the draft is."""
    asking = Asking(setting_of(home, county, book, book.get(n).type), book, n)
    try:
        asking.everything()
        finish(home, asking, lock)
    except click.Abort:
        say("")
        say(_(_KEPT).format(n=n, county=county))
        raise


def finish(home: Home, asking: Asking, lock: PassphraseSource) -> None:
    """Show the whole, ask, and send, mend, keep or drop."""
    asking.ask_files()
    word = ""
    while word not in {"s", "d"}:
        order = show_draft(asking)
        draft, faults = checked(asking)
        for said in [said for _name, said in faults] or doubts_of(home, asking):
            say(said)
        word = _decision(sendable=draft is not None)
        if word == "y" and draft is not None:
            tell(
                "\n".join(
                    accepted_lines(home, send(home, asking.setting.county, asking.book, asking.n, lock, asking.files))
                )
            )
            return
        _mend(asking, word, [name for name, _said in faults], order)
    if word == "d":
        asking.book.drop(asking.n)
        say(_("草稿 {n} 已丢弃").format(n=asking.n))
    else:
        say(_(_KEPT).format(n=asking.n, county=asking.setting.county))


def _mend(asking: Asking, word: str, faulty: list[str], order: list[str]) -> None:
    """Ask again what a word names: what is faulty, what may be added, or a question by its number."""
    if word == "+":
        asking.again("optional")
    elif word == "f":
        asking.ask_files()
    elif word == "m":
        for name in dict.fromkeys(faulty):
            if name == "payload":
                say(_("上面有一条牵涉几个问题：请输入题号逐一修改；没有题号的用 + 补充"))
            else:
                asking.again(name)
    elif word.isdecimal() and 1 <= int(word) <= len(order):
        asking.again(order[int(word) - 1])
    elif word not in {"s", "d"}:
        say(_("请输入所列的字母，或 1 到 {count} 的题号").format(count=len(order)))


def _decision(sendable: bool) -> str:
    offered = _("y 发出") if sendable else _("m 补齐所缺")
    text = _("{offered}，题号 修改，+ 补充，f 附件，s 留作草稿，d 丢弃").format(offered=offered)
    return str(click.prompt(text, err=True, prompt_suffix="> ", default="", show_default=False)).strip().lower()


def doubts_of(home: Home, asking: Asking) -> list[str]:
    """Say what a person should look at again before a draft goes."""
    draft = parse_draft(asking.content)
    found = _doubts(draft, asking.setting.county, asking.setting.members)
    asked = (doubt for doubt in found if doubt is not Doubt.TOUCHES_NOBODY or draft.priority != "routine")
    return sentences(home, draft, asked)


def _doubts(draft: Draft, county: str, members: Collection[str]) -> tuple[Doubt, ...]:
    return doubts(draft, county, members, utc_now(), sample_outlines)


def send(
    home: Home, county: str, book: DraftStore, n: int, lock: PassphraseSource, attached: Sequence[str] = ()
) -> Accepted:
    """Send a draft with the files to be attached; it is forgotten here once the outbox has it.

    Raises:
        DraftInvalid, NotPublishable, NoSuchDraft, FileRefused, StoreError: nothing was sent, the draft is kept.
        CommandError: it went before, in a run that was cut off; its id is told and the draft is forgotten.
    """
    found = book.get(n)
    draft = parse_draft(found.content)
    draft = kept(draft, _doubts(draft, county, home.charter.members))
    with open_outbox(home, county, lock) as outbox:
        if found.sending is not None and (gone := gone_as(outbox, draft, found.sending)):
            book.sent(n, draft.payload)
            raise ServiceError(marked("草稿 {n} 上次已经发出，编号 {id}；没有再发"), n=n, id=gone)
        letter = attach_files(outbox, draft, attached) if attached else draft
        book.sending(n, outbox.clock())
        sent = outbox.publish(letter)
        # From here on the outbox has it; what a kill leaves behind is found by ``gone_as``.
        book.sent(n, draft.payload)
    return sent


def summary_of(content: dict[str, Any]) -> str:
    """Return the beginning of what a draft says."""
    payload = content.get("payload", {})
    text = str(payload.get("summary") or payload.get("title") or payload.get("text") or "")
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
