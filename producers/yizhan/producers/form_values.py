"""What a person answers to a form, as JSON and back.

Rule 1: a choice is understood by its value, its name in either language or, on a screen, its number in the list.
Rule 2: a time without a zone is Beijing's; a day has no hour. Digits may be full-width. A number has no unit
        and no other letters.
Rule 3: what ``format_value`` writes, ``parse_answer`` reads back as the same JSON.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from yizhan.producers.clock_times import ZONE, calendar_day, clock_time
from yizhan.producers.forms import Field, FieldKind, item_of
from yizhan.schemas.codes import CODES
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import _, join_list, marked
from yizhan.schemas.names import codes_named, nearest

Path = tuple[str | int, ...]


class AnswerInvalid(YizhanError):
    """An answer that is no such thing as was asked for; the sentence says what was expected."""


_SEPARATORS: Final = re.compile(r"\s*[;；\n]+\s*")
_CHOICE_SEPARATORS: Final = re.compile(r"\s*[;；、,，\n]+\s*")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,15}|[0-9]{1,3}(?:,[0-9]{3}){1,4})(?:\.[0-9]{1,12})?")
"""Commas separate thousands only: in 12,5 the comma is a decimal comma."""
_FLAGS: Final = {"是": True, "有": True, "y": True, "yes": True, "true": True, "1": True}
_NO_FLAGS: Final = {"否": False, "无": False, "没有": False, "n": False, "no": False, "false": False, "0": False}
_FULL_WIDTH: Final = str.maketrans("０１２３４５６７８９．－：，", "0123456789.-:,")


def parse_answer(field: Field, text: str, members: Mapping[str, str], *, numbered: bool = False) -> Any:  # noqa: ANN401 -- JSON is any
    """Turn what a person wrote into JSON.

    Args:
        field: what was asked; not a GROUP.
        text: not empty.
        members: county code → name, for MEMBER.
        numbered: a number is the place of a choice in its list, from 1 (on a screen; never in a sheet).

    Raises:
        AnswerInvalid: it is no such thing.
    """
    if not field.many:
        return _one(field, text.strip(), members, numbered=numbered)
    chosen = field.kind in {FieldKind.CHOICE, FieldKind.MEMBER}
    pieces = (_CHOICE_SEPARATORS if chosen else _SEPARATORS).split(text.strip())
    if chosen and not any(choice.means(text.strip()) for choice in field.choices) and len(pieces) == 1 and numbered:
        pieces = text.split()
    if chosen and any(choice.means(text.strip()) for choice in field.choices):
        pieces = [text.strip()]
    return [_one(field, piece, members, numbered=numbered) for piece in pieces if piece]


def _one(field: Field, text: str, members: Mapping[str, str], *, numbered: bool) -> Any:  # noqa: ANN401 -- one a kind
    plain = text.translate(_FULL_WIDTH)
    match field.kind:
        case FieldKind.CHOICE:
            return _chosen(field, text, numbered=numbered)
        case FieldKind.WHOLE:
            return _whole(field, text, plain)
        case FieldKind.NUMBER:
            return _number(field, plain)
        case FieldKind.FLAG:
            answer = {**_FLAGS, **_NO_FLAGS, _("是"): True, _("否"): False}.get(plain.casefold())
            if answer is None:
                raise _wrong(field, text)
            return answer
        case FieldKind.MOMENT:
            return moment(plain)
        case FieldKind.MEMBER:
            return _member(field, plain, members, numbered=numbered)
        case FieldKind.PAIR | FieldKind.POINT:
            pieces = [piece for piece in re.split(r"[,，、;；\s×x]+", plain) if piece]
            if len(pieces) != 2:  # noqa: PLR2004 -- a pair
                raise _wrong(field, text)
            return [_number(field, piece) for piece in pieces]
        case _:
            return _day(field, text) if field.is_day else text


def _day(field: Field, text: str) -> str:
    try:
        return calendar_day(text).isoformat()
    except ValueError:
        raise _wrong(field, text) from None


def _wrong(field: Field, text: str) -> AnswerInvalid:
    sentence = marked("应为{expected}；得到 {got}")
    return AnswerInvalid(sentence, expected=field.expected() or _("文字"), got=repr(text[:60]))


def _chosen(field: Field, text: str, *, numbered: bool) -> str:
    for choice in field.choices:
        if choice.means(text):
            return choice.value
    if numbered and text.isdecimal() and 1 <= int(text) <= len(field.choices):
        return field.choices[int(text) - 1].value
    if numbered and len(near := [one for one in field.choices if text and one.label().startswith(text)]) == 1:
        return near[0].value
    # An article or a short form is understood by the model's own list; what is neither, it names.
    for listed in CODES.values():
        if (entry := listed.find(text)) and any(entry.value == choice.value for choice in field.choices):
            return entry.value
    if len(pieces := _CHOICE_SEPARATORS.split(text)) > 1 and numbered:
        raise AnswerInvalid(marked("这一题只能选一项；得到 {count} 项：{got}"), count=len(pieces), got=text[:60])
    raise _wrong(field, text)


def _whole(field: Field, text: str, plain: str) -> int | str:
    if re.fullmatch(r"[+-]?[0-9]{1,15}(?:\.0+)?", plain):
        return int(float(plain))
    for choice in field.choices:
        if choice.means(text):
            return choice.value
    raise _wrong(field, text)


def _number(field: Field, plain: str) -> float | int:
    if not _NUMBER.fullmatch(plain):
        raise _wrong(field, plain)
    number = float(plain.replace(",", ""))
    return int(number) if math.isfinite(number) and number == int(number) and "." not in plain else number


def moment(text: str) -> str:
    """Turn a time as people write it into RFC 3339; without a zone it is Beijing's.

    >>> moment("2026-11-23 16:05")
    '2026-11-23T16:05:00+08:00'

    Raises:
        AnswerInvalid: no such time.
    """
    try:
        return clock_time(text).isoformat()
    except ValueError:
        sentence = marked("应为日期和时刻，如 2026-11-23 16:05 或 2026-11-23 16时；得到 {got}")
        raise AnswerInvalid(sentence, got=repr(text[:60])) from None


def _member(field: Field, plain: str, members: Mapping[str, str], *, numbered: bool) -> str:
    if re.fullmatch("[0-9]{6}", plain):
        return plain
    codes = list(members)
    if numbered and plain.isdecimal() and 1 <= int(plain) <= len(codes):
        return codes[int(plain) - 1]
    meant = codes_named(plain, {code: (name,) for code, name in members.items()})
    if len(meant) == 1:
        return meant[0]
    near = meant or nearest(plain, {code: (name,) for code, name in members.items()})
    listed = join_list(f"{code} {members[code]}" for code in near or codes)
    sentence = marked("应为{expected}，如 {near}；得到 {got}")
    raise AnswerInvalid(sentence, expected=field.expected(), near=listed, got=repr(plain[:60]))


def format_value(field: Field, value: Any, members: Mapping[str, str]) -> str:  # noqa: ANN401 -- JSON is any
    """Write a value as a person reads it, and as ``parse_answer`` reads it back."""
    if field.many and isinstance(value, list):
        separator = "、" if field.kind in {FieldKind.CHOICE, FieldKind.MEMBER} else "；"
        return separator.join(format_value(item_of(field), one, members) for one in value)
    match field.kind, value:
        case (FieldKind.CHOICE | FieldKind.WHOLE, str()):
            return next((one.label() for one in field.choices if one.value == value), value)
        case FieldKind.FLAG, bool():
            return _("是") if value else _("否")
        case FieldKind.MOMENT, str():
            return _local(value)
        case FieldKind.MEMBER, str():
            return f"{value} {members[value]}" if value in members else value
        case FieldKind.PAIR | FieldKind.POINT, list():
            return ",".join(str(one) for one in value)
        case _:
            return str(value)


def _local(text: str) -> str:
    try:
        at = datetime.fromisoformat(text).astimezone(ZONE)
    except (ValueError, OverflowError):
        return text
    if at.microsecond:
        return at.isoformat(timespec="milliseconds")
    return at.strftime("%Y-%m-%d %H:%M:%S" if at.second else "%Y-%m-%d %H:%M")


# -- one value in a nested JSON object --


def path_of(text: str) -> Path:
    """Read a path as faults write it: ``parties.1.name``."""
    return tuple(int(step) if step.isdecimal() else step for step in text.split("."))


def get(content: Any, path: Path) -> Any:  # noqa: ANN401 -- JSON is any
    """Return the value at a path; None if there is none."""
    for step in path:
        try:
            content = content[step]
        except (KeyError, IndexError, TypeError):
            return None
    return content


def put(content: dict[str, Any], path: Path, value: Any) -> None:  # noqa: ANN401 -- JSON is any
    """Set the value at a path; create missing levels."""
    here: Any = content
    for step, following in pairwise(path):
        _make_room(here, step, [] if isinstance(following, int) else {})
        here = here[step]
    _make_room(here, path[-1], None)
    here[path[-1]] = value


def _make_room(holder: Any, step: str | int, empty: Any) -> None:  # noqa: ANN401 -- JSON is any
    if isinstance(step, int):
        holder.extend({} for _missing in range(step + 1 - len(holder)))
    else:
        holder.setdefault(step, empty)


def remove(content: dict[str, Any], path: Path) -> None:
    """Remove the value at a path, and every level above it that is then empty."""
    *above, last = path
    holder = get(content, tuple(above))
    if isinstance(holder, dict):
        holder.pop(last, None)
    elif isinstance(holder, list) and isinstance(last, int) and last < len(holder):
        holder.pop(last)
    if above and holder in ({}, []):
        remove(content, tuple(above))
