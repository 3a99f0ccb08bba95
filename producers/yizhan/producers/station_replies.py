"""Matches each posting of the station with the event that it is about.

Rule 1: only a postmark that verifies counts; another is set aside and alarms the engineer.
Rule 2: an answer is ours if the record was on our own topic and its bytes (SHA-256) and, if it
        was admitted, its id and hash are those that we sealed.
Rule 3: an answer without a match is set aside: somebody wrote with our key, or a backup was restored.
Rule 4: a number of the current epoch that we never assigned, or assigned to another event, opens a new epoch
        at once; the event whose number was assigned twice is marked to be sealed again.
Rule 5: one admission counts, whatever was answered to another copy.
Rule 6: a refusal of many records refuses each unanswered event that was last sent to one of their places.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from yizhan.producers import confirmations, epochs, memory, metrics, schedule
from yizhan.producers.schedule import DeliveryState, Patience
from yizhan.schemas import topics
from yizhan.schemas.charter import Charters
from yizhan.schemas.errors import CharterInvalid, StatementInvalid
from yizhan.schemas.header import split_id
from yizhan.schemas.payloads.table import SYSTEM_TYPES
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.statements import read_dated
from yizhan.schemas.timestamps import written

INVALID: Final = "does_not_verify"
ELSEWHERE: Final = "about_another_topic"
UNKNOWN_RECORD: Final = "refused_record_never_sent"
UNKNOWN_EVENT: Final = "event_never_sent"
OTHER_BYTES: Final = "other_bytes_under_our_id"
"""Why a posting was kept aside."""


@dataclass(frozen=True, slots=True)
class PostingRecord:
    """One record of the postings topic as it was read."""

    offset: int
    value: bytes | None


@dataclass(frozen=True, slots=True)
class ReplyContext:
    """Context for entering answers."""

    source: str
    patience: Patience
    now: datetime
    share: Callable[[], float]
    random_bytes: Callable[[int], bytes]


def read_postmark(record: PostingRecord, charters: Charters) -> Postmark | None:
    """Verify a posting under the charter in force when its record was received; None if it does not.

    A charter that this county does not know yet is looked for once.
    """
    for look_again in (False, True):
        try:
            if look_again:
                charters.refresh()
            return read_dated(Postmark, record.value or b"", charters)[0]
        except (StatementInvalid, CharterInvalid):
            continue
    return None


def enter(conn: sqlite3.Connection, postmark: Postmark | None, stamp: bytes, desk: ReplyContext) -> str | None:
    """Enter one answer inside the caller's transaction; returns why it is to be kept aside, or None.

    ``stamp`` is the postmark as the station signed it, kept as evidence.
    """
    if postmark is None:
        return INVALID
    if postmark.origin.topic != topics.events(desk.source[:6]):
        return ELSEWHERE
    if postmark.refused is not None:
        return _enter_refusal(conn, postmark, stamp)
    return _enter_admission(conn, postmark, stamp, desk)


def _enter_refusal(conn: sqlite3.Connection, postmark: Postmark, stamp: bytes) -> str | None:
    rows = conn.execute(
        "SELECT seq, type, answered FROM events WHERE record_sha256 = ?", (bytes.fromhex(postmark.record_sha256),)
    ).fetchall()
    if postmark.first is not None:
        rows += conn.execute(
            "SELECT seq, type, answered FROM events WHERE place >= ? AND place < ? AND answered IS NULL",
            (postmark.first, postmark.origin.offset),
        ).fetchall()
    for row in rows:
        if row["answered"] is None and postmark.refused is not None:
            _refuse(conn, row, postmark, stamp)
    return None if rows else UNKNOWN_RECORD


def _refuse(conn: sqlite3.Connection, row: sqlite3.Row, postmark: Postmark, stamp: bytes) -> None:
    reason = "" if postmark.refused is None else postmark.refused.value
    conn.execute(
        "UPDATE events SET refused = ?, detail = ?, postmark = ?, queued = 0, due = NULL, void = 1 WHERE seq = ?",
        (reason, postmark.detail, stamp, row["seq"]),
    )
    if row["type"] not in SYSTEM_TYPES:  # a refused notice must not call for another
        memory.remember(conn, memory.VOID_UNTOLD, "1")
    metrics.REFUSALS.labels(reason).inc()


def _enter_admission(conn: sqlite3.Connection, postmark: Postmark, stamp: bytes, desk: ReplyContext) -> str | None:
    event_id = postmark.id or ""
    row = conn.execute("SELECT * FROM events WHERE id = ?", (event_id,)).fetchone()
    if row is None or row["hash"].hex() != postmark.hash:
        return _not_ours(conn, event_id, row, desk)
    if row["record_sha256"].hex() != postmark.record_sha256:
        return OTHER_BYTES
    seq = row["seq"]
    standing = DeliveryState(
        max(1, row["attempts"]), answered=True, receipt_missing=confirmations.receipt_missing(conn, seq)
    )
    conn.execute(
        "UPDATE events SET answered = coalesce(answered, ?), clock_suspect = ?, postmark = ?, refused = NULL,"
        " detail = NULL, void = 0, queued = 0, due = ? WHERE seq = ?",
        (
            postmark.received,
            postmark.clock_suspect,
            stamp,
            schedule.due(desk.now.timestamp(), standing, desk.patience, desk.share()),
            seq,
        ),
    )
    conn.executemany(
        "UPDATE recipients SET stamped_way = ?, stamped_rule = ? WHERE seq = ? AND recipient = ?",
        [(decision.way.value, decision.rule, seq, member) for member, decision in (postmark.decisions or {}).items()],
    )
    return None


def _not_ours(conn: sqlite3.Connection, event_id: str, row: sqlite3.Row | None, desk: ReplyContext) -> str:
    """Note an event under a number of ours that is not the one we gave it to (rule 4)."""
    source, epoch, _ = split_id(event_id)
    if source != desk.source:
        return UNKNOWN_EVENT  # another unit of this county has an outbox of its own
    if epoch == epochs.current(conn):
        because = epochs.NEVER_GIVEN if row is None else epochs.OTHER_EVENT
        epochs.open_epoch(conn, desk.now, because, desk.random_bytes)
    if row is None:
        return UNKNOWN_EVENT
    if row["answered"] is None:
        conn.execute("UPDATE events SET conflict = 1, queued = 0, due = NULL WHERE seq = ?", (row["seq"],))
    return OTHER_BYTES


def keep_aside(
    conn: sqlite3.Connection, cluster: str, record: PostingRecord, why: str, postmark: Postmark | None, now: datetime
) -> None:
    """Keep a posting that matches nothing, once, and count it."""
    kept = conn.execute(
        "INSERT OR IGNORE INTO foreign_postings VALUES (?, ?, ?, ?, ?, ?)",
        (cluster, record.offset, written(now), why, None if postmark is None else postmark.id, record.value or b""),
    ).rowcount
    if kept:
        metrics.FOREIGN.labels(why).inc()
