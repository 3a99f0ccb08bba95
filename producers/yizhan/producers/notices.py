"""Notices that an outbox writes by itself: how far each lane has come.

Rule 1: one notice a recipient and book, about the lanes to that recipient alone: nobody learns of
        others'.
Rule 2: the book in use is told of, and older ones while something in them is unconfirmed.
Rule 3: numbers that will never come (refused by the station, overtaken by a later receipt) are named,
        so that the recipient need not wait for them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import Final

from yizhan.producers import accounts, books
from yizhan.producers.accounts import LaneHead
from yizhan.producers.numbering import Letter
from yizhan.schemas.header import NOTICE
from yizhan.schemas.payloads import encode
from yizhan.schemas.payloads.notice import Heads, Notice, Voids
from yizhan.schemas.timestamps import written

MAX_VOID: Final = 1000
"""Void numbers named a lane; the newest, should there be more."""


def lane_head_letters(conn: sqlite3.Connection, members: Collection[str], now: datetime) -> list[Letter]:
    """Write one notice to each member to which a lane leads, for each book that rule 2 names."""
    current = books.current(conn)
    told: dict[tuple[str, str], dict[str, LaneHead]] = {}
    for head in accounts.lane_heads(conn):
        if head.recipient in members and (head.book == current or head.unconfirmed):
            told.setdefault((head.recipient, head.book), {})[head.lane] = head
    attributes = {"type": NOTICE, "status": "Actual", "priority": "routine", "time": written(now)}
    return [
        Letter(attributes, (recipient,), encode(_notice(recipient, book, lanes)))
        for (recipient, book), lanes in told.items()
    ]


def _notice(recipient: str, book: str, lanes: dict[str, LaneHead]) -> Notice:
    heads = {lane: lanes[lane].head if lane in lanes else 0 for lane in ("prompt", "digest")}
    void = {lane: head.void[-MAX_VOID:] for lane, head in lanes.items() if head.void}
    return Notice(
        kind="lane_heads",
        book=book,
        heads={recipient: Heads(**heads)},
        void={recipient: Voids(**void)} if void else None,
    )
