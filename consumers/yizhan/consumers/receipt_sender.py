"""Receipts handed over to the outbox, when they are due.

Rule 1: a receipt leaves through the outbox after the row that it is about is durable.
Rule 2: what the outbox does not take stays owed and is tried again, after a pause that doubles.
"""

from __future__ import annotations

import logging
import sqlite3

from yizhan.consumers import lane_store, metrics, receipts
from yizhan.consumers.outbox_port import OutboxPort
from yizhan.runtime.store import transaction, wrapped
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.header import ReceiptRef
from yizhan.schemas.payloads.common import Person

log = logging.getLogger(__name__)


class ReceiptSender:
    """Sends the receipts that an inbox owes; its caller holds the inbox's lock. Instants are seconds since 1970."""

    def __init__(self, conn: sqlite3.Connection, outbox: OutboxPort | None) -> None:
        """Send through ``outbox``; without one, every receipt stays owed."""
        self._conn, self._outbox = conn, outbox

    def send_due(self, now: float, interval_seconds: float) -> int:
        """Send due receipts, of single events and cumulative ones; return how many were sent.

        Raises:
            StoreError: the disk fails.
        """
        if self._outbox is None:
            return 0
        with wrapped(self._conn):
            owed = receipts.owed_due(self._conn, now, interval_seconds)
        sent = sum(self._send_owed(row, now) for row in owed)
        return sent + self._send_cumulative(now, interval_seconds)

    def send_receipt(self, number: int, now: float) -> None:
        """Send one receipt that is owed, by its number; if the outbox does not take it, it stays owed."""
        with wrapped(self._conn):
            row = self._conn.execute("SELECT * FROM owed WHERE seq = ?", (number,)).fetchone()
        self._send_owed(row, now)

    def _send_cumulative(self, now: float, interval_seconds: float) -> int:
        sent = 0
        with wrapped(self._conn):
            lanes = lane_store.due(self._conn, now, interval_seconds)
        for lane in lanes:
            with wrapped(self._conn):
                receipt = lane_store.receipt(self._conn, lane)
            done = receipt is None or self._hand_over(receipt, None, None)
            with transaction(self._conn) as conn:
                (lane_store.settled if done else lane_store.put_off)(conn, lane, now)
            sent += done and receipt is not None
        return sent

    def _send_owed(self, row: sqlite3.Row, now: float) -> bool:
        """Hand over a receipt that is owed; one that is not taken waits."""
        by = None if row["name"] is None else Person(name=row["name"], badge=row["badge"])
        taken = self._hand_over(ReceiptRef.model_validate_json(row["receipt"]), by, row["note"])
        with transaction(self._conn) as conn:
            if taken:
                conn.execute("DELETE FROM owed WHERE seq = ?", (row["seq"],))
            else:
                receipts.put_off(conn, row["seq"], now)
        return taken

    def _hand_over(self, receipt: ReceiptRef, by: Person | None, note: str | None) -> bool:
        """Hand a receipt to the outbox; return False if the outbox refused it, for any reason."""
        if self._outbox is None:
            return False
        try:
            self._outbox.send_receipt(receipt, by, note)
        except YizhanError as error:
            log.warning("the outbox did not take a receipt (%s); it is tried again: %s", receipt.stage, error)
            metrics.RECEIPTS_FAILED.inc()
            return False
        except Exception:
            log.exception("the outbox did not take a receipt (%s); it is tried again", receipt.stage)
            metrics.RECEIPTS_FAILED.inc()
            return False
        metrics.RECEIPTS.labels(receipt.stage).inc()
        return True
