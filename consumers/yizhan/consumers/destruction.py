"""Destroys content after its retention period; the proof that it existed stays.

Rule 1: plaintext, ciphertext and wrapped keys are deleted; header, hash, the sender's signature (counterfoil),
        postmark, lane and the names of the acknowledging officers stay.
Rule 2: nothing is deleted before its period ends, nor while it rings or waits for its manifest.
Rule 3: the sender is notified of the destruction by a signed event, which the log has. The row records it in the
        same commit as the destruction; the event is owed until it is sent. Destroyed receipts and notices give
        no notice, or such notices would cause notices for ever.
Rule 4: every function works inside its caller's transaction, except ``scrub``, which must be outside of it.

SQLite overwrites deleted rows (``secure_delete``), and the write-ahead log is emptied. Former bytes on a disk, in
a file system or in a backup are outside of its reach: see docs/operations.md.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from yizhan.consumers.errors import NotDue
from yizhan.consumers.export import counterfoil
from yizhan.consumers.retention import class_of, kept_until
from yizhan.runtime.errors import StoreError
from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.payloads.table import SYSTEM_TYPES
from yizhan.schemas.timestamps import instant, written


@dataclass(frozen=True, slots=True)
class Due:
    """An item whose content may be destroyed: its period ended at ``until``."""

    id: str
    hash: bytes
    source: str
    type: str
    retention: str
    received: str
    until: datetime


@dataclass(frozen=True, slots=True)
class UnnotifiedDestruction:
    """A destruction that its sender was not notified of yet."""

    id: str
    hash: bytes
    county: str
    retention: str
    at: str


def due(conn: sqlite3.Connection, now: datetime, time_zone: str) -> Iterator[Due]:
    """Yield items whose period has ended, the oldest first."""
    query = (
        "SELECT id, hash, source, type, received FROM items WHERE state NOT IN ('ringing', 'waiting')"
        " AND id NOT IN (SELECT id FROM destroyed) ORDER BY seq"
    )
    for row in conn.execute(query):
        until = kept_until(row["type"], instant(row["received"]), time_zone)
        if until is not None and until <= now:
            yield Due(row["id"], row["hash"], row["source"], row["type"], class_of(row["type"]), row["received"], until)


def destroy(conn: sqlite3.Connection, chosen: Collection[Due], ids: Collection[str], by: Person, now: datetime) -> None:
    """Destroy the content of some of the due items.

    Raises:
        NotDue: an id is not among them.
    """
    by_id = {each.id: each for each in chosen}
    if wrong := sorted(set(ids) - by_id.keys()):
        sentence = marked("{id}：没有这一件，或保管期未满，或内容已经销毁")
        raise NotDue(sentence, id=wrong[0][:80])
    for each in (by_id[id] for id in ids):
        row = conn.execute(
            "SELECT seq, envelope FROM letters JOIN items USING (seq) WHERE id = ?", (each.id,)
        ).fetchone()
        stays = counterfoil(row["envelope"])
        conn.execute("UPDATE letters SET payload = NULL, envelope = ? WHERE seq = ?", (stays, row["seq"]))
        conn.execute("UPDATE answers SET note = NULL WHERE id = ?", (each.id,))
        for rival in conn.execute("SELECT seq, envelope FROM conflicts WHERE id = ?", (each.id,)).fetchall():
            stays = counterfoil(rival["envelope"])
            conn.execute("UPDATE conflicts SET envelope = ? WHERE seq = ?", (stays, rival["seq"]))
        values = (each.id, each.retention, written(now), by.name, by.badge)
        conn.execute("INSERT INTO destroyed (id, class, at, name, badge) VALUES (?, ?, ?, ?, ?)", values)


def scrub(conn: sqlite3.Connection) -> None:
    """Empty the write-ahead log, which still has the former bytes.

    Raises:
        StoreError: another process reads it.
    """
    busy, _pages, _copied = conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise StoreError(marked("内容已从数据库删去，但另有进程开着日志文件，里面还有；请停下接收进程，再销毁一次"))


def unnotified(conn: sqlite3.Connection) -> Iterator[UnnotifiedDestruction]:
    """Yield destructions whose senders were not notified yet; receipts and notices need no notification."""
    query = (
        "SELECT id, hash, county, class, destroyed.at, type FROM destroyed JOIN items USING (id)"
        " WHERE notice IS NULL ORDER BY seq"
    )
    return (UnnotifiedDestruction(*row[:5]) for row in conn.execute(query) if row["type"] not in SYSTEM_TYPES)


def enter_notice(conn: sqlite3.Connection, ids: Collection[str], notice: str) -> None:
    """Record the event by which the senders were notified."""
    conn.executemany("UPDATE destroyed SET notice = ? WHERE id = ?", [(notice, id) for id in ids])
