"""Text on a terminal: how wide it is, where a line may break.

Rule 1: a line of Chinese is measured as a terminal does: a character is two columns wide. (``rich`` measures as well,
        but takes a tenth of a second to import, which ``yizhan --help`` does not have, and draws a table of 10,000 rows
        in ten seconds.)
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

_WIDE: Final = frozenset("WF")


def columns(text: str) -> int:
    """Count the terminal columns that a text takes.

    >>> columns("县abc")
    5
    """
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(character) in _WIDE else 1 for character in text)


def wrap(text: str, width: int) -> list[str]:
    """Break a paragraph into lines of at most ``width`` columns, at spaces or between Chinese characters.

    >>> wrap("一二三 abc def", 8)
    ['一二三', 'abc def']
    """
    lines, line = [], ""
    for piece in _pieces(" ".join(text.split())):
        if line and columns(line) + columns(piece.rstrip()) > width:
            lines.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
    return [*lines, line.rstrip()] if line.strip() else lines


def fold(text: str, width: int) -> list[str]:
    """Break a text into lines of at most ``width`` columns; lines that fit stay as they are, long words are cut.

    >>> fold("一二 abcdef", 4)
    ['一二', 'abcd', 'ef']
    """
    lines = []
    for line in text.split("\n"):
        for part in [line] if columns(line) <= width else wrap(line, width):
            rest = part
            while columns(rest) > width:
                place = max(n for n in range(1, width + 1) if n == 1 or columns(rest[:n]) <= width)
                lines.append(rest[:place])
                rest = rest[place:]
            lines.append(rest)
    return lines


def _pieces(text: str) -> Iterator[str]:
    """Take a text apart where a line may break; closing punctuation stays with what it closes."""
    piece = ""
    for character in text:
        wide = unicodedata.east_asian_width(character) in _WIDE
        closing = unicodedata.category(character) in {"Pe", "Pf", "Po"}
        if piece and not closing and (wide or piece[-1] == " " or unicodedata.east_asian_width(piece[-1]) in _WIDE):
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece
