"""The inbox without its content, for the auditor's books.

Rule 1: ids, hashes, counterfoils, lanes, instants; no payload, no ciphertext, no officer's name.
Rule 2: the inbox's memory of received numbers is exported: it outlives the rows.
Rule 3: every function works inside its caller's lock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from yizhan.consumers.lanes import NumberRange
from yizhan.schemas.counterfoils import MAGIC, counterfoil_of
from yizhan.schemas.header import LaneName


@dataclass(frozen=True, slots=True)
class ExportedItem:
    """One item. ``answers``: stage → time of an officer's receipt; ``destroyed``: (class, when, id of the notice)."""

    id: str
    hash: bytes
    counterfoil: bytes
    stored: str
    received: str
    way: str
    rule: str
    state: str
    unopenable: str | None
    warnings: tuple[str, ...]
    postmark: bytes | None
    answers: Mapping[str, str] = field(hash=False)
    destroyed: tuple[str, str, str | None] | None


@dataclass(frozen=True, slots=True)
class ExportedDigest:
    """One digest: its manifest as signed, its verdict, the event hashes in its order."""

    label: str
    verdict: str
    stored: str
    manifest: bytes
    members: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ExportedLane:
    """One lane to us: the last number announced by its sender, and the numbers that were received or never will be."""

    source: str
    book: str
    lane: LaneName
    head: int
    spans: tuple[NumberRange, ...]


def counterfoil(envelope: bytes) -> bytes:
    """Return the counterfoil of a value of the column ``letters.envelope``: an envelope, or already a counterfoil."""
    return envelope if envelope.startswith(MAGIC) else counterfoil_of(envelope)


def exported_items(conn: sqlite3.Connection) -> Iterator[ExportedItem]:
    """Yield every item, in the order of arrival."""
    query = (
        "SELECT items.*, envelope, postmark, class, destroyed.at AS gone, notice FROM items JOIN letters USING (seq)"
        " LEFT JOIN destroyed ON destroyed.id = items.id ORDER BY seq"
    )
    for row in conn.execute(query):
        answers = conn.execute("SELECT stage, at FROM answers WHERE id = ?", (row["id"],))
        yield ExportedItem(
            id=row["id"],
            hash=row["hash"],
            counterfoil=counterfoil(row["envelope"]),
            stored=row["stored"],
            received=row["received"],
            way=row["way"],
            rule=row["rule"],
            state=row["state"],
            unopenable=row["unopenable"],
            warnings=tuple(row["warnings"].split()),
            postmark=row["postmark"],
            answers={each["stage"]: each["at"] for each in answers},
            destroyed=None if row["gone"] is None else (row["class"], row["gone"], row["notice"]),
        )


def exported_digests(conn: sqlite3.Connection) -> Iterator[ExportedDigest]:
    """Yield every digest, the oldest first."""
    for row in conn.execute("SELECT * FROM digests ORDER BY seq").fetchall():
        members = conn.execute("SELECT hash FROM digest_members WHERE digest = ? ORDER BY position", (row["seq"],))
        hashes = tuple(each["hash"] for each in members)
        yield ExportedDigest(row["label"], row["verdict"], row["stored"], row["manifest"], hashes)


def exported_lanes(conn: sqlite3.Connection) -> Iterator[ExportedLane]:
    """Yield every lane to us."""
    for row in conn.execute("SELECT source, book, lane, head FROM lanes ORDER BY source, book, lane").fetchall():
        lane = (row["source"], row["book"], row["lane"])
        query = "SELECT first, last FROM spans WHERE source = ? AND book = ? AND lane = ? ORDER BY first"
        yield ExportedLane(*lane, row["head"], tuple(NumberRange(*span) for span in conn.execute(query, lane)))
