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
from yizhan.consumers.checks import SignedEvent, Unverified
from yizhan.consumers.errors import ItemChanged, NotAnswerable
from yizhan.consumers.items import Item
from yizhan.consumers.labels import State
from yizhan.consumers.outbox_port import OutboxPort
from yizhan.runtime.errors import StoreError
from yizhan.schemas.admit import check_receipt
from yizhan.schemas.errors import Reason, Refused, YizhanError
from yizhan.schemas.header import ReceiptRef, Ref
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.codec import faults
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.payloads.receipt import Receipt
from yizhan.schemas.payloads.table import SYSTEM_TYPES
from yizhan.schemas.sentences import GOT
from yizhan.schemas.timestamps import written

ANSWERS: Final = ("acknowledged", "acted", "declined")
"""Stages that are a person's word."""
MOST_AT_ONCE: Final = 16
"""Receipts handed over before the reader looks for alarms again."""
LONGEST_PAUSE_SECONDS: Final = 3600


def take(event: SignedEvent, outbox: OutboxPort | None) -> Unverified | None:
    """Pass a receipt that is addressed to us on to the outbox; what does not bind is returned.

    Raises:
        StoreError: the outbox cannot store it now.
    """
    header = event.header
    receipt = header.receipt
    if receipt is None or outbox is None:
        return None
    try:
        if receipt.event is not None:
            audience = outbox.audience(receipt.event.id)
            if audience is None:
                return Unverified(Reason.BAD_REFERENCE, f"confirms {receipt.event.id}, which we never sent")
            check_receipt(header, audience)
        outbox.confirm(header, event.verified.hash, {} if event.contents is None else event.contents.raw)
    except Refused as refused:
        return Unverified(refused.reason, str(refused))
    except StoreError:
        raise
    except YizhanError as error:
        message = f"the outbox does not take a receipt in: {error}"
        raise StoreError(message) from error
    metrics.CONFIRMED.labels(receipt.stage).inc()
    return None


def owe(conn: sqlite3.Connection, receipt: ReceiptRef, by: Person | None, note: str | None, due: float) -> int:
    """Note a receipt about one event that is to go out, not before ``due`` (since 1970); returns its number."""
    name, badge = (None, None) if by is None else (by.name, by.badge)
    values = (receipt.model_dump_json(exclude_none=True), name, badge, note, due)
    made = conn.execute("INSERT INTO owed (receipt, name, badge, note, due) VALUES (?, ?, ?, ?, ?)", values)
    return int(made.lastrowid or 0)


def owed_due(conn: sqlite3.Connection, now: float, interval_seconds: float) -> list[sqlite3.Row]:
    """Return receipts that may go out now (seconds since 1970), those that waited longest first, some at a time.

    What is due later than any pause was written by a clock that ran ahead, and is due.
    """
    chosen = "SELECT * FROM owed WHERE due <= ? OR due > ? ORDER BY due LIMIT ?"
    return conn.execute(chosen, (now - interval_seconds, now + LONGEST_PAUSE_SECONDS, MOST_AT_ONCE)).fetchall()


def put_off(conn: sqlite3.Connection, number: int, now: float) -> None:
    """Enter that the outbox did not take a receipt: tried again after a pause that doubles, so that others go first."""
    conn.execute(
        "UPDATE owed SET attempts = attempts + 1, due = ? + min(?, 1 << min(attempts, 20)) WHERE seq = ?",
        (now, LONGEST_PAUSE_SECONDS, number),
    )


def about(event_id: str, event_hash: bytes, stage: str) -> ReceiptRef:
    """Write what a receipt about one event confirms."""
    return ReceiptRef.model_validate({"stage": stage, "event": Ref(id=event_id, hash=event_hash.hex())})


def standing(item: Item) -> str:
    """Return how its sender made an item stand, as text: empty, ``withdrawn ID`` or ``superseded ID``."""
    if item.withdrawn_by is not None:
        return f"withdrawn {item.withdrawn_by}"
    return "" if item.superseded_by is None else f"superseded {item.superseded_by}"


def require_unchanged(item: Item, seen: str | None) -> None:
    """Raise ``ItemChanged`` where an item does not stand as it did when an officer saw it; None: nobody asks."""
    if seen is not None and standing(item) != seen:
        raise ItemChanged(marked("{id} 在您查看之后已被发件单位撤回或更正，没有记下您的答复"), id=item.id)


def checked_answer(item: Item, by: tuple[str, str], stage: str, note: str | None, county: str) -> Receipt:
    """Return the receipt that an officer's answer becomes; ``by`` is the officer's name and badge number.

    Raises:
        NotAnswerable: nobody answers this item, or the answer does not say who gives it.
    """
    if item.type in SYSTEM_TYPES or county not in item.header.to:
        raise NotAnswerable(marked("{id} 不是发给 {county} 处置的，只供查看，不能签收"), id=item.id, county=county)
    if stage not in ANSWERS:
        sentence = _("应为其中之一：{expected}").format(expected=", ".join(ANSWERS))
        raise NotAnswerable(f"{sentence}{_(GOT)}{stage[:40]!r}")
    confirms = about(item.id, item.hash, stage).model_dump()
    try:
        return Receipt.model_validate({**confirms, "by": {"name": by[0], "badge": by[1]}, "note": note})
    except ValidationError as error:
        problems = "; ".join(f"{path}: {sentence}" for path, sentence in faults(error))
        raise NotAnswerable(marked("签收要写明姓名和警号：{problems}"), problems=problems) from None


def enter_answer(conn: sqlite3.Connection, item: Item, receipt: Receipt, now: datetime, *, at_once: bool) -> int | None:
    """Enter an officer's answer, and stop the ringing.

    ``at_once``: whoever has an outbox sends the receipt at the next tick, because the caller does not send it.

    Returns:
        The number of the receipt owed; None when this officer had given the same answer before.
    """
    by = receipt.by
    answer = (item.id, receipt.stage, by.name if by else "", by.badge if by else "", receipt.note)
    same = "SELECT 1 FROM answers WHERE id = ? AND stage = ? AND name = ? AND badge = ? AND note IS ?"
    new = conn.execute(same, answer).fetchone() is None
    if new:
        conn.execute(
            "INSERT INTO answers (id, stage, name, badge, note, at) VALUES (?, ?, ?, ?, ?, ?)", (*answer, written(now))
        )
    conn.execute("UPDATE items SET state = ? WHERE id = ? AND state = ?", (State.ACKNOWLEDGED, item.id, State.RINGING))
    return owe(conn, receipt.confirms, by, receipt.note, 0.0 if at_once else now.timestamp()) if new else None
