"""Forms and drafts in words, for every face: what a form notes, what a draft says, what is missing or wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from yizhan.producers import form_values, forms
from yizhan.producers.draft_rows import StoredDraft
from yizhan.producers.forms import FieldKind
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.schemas.payloads.reading import ReadPayload, Shown, lines
from yizhan.services.drafts import DraftFault
from yizhan.services.form_questions import Note, NoteKind

_SHOWN: Final = 40
_QUESTIONS: Final = {"stage": "what", "certainty": "what", "subject": "what", "worse": "what", "priority": "how_bad"}
"""Header attribute → the question that it was answered by."""
Row = tuple[str, str, str]
"""Question, title, value."""


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


def note_lines(note: Note, members: Mapping[str, str]) -> Iterator[str]:
    """Say what a form notes between two questions; ``members`` are code → name."""
    if note.kind is NoteKind.NEEDS:
        yield from _needs(**note.params)
        return
    facts = dict(note.params)
    if (title := facts.get("title")) is not None:
        facts["title"] = _(title)
    if "member" in facts:
        facts["member"] = members.get(str(facts["member"]), facts["member"])
    if "members" in facts:
        facts["members"] = join_list(members.get(each, each) for each in facts["members"]) or _("无")
    if "points" in facts:
        facts["points"] = "; ".join(f"{x},{y}" for x, y in facts["points"])
    yield _(_NOTES[note.kind]).format(**facts)


def _needs(*, required: Sequence[str], later: Sequence[str], perhaps: Sequence[str], files: bool) -> Iterator[str]:
    """Say before the first question what an officer should have at hand."""
    yield _("本表必填：{titles}").format(titles=join_list(_(each) for each in required))
    if later:
        yield _("续报、终报还必填：{titles}").format(titles=join_list(_(each) for each in later))
    if perhaps:
        yield _("有的还要：{titles}；缺了发不出去").format(titles=join_list(_(each) for each in perhaps))
    if files:
        yield _("附件请先备好文件，全部填完后问；现在没有的，可停下（Ctrl-C），草稿留着")


def summary_of(content: Mapping[str, Any]) -> str:
    """Return the beginning of what a draft says."""
    payload = content.get("payload", {})
    text = str(payload.get("summary") or payload.get("title") or payload.get("text") or "")
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def missing_sentence(missing: Sequence[str]) -> str:
    """Say which required answers are missing, by their Chinese titles; empty for none."""
    return _("还缺 {names}").format(names=join_list(map(_, missing))) if missing else ""


def fault_sentence(fault: DraftFault) -> str:
    """Say what is wrong, and where."""
    where = "·".join(map(_, fault.titles)) or fault.path.removeprefix("payload")
    return f"{where}: {fault.problem}" if where else fault.problem


def draft_rows(type: str, content: Mapping[str, Any], members: Mapping[str, str]) -> list[Row]:
    """Return everything that a draft says: the header first, then the payload."""
    found: list[Row] = []
    for field in forms.header_form():
        if (value := content.get(field.name)) is not None:
            text = (
                str(value.get("id", "")) if isinstance(value, dict) else form_values.format_value(field, value, members)
            )
            found.append((_QUESTIONS.get(field.name, field.name), _(field.title), text))
    if content.get("touches") is None and not {"reply_to", "supersedes", "withdraws"} & content.keys():
        found.append(("touches", _("涉及的县"), _("没有填")))
    if "subject" in content:
        found.append(("what", _("所属事件"), str(content["subject"])))
    for shown in lines(ReadPayload(type, None, content.get("payload", {}))):
        if shown.path.endswith("position.type"):
            continue
        title, text_or_none = "·".join(map(_, dict.fromkeys(shown.titles))), _value(type, shown, members)
        if text_or_none is None:
            question, first_title, so_far = found.pop()
            found.append((question, first_title, f"{so_far},{shown.value}"))
        else:
            found.append((shown.path.split(".")[0], title, text_or_none))
    order = list(dict.fromkeys(name for name, _title, _value in found))
    return sorted(found, key=lambda row: order.index(row[0]))


def _value(type: str, shown: Shown, members: Mapping[str, str]) -> str | None:
    """Write one value; None where it is the second of a pair."""
    fields = forms.fields_on_path(forms.form_of(type), shown.path.split("."))
    leaf = fields[-1] if fields else None
    if leaf is None or leaf.kind is FieldKind.GROUP:
        return str(shown.value)
    if leaf.kind in {FieldKind.PAIR, FieldKind.POINT}:
        return None if shown.path.endswith(".1") else str(shown.value)
    return form_values.format_value(forms.item_of(leaf), shown.value, members)


def draft_note(draft: StoredDraft) -> str:
    """Say why a draft was given back or could not be sent; empty where neither is so."""
    if draft.refused is not None:
        return _("没有发出：{why}").format(why=draft.refused)
    if draft.remark is not None:
        name = "" if draft.reviewer is None else draft.reviewer.name
        return _("{name}退回：{remark}").format(name=name, remark=draft.remark)
    return ""
