"""Names as people type them: which of a table is meant, and which comes nearest.

Rule 1: full width, case and spaces do not matter; 寿宁 means 寿宁县, and so does ``350924 寿宁县``.
Rule 2: a code goes before the name that stands behind it; a whole name goes before the beginning of another.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

_KIND: Final = re.compile(r"(?:自治县|县|市|区|旗| ?county| ?city| ?district)$")
_ALIKE: Final = 0.5
"""How alike two words are that one may be a slip for the other (``difflib``)."""


def plain(text: str) -> str:
    """Return a text without what does not tell names apart.

    >>> plain(" ３５０９２４　Shouning ")
    '350924 shouning'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def codes_named(text: str, names: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return the codes of what a text names: none, one, or several where it is ambiguous.

    >>> codes_named("寿宁", {"350924": ["寿宁县"], "331126": ["庆元县"]})
    ('350924',)
    """
    wanted = plain(text)
    if not wanted:
        return ()
    if (code := wanted.partition(" ")[0]) in names:
        return (code,)  # as it is written out, in whatever language
    spellings = {code: {plain(code), *(each for name in known for each in _spellings(plain(name)))}
                 for code, known in names.items()}  # fmt: skip
    exact = tuple(code for code, known in spellings.items() if wanted in known)
    return exact or tuple(code for code, known in spellings.items() if any(one.startswith(wanted) for one in known))


def _spellings(name: str) -> tuple[str, ...]:
    return name, _KIND.sub("", name), *((f"{name} county",) if name.isascii() else ())


def nearest(text: str, names: Mapping[str, Iterable[str]], most: int = 3) -> tuple[str, ...]:
    """Return the codes whose names are most like a text, the nearest first.

    >>> nearest("forest_fier", {"fire": ["forest_fire"], "crime": ["eco_crime"]})
    ('fire',)
    """
    codes = {each: code for code, known in names.items() for name in (code, *known) for each in _spellings(plain(name))}
    found = difflib.get_close_matches(plain(text), codes, n=most, cutoff=_ALIKE)
    return tuple(dict.fromkeys(codes[each] for each in found))
