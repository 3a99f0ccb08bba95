"""Lanes in the database: which numbers arrived, what a sender announced, which receipts it is owed.

Rule 1: numbers of receipts and notices count like any other; unless a person wrote them, they cause no receipt.
Rule 2: a number that its sender declares void closes its gap, and may still arrive.
Rule 3: every function works inside its caller's transaction.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from yizhan.consumers.lanes import NumberRange, beyond, covered, joined, up_to
from yizhan.schemas.header import MAX_BEYOND, Header, LaneName, ReceiptRef
from yizhan.schemas.payloads.notice import MAX_LANES, MAX_VOID
from yizhan.schemas.strictjson import MAX_INTEGER

MAX_SPANS: Final = 5_000
MAX_BOOKS: Final = 200
"""Spans and lanes of one county, all its units together, beyond which its notices are not believed any
more: a bound on what a hostile member can make an inbox keep and count."""
MOST_AT_ONCE: Final = 16
"""Cumulative receipts handed over before the reader looks for alarms again."""
PUT_OFF_SECONDS: Final = 60.0

log = logging.getLogger(__name__)

LaneKey = tuple[str, str, str]
"""Source, epoch, lane: what a count belongs to."""


@dataclass(frozen=True, slots=True)
class Announced:
    """How far a sender says one lane to us has come, and which numbers never will."""

    book: str
    lane: LaneName
    head: int
    void: tuple[int, ...]


def lane_of(header: Header, county: str) -> tuple[LaneKey, int] | None:
    """Return an event's lane to us and its number in it; None for one that is not addressed to us."""
    lane = header.lanes.get(county)
    return None if lane is None else ((header.source, header.epoch, lane.lane), lane.n)


def enter(conn: sqlite3.Connection, lane: LaneKey, n: int) -> bool:
    """Count a number; False if it was there already."""
    rows = conn.execute(
        "SELECT first, last FROM spans WHERE source = ? AND book = ? AND lane = ? AND first <= ?"
        " ORDER BY first DESC LIMIT 2",
        (*lane, n + 1),
    )
    near = [span for span in (NumberRange(*row) for row in rows) if span.last >= n - 1]
    if covered(near, n):
        return False
    whole = joined(near, n)
    if [span.first for span in near] == [whole.first]:  # the next number, as nearly always
        query = "UPDATE spans SET last = ? WHERE source = ? AND book = ? AND lane = ? AND first = ?"
        conn.execute(query, (whole.last, *lane, whole.first))
        return True
    for span in near:
        conn.execute("DELETE FROM spans WHERE source = ? AND book = ? AND lane = ? AND first = ?", (*lane, span.first))
    conn.execute("INSERT INTO spans VALUES (?, ?, ?, ?, ?)", (*lane, *whole))
    conn.execute("INSERT OR IGNORE INTO lanes (source, book, lane) VALUES (?, ?, ?)", lane)
    return True


def owe(conn: sqlite3.Connection, lane: LaneKey) -> None:
    """Enter that a lane wants a cumulative receipt."""
    conn.execute("UPDATE lanes SET owed = 1 WHERE source = ? AND book = ? AND lane = ?", lane)


def announce(conn: sqlite3.Connection, source: str, lanes: Iterable[Announced]) -> None:
    """Take in how far lanes have come; from a county that made too many of them, nothing more."""
    for announced in lanes:
        if _too_many(conn, source[:6]):
            log.error("%s announced lanes, and its county has too many here already: left out", source)
            return
        _announce(conn, source, announced)


def _too_many(conn: sqlite3.Connection, county: str) -> bool:
    for table, most in (("spans", MAX_SPANS), ("lanes", MAX_BOOKS)):
        # From "350924" to before "350924/": the county and its units, "350924.forest".
        kept = conn.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE source >= ? AND source < ? LIMIT ?)",  # noqa: S608 -- ours
            (county, county + "/", most + 1),
        ).fetchone()[0]
        if kept > most:
            return True
    return False


def _announce(conn: sqlite3.Connection, source: str, announced: Announced) -> None:
    lane = (source, announced.book, announced.lane)
    conn.execute("INSERT OR IGNORE INTO lanes (source, book, lane) VALUES (?, ?, ?)", lane)
    conn.execute(
        "UPDATE lanes SET head = max(head, ?) WHERE source = ? AND book = ? AND lane = ?", (announced.head, *lane)
    )
    for n in announced.void:
        enter(conn, lane, n)


def due(conn: sqlite3.Connection, now: float, interval_seconds: float) -> list[LaneKey]:
    """Return lanes whose cumulative receipt may go out now (seconds since 1970), some at a time.

    What was receipted later than any pause was written by a clock that ran ahead, and is due.
    """
    rows = conn.execute(
        "SELECT source, book, lane FROM lanes WHERE owed = 1 AND (receipted <= ? OR receipted > ?)"
        " ORDER BY receipted LIMIT ?",
        (now - interval_seconds, now + PUT_OFF_SECONDS, MOST_AT_ONCE),
    )
    return [(row["source"], row["book"], row["lane"]) for row in rows]


def receipt(conn: sqlite3.Connection, lane: LaneKey) -> ReceiptRef | None:
    """Return the cumulative receipt of a lane; None if nothing arrived."""
    rows = conn.execute(
        "SELECT first, last FROM spans WHERE source = ? AND book = ? AND lane = ? ORDER BY first LIMIT ?",
        (*lane, MAX_BEYOND + 1),
    )
    spans = [NumberRange(*row) for row in rows]
    if not spans:
        return None
    source, book, name = lane
    later = beyond(spans)
    values = {"stage": "delivered", "source": source, "book": book, "lane": name, "up_to": up_to(spans)}
    return ReceiptRef.model_validate(values | ({"beyond": later} if later else {}))


def settled(conn: sqlite3.Connection, lane: LaneKey, now: float) -> None:
    """Enter that a lane's cumulative receipt went out."""
    conn.execute("UPDATE lanes SET owed = 0, receipted = ? WHERE source = ? AND book = ? AND lane = ?", (now, *lane))


def put_off(conn: sqlite3.Connection, lane: LaneKey, now: float) -> None:
    """Enter that a lane's receipt could not go out: others go first."""
    later = now + PUT_OFF_SECONDS
    conn.execute("UPDATE lanes SET receipted = ? WHERE source = ? AND book = ? AND lane = ?", (later, *lane))


def announced(payload: Mapping[str, Any]) -> Iterator[Announced]:
    """Read a notice of lane heads, which is about the lanes to its recipient; invalid entries are left out."""
    lanes = payload.get("lanes")
    if payload.get("kind") != "lane_heads" or not isinstance(lanes, list):
        return
    for each in lanes[:MAX_LANES]:
        if not isinstance(each, dict):
            continue
        book, lane, head = each.get("book"), each.get("lane"), _count(each.get("head"))
        if isinstance(book, str) and lane in {"prompt", "digest"} and head is not None:
            void = each.get("void")
            numbers = map(_count, void[:MAX_VOID] if isinstance(void, list) else [])
            yield Announced(book, lane, head, tuple(n for n in numbers if n is not None and 1 <= n <= head))


def _count(value: Any) -> int | None:  # noqa: ANN401 -- JSON is any
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INTEGER else None
