"""Changes of shift: who went off duty and who came on, as both signed in; rows are only added."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from yizhan.desk.accounts.database import Database
from yizhan.desk.accounts.model import Account
from yizhan.schemas.timestamps import instant, written


@dataclass(frozen=True, slots=True)
class Shift:
    """One change of shift."""

    at: datetime
    badge: str
    name: str
    next_badge: str
    next_name: str


class Shifts:
    """The changes of shift at one desk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, off: Account, on: Account, now: datetime) -> None:
        """Enter that an officer handed over to another."""
        row = (written(now), off.badge, off.name, on.badge, on.name)
        with self._database.writing() as conn:
            conn.execute("INSERT INTO shifts (time, badge, name, next_badge, next_name) VALUES (?, ?, ?, ?, ?)", row)

    def newest(self, limit: int) -> list[Shift]:
        """Return the last changes, the newest first."""
        query = "SELECT time, badge, name, next_badge, next_name FROM shifts ORDER BY seq DESC LIMIT ?"
        with self._database.reading() as conn:
            return [Shift(instant(at), *rest) for at, *rest in conn.execute(query, (limit,))]
