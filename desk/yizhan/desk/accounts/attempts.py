"""Failures of signing in, counted a badge, whether anybody has it or not.

Rule 1: an attempt is counted before the password is looked at, so that many at once are not more than five; a right one
        clears the count.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from typing import Final

from yizhan.desk.accounts.credentials import token_hash
from yizhan.desk.accounts.errors import SignInLocked
from yizhan.schemas.i18n import marked
from yizhan.schemas.timestamps import instant, written

MOST: Final = 5
LOCK: Final = timedelta(minutes=15)
_KEPT: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)


def begin(conn: sqlite3.Connection, badge: str, now: datetime) -> int:
    """Count an attempt in a transaction; return how many are left if it fails (``SignInLocked``: none was)."""
    conn.execute("DELETE FROM attempts WHERE last <= ?", (written(now - _KEPT),))
    if (still := locked_until(conn, badge, now)) is not None:
        raise locked(still, now)
    who = token_hash(badge)
    row = conn.execute("SELECT failures, until FROM attempts WHERE who = ?", (who,)).fetchone()
    failures = 1 if row is None or row["until"] is not None else row["failures"] + 1
    until = written(now + LOCK) if failures >= MOST else None
    conn.execute("REPLACE INTO attempts VALUES (?, ?, ?, ?)", (who, failures, until, written(now)))
    return MOST - failures


def clear(conn: sqlite3.Connection, badge: str) -> None:
    """Forget the failures of a badge in a transaction."""
    conn.execute("DELETE FROM attempts WHERE who = ?", (token_hash(badge),))


def locked_until(conn: sqlite3.Connection, badge: str, now: datetime) -> datetime | None:
    """Return until when a badge is locked, or None."""
    row = conn.execute("SELECT until FROM attempts WHERE who = ?", (token_hash(badge),)).fetchone()
    until = None if row is None or row["until"] is None else instant(row["until"])
    return until if until is not None and until > now else None


def locked(until: datetime, now: datetime) -> SignInLocked:
    """Return the error that says for how long a badge is locked."""
    minutes = -(-(until - now) // _MINUTE)
    sentence = marked("这个警号输错太多，已锁住。请 {minutes} 分钟后再试，或请安全管理员重置")
    return SignInLocked(sentence, field="password", minutes=minutes)
