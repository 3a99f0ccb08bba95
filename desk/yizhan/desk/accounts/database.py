"""``desk.sqlite3``: the connection that the stores of accounts, sessions and devices share, and its book of events."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from yizhan.desk.accounts.schema import MIGRATIONS
from yizhan.runtime.store import SharedStore, open_store, transaction
from yizhan.schemas.timestamps import instant, written


class Kind(StrEnum):
    """What can happen to an account, a session, a device."""

    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    REFUSED = "refused"
    LOCKED_OUT = "locked_out"
    CODE_USED = "code_used"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    LINK_USED = "link_used"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 -- a word, no password
    ACCOUNT_ADDED = "account_added"
    ACCOUNT_RESET = "account_reset"
    ROLES_CHANGED = "roles_changed"
    DISABLED = "disabled"
    ENABLED = "enabled"
    SUCCEEDED = "succeeded"
    SESSION_ENDED = "session_ended"
    CERTIFICATE_ADDED = "certificate_added"
    CERTIFICATE_REMOVED = "certificate_removed"
    DEVICE_ADDED = "device_added"
    DEVICE_REVOKED = "device_revoked"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the book: whose account, by whom (a badge, or who ran the command), and what more there is to say."""

    seq: int
    time: datetime
    kind: Kind
    badge: str
    by: str
    detail: str


class Database(SharedStore):
    """The open database. Every method raises ``StoreError`` when the disk fails."""

    def __init__(self, path: Path) -> None:
        """Open it, created if absent."""
        super().__init__(open_store(path, MIGRATIONS))

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lock the connection for the block."""
        with self._reading() as conn:
            yield conn

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Run the block as one transaction."""
        with self._lock, transaction(self._conn) as conn:
            yield conn

    def events(self, *, before: int | None = None, limit: int = 100) -> list[Event]:
        """Return events, the newest first; the next page begins ``before`` the last one's number."""
        query = "SELECT * FROM events WHERE seq < coalesce(?, 9e18) ORDER BY seq DESC LIMIT ?"
        with self.reading() as conn:
            return [_event(row) for row in conn.execute(query, (before, limit))]


def note(conn: sqlite3.Connection, now: datetime, kind: Kind, badge: str, by: str, detail: str = "") -> None:
    """Write an event in the transaction of what happens."""
    conn.execute(
        "INSERT INTO events (time, kind, badge, by, detail) VALUES (?, ?, ?, ?, ?)",
        (written(now), kind, badge, by, detail),
    )


def _event(row: sqlite3.Row) -> Event:
    return Event(row["seq"], instant(row["time"]), Kind(row["kind"]), row["badge"], row["by"], row["detail"])
