r"""What a person sees in a cell whose meaning stands in its number format (ECMA-376, 18.8.31).

Rule 1: a format of words only (``"有";;"无"``) is read as the word that it shows.
Rule 2: leading zeros that a format adds (``000000``) belong to a text, and are nothing to a number.
Rule 3: a unit in the format is returned, for the column to judge; what is scaled (percent, thousands) is a fault.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from yizhan.schemas.i18n import _

_PART: Final = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]|.', re.DOTALL)
_PLACES: Final = frozenset("0#?")
_GENERAL: Final = ("general", "常规", "@")
_CONDITION: Final = re.compile(r"\[[<>=]")
_SCALED: Final = re.compile(r"[0#?],+(?=$|[^0#?,])")


@dataclass(frozen=True, slots=True)
class ShownNumber:
    """A number as its cell shows it."""

    text: str | None = None
    """The words that are shown instead of the number, or its digits with added zeros; None: as it is stored."""
    words: bool = False
    """Nothing of the number is shown, only words."""
    unit: str = ""
    """Words that are shown beside the number."""
    fault: str | None = None
    """Why the number may not be used."""


def shown_number(value: float, number_format: str) -> ShownNumber:
    r"""Return how a cell shows a number.

    >>> shown_number(35112, "000000").text, shown_number(1, '"有";;"无"').text, shown_number(4.5, '0.0"亩"').unit
    ('035112', '有', '亩')
    """
    if number_format.casefold() in _GENERAL or not number_format:
        return ShownNumber()
    sections = _sections(number_format)
    if any(_CONDITION.match(part) for section in sections for part in section):
        return ShownNumber(fault=_("数字格式按大小显示不同的字，看不准；请改成常规格式重填"))
    section = sections[_which(value, len(sections))]
    codes = "".join(part for part in section if len(part) == 1)
    words = "".join(_literal(part) for part in section).strip()
    if not any(each in codes for each in _PLACES) and "general" not in codes.casefold() and "@" not in codes:
        if not words:
            return ShownNumber(fault=_("数字格式使这个单元格看起来是空的；请改成常规格式，核对后重填"))
        return ShownNumber(words, words=True)
    if "%" in codes:
        return ShownNumber(fault=_("这是百分数格式，看到的和存着的差一百倍；请改成常规格式，照表头的单位填写"))
    if _SCALED.search(codes):
        return ShownNumber(fault=_("数字格式把数缩小了一千倍以上显示；请改成常规格式，照表头的单位填写"))
    return ShownNumber(_zeros(value, section), unit=re.sub(r"[-\s()（）:/.]+", "", words))


def _sections(number_format: str) -> list[list[str]]:
    sections: list[list[str]] = [[]]
    for part in _PART.findall(number_format):
        if part == ";":
            sections.append([])
        else:
            sections[-1].append(part)
    return sections


def _which(value: float, count: int) -> int:
    if count == 1 or value > 0:
        return 0
    return 1 if value < 0 or count == 2 else 2  # noqa: PLR2004 -- positive and zero; negative


def _literal(part: str) -> str:
    if part.startswith('"') and len(part) > 1:
        return part[1:-1]
    if part.startswith("\\"):
        return part[1:]
    return part if len(part) == 1 and part not in "0#?.,%eE+@_*" and not part.isascii() else ""


def _zeros(value: float, section: list[str]) -> str | None:
    """Fill the places of a format of whole digits from the right; None for any other format."""
    places = sum(part in _PLACES for part in section)
    if value < 0 or value != int(value) or "0" not in section or any(part in ".,/eE%" for part in section):
        return None
    digits, made = str(int(value)), list[str]()
    rest = places
    for part in reversed(section):
        if part in _PLACES:
            rest -= 1
            taken, digits = (digits, "") if not rest else (digits[-1:], digits[:-1])
            made.append(taken or ("0" if part == "0" else ""))
        elif part == "-" or len(part) > 1:
            made.append("-" if part == "-" else _literal(part))
    return "".join(reversed(made)).strip() if places else None
