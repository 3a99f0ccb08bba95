"""Whether an officer's name and badge number can be what they claim to be, before they are signed and sent.

Rule 1: a slip is refused (a number as a name, a name as a number), a real name never: names with a dot between their
        parts, names in Latin or any other letters, with hyphens and apostrophes.
Rule 2: badge formats are many (six digits, letters before digits, a unit before a number): a badge number has digits
        and at most a few letters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final

from yizhan.schemas.i18n import _

_BETWEEN: Final = frozenset(" ·•‧・∙.-'’()（）")
_FEWEST_LETTERS: Final = 2
_FEWEST_DIGITS: Final = 3
_MOST_LETTERS: Final = 5
"""Of a badge number: 闽森, FJ-LG and the like; more is a word."""


def name_fault(name: str) -> str | None:
    """Say why a text is no person's name; None for one that may be.

    >>> [name_fault(each) for each in ("刘某", "阿不都·热西提", "Anna-Lena O'Neill", "扎西")]
    [None, None, None, None]
    """
    text = unicodedata.normalize("NFKC", name).strip()
    # A character for private use is a rare one that some font has: it is named elsewhere.
    letters = sum(unicodedata.category(each)[0] in "LM" or unicodedata.category(each) == "Co" for each in text)
    if any(each.isdigit() for each in text):
        return _("姓名里有数字，请写民警的姓名，警号另写")
    if letters < _FEWEST_LETTERS:
        return _("应为民警的姓名，至少两个字")
    if strange := [each for each in text if _is_sign(each)]:
        return _("姓名里有 {sign}，请核对").format(sign=strange[0])
    return None


def _is_sign(character: str) -> bool:
    """Tell whether a character stands in no name: marks between syllables of other scripts do."""
    odd = not character.isalpha() if character.isascii() else unicodedata.category(character)[0] == "S"
    return odd and character not in _BETWEEN


def badge_fault(badge: str) -> str | None:
    """Say why a text is no badge number; None for one that may be.

    >>> [badge_fault(each) for each in ("035112", "FJ-01234", "闽森0123")]
    [None, None, None]
    """
    text = unicodedata.normalize("NFKC", badge).strip()
    digits = sum(each.isdigit() for each in text)
    if not digits:
        return _("警号里没有数字，请写警号，如 035112")
    if digits < _FEWEST_DIGITS:
        return _("警号至少三位数字，如 035112")
    letters = sum(each.isalpha() for each in text)
    if letters > _MOST_LETTERS or any(not (each.isalnum() or each in _BETWEEN) for each in text):
        return _("应为警号，如 035112，不写别的")
    return None


def officer_faults(content: Any, path: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 -- JSON is any
    """Yield (path, sentence) of every officer in a payload whose name or badge number cannot be."""
    if isinstance(content, Mapping):
        if isinstance(content.get("name"), str) and isinstance(content.get("badge"), str):
            found = {"name": name_fault(content["name"]), "badge": badge_fault(content["badge"])}
            yield from ((f"{path}.{name}".lstrip("."), fault) for name, fault in found.items() if fault)
        for name, value in content.items():
            yield from officer_faults(value, f"{path}.{name}".lstrip("."))
    elif isinstance(content, list | tuple):
        for number, value in enumerate(content):
            yield from officer_faults(value, f"{path}.{number}".lstrip("."))
