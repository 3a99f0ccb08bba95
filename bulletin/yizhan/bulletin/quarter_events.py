"""The events that a bulletin is counted from, sent by one of the two counties to the other, as plain data.

Rule 1: the caller passes only what it has verified: inbox items against the digest's manifest, outbox events
        as they were sealed.
Rule 2: nothing here knows at which of the two counties it runs: both must count the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from yizhan.schemas.header import Header, split_id
from yizhan.schemas.payloads import ReadPayload
from yizhan.schemas.policy import Way

ObligationState = Literal["due", "met", "late", "missed", "cancelled"]
"""State of an obligation: not due yet, done in time, done late, overdue, cancelled."""


@dataclass(frozen=True)
class QuarterEvent:
    """One event. ``to`` is the other of the two; ``raw`` is empty where it could not be opened or is missing.

    ``hash`` is 32 bytes in hex. ``missing``: a manifest names it, but it is not here. ``text`` is a payload that is
    no JSON object; ``rule`` and ``warnings`` (words of the inbox) are for people, no figure depends on them.
    """

    id: str
    hash: str
    source: str
    to: str
    type: str = ""
    status: str = "Actual"
    time: str = ""
    way: Way = Way.DIGEST
    grade: int | None = None
    stage: str | None = None
    thread: str = ""
    wants: str | None = None
    reply_to: tuple[str, str] | None = None
    supersedes: tuple[str, str] | None = None
    withdraws: tuple[str, str] | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, hash=False)
    opened: bool = True
    missing: bool = False
    text: str | None = None
    rule: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Its id and hash, by which others refer to it."""
        return self.id, self.hash

    @property
    def summary(self) -> str:
        """Its author's summary: title and summary, or text that is not JSON."""
        parts = (self.raw.get("title"), self.raw.get("summary"), self.text)
        return "：".join(part for part in parts if isinstance(part, str))

    @property
    def order(self) -> tuple[str, str, int, str]:
        """Its sort key: time of learning, then the sender's number; never arrival."""
        source, book, number = split_id(self.id)
        return self.time, f"{source}-{book}", number, self.hash


@dataclass(frozen=True, slots=True)
class QuarterObligation:
    """One obligation at the quarter's end; ``owes`` and ``owed`` are member codes."""

    obligation: str
    rule: str
    owes: str
    owed: str
    state: ObligationState
    due: str


def quarter_event(
    header: Header,
    event_hash: bytes,
    to: str,
    way: Way,
    contents: ReadPayload | None,
    rule: str = "",
    warnings: tuple[str, ...] = (),
) -> QuarterEvent:
    """Return one event of the quarter; ``contents`` is None if it could not be opened."""

    def pair(name: str) -> tuple[str, str] | None:
        ref = getattr(header, name)
        return None if ref is None else (ref.id, ref.hash)

    return QuarterEvent(
        id=header.id,
        hash=event_hash.hex(),
        source=header.county,
        to=to,
        type=header.type,
        status=header.status,
        time=header.time,
        way=way,
        grade=header.grade,
        stage=header.stage,
        thread=header.subject or header.id,
        wants=getattr(header, "wants", None),
        reply_to=pair("reply_to"),
        supersedes=pair("supersedes"),
        withdraws=pair("withdraws"),
        raw={} if contents is None else contents.raw,
        opened=contents is not None,
        text=None if contents is None else contents.text,
        rule=rule,
        warnings=warnings,
    )


def missing_event(event_id: str, event_hash: bytes, to: str, way: Way) -> QuarterEvent:
    """Return an event that a manifest names and that is not here."""
    return QuarterEvent(event_id, event_hash.hex(), event_id[:6], to, way=way, opened=False, missing=True)
