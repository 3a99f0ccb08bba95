"""Receipts both ways: what others confirm of ours, what we and our officers confirm of theirs.

Rule 1: a receipt binds only from a recipient of what it confirms; the outbox knows who that is.
Rule 2: receipts and notices are never receipted, and nobody answers them.
Rule 3: only an officer's command acknowledges; no program does.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from yizhan.consumers import metrics
from yizhan.consumers.checks import NEVER_RECEIPTED, SignedEvent, Unverified
from yizhan.consumers.errors import NotAnswerable
from yizhan.consumers.items import Item
from yizhan.consumers.labels import State
from yizhan.consumers.outbox_port import OutboxPort, Person
from yizhan.runtime.errors import StoreError
from yizhan.schemas.admit import check_receipt
from yizhan.schemas.errors import Reason, Refused, YizhanError
from yizhan.schemas.header import ReceiptRef, Ref
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.codec import faults
from yizhan.schemas.payloads.receipt import Receipt
from yizhan.schemas.sentences import CAME
from yizhan.schemas.timestamps import written

ANSWERS: Final = ("acknowledged", "acted", "declined")
"""Stages that are a person's word."""
MOST_AT_ONCE: Final = 16
"""Receipts handed over before the reader looks for alarms again."""
LONGEST_PAUSE_SECONDS: Final = 3600


def take(letter: SignedEvent, desk: OutboxPort | None) -> Unverified | None:
    """Pass a receipt that is addressed to us on to the outbox; what does not bind is returned.

    Raises:
        StoreError: the outbox cannot store it now.
    """
    header = letter.header
    receipt = header.receipt
    if receipt is None or desk is None:
        return None
    try:
        if receipt.event is not None:
            audience = desk.audience(receipt.event.id)
            if audience is None:
                return Unverified(Reason.BAD_REFERENCE, f"confirms {receipt.event.id}, which we never sent")
            check_receipt(header, audience)
        desk.confirm(header, letter.verified.hash, {} if letter.contents is None else letter.contents.raw)
    except Refused as refused:
        return Unverified(refused.reason, str(refused))
    except StoreError:
        raise
    except YizhanError as error:
        message = f"the outbox does not take a receipt in: {error}"
        raise StoreError(message) from error
    metrics.CONFIRMED.labels(receipt.stage).inc()
    return None


def owe(conn: sqlite3.Connection, receipt: ReceiptRef, by: Person | None, note: str | None, now: datetime) -> int:
    """Note a receipt about one event that is to go out; returns its number."""
    name, badge = (None, None) if by is None else (by.name, by.badge)
    values = (receipt.model_dump_json(exclude_none=True), name, badge, note, now.timestamp())
    made = conn.execute("INSERT INTO owed (receipt, name, badge, note, due) VALUES (?, ?, ?, ?, ?)", values)
    return int(made.lastrowid or 0)


def owed_due(conn: sqlite3.Connection, now: float, interval_seconds: float) -> list[sqlite3.Row]:
    """Return receipts that may go out now (seconds since 1970), those that waited longest first, some at a time.

    What is due later than any pause was written by a clock that ran ahead, and is due.
    """
    chosen = "SELECT * FROM owed WHERE due <= ? OR due > ? ORDER BY due LIMIT ?"
    return conn.execute(chosen, (now - interval_seconds, now + LONGEST_PAUSE_SECONDS, MOST_AT_ONCE)).fetchall()


def put_off(conn: sqlite3.Connection, number: int, now: float) -> None:
    """Note that the outbox did not take a receipt: tried again after a pause that doubles, so that others go first."""
    conn.execute(
        "UPDATE owed SET attempts = attempts + 1, due = ? + min(?, 1 << min(attempts, 20)) WHERE seq = ?",
        (now, LONGEST_PAUSE_SECONDS, number),
    )


def about(event_id: str, event_hash: bytes, stage: str) -> ReceiptRef:
    """Write what a receipt about one event confirms."""
    return ReceiptRef.model_validate({"stage": stage, "event": Ref(id=event_id, hash=event_hash.hex())})


def answer(
    conn: sqlite3.Connection, item: Item, by: Person, stage: str, note: str | None, now: datetime, county: str
) -> int | None:
    """Enter an officer's word; the number of the receipt owed, None when this officer had said just this before.

    Raises:
        NotAnswerable: nobody answers this item, or the answer does not say who gives it.
    """
    if item.type in NEVER_RECEIPTED or county not in item.header.to:
        raise NotAnswerable(marked("{id} 不是发给 {county} 处置的，只供查看，不能签收"), id=item.id, county=county)
    if stage not in ANSWERS:
        sentence = _("应为其中之一：{expected}").format(expected=", ".join(ANSWERS))
        raise NotAnswerable(f"{sentence}{_(CAME)}{stage[:40]!r}")
    receipt = about(item.id, item.hash, stage)
    try:
        Receipt.model_validate({**receipt.model_dump(), "by": {"name": by.name, "badge": by.badge}, "note": note})
    except ValidationError as error:
        said = "; ".join(f"{path}: {sentence}" for path, sentence in faults(error))
        raise NotAnswerable(marked("签收要写明姓名和警号：{problems}"), problems=said) from None
    word = (item.id, stage, by.name, by.badge, note)
    same = "SELECT 1 FROM answers WHERE id = ? AND stage = ? AND name = ? AND badge = ? AND note IS ?"
    new = conn.execute(same, word).fetchone() is None
    if new:
        conn.execute(
            "INSERT INTO answers (id, stage, name, badge, note, at) VALUES (?, ?, ?, ?, ?, ?)", (*word, written(now))
        )
    conn.execute("UPDATE items SET state = ? WHERE id = ? AND state = ?", (State.ACKNOWLEDGED, item.id, State.RINGING))
    return owe(conn, receipt, by, note, now) if new else None
