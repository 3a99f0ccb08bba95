"""The year as a table: ``year.txt``, read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

FIRST = datetime(2026, 1, 1)  # noqa: DTZ001 -- Beijing time, here and in the table
LATER = timedelta(days=1, minutes=7)
"""How much later each further pair plays the same."""
COLUMNS = 7


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that a county does. ``at`` is Beijing time, naive; ``event`` is unique in its pair."""

    pair: tuple[str, str]
    at: datetime
    who: str
    event: str
    kind: str
    of: str
    """What the kind is about: a month, a quarter, a day, a state."""
    about: str
    opens: tuple[str, ...]
    ends: tuple[str, ...]

    @property
    def county(self) -> str:
        """Member code of who does it."""
        return self.side(self.who)

    @property
    def partner(self) -> str:
        """Member code of the other."""
        return self.side("B" if self.who == "A" else "A")

    @property
    def flash(self) -> bool:
        """Whether it is sent as flash."""
        return self.kind.endswith("!")

    def side(self, letter: str) -> str:
        """Return the member code of A or B."""
        return self.pair["AB".index(letter)]


def read(pairs: list[tuple[str, str]], until: datetime) -> list[Row]:
    """Read what every pair does before an instant (Beijing time), in its order."""
    lines = Path(__file__).with_name("year.txt").read_text(encoding="utf-8").splitlines()
    rows = [
        row
        for number, line in enumerate(lines, 1)
        if line and not line.startswith("#")
        for n, pair in enumerate(pairs)
        if (row := _row(line, number, pair, n)) is not None
    ]
    return sorted((row for row in rows if row.at < until), key=lambda row: (row.at, row.pair))


def _row(line: str, number: int, pair: tuple[str, str], n: int) -> Row | None:
    cells = [cell.strip() for cell in line.split("|")]
    if len(cells) != COLUMNS:
        message = f"year.txt, line {number}: expected {COLUMNS} columns, came {len(cells)}: {line}"
        raise ValueError(message)
    when, who, event, kind, about, opens, ends = cells
    who, only = who[:1], who[1:]
    if only and str(n + 1) not in only:
        return None
    kind, _, of = kind.partition(" ")
    at = datetime.fromisoformat(when if when.startswith("20") else f"2026-{when}") + LATER * n
    return Row(pair, at, who, event or f"{kind}-{about}", kind, of, about, tuple(opens.split()), tuple(ends.split()))
