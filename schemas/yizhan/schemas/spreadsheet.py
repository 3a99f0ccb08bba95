"""The guard against spreadsheet formulas in CSV (OWASP, "CSV Injection"; CWE-1236).

Rule 1: a text that some spreadsheet, in some locale, would take for a formula gets an apostrophe before it.
        Blanks before the formula do not hide it: some spreadsheets strip them.
Rule 2: a plain decimal number is left as it is, so that a column of figures can be summed. ``+8613800000000`` is no
        figure: a spreadsheet would round it.
Rule 3: ``unguarded(guarded(text)) == text``: an import gets what an export wrote.
"""

from __future__ import annotations

import re
from typing import Final

_GUARD: Final = "'"
_BLANKS: Final = " \u00a0\u3000\u200b\ufeff"
_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def begins_formula(text: str) -> bool:
    """Tell whether a text would begin a formula, guarded or not."""
    return text.lstrip(_GUARD + _BLANKS).startswith(_STARTS)


def guarded(text: str) -> str:
    """Return the text of a CSV cell that no spreadsheet runs.

    >>> guarded("=HYPERLINK(1)"), guarded("-3.5"), guarded("火情")
    ("'=HYPERLINK(1)", '-3.5', '火情')
    """
    return f"{_GUARD}{text}" if begins_formula(text) and not _NUMBER.fullmatch(text) else text


def unguarded(text: str) -> str:
    """Return the text of a CSV cell without the guard that ``guarded`` wrote.

    >>> unguarded("'=HYPERLINK(1)"), unguarded("'火情'")
    ('=HYPERLINK(1)', "'火情'")
    """
    return text[1:] if text.startswith(_GUARD) and begins_formula(text) else text
