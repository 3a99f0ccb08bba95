"""Headings as people write them, and what is said of one that no column has.

Rule 1: width, case, blanks, line breaks, the kind of dot, bracket and colon, and a mark of what is required make no
        other heading. Words do.
Rule 2: a near heading of another unit is never offered as the same one: 15 mu are a hectare.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Final

from yizhan.producers.columns import Column, known_headings
from yizhan.schemas.i18n import _
from yizhan.schemas.invisible import without_format

_ALIKE: Final = 0.5
"""Share of characters from which on a heading is taken for another one mistyped."""
_DOTS: Final = re.compile("[·•‧∙⋅・･᛫.。､/／—–‐‑_|>→-]+")
_OPENING: Final = re.compile(r"[\[{<【〔〖〈《「『〘]")
_CLOSING: Final = re.compile(r"[\]}>】〕〗〉》」』〙]")
_REQUIRED: Final = re.compile(
    r"^[*※★\s]+|(?:[*※★:\s]|\((?:(?:有坐标)?必填|选填|required(?: with a position)?|optional)\))+$"
)
_UNITS: Final = (
    "平方公里", "平方千米", "平方米", "公顷", "亩", "立方米",
    "万元", "亿元", "美元", "元", "公里", "千米", "里", "厘米", "毫米",
    "米", "千克", "公斤", "斤", "吨", "克", "小时",
    "分钟", "天", "日", "度", "℃", "%", "km", "ha", "mu", "kg", "mw", "m", "h",
)  # fmt: skip
"""Longest first where one contains another."""
_ALONE: Final = "亩元吨斤克米"
"""Of one character, and no end of a common word (程度, 节日)."""
_BRACKETED: Final = re.compile(r"\(([^()]*)\)$")


def heading_key(heading: str) -> str:
    """Return a heading in the one spelling by which headings are compared.

    >>> heading_key("过火面积 (公顷)＊") == heading_key("过火面积（公顷）")
    True
    >>> heading_key("拟稿人•姓名") == heading_key("拟稿人·姓名")
    True
    """
    plain = unicodedata.normalize("NFKC", without_format(heading)).casefold()
    plain = _CLOSING.sub(")", _OPENING.sub("(", plain))
    plain = "".join(_REQUIRED.sub("", plain).split())
    return _DOTS.sub("·", plain).strip("·*:")


@cache
def heading_index(type: str) -> Mapping[str, Column]:
    """Return key → column, of every heading that a table of a type may have, in both languages."""
    return {heading_key(heading): column for heading, column in known_headings(type).items()}


def unit_of(heading: str) -> str | None:
    """Return the unit that a heading names, in its brackets or at its end; None for none.

    >>> unit_of("过火面积（公顷）"), unit_of("受灾面积亩"), unit_of("死亡人数")
    ('公顷', '亩', None)
    """
    key = heading_key(heading)
    bracketed = _BRACKETED.search(key)
    if bracketed:
        return bracketed[1] if bracketed[1] in _UNITS else None
    return next((unit for unit in _UNITS if key.endswith(unit) and (len(unit) > 1 or unit in _ALONE) and key != unit
                 and not unit.isascii()), None)  # fmt: skip


def unknown_heading(heading: str, known: Mapping[str, Column]) -> str:
    """Say that there is no such heading, and which one may be meant."""
    near = difflib.get_close_matches(heading, known, 1, _ALIKE)
    if not near:
        return _("没有这个表头")
    ours, theirs = unit_of(near[0]), unit_of(heading)
    if theirs is None or ours == theirs:
        return _("没有这个表头，是“{near}”吗").format(near=near[0])
    if ours is None:
        return _("没有这个表头")
    sentence = _("没有以“{theirs}”为单位的这个表头；“{near}”的单位是 {ours}，数字要换算，不能只改表头")
    return sentence.format(theirs=theirs, near=near[0], ours=ours)
