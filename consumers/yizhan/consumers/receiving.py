"""Stores an examined record; its kind decides where.

Rule 1: an event is one row, however often it comes; another event under its id is kept as evidence.
Rule 2: a receipt goes to the outbox first: what does not bind there stays aside, with its reason.
Rule 3: every function works inside its caller's transaction.
Rule 4: what an event opens and ends is kept with it, also where the event itself is a duplicate or evidence.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from yizhan.consumers import digests, followups, lane_store, metrics, receipts
from yizhan.consumers.arrivals import Arrived, ReceiveOutcome
from yizhan.consumers.checks import (
    FOLLOWUP,
    DigestReference,
    Examined,
    SignedEvent,
    Unverified,
    VerifiedManifest,
    VerifiedPosting,
    VerifiedStep,
)
from yizhan.consumers.items import Item
from yizhan.consumers.outbox_port import OutboxPort
from yizhan.consumers.persist import keep_aside, keep_conflict, keep_letter
from yizhan.runtime.errors import StoreError
from yizhan.schemas.errors import Reason
from yizhan.schemas.followups import Followup
from yizhan.schemas.payloads import TYPES
from yizhan.schemas.timestamps import instant

log = logging.getLogger(__name__)


def store_record(
    conn: sqlite3.Connection, record: Arrived, what: Examined, now: str, county: str, outbox: OutboxPort | None
) -> tuple[ReceiveOutcome, str | None]:
    """Store one examined record inside the caller's transaction.

    A fault of this program undoes this record alone and keeps it aside.

    Returns:
        What became of it, and the id of the item that the outcome is about.

    Raises:
        StoreError, sqlite3.OperationalError: the disk fails.
    """
    conn.execute("SAVEPOINT one")
    try:
        made = _store(conn, record, what, now, county, outbox)
    except (StoreError, sqlite3.OperationalError):
        raise  # the disk's doing; what a record brings about is caught below
    except Exception as error:
        log.exception("a fault of this program; the record is kept aside")
        metrics.FAULTS.inc()
        conn.execute("ROLLBACK TO one")
        fault = Unverified(Reason.MALFORMED, f"a fault of this program: {type(error).__name__}")
        made = keep_aside(conn, record, fault, now), None
    conn.execute("RELEASE one")
    return made


def _store(
    conn: sqlite3.Connection, record: Arrived, what: Examined, now: str, county: str, outbox: OutboxPort | None
) -> tuple[ReceiveOutcome, str | None]:
    if isinstance(what, Unverified):
        return keep_aside(conn, record, what, now), None
    if isinstance(what, DigestReference):
        digests.add_member(conn, what.hash, what.id, prompt=True)
        return ReceiveOutcome("reference"), None
    if isinstance(what, VerifiedStep):
        return _store_followup(conn, record, what, now, county), None
    if isinstance(what, VerifiedManifest):
        verdict = digests.close_digest(conn, what, county, now)
        if verdict is not None:
            metrics.DIGESTS.labels(verdict).inc()
        return ReceiveOutcome("duplicate" if verdict is None else "manifest", reason=what.manifest.label), None
    if isinstance(what, VerifiedPosting):
        return ReceiveOutcome("posting", steps=_keep_steps(conn, record, what.steps, now)), None
    outcome, item_id = _store_event(conn, record, what, now, county, outbox)
    return replace(outcome, steps=_keep_steps(conn, record, what.steps, now)), item_id


def _store_followup(
    conn: sqlite3.Connection, record: Arrived, step: VerifiedStep, now: str, county: str
) -> ReceiveOutcome:
    followup = step.followup
    if county not in {*followup.owes, *followup.owed}:
        detail = (
            f"{FOLLOWUP}: {followup.obligation} is between {', '.join((*followup.owes, *followup.owed))}, not with us"
        )
        return keep_aside(conn, record, Unverified(Reason.MALFORMED, detail), now)
    if (kept := _keep_step(conn, record, step, now)) is not None:
        return kept
    return ReceiveOutcome("followup", followup=followup)


def _keep_steps(
    conn: sqlite3.Connection, record: Arrived, steps: Iterable[VerifiedStep], now: str
) -> tuple[Followup, ...]:
    """Keep what a postmark says of our obligations; return what was not here yet."""
    return tuple(each.followup for each in steps if _keep_step(conn, record, each, now) is None)


def _keep_step(conn: sqlite3.Connection, record: Arrived, step: VerifiedStep, now: str) -> ReceiveOutcome | None:
    """Keep a step; say what became of it if it is not a new one."""
    followup = step.followup
    kept = followups.keep(conn, followup, step.signed, step.hash, now)
    if kept == "contradiction":
        detail = f"{FOLLOWUP}: another statement for {followup.obligation}, step {followup.step}; the first stays"
        said = replace(record, value=step.signed, headers=())
        return keep_aside(conn, said, Unverified(Reason.MALFORMED, detail), now)
    if kept == "duplicate":
        return ReceiveOutcome("duplicate", followup=followup)
    metrics.FOLLOWUPS.labels(followup.rule).inc()
    return None


def _store_event(
    conn: sqlite3.Connection, record: Arrived, event: SignedEvent, now: str, county: str, outbox: OutboxPort | None
) -> tuple[ReceiveOutcome, str | None]:
    header = event.header
    if record.kind == "digest":
        digests.add_member(conn, event.verified.hash, header.id, prompt=False)
    first = conn.execute("SELECT hash FROM items WHERE id = ?", (header.id,)).fetchone()
    if first is not None and first["hash"] != event.verified.hash:
        keep_conflict(conn, event, now)
        return ReceiveOutcome("conflict"), header.id
    lane = lane_store.lane_of(header, county)
    if header.receipt is not None and event.addressed:
        why = receipts.take(event, outbox)
        if why is not None:
            if lane is not None:
                lane_store.enter(conn, *lane)
            return keep_aside(conn, record, why, now), None
    if first is not None:
        if lane is not None and event.is_letter:
            lane_store.owe(conn, lane[0])  # said again: its sender may have lost the receipt
        return ReceiveOutcome("duplicate"), header.id
    keep_letter(conn, event, record.kind, lane, now, county)
    return ReceiveOutcome("stored"), header.id


def with_parsed(found: Item, what: Examined) -> Item:
    """Return an item that was read back; what was parsed when the same bytes were examined is not parsed again."""
    if isinstance(what, SignedEvent) and found.hash == what.verified.hash:
        vars(found)["header"] = what.header
        if found.payload == what.payload:
            vars(found)["contents"] = what.contents
    return found


def count_outcome(record: Arrived, what: Examined, outcome: ReceiveOutcome, now: datetime) -> None:
    """Count for the metrics what became of a record; ``now`` is when it was stored."""
    if outcome.became == "duplicate":
        metrics.DUPLICATES.labels(record.kind).inc()
    if outcome.became == "stored" and isinstance(what, SignedEvent) and outcome.item is not None:
        known = what.header.type if what.header.type in TYPES else "other"
        metrics.ITEMS.labels(what.way, known).inc()
        for word in outcome.item.warnings:
            metrics.WARNINGS.labels(word).inc()
        if outcome.item.kind == "alert":
            metrics.FROM_RECEIVED.observe(max(0.0, (now - what.received).total_seconds()))
            metrics.FROM_LEARNT.observe(max(0.0, (now - instant(what.header.time)).total_seconds()))
