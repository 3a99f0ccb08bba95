"""The desk: where a county's inbox meets its outbox. A protocol, filled where the parts are put together.

Rule 1: the inbox knows nothing of outboxes but these four questions.
Rule 2: every answer may be asked for again: ``confirm`` twice is once, a receipt twice is harmless.
Rule 3: what cannot be stored raises ``StoreError``; the inbox then asks again later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from yizhan.schemas.header import Header, ReceiptRef
from yizhan.schemas.policy import Decision


@dataclass(frozen=True, slots=True)
class Person:
    """Who acknowledged: an officer's name and badge number (警号)."""

    name: str
    badge: str


@dataclass(frozen=True, slots=True)
class SentEvent:
    """One event that this county sent; ``decisions`` by recipient's member code."""

    header: Header
    hash: bytes
    payload: bytes
    decisions: Mapping[str, Decision] = field(hash=False)


class OutboxPort(Protocol):
    """What the inbox asks of its own county's outbox."""

    def audience(self, event_id: str) -> tuple[str, ...] | None:
        """Return the recipients of an event that this county sent; None for one that it did not."""

    def confirm(self, header: Header, event_hash: bytes, payload: Mapping[str, Any]) -> None:
        """Take in a receipt that binds (``event_hash`` is its own, 32 bytes). Idempotent."""

    def send_receipt(self, receipt: ReceiptRef, by: Person | None, note: str | None) -> None:
        """Send a receipt to the county of what it confirms; durable when this returns."""

    def sent(self, since: datetime, until: datetime) -> Iterable[SentEvent]:
        """List what this county sent, received by the station at ``since`` or later and before ``until``."""
