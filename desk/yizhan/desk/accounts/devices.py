"""Screens on a wall: each has a token that shows kind, county and age of what rings, and nothing else."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from yizhan.desk.accounts.authority import Authority, check_authority
from yizhan.desk.accounts.credentials import new_token, token_hash
from yizhan.desk.accounts.database import Database, Kind, note
from yizhan.desk.accounts.errors import AccountError
from yizhan.schemas.i18n import marked
from yizhan.schemas.timestamps import instant, written


@dataclass(frozen=True, slots=True)
class Device:
    """One screen; ``number`` is its row."""

    number: int
    name: str
    made: datetime
    revoked: datetime | None


class Devices:
    """The screens of one desk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, by: Authority, now: datetime) -> str:
        """Admit a screen; return its token, which is shown once."""
        name = name.strip()[:60]
        if not name:
            raise AccountError(marked("请写明这块屏在哪里，如“值班室东墙”"), field="name")
        token = new_token()
        with self._database.writing() as conn:
            who = check_authority(conn, by)
            conn.execute(
                "INSERT INTO devices (hash, name, made) VALUES (?, ?, ?)", (token_hash(token), name, written(now))
            )
            note(conn, now, Kind.DEVICE_ADDED, "", who, name)
        return token

    def revoke(self, number: int, by: Authority, now: datetime) -> None:
        """Make a screen's token worthless; one that is so stays so."""
        with self._database.writing() as conn:
            who = check_authority(conn, by)
            revoked = conn.execute(
                "UPDATE devices SET revoked = ? WHERE seq = ? AND revoked IS NULL RETURNING name",
                (written(now), number),
            )
            for (name,) in revoked.fetchall():
                note(conn, now, Kind.DEVICE_REVOKED, "", who, name)

    def find(self, token: str | None) -> Device | None:
        """Return the screen of a token, or None where there is none (any more)."""
        if not token:
            return None
        with self._database.reading() as conn:
            query = "SELECT * FROM devices WHERE hash = ? AND revoked IS NULL"
            row = conn.execute(query, (token_hash(token),)).fetchone()
        return None if row is None else _device(row)

    def all(self) -> list[Device]:
        """Return every screen, the newest first."""
        with self._database.reading() as conn:
            return [_device(row) for row in conn.execute("SELECT * FROM devices ORDER BY seq DESC")]


def _device(row: sqlite3.Row) -> Device:
    revoked = row["revoked"]
    return Device(row["seq"], row["name"], instant(row["made"]), None if revoked is None else instant(revoked))
