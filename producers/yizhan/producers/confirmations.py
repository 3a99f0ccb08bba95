"""Enters receipts for our events: for one event, and cumulative ones.

Rule 1: a receipt binds only from a recipient, about an event or lane that this outbox gave.
Rule 2: every function works inside its caller's transaction.
"""

from __future__ import annotations

import sqlite3

from yizhan.schemas.header import Header, ReceiptRef


def confirm_lane(conn: sqlite3.Connection, county: str, receipt: ReceiptRef, time: str) -> None:
    """Enter a cumulative receipt: everything up to a number, and some beyond a gap."""
    lane = (county, receipt.book, receipt.lane)
    confirmed = conn.execute(
        "SELECT seq FROM recipients WHERE recipient = ? AND book = ? AND lane = ? AND n <= ? AND delivered IS NULL",
        (*lane, receipt.up_to),
    ).fetchall()
    for n in receipt.beyond or ():
        confirmed += conn.execute(
            "SELECT seq FROM recipients WHERE recipient = ? AND book = ? AND lane = ? AND n = ? AND delivered IS NULL",
            (*lane, n),
        ).fetchall()
    for row in confirmed:
        _delivered(conn, row["seq"], county, time)


def confirm_event(conn: sqlite3.Connection, header: Header, event_hash: bytes, payload: str) -> str | None:
    """Enter a receipt for one event; return why it does not bind, or None."""
    receipt = header.receipt
    if receipt is None or receipt.event is None:
        return "no_event"
    row = conn.execute("SELECT seq, hash FROM events WHERE id = ?", (receipt.event.id,)).fetchone()
    if row is None:
        return "unknown_event"
    if row["hash"].hex() != receipt.event.hash:
        return "another_hash"
    mine = (row["seq"], header.county)
    if conn.execute("SELECT 1 FROM recipients WHERE seq = ? AND recipient = ?", mine).fetchone() is None:
        return "not_a_recipient"
    conn.execute(
        "INSERT OR IGNORE INTO receipts VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*mine, receipt.stage, header.time, header.id, event_hash, payload),
    )
    _delivered(conn, row["seq"], header.county, header.time)
    return None


def _delivered(conn: sqlite3.Connection, seq: int, county: str, time: str) -> None:
    """Mark as delivered; once all receipts are there, the event is not sent again."""
    conn.execute(
        "UPDATE recipients SET delivered = ? WHERE seq = ? AND recipient = ? AND delivered IS NULL", (time, seq, county)
    )
    if conn.execute("SELECT 1 FROM recipients WHERE seq = ? AND delivered IS NULL", (seq,)).fetchone() is None:
        conn.execute("UPDATE events SET queued = 0, due = NULL WHERE seq = ?", (seq,))
    elif not receipt_missing(conn, seq):
        conn.execute("UPDATE events SET due = NULL WHERE seq = ? AND answered IS NOT NULL", (seq,))


def receipt_missing(conn: sqlite3.Connection, seq: int) -> bool:
    """Return whether a receipt is missing from a recipient that gets the event at once."""
    return (
        conn.execute(
            "SELECT 1 FROM recipients JOIN events USING (seq)"
            " WHERE seq = ? AND awaits = 1 AND lane = 'prompt' AND delivered IS NULL",
            (seq,),
        ).fetchone()
        is not None
    )
