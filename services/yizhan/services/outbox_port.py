"""Where a county's inbox and outbox meet: the outbox, seen as the inbox's desk.

Rule 1: what the inbox is promised is what the outbox does; nothing is decided here.
Rule 2: a receipt is durable when ``send_receipt`` returns, because the outbox's commit has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from yizhan.consumers.outbox_port import Person, SentEvent
from yizhan.schemas.payloads.common import Person as PersonOnPaper

if TYPE_CHECKING:
    from yizhan.producers.outbox import Outbox
    from yizhan.schemas.header import Header, ReceiptRef


class OutboxDesk:
    """The desk of one county: its own outbox."""

    def __init__(self, outbox: Outbox) -> None:
        """Take the outbox; the caller closes it."""
        self._outbox = outbox

    def audience(self, event_id: str) -> tuple[str, ...] | None:
        """Return the recipients of an event that this county sent; None for one that it did not."""
        return self._outbox.audience(event_id)

    def confirm(self, header: Header, event_hash: bytes, payload: Mapping[str, Any]) -> None:
        """Take in a receipt that binds. Idempotent."""
        self._outbox.confirm(header, event_hash, payload)

    def send_receipt(self, receipt: ReceiptRef, by: Person | None, note: str | None) -> None:
        """Send a receipt to the county of what it confirms; durable when this returns.

        Raises:
            ValueError, PayloadInvalid: a name, badge or note that a receipt cannot carry.
            StoreError: the disk fails.
        """
        person = None if by is None else PersonOnPaper(name=by.name, badge=by.badge)
        self._outbox.send_receipt(receipt, person, note)

    def sent(self, since: datetime, until: datetime) -> Iterable[SentEvent]:
        """List what this county sent, received by the station at ``since`` or later and before ``until``."""
        for event in self._outbox.sent(since, until):
            yield SentEvent(event.header, event.hash, event.payload, event.decisions)
