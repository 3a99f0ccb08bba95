"""Filters of a list, as its address has them, and the pages of the list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final
from urllib.parse import urlencode

from yizhan.desk.request import Ask
from yizhan.schemas.payloads.table import SYSTEM_TYPES, TYPES, type_name

ROWS: Final = 50
"""Of one page."""
_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Choices:
    """What the address asks for, by name; a value that means nothing here is left out."""

    path: str
    given: Mapping[str, str]

    def address(self, path: str = "", **more: object) -> str:
        """Return the address of this list, of another page or form of it."""
        pairs = {**self.given, **more}
        return f"{path or self.path}?{urlencode(pairs)}" if pairs else path or self.path

    @property
    def parameters(self) -> str:
        """What stands behind the question mark."""
        return urlencode(self.given)


def type_choices() -> list[tuple[str, str]]:
    """Return the types that officers write, with their names."""
    return [(name, type_name(name)) for name in TYPES if name not in SYSTEM_TYPES]


def partner_choices(ask: Ask) -> list[tuple[str, str]]:
    """Return the other counties, with their names."""
    home = ask.desk.home
    return [(code, home.member_name(code)) for code in sorted(home.charter.members) if code != ask.desk.county]


def day_asked(ask: Ask, name: str) -> datetime | None:
    """Return when the day that the address names begins here; None where it names none."""
    try:
        return datetime.combine(date.fromisoformat(ask.query.get(name, "").strip()), time(), ask.desk.home.zone)
    except (ValueError, OverflowError):
        return None


def number_asked(ask: Ask, name: str) -> int | None:
    """Return a number of the address; None where it has none."""
    text = ask.query.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None
