"""Numbers that somebody typed into a bulletin's text instead of picking the figure.

Rule 1: a number is found by its digits. Dates, times of day, ordinals, names of roads, ids of events and the names of
        figures are no numbers here.
Rule 2: nothing is changed: a person says of each whether it is a figure, stays as it is, or goes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from yizhan.bulletin.figure_list import NamedFigure

_MOST_OFFERED: Final = 3
_DIGITS: Final = "[0-9０-９]"
_UNIT: Final = (
    "个百分点|立方米|平方米|公里|公顷|公斤|小时|分钟|个月|人次|千米|万元|亿元|毫米|米|件|起|条|处|只|株|亩|元|副|人|名|户|"
    "天|头|尾|棵|吨|台|辆|次|份|支|批|项|张|部|把|枚|个|家|组|村|倍|岁|%|％|‰|度"
)
_NUMBER: Final = re.compile(rf"[+\-−]?{_DIGITS}+(?:[.．,，]{_DIGITS}+)*\s*(?:{_UNIT})?")
_NO_NUMBER: Final = re.compile(
    rf"(?:\{{\{{|｛｛)[^{{}}｛｝]*(?:\}}\}}|｝｝)"  # a figure's name
    rf"|{_DIGITS}{{6}}-[0-9a-z]+-{_DIGITS}+"  # an event's id
    rf"|{_DIGITS}{{4}}\s*(?:年|[Qq][1-4])|{_DIGITS}{{1,2}}\s*(?:月份?|日|号|时|点)(?!间)|{_DIGITS}{{1,2}}[:：]{_DIGITS}{{2}}"
    rf"|(?:第|No\.?\s?|[A-Za-z]){_DIGITS}+|{_DIGITS}+(?:号|世纪|级)"
)


@dataclass(frozen=True, slots=True)
class TypedNumber:
    """A number typed by hand: its section, where it stands there, and the figures that have the same value."""

    section: str
    start: int
    end: int
    text: str
    figures: tuple[NamedFigure, ...] = ()


def typed_numbers(section: str, text: str, figures: Iterable[NamedFigure]) -> tuple[TypedNumber, ...]:
    """Find the numbers that were typed into a section.

    >>> [each.text for each in typed_numbers("overview", "3月5日清除猎套12副，第2次，共{{letters}}件", ())]
    ['12副']
    """
    masked = _NO_NUMBER.sub(lambda found: "\x00" * len(found[0]), text)
    known = tuple(figures)
    return tuple(
        TypedNumber(section, found.start(), found.end(), found[0], _same(found[0], known))
        for found in _NUMBER.finditer(masked)
    )


def _same(text: str, figures: tuple[NamedFigure, ...]) -> tuple[NamedFigure, ...]:
    number = re.match(rf"[+\-]?{_DIGITS}+(?:\.{_DIGITS}+)?%?", unicodedata.normalize("NFKC", text))
    value = "" if number is None else number[0]
    return tuple(each for each in figures if each.value == value)[:_MOST_OFFERED]
