"""Drafts as an officer reads them: rows of a table, sentences about what is missing or wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from yizhan.cli.output import print_table, tell
from yizhan.producers import form_values, forms
from yizhan.producers.forms import FieldKind
from yizhan.schemas.i18n import _, join_list
from yizhan.schemas.payloads.reading import ReadPayload, Shown, lines
from yizhan.services.drafts import DraftFault, missing_fields
from yizhan.services.labels import type_name

_SHOWN: Final = 40
_QUESTIONS: Final = {"stage": "what", "certainty": "what", "subject": "what", "worse": "what", "priority": "how_bad"}
"""Header attribute → the question that it was answered by."""
_NO_QUESTION: Final = frozenset({"grade_basis"})
Row = tuple[str, str, str]
"""Question, title, value."""


def summary_of(content: Mapping[str, Any]) -> str:
    """Return the beginning of what a draft says."""
    payload = content.get("payload", {})
    text = str(payload.get("summary") or payload.get("title") or payload.get("text") or "")
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def missing_sentence(type: str, payload: Mapping[str, Any]) -> str:
    """Say which required answers are missing; empty for none."""
    missing = missing_fields(type, payload)
    return _("还缺 {names}").format(names=join_list(map(_, missing))) if missing else ""


def fault_sentence(fault: DraftFault) -> str:
    """Say what is wrong, and where."""
    where = "·".join(map(_, fault.titles)) or fault.path
    return f"{where}: {fault.problem}" if fault.path else fault.problem


def show_draft(
    n: int, type: str, content: Mapping[str, Any], members: Mapping[str, str], files: Sequence[str] = ()
) -> list[str]:
    """Print a draft whole, numbered by question; return the questions in that order."""
    rows = _rows(type, content, members)
    order = list(dict.fromkeys(name for name, _title, _value in rows if name not in _NO_QUESTION))
    names = [name for name, _title, _value in rows]
    numbers = {names.index(name): number for number, name in enumerate(order, 1)}  # once, at the question's first row
    table = [(numbers.get(place, ""), title, value) for place, (_name, title, value) in enumerate(rows)]
    tell(_("{type}，草稿 {n}").format(type=type_name(type), n=n))
    table += [("", _("附件"), Path(each).name) for each in files]
    print_table([_("题号"), _("项目"), _("内容")], table, _("还是空的"))
    return order


def _rows(type: str, content: Mapping[str, Any], members: Mapping[str, str]) -> list[Row]:
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
