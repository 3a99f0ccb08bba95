"""What every file of a table has in common: how much is read, and the error of one that cannot be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

from yizhan.schemas.errors import YizhanError

_Held = TypeVar("_Held")
MOST_BYTES: Final = 128 * 1024 * 1024
"""Most that a workbook may unpack to, and that a CSV may have, in bytes."""
MOST_ROWS: Final = 20_000
"""Most rows of a table, empty ones not counted: a longer one is refused: it must be split."""
MOST_COLUMNS: Final = 1_000


class TableInvalid(YizhanError):
    """A file that is no table which can be read."""


def narrowed(cells: Iterable[tuple[int, _Held]]) -> dict[int, _Held]:
    """Return the cells that hold something; of those beyond ``MOST_COLUMNS`` the first, which no heading is for."""
    found: dict[int, _Held] = {}
    for place, cell in cells:
        found.setdefault(min(place, MOST_COLUMNS), cell)
    return found
