"""What the inbox asks of its own county's outbox. A protocol: the parts do not import each other.

Rule 1: the inbox knows nothing of outboxes but these three methods.
Rule 2: each may be called again with the same arguments: ``confirm`` twice is once, a receipt twice is harmless.
Rule 3: what cannot be stored raises ``StoreError``; the inbox then tries again later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from yizhan.schemas.header import Header, ReceiptRef
from yizhan.schemas.payloads.common import Person


class OutboxPort(Protocol):
    """The county's outbox, as the inbox needs it."""

    def audience(self, event_id: str) -> tuple[str, ...] | None:
        """Return the recipients of an event that this county sent; None for one that it did not."""

    def confirm(self, header: Header, event_hash: bytes, payload: Mapping[str, Any]) -> None:
        """Take in a receipt that binds (``event_hash`` is its own, 32 bytes). Idempotent."""

    def send_receipt(self, receipt: ReceiptRef, by: Person | None, note: str | None) -> object:
        """Send a receipt to the county of what it confirms; durable when this returns."""
