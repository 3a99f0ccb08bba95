"""The searches that each officer keeps: a name, and the parameters of the page of searching."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from yizhan.desk.accounts.database import Database
from yizhan.desk.accounts.errors import AccountError
from yizhan.schemas.i18n import marked
from yizhan.schemas.timestamps import written

MOST_KEPT: Final = 50
"""Of one officer."""
LONGEST_NAME: Final = 40
LONGEST_QUERY: Final = 1000


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """One search; ``number`` is its row, ``query`` what stands behind the question mark of the address."""

    number: int
    name: str
    query: str


class SavedSearches:
    """The searches that are kept; an officer sees and deletes his own alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, badge: str) -> list[SavedSearch]:
        """List an officer's searches by name."""
        query = "SELECT seq, name, query FROM saved_searches WHERE badge = ? ORDER BY name, seq"
        with self._database.reading() as conn:
            return [SavedSearch(*row) for row in conn.execute(query, (badge,))]

    def keep(self, badge: str, name: str, query: str, now: datetime) -> None:
        """Keep a search; one with the same name is replaced (``AccountError``: what was given cannot be kept)."""
        name = " ".join(name.split())
        if not name or len(name) > LONGEST_NAME:
            raise AccountError(marked("请给查询起个名字，不超过 {most} 字"), field="name", most=LONGEST_NAME)
        if not query or len(query) > LONGEST_QUERY:
            raise AccountError(marked("请先填写要查什么；太长的查询存不下"), field="q")
        with self._database.writing() as conn:
            others = "SELECT count(*) FROM saved_searches WHERE badge = ? AND name <> ?"
            if conn.execute(others, (badge, name)).fetchone()[0] >= MOST_KEPT:
                sentence = marked("存下的查询已有 {most} 个，请先删去不用的")
                raise AccountError(sentence, field="name", most=MOST_KEPT)
            conn.execute(
                "INSERT INTO saved_searches (badge, name, query, made) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (badge, name) DO UPDATE SET query = excluded.query, made = excluded.made",
                (badge, name, query, written(now)),
            )

    def forget(self, badge: str, number: int) -> None:
        """Delete one of an officer's searches; one that is gone stays so."""
        with self._database.writing() as conn:
            conn.execute("DELETE FROM saved_searches WHERE badge = ? AND seq = ?", (badge, number))
