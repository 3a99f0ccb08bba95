"""Stores a checked record as a row.

Rule 1: an alarm rings unless it was withdrawn or is over, whether alarm or withdrawal arrived first.
        An update or a final report rings too if the first report, which would have rung, is not here.
Rule 2: evidence is stored unchanged: what does not verify, and a second event with the same id.
Rule 3: every function works inside its caller's transaction.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from typing import TYPE_CHECKING, Final

from yizhan.consumers import digests, lane_store, metrics, receipts
from yizhan.consumers.arrivals import Arrived, ReceiveOutcome
from yizhan.consumers.checks import SignedEvent, Unverified
from yizhan.consumers.labels import State, Warn
from yizhan.schemas.header import NOTICE, Ref
from yizhan.schemas.payloads.table import LIFE_AT_STAKE
from yizhan.schemas.policy import Way, decide
from yizhan.schemas.postmark import KAFKA_HEADER
from yizhan.schemas.timestamps import instant, written

if TYPE_CHECKING:
    from yizhan.consumers.arrivals import Kind
    from yizhan.consumers.lane_store import LaneKey

KEPT_BYTES: Final = 1024 * 1024
"""How much of a record that stays aside is kept; a lawful one is kept whole."""

log = logging.getLogger(__name__)


def keep_aside(conn: sqlite3.Connection, record: Arrived, why: Unverified, now: str) -> ReceiveOutcome:
    """Keep a record aside with its reason; the same record again is counted."""
    if record.kind == "digest" and why.event_hash is not None:
        digests.add_member(conn, why.event_hash, None, prompt=False)
    value = record.value or b""
    stamp = next((value or b"" for name, value in record.headers if name == KAFKA_HEADER), None)
    place = f"{record.partition}/{record.offset}"
    # What has no bytes is named by where it stood.
    content = value or place.encode()
    name = hashlib.sha256(hashlib.sha256(content).digest() + (stamp or b"")).digest()
    conn.execute(
        "INSERT INTO aside (record, kind, reason, detail, place, timestamp, stored, size, value, postmark)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (record, kind, reason) DO UPDATE SET times = times + 1",
        (
            name,
            record.kind,
            why.reason,
            why.detail[:1000],
            place,
            max(-(2**63), min(record.timestamp, 2**63 - 1)),
            now,
            len(value),
            value[:KEPT_BYTES],
            None if stamp is None else stamp[:KEPT_BYTES],
        ),
    )
    metrics.ASIDE.labels(why.reason).inc()
    log.error("kept aside: %s (%s, %s): %s", why.reason, record.kind, place, why.detail)
    return ReceiveOutcome("aside", reason=why.reason)


def keep_conflict(conn: sqlite3.Connection, event: SignedEvent, now: str) -> None:
    """Keep another event under an id that is here; the first one stays and says so."""
    header, envelope = event.header, event.verified.envelope
    new = conn.execute(
        "INSERT OR IGNORE INTO conflicts (id, hash, stored, header, envelope, postmark) VALUES (?, ?, ?, ?, ?, ?)",
        (header.id, event.verified.hash, now, envelope.unverified_header, event.envelope, event.postmark),
    ).rowcount
    if new:
        _warn(conn, header.id, Warn.ID_CONFLICT)
        metrics.CONFLICTS.inc()
        metrics.WARNINGS.labels(Warn.ID_CONFLICT).inc()
        log.critical("%s signed two events under the id %s; the first stays, both are kept", header.county, header.id)


def _warn(conn: sqlite3.Connection, item_id: str, word: Warn) -> None:
    row = conn.execute("SELECT warnings FROM items WHERE id = ?", (item_id,)).fetchone()
    words = sorted({*row["warnings"].split(), word})
    conn.execute("UPDATE items SET warnings = ? WHERE id = ?", (" ".join(words), item_id))


def keep_letter(
    conn: sqlite3.Connection,
    event: SignedEvent,
    kind: Kind,
    lane: tuple[LaneKey, int] | None,
    now: str,
    county: str,
) -> None:
    """Store an event that was not here: its row, its place in its lane, what it means for others."""
    header = event.header
    warnings = set(event.warnings)
    if lane is not None and not lane_store.enter(conn, *lane) and _numbered(conn, *lane):
        warnings.add(Warn.LANE_CONFLICT)
        log.error("%s gave number %d of lane %s to two events", header.source, lane[1], "/".join(lane[0]))
    state = _state(conn, event, kind, now, warnings, county)
    (source, epoch, name), n = lane or ((header.source, header.epoch, None), None)
    seq = conn.execute(
        "INSERT INTO items (id, hash, kind, source, county, book, type, status, thread, time, received, stored,"
        " expires, lane, n, way, rule, charter, state, unopenable, warnings,"
        " supersedes, supersedes_hash, withdraws, withdraws_hash, reply_to)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            header.id, event.verified.hash, kind, source, header.county, epoch, header.type, header.status,
            header.subject or header.id, header.time, written(event.received), now, header.expires, name, n,
            event.way, event.rule, event.charter.name, state, event.unopenable, " ".join(sorted(warnings)),
            *_columns(header.supersedes), *_columns(header.withdraws),
            None if header.reply_to is None else header.reply_to.id,
        ),
    ).lastrowid  # fmt: skip
    envelope = event.verified.envelope
    conn.execute(
        "INSERT INTO letters VALUES (?, ?, ?, ?, ?)",
        (seq, envelope.unverified_header, event.payload, event.envelope, event.postmark),
    )
    if lane is not None and event.is_letter:
        lane_store.owe(conn, lane[0])
        if event.unopenable is not None:
            receipt = receipts.about(header.id, event.verified.hash, "unopenable")
            receipts.owe(conn, receipt, None, event.unopenable, instant(now).timestamp())
    if header.type == NOTICE and event.addressed and event.contents is not None:
        lane_store.announce(conn, header.source, lane_store.announced(event.contents.raw))
    if header.withdraws is not None:
        _silence(conn, event, header.withdraws)


def _columns(ref: Ref | None) -> tuple[str | None, bytes | None]:
    return (None, None) if ref is None else (ref.id, bytes.fromhex(ref.hash))


def _numbered(conn: sqlite3.Connection, lane: LaneKey, n: int) -> bool:
    """Return whether an item, not only a void number, has this number."""
    return (
        conn.execute("SELECT 1 FROM items WHERE source = ? AND book = ? AND lane = ? AND n = ?", (*lane, n)).fetchone()
        is not None
    )


def _first_missing(conn: sqlite3.Connection, event: SignedEvent, county: str) -> bool:
    """Return whether this continues a report that would have rung here, and no part of that report is here."""
    header = event.header
    if header.stage not in {"update", "final"} or header.status != "Actual" or header.type not in LIFE_AT_STAKE:
        return False
    if header.supersedes is not None or header.withdraws is not None or county not in header.to:
        return False
    first = header.model_copy(update={"stage": "first", "reply_to": None})
    if decide(first, county, event.charter.policy).way is not Way.ALARM:
        return False
    ids = {header.subject, None if header.reply_to is None else header.reply_to.id} - {None}
    if any(str(each).startswith(county) for each in ids):
        return False  # it goes on with a report of our own
    known = "SELECT 1 FROM items WHERE id = :id UNION ALL SELECT 1 FROM items WHERE thread = :id LIMIT 1"
    return all(conn.execute(known, {"id": each}).fetchone() is None for each in ids)


def _state(
    conn: sqlite3.Connection, event: SignedEvent, kind: Kind, now: str, warnings: set[Warn], county: str
) -> State:
    header = event.header
    first_missing = event.way is Way.NOTICE and _first_missing(conn, event, county)
    if first_missing:
        warnings.add(Warn.FIRST_MISSING)
    if event.way is Way.ALARM or first_missing:
        withdrawn = conn.execute(
            "SELECT 1 FROM items WHERE withdraws = ? AND withdraws_hash = ? AND county = ?"
            " AND (status = 'Actual' OR ? <> 'Actual')",
            (header.id, event.verified.hash, header.county, header.status),
        ).fetchone()
        if withdrawn is not None:
            return State.WITHDRAWN
        if header.expires is not None and header.expires <= now:
            warnings.add(Warn.EXPIRED)
            # A sender's clock that runs behind must not silence a fire: life before tidiness.
            return State.RINGING if header.type in LIFE_AT_STAKE else State.EXPIRED
        return State.RINGING
    if kind == "digest" and event.way is Way.DIGEST and not digests.is_listed(conn, event.verified.hash):
        return State.WAITING
    return State.QUIET


def _silence(conn: sqlite3.Connection, event: SignedEvent, ref: Ref) -> None:
    """Stop the ringing of what its own county withdraws; an exercise silences nothing real."""
    conn.execute(
        "UPDATE items SET state = ? WHERE id = ? AND hash = ? AND county = ? AND state = ?"
        " AND (status <> 'Actual' OR ? = 'Actual')",
        (
            State.WITHDRAWN, ref.id, bytes.fromhex(ref.hash), event.header.county, State.RINGING,
            event.header.status,
        ),
    )  # fmt: skip
