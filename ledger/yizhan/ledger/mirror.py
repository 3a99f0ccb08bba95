"""A county's own copy of the log's hashes, and its evidence against the log.

Rule 1: entries below the head's size are covered by a root that the log signed; later ones are not yet.
Rule 2: proofs are made from this copy: a county needs nobody else for them.
Rule 3: evidence is never deleted; a person's settlement is stored with it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from yizhan.ledger.checkpoint_store import NOTHING, Head
from yizhan.ledger.errors import LedgerError, LedgerNotReady, NoSuchStatement
from yizhan.ledger.tree_builder import TreeBuilder
from yizhan.runtime.store import Store, open_store, read_store, transaction, wrapped
from yizhan.schemas import tiles
from yizhan.schemas.actions import Action
from yizhan.schemas.checkpoints import open_checkpoint
from yizhan.schemas.merkle import HASH_BYTES
from yizhan.schemas.proofs import LogProof, entry_of, verify_proof
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from yizhan.schemas.charter import Charters

log = logging.getLogger(__name__)
FILE: Final = "cosigner.sqlite3"
Offence = Literal["fork", "shrunken", "split_view", "missing"]
"""Kinds of evidence against the log: another root than ours; a newer checkpoint of a smaller tree; another
county's checkpoint that does not fit ours; a statement that we hold and that the log lacks.
"""
_SCHEMA: Final = (
    """
    CREATE TABLE head (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        county TEXT NOT NULL,
        origin TEXT NOT NULL,
        size INTEGER NOT NULL,
        root BLOB NOT NULL,
        note BLOB,                           -- the checkpoint, as the log signed it
        cosigned INTEGER NOT NULL,           -- 1: our cosignature on it went out
        final BLOB                           -- the newest checkpoint with its quorum
    );
    CREATE TABLE positions (cluster TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;

    -- Entries at places from the head's size on are not covered by a signed root yet.
    CREATE TABLE entries (place INTEGER PRIMARY KEY, entry BLOB NOT NULL);
    CREATE INDEX entries_by_entry ON entries (entry);
    CREATE TABLE tiles (
        level INTEGER NOT NULL, number INTEGER NOT NULL, hashes BLOB NOT NULL,
        PRIMARY KEY (level, number)
    ) WITHOUT ROWID;

    -- Statements that we hold; how far each of our books was looked through.
    CREATE TABLE held (
        seq INTEGER PRIMARY KEY,
        entry BLOB NOT NULL UNIQUE,
        statement BLOB NOT NULL,             -- until it was seen in the log
        subject TEXT NOT NULL,
        since TEXT NOT NULL,
        place INTEGER                        -- in the log; NULL: not seen there yet
    );
    CREATE INDEX held_awaited ON held (since) WHERE place IS NULL;
    CREATE TABLE looked (book TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;

    CREATE TABLE evidence (
        seq INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        offence TEXT NOT NULL,
        detail TEXT NOT NULL,
        mine BLOB,                           -- our checkpoint, or the statement that is missing
        theirs BLOB,                         -- the checkpoint against it
        settled TEXT                         -- by whom, when and why; NULL: it stands
    );
    """,
)


@dataclass(frozen=True, slots=True)
class LogEvidence:
    """Evidence against the log. ``mine`` and ``theirs`` are the bytes of both sides."""

    seq: int
    at: str
    offence: Offence
    detail: str
    mine: bytes | None
    theirs: bytes | None
    settled: str | None


class _Reading(Store):
    """What is asked of a copy, opened to read or to write."""

    county: str
    charters: Charters

    @property
    def head(self) -> Head:
        """The last tree that was checked."""
        row = self._row()
        return Head(int(row["size"]), bytes(row["root"]))

    @property
    def cosigned(self) -> bool:
        """Whether our cosignature on the head is published."""
        return bool(self._row()["cosigned"])

    def final(self) -> bytes | None:
        """Return the newest checkpoint with its quorum, as a signed note; None if there is none."""
        return None if (note := self._row()["final"]) is None else bytes(note)

    def evidence(self, *, standing: bool = False) -> list[LogEvidence]:
        """Return the evidence, oldest first; only what is not settled if ``standing``."""
        which = "WHERE settled IS NULL" if standing else ""
        with wrapped(self._conn):
            rows = self._conn.execute(f"SELECT * FROM evidence {which} ORDER BY seq")  # noqa: S608 -- our own words
            return [LogEvidence(**dict(row)) for row in rows]

    def awaited(self, before: datetime) -> list[tuple[str, bytes]]:
        """Return (subject, statement) for at most 100 statements held since before an instant that the log lacks."""
        with wrapped(self._conn):
            query = "SELECT subject, statement FROM held WHERE place IS NULL AND since < ? ORDER BY seq LIMIT 100"
            rows = self._conn.execute(query, (written(before),))
            return [(row["subject"], bytes(row["statement"])) for row in rows]

    def prove(self, statement: bytes) -> LogProof:
        """Prove that a statement is in the log, from our own copy of its hashes.

        Raises:
            NoSuchStatement: it is not in our copy of the log.
            LedgerNotReady: no checkpoint was checked yet.
        """
        with wrapped(self._conn):
            query = "SELECT place FROM entries WHERE entry = ? AND place < ? ORDER BY place LIMIT 1"
            row = self._conn.execute(query, (entry_of(statement), self.head.size)).fetchone()
        notes = [note for note in (self.final(), self._row()["note"]) if note is not None]
        if not notes:
            message = "no checkpoint was checked here yet; start the cosigner"
            raise LedgerNotReady(message, hint=Action.to("ledger.cosign", county=self.county))
        for note in notes if row is not None else ():
            opened, place = open_checkpoint(bytes(note), self.charters), int(row["place"])
            if place < opened.checkpoint.size:
                hashes = tiles.inclusion_proof(place, opened.checkpoint.size, self._tile)
                proof = LogProof(statement, place, tuple(hashes), opened.note.to_bytes())
                verify_proof(proof, self.charters)
                return proof
        raise NoSuchStatement("this statement is not in the part of the log that was checked here; try again soon")

    def _tile(self, level: int, number: int) -> bytes:
        with wrapped(self._conn):
            query = "SELECT hashes FROM tiles WHERE level = ? AND number = ?"
            row = self._conn.execute(query, (level, number)).fetchone()
        return b"" if row is None else bytes(row["hashes"])

    def _row(self) -> sqlite3.Row:
        with wrapped(self._conn):
            row: sqlite3.Row = self._conn.execute("SELECT * FROM head").fetchone()
        return row


class MirrorView(_Reading):
    """One county's copy, opened to read only: it creates no file and changes nothing."""

    def __init__(self, path: Path, county: str, charters: Charters) -> None:
        """Open the database of a county, which exists (``StoreError``)."""
        self.county, self.charters = county, charters
        super().__init__(read_store(path, _SCHEMA))


class LogMirror(_Reading):
    """One county's copy. For one writer; close it, or use it as a context manager."""

    def __init__(self, path: Path, county: str, charters: Charters, clock: Callable[[], datetime]) -> None:
        """Open the database, created if absent.

        Args:
            path: its file.
            county: member code.
            charters: versions with the keys to check with.
            clock: an aware instant.

        Raises:
            StoreError: the disk fails.
            LedgerError: the file is another county's, or of another log.
        """
        self.county, self.charters, self._clock = county, charters, clock
        super().__init__(open_store(path, _SCHEMA))
        self.origin = charters.latest().log
        with transaction(self._conn) as conn:
            row = (county, self.origin, NOTHING.size, NOTHING.root)
            conn.execute("INSERT OR IGNORE INTO head VALUES (1, ?, ?, ?, ?, NULL, 1, NULL)", row)
        found = self._row()
        if (found["county"], found["origin"]) != (county, self.origin):
            self._conn.close()
            raise LedgerError(
                f"{path}: expected the cosigner of {county} for {self.origin}, got that of {found['county']} for "
                f"{found['origin']}; each county and log needs its own file"
            )
        self._builder = self._load_builder()

    # -- state --

    def position(self, cluster: str) -> int:
        """Return the offset of ``yizhan.checkpoints`` to continue from in a cluster."""
        with wrapped(self._conn):
            row = self._conn.execute("SELECT next FROM positions WHERE cluster = ?", (cluster,)).fetchone()
        return 0 if row is None else int(row["next"])

    def settle(self, seq: int, by: str) -> None:
        """Record that a person has settled a piece of evidence: from then on it blocks nothing.

        Args:
            seq: its number.
            by: the person, and what was found.

        Raises:
            NoSuchStatement: there is no such evidence, or it is settled.
        """
        with transaction(self._conn) as conn:
            change = "UPDATE evidence SET settled = ? WHERE seq = ? AND settled IS NULL"
            if conn.execute(change, (f"{written(self._clock())} {by}", seq)).rowcount != 1:
                message = f"there is no evidence {seq} that is not settled"
                raise NoSuchStatement(message, hint=Action.to("ledger.status", county=self.county))

    # -- hashes --

    def root_at(self, size: int) -> bytes:
        """Root of the first ``size`` leaves of our tree."""
        return tiles.root_at(size, self._tile)

    # -- internal --

    def _load_builder(self) -> TreeBuilder:
        """Read the right edge of our tree."""
        size = self.head.size
        builder = TreeBuilder(size, [], [])
        for level, count in enumerate(tiles.widths(size)):
            number, width = divmod(count, tiles.WIDTH)
            hashes = self._tile(level, number)[: width * HASH_BYTES]
            builder.edge.append(tiles.split_hashes(hashes) if width else [])
        with wrapped(self._conn):
            query = "SELECT entry FROM entries WHERE place >= ? AND place < ? ORDER BY place"
            rows = self._conn.execute(query, (size - size % tiles.WIDTH, size))
            builder.bundle = [bytes(row["entry"]) for row in rows]
        if builder.root() != self.head.root:
            raise LedgerError("the copy of the log is damaged: move it aside; it is made again from the topic")
        return builder

    def _offence(self, offence: Offence, detail: str, mine: bytes | None, theirs: bytes | None) -> Offence:
        with transaction(self._conn) as conn:
            row = (written(self._clock()), offence, detail, mine, theirs)
            known = conn.execute(
                "SELECT 1 FROM evidence WHERE offence = ? AND mine IS ? AND theirs IS ?", (offence, mine, theirs)
            ).fetchone()
            if known is None:
                insert = "INSERT INTO evidence (at, offence, detail, mine, theirs) VALUES (?, ?, ?, ?, ?)"
                conn.execute(insert, row)
                log.critical("%s: %s: %s; both sides are kept", self.county, offence, detail)
        return offence
