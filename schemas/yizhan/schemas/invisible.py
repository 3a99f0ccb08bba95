r"""Characters that nobody sees (controls, marks that reorder text, zero-width characters), and what each place does.

Five places, five needs, so five sets; they stand side by side here:

========================  ==================================================  ==================================
place                     set                                                 what is done
========================  ==================================================  ==================================
a payload's text          ``_REFUSED``: the contract, schemas/README.md       refused (``first_refused``)
a desk's own text,        format characters (Cf), and letters that are blank  left out (``without_format``), but
before it is sent                                                             for what a payload refuses by name
a terminal                ``_UNPRINTABLE`` and line separators                written as an escape (``escaped``)
a page (bulletin, digest) ``_BLANKED``: controls, directions, zero width,     replaced by a space (``blanked``)
                          and what XML cannot hold
file names, other texts   ``_UNPRINTABLE``                                    left out (``without_invisible``)
that we rewrite
========================  ==================================================  ==================================

Rule 1: ``_REFUSED`` never changes: counties that differ would refuse each other's events.
Rule 2: every other set contains it, but for the line feed and the tab that a caller may keep.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Final

_REFUSED: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""C0 and C1 controls but line feed and tab; marks that reorder what a person reads."""
_BLANKED: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]+")
_BLANK_LETTERS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks that no font shows, though Unicode calls them neither blank nor format: Hangul fillers, an empty
Braille cell, a joiner of graphemes."""
_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""They choose a form of the character before them, which may be a name's: kept where there is one."""
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""General categories of Unicode: controls, format marks, surrogates, private use, unassigned."""
_STEERING: Final = _UNPRINTABLE | {"Zl", "Zp"}
_TO_EXAMINE: Final = re.compile("[^ -~\u3000-\u303e\u4e00-\u9fa5]")
"""All but ASCII that prints, and the common Han characters with their punctuation: those are known to be visible."""


def first_refused(text: str) -> str | None:
    r"""Return the first character that no payload may contain, or None.

    >>> first_refused("火\u202e灾"), first_refused("火\n灾")
    ('\u202e', None)
    """
    found = _REFUSED.search(text)
    return found[0] if found else None


def without_format(text: str) -> str:
    r"""Return text without format characters and blank letters; what a payload refuses stays, to be named.

    A text of which nothing can be seen is empty then.

    >>> without_format("Z-1\u200b"), without_format("\u2060\u3164\ufe0f"), without_format("火\u202e")
    ('Z-1', '', '火\u202e')
    """
    visible = "".join(
        each
        for each in text
        if _REFUSED.match(each) or (unicodedata.category(each) != "Cf" and each not in _BLANK_LETTERS)
    )
    return visible if _SELECTORS.sub("", visible).strip() else ""


def escaped(text: str, *, keep_lines: bool = False) -> str:
    r"""Return text that cannot steer a terminal nor reorder what is read: invisible characters are spelled out.

    >>> escaped("火\x1b[2J灾")
    '火\\x1b[2J灾'
    """

    def spelled(found: re.Match[str]) -> str:
        return (
            found[0].encode("unicode_escape").decode("ascii") if _steers(found[0], keep_lines=keep_lines) else found[0]
        )

    return _TO_EXAMINE.sub(spelled, text)


def escaped_json(document: str) -> str:
    r"""Return the same JSON document, with what a terminal would obey written as ``\uXXXX``.

    >>> escaped_json('"\u009b2J"')
    '"\\u009b2J"'
    """

    def spelled(found: re.Match[str]) -> str:
        return json.dumps(found[0])[1:-1] if _steers(found[0], keep_lines=True) else found[0]

    return _TO_EXAMINE.sub(spelled, document)


def _steers(character: str, *, keep_lines: bool) -> bool:
    return unicodedata.category(character) in _STEERING and not (keep_lines and character == "\n")


def blanked(text: str) -> str:
    r"""Return text for a page: each run of what nobody sees, or XML cannot hold, is one space.

    >>> blanked("火\x07灾")
    '火 灾'
    """
    return _BLANKED.sub(" ", text)


def without_invisible(text: str, keep: str = "") -> str:
    r"""Return text without invisible characters, except those in ``keep``.

    >>> without_invisible("现场\u202egpj.照片.jpg"), without_invisible("一\n二\x07", keep="\n\t")
    ('现场gpj.照片.jpg', '一\n二')
    """
    return "".join(each for each in text if each in keep or unicodedata.category(each) not in _UNPRINTABLE)
