"""Single values that an outbox keeps across restarts, by name."""

from __future__ import annotations

import sqlite3
from typing import Final

VOID_UNTOLD: Final = "void_untold"
"""``1`` while a number is void and no announcement of lane heads said so."""
LINE_LOST: Final = "line_lost"
"""Since when the publisher finds no broker, a written instant; empty while it answers."""
LANE_HEADS_ANNOUNCED: Final = "lane_heads_announced"
"""Return when lane heads were last announced, a written instant."""


def remember(conn: sqlite3.Connection, name: str, value: str) -> None:
    """Store one value across restarts."""
    conn.execute("INSERT OR REPLACE INTO memory VALUES (?, ?)", (name, value))


def recall(conn: sqlite3.Connection, name: str) -> str | None:
    """Return a value stored by ``remember``, or None."""
    row = conn.execute("SELECT value FROM memory WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])
