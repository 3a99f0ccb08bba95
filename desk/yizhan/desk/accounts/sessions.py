"""Sessions: who signed in, in which browser.

Rule 1: a session that no person used for 15 minutes is locked, not ended; its live feed goes on and extends nothing.
Rule 2: no session is older than 12 hours.
Rule 3: the cookie is known to the browser only: here is its hash.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from yizhan.desk.accounts.credentials import new_token, token_hash
from yizhan.desk.accounts.database import Database, Kind, note
from yizhan.desk.accounts.model import Account, Role, Session
from yizhan.schemas.timestamps import instant, written

IDLE: Final = timedelta(minutes=15)
LIFE: Final = timedelta(hours=12)
_TOUCH: Final = timedelta(seconds=15)
"""How old ``seen`` may be before it is written anew: a disk need not turn for every click."""
_ROWS: Final = "SELECT * FROM sessions JOIN accounts USING (badge)"


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session as the security administrator sees it."""

    session: Session
    seen: datetime


class Sessions:
    """The sessions of one desk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, token: str | None, now: datetime, *, person: bool) -> Session | None:
        """Return the session of a cookie, or None where there is none (any more).

        ``person``: somebody opened a page or sent a form; a feed, a beat or a picture is nobody (rule 1).
        """
        if not token:
            return None
        key = token_hash(token)
        with self._database.reading() as conn:
            row = conn.execute(f"{_ROWS} WHERE key = ?", (key,)).fetchone()
        if row is None or row["disabled"] or now - instant(row["began"]) >= LIFE:
            return None
        locked, idle = bool(row["locked"]), now - instant(row["seen"])
        if not locked and idle >= IDLE:
            locked = True
            self.lock(key, now)
        elif person and not locked and idle >= _TOUCH:
            with self._database.writing() as conn:
                conn.execute("UPDATE sessions SET seen = ? WHERE key = ?", (written(now), key))
        return _session(row, locked=locked)

    def lock(self, key: str, now: datetime) -> None:
        """Lock a session; one that is locked stays so."""
        with self._database.writing() as conn:
            locked = conn.execute("UPDATE sessions SET locked = 1 WHERE key = ? AND locked = 0 RETURNING badge", (key,))
            for (badge,) in locked.fetchall():
                note(conn, now, Kind.LOCKED, badge, badge)

    def end(self, key: str, by: str, now: datetime) -> None:
        """End a session, by its own officer or by another."""
        with self._database.writing() as conn:
            end(conn, key, by, now)

    def all(self, now: datetime) -> list[OpenSession]:
        """Return the sessions that are open, the newest first."""
        with self._database.reading() as conn:
            rows = conn.execute(f"{_ROWS} WHERE began > ? ORDER BY began DESC", (written(now - LIFE),)).fetchall()
        return [OpenSession(_session(row, locked=bool(row["locked"])), instant(row["seen"])) for row in rows]


def begin(conn: sqlite3.Connection, badge: str, now: datetime) -> str:
    """Begin a session in a transaction; return its cookie. Those that are too old go."""
    token = new_token()
    conn.execute("DELETE FROM sessions WHERE began <= ?", (written(now - LIFE),))
    conn.execute(
        "INSERT INTO sessions (key, badge, began, seen) VALUES (?, ?, ?, ?)",
        (token_hash(token), badge, written(now), written(now)),
    )
    return token


def end(conn: sqlite3.Connection, key: str, by: str, now: datetime) -> None:
    """End a session in a transaction; one that is over stays so."""
    for (badge,) in conn.execute("DELETE FROM sessions WHERE key = ? RETURNING badge", (key,)).fetchall():
        note(conn, now, Kind.SIGNED_OUT if by == badge else Kind.SESSION_ENDED, badge, by)


def end_all(conn: sqlite3.Connection, badge: str, *, but: str = "") -> None:
    """End the sessions of an account in a transaction, all ``but`` one."""
    conn.execute("DELETE FROM sessions WHERE badge = ? AND key <> ?", (badge, but))


def account_of(row: sqlite3.Row) -> Account:
    """Return the account of a row."""
    return Account(row["badge"], row["name"], frozenset(map(Role, row["roles"].split())), bool(row["disabled"]))


def _session(row: sqlite3.Row, *, locked: bool) -> Session:
    return Session(row["key"], account_of(row), instant(row["began"]), locked)
