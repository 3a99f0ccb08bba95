"""Digests: what arrived since the last manifest, checked against the manifest.

Rule 1: the events that this county holds are compared with the station's manifest, and the verdict is stored.
Rule 2: a digest that is read twice (an interrupted close, a topic read again) is one digest: events count
        where they first appeared, a manifest that was seen before closes nothing again.
Rule 3: an interim manifest is checked like any other but is not part of the chain.
Rule 4: everything is in the database: a restart between two records changes nothing.
Rule 5: an event that arrived with a digest and is in no manifest is still shown, and the digest says so: a
        manifest that leaves an event out does not hide it.
Rule 6: every function works inside its caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from yizhan.consumers import items
from yizhan.consumers.checks import VerifiedManifest
from yizhan.consumers.items import Item
from yizhan.consumers.labels import DigestWarn, ManifestVerdict
from yizhan.schemas import dsse, strictjson
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.merkle import Tree, leaf_hash

_FIRST_PLACES: Final = "SELECT hash, prompt FROM open_digest ORDER BY first"
_LAST_PLACES: Final = "SELECT hash, prompt FROM open_digest ORDER BY last DESC LIMIT ?"


@dataclass(frozen=True, slots=True)
class DigestMember:
    """One event of a digest, in the manifest's order.

    ``prompt`` means that the digest only names it, because it was sent at once. ``item`` is None
    if we do not have it; ``id`` too, if its signature is invalid.
    """

    hash: bytes
    prompt: bool
    id: str | None
    item: Item | None


@dataclass(frozen=True, slots=True)
class Digest:
    """One digest and the result of checking it; ``held`` is how many of its events we have."""

    seq: int
    hash: bytes
    manifest: Manifest
    verdict: ManifestVerdict
    warnings: tuple[DigestWarn, ...]
    stored: str
    held: int

    @property
    def label(self) -> str:
        """The quarter, such as ``2026Q3``."""
        return self.manifest.label


def add_member(conn: sqlite3.Connection, event_hash: bytes, event_id: str | None, *, prompt: bool) -> None:
    """Count an event of the digest whose manifest is to come."""
    place = conn.execute("SELECT coalesce(max(last), 0) + 1 FROM open_digest").fetchone()[0]
    conn.execute(
        "INSERT INTO open_digest VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (hash) DO UPDATE SET last = excluded.last, id = coalesce(id, excluded.id)",
        (event_hash, event_id, prompt, place, place),
    )


def close_digest(conn: sqlite3.Connection, closing: VerifiedManifest, county: str, now: str) -> ManifestVerdict | None:
    """Check what arrived against a manifest and list it under its label; None for one seen before."""
    if conn.execute("SELECT 1 FROM digests WHERE hash = ?", (closing.hash,)).fetchone() is not None:
        conn.execute("DELETE FROM open_digest WHERE hash IN (SELECT hash FROM digest_members)")
        return None
    manifest = closing.manifest
    warnings = [] if closing.charter_known else [DigestWarn.CHARTER_UNKNOWN]
    members: Sequence[bytes] = ()
    if manifest.county != county:
        verdict = ManifestVerdict.WRONG_COUNTY
    else:
        members, proven = _members(conn, manifest)
        linked, odd = _linked(conn, manifest)
        warnings += odd
        verdict = ManifestVerdict.VERIFIED if linked else ManifestVerdict.CHAIN_BROKEN
        verdict = verdict if proven else ManifestVerdict.ROOT_DIFFERS
    written = " ".join(warnings)
    row = conn.execute(
        "INSERT INTO digests (hash, label, interim, verdict, warnings, stored, manifest) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (closing.hash, manifest.label, manifest.interim, verdict, written, now, closing.signed),
    ).lastrowid
    if verdict is not ManifestVerdict.WRONG_COUNTY:
        _list(conn, row, members)
        if _show_left_out(conn):
            warnings.append(DigestWarn.LEFT_OUT)
            conn.execute("UPDATE digests SET warnings = ? WHERE seq = ?", (" ".join(warnings), row))
    return verdict


def _members(conn: sqlite3.Connection, manifest: Manifest) -> tuple[Sequence[bytes], bool]:
    """Return the event hashes in order, and whether they are what the manifest says.

    An interrupted close may have left events before these: then only the last ones count.
    """
    everything = conn.execute(_FIRST_PLACES).fetchall()
    if _proven(everything, manifest):
        return [row["hash"] for row in everything], True
    last = conn.execute(_LAST_PLACES, (manifest.count,)).fetchall()[::-1]
    if _proven(last, manifest):
        return [row["hash"] for row in last], True
    return [row["hash"] for row in everything], False


def _proven(rows: Sequence[sqlite3.Row], manifest: Manifest) -> bool:
    if len(rows) != manifest.count or sum(row["prompt"] for row in rows) != manifest.prompt:
        return False
    tree = Tree()
    for row in rows:
        tree.append(leaf_hash(row["hash"]))
    return tree.root().hex() == manifest.root


def _linked(conn: sqlite3.Connection, manifest: Manifest) -> tuple[bool, list[DigestWarn]]:
    """Return whether a manifest follows the last closing one, and its oddities."""
    row = conn.execute(
        "SELECT hash, manifest FROM digests WHERE interim = 0 AND verdict <> ? ORDER BY seq DESC LIMIT 1",
        (ManifestVerdict.WRONG_COUNTY,),
    ).fetchone()
    if row is None:
        begins = manifest.previous is None and manifest.start == 0
        return True, [] if begins else [DigestWarn.CHAIN_BEGINS_HERE]
    last = stored_manifest(row["manifest"])
    if manifest.cluster != last.cluster:
        return manifest.previous in {None, row["hash"].hex()}, [DigestWarn.CLUSTER_CHANGED]
    return manifest.previous == row["hash"].hex() and manifest.start == last.end, []


def _list(conn: sqlite3.Connection, digest: int | None, members: Sequence[bytes]) -> None:
    conn.executemany(
        "INSERT INTO digest_members SELECT ?, ?, hash, id, prompt FROM open_digest WHERE hash = ?",
        ((digest, position, event_hash) for position, event_hash in enumerate(members)),
    )
    conn.execute("DELETE FROM open_digest WHERE hash IN (SELECT hash FROM digest_members)")
    conn.execute(
        "UPDATE items SET state = 'quiet' WHERE state = 'waiting'"
        " AND hash IN (SELECT hash FROM digest_members WHERE digest = ?)",
        (digest,),
    )


def _show_left_out(conn: sqlite3.Connection) -> int:
    """Show events that are in no manifest (rule 5); return their number."""
    shown = conn.execute(
        "UPDATE items SET state = 'quiet' WHERE state = 'waiting' AND hash IN (SELECT hash FROM open_digest)"
    ).rowcount
    conn.execute("DELETE FROM open_digest")
    return shown


def is_listed(conn: sqlite3.Connection, event_hash: bytes) -> bool:
    """Return whether a digest that arrived holds this event."""
    return conn.execute("SELECT 1 FROM digest_members WHERE hash = ?", (event_hash,)).fetchone() is not None


def read_digests(conn: sqlite3.Connection, label: str | None = None) -> Iterator[Digest]:
    """Yield the digests, the newest last; a label may have interim ones and a closing one."""
    for row in conn.execute("SELECT * FROM digests WHERE label = coalesce(?, label) ORDER BY seq", (label,)).fetchall():
        held, urgent, routine = conn.execute(
            "SELECT count(items.id), coalesce(sum(items.id IS NULL AND prompt), 0),"
            " coalesce(sum(items.id IS NULL AND NOT prompt), 0)"
            " FROM digest_members LEFT JOIN items ON items.hash = digest_members.hash WHERE digest = ?",
            (row["seq"],),
        ).fetchone()
        warnings = [DigestWarn(word) for word in row["warnings"].split()]
        warnings += [DigestWarn.MISSING_URGENT] if urgent else []
        warnings += [DigestWarn.MISSING_ROUTINE] if routine else []
        manifest = stored_manifest(row["manifest"])
        verdict = ManifestVerdict(row["verdict"])
        yield Digest(row["seq"], row["hash"], manifest, verdict, tuple(warnings), row["stored"], held)


def read_members(conn: sqlite3.Connection, digest: Digest, since: str = "", until: str = "9") -> Iterator[DigestMember]:
    """Yield a digest's events in the manifest's order; of those held, only those received in the interval."""
    for row in conn.execute(
        "SELECT digest_members.* FROM digest_members LEFT JOIN items ON items.hash = digest_members.hash"
        " WHERE digest = ? AND (received IS NULL OR received >= ? AND received < ?) ORDER BY position",
        (digest.seq, since, until),
    ).fetchall():
        yield DigestMember(row["hash"], bool(row["prompt"]), row["id"], items.by_hash(conn, row["hash"]))


def stored_manifest(signed: bytes) -> Manifest:
    """Read a manifest that was verified before it was stored."""
    return Manifest.model_validate(strictjson.loads(dsse.unverified_payload(signed)))
