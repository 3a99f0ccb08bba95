"""Notices that an outbox writes by itself: the last number of each lane.

Rule 1: one notice per recipient, about the lanes to that recipient only: nobody learns about others' lanes.
Rule 2: it covers the epoch in use, and older ones while something in them is unconfirmed.
Rule 3: numbers that will never arrive (refused by the station, replaced by a later receipt) are named,
        so that the recipient need not wait for them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import datetime

from yizhan.producers import epochs, queries
from yizhan.producers.numbering import OutgoingEvent
from yizhan.producers.queries import LaneProgress
from yizhan.schemas.header import NOTICE
from yizhan.schemas.payloads import encode
from yizhan.schemas.payloads.notice import MAX_LANES, MAX_VOID, Notice
from yizhan.schemas.payloads.notice import LaneHead as Told
from yizhan.schemas.timestamps import written


def lane_head_notices(conn: sqlite3.Connection, members: Collection[str], now: datetime) -> list[OutgoingEvent]:
    """Write one notice for each member to which a lane leads."""
    current = epochs.current(conn)
    by_recipient: dict[str, list[LaneProgress]] = {}
    for head in queries.lane_heads(conn):
        if head.recipient in members and (head.book == current or head.unconfirmed):
            by_recipient.setdefault(head.recipient, []).append(head)
    attributes = {"type": NOTICE, "status": "Actual", "priority": "routine", "time": written(now)}
    return [
        OutgoingEvent(attributes, (recipient,), encode(_notice(heads))) for recipient, heads in by_recipient.items()
    ]


def _notice(heads: list[LaneProgress]) -> Notice:
    lanes = [Told(book=head.book, lane=head.lane, head=head.head, void=head.void[-MAX_VOID:]) for head in heads]
    return Notice(kind="lane_heads", lanes=tuple(lanes[-MAX_LANES:]))
