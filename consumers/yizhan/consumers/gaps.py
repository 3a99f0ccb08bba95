"""Numbers of lanes that have not arrived.

Rule 1: works inside its caller's lock; opens no transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from yizhan.consumers.items import Gap
from yizhan.consumers.lanes import NumberRange, missing


def gaps(conn: sqlite3.Connection) -> Iterator[Gap]:
    """Return what has not come, lane by lane."""
    # A lane that has nothing but its first numbers, and of which nothing was announced, has no gap.
    chosen = conn.execute(
        "SELECT source, book, lane, head FROM lanes WHERE head > 0 UNION SELECT source, book, lane, head FROM"
        " (SELECT DISTINCT source, book, lane FROM spans WHERE first > 1) JOIN lanes USING (source, book, lane)"
        " ORDER BY source, book, lane"
    )
    for row in chosen.fetchall():
        lane = (row["source"], row["book"], row["lane"])
        spans = [
            NumberRange(*span)
            for span in conn.execute(
                "SELECT first, last FROM spans WHERE source = ? AND book = ? AND lane = ? ORDER BY first", lane
            )
        ]
        # Of the digest lane only what lies before something that a digest brought is lost.
        closed = conn.execute(
            "SELECT max(n) FROM items WHERE source = ? AND book = ? AND lane = ? AND kind = 'digest'", lane
        ).fetchone()[0]
        last = spans[-1].last if spans else 0
        for gap in missing(spans, row["head"]):
            if row["lane"] == "digest" and gap.first > (closed or 0):
                kind = "waiting"
            else:
                kind = "tail" if gap.first > last else "lost"
            yield Gap(*lane, gap.first, gap.last, kind)
