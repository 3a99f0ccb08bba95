"""A county's own copy of the log's hashes, and its word on checkpoints.

Law 2: entries count once a signed root covers them; statements once the station's signature held.

Rule 1: the state moves in the database before a cosignature leaves: a county that was killed never
        signs what does not continue what it signed.
Rule 2: it signs only a tree that continues its own and holds, in time, every statement that it holds.
Rule 3: what speaks against the log is kept, both sides of it, and nothing is signed until a person has
        settled it. A missing statement settles itself by coming into the log.
Rule 4: it needs nobody's word: the root is computed here, and so are the proofs of what it holds.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from yizhan.ledger import metrics
from yizhan.ledger.mirror import LogCopy
from yizhan.ledger.statement_keys import VerifiedStatement, read_statement
from yizhan.ledger.tree_builder import Growth
from yizhan.runtime.store import transaction, wrapped
from yizhan.schemas import tiles
from yizhan.schemas.checkpoints import OpenedCheckpoint, cosign, cosigner_name, open_checkpoint
from yizhan.schemas.errors import CharterInvalid, NoteInvalid, StatementInvalid
from yizhan.schemas.logrecords import read_entries
from yizhan.schemas.proofs import entry_of
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from yizhan.schemas.charter import Charters
    from yizhan.schemas.keys import CosigningKey

log = logging.getLogger(__name__)
_REMEMBERED: Final = 64
Refusal = Literal["fork", "shrunken", "split_view", "missing", "unsigned", "gap", "unsettled"]


@dataclass(frozen=True, slots=True)
class StatementSource:
    """One of the county's own books, read from a place on: yields (place, statement)."""

    name: str
    read: Callable[[int], Iterable[tuple[int, bytes]]]


class Cosigner(LogCopy):
    """A county's copy, and who decides whether it goes on and is cosigned. For one writer."""

    def __init__(
        self, path: Path, county: str, charters: Charters, clock: Callable[[], datetime], patience: timedelta
    ) -> None:
        """Open the database, made if absent.

        Args:
            path: its file.
            county: member code.
            charters: whose keys count.
            clock: an aware instant.
            patience: within which a statement that we hold must be in the log.

        Raises:
            StoreError, LedgerError: as ``LogCopy``.
        """
        super().__init__(path, county, charters, clock)
        self._patience = patience
        self._views: dict[int, bytes] = {}
        self._differ = False

    # -- what is awaited --

    def missing(self) -> list[tuple[str, bytes]]:
        """Return statements that we hold and that the log lacks for too long: (subject, bytes)."""
        return self._awaited(self._clock() - self._patience)

    def unseen(self) -> list[tuple[str, bytes]]:
        """Return statements that we hold and that the log lacks for half that time: to be handed in."""
        return self._awaited(self._clock() - self._patience / 2)

    def _awaited(self, before: datetime) -> list[tuple[str, bytes]]:
        with wrapped(self._conn):
            query = "SELECT subject, statement FROM held WHERE place IS NULL AND since < ? ORDER BY seq LIMIT 100"
            rows = self._conn.execute(query, (written(before),))
            return [(row["subject"], bytes(row["statement"])) for row in rows]

    # -- what comes --

    def look_through(self, books: Sequence[StatementSource]) -> int:
        """Take note of statements that came into the county's own books; return how many."""
        came = 0
        for book in books:
            with wrapped(self._conn):
                row = self._conn.execute("SELECT until FROM looked WHERE book = ?", (book.name,)).fetchone()
            until = 0 if row is None else int(row["until"])
            found = list(book.read(until))
            if not found:
                continue
            said = [each for _place, statement in found if (each := self._verified(statement)) is not None]
            now = written(self._clock())
            with transaction(self._conn) as conn:
                rows = [(entry_of(each.statement), each.statement, each.subject, now) for each in said]
                insert = "INSERT OR IGNORE INTO held (entry, statement, subject, since) VALUES (?, ?, ?, ?)"
                conn.executemany(insert, rows)
                conn.execute("INSERT OR REPLACE INTO looked VALUES (?, ?)", (book.name, found[-1][0]))
            came += len(said)
        if came:
            self._find()
        return came

    def _verified(self, statement: bytes) -> VerifiedStatement | None:
        """Verify a statement, under a newer charter if it must be; None for what nobody of ours signed."""
        try:
            return read_statement(statement, self.charters)
        except StatementInvalid:
            with contextlib.suppress(StatementInvalid, CharterInvalid):
                if self.charters.refresh():
                    return read_statement(statement, self.charters)
            return None

    def take(self, values: Sequence[bytes], cluster: str, following: int) -> Refusal | None:
        """Take records of ``yizhan.checkpoints`` in their order.

        Args:
            values: entries and checkpoints.
            cluster: that they were read from.
            following: offset after the last of them.

        Returns:
            Why the last checkpoint among them was refused; None where nothing was.
        """
        refusal: Refusal | None = None
        for value in values:
            try:
                found = read_entries(value)
                refusal = self._consider(value) if found is None else self._add(*found) or refusal
            except NoteInvalid as error:
                log.error("a checkpoint that does not verify: %s", error)  # noqa: TRY400 -- one line
                refusal = "unsigned"
            if refusal is not None:
                metrics.REFUSALS.labels(refusal).inc()
        with transaction(self._conn) as conn:
            conn.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", (cluster, following))
        return refusal

    def _add(self, start: int, entries: list[bytes]) -> Refusal | None:
        """Store entries; those that a signed root covers already are compared."""
        size = self.head.size
        with transaction(self._conn) as conn:
            held = conn.execute("SELECT coalesce(max(place) + 1, 0) FROM entries").fetchone()[0]
            if start > held:
                return "gap"
            query = "SELECT entry FROM entries WHERE place >= ? AND place < ? ORDER BY place"
            known = [bytes(row["entry"]) for row in conn.execute(query, (start, min(size, start + len(entries))))]
            if known != entries[: len(known)]:
                # Nobody signed these yet: a checkpoint that follows and does not fit will speak against the log.
                self._differ = True
                return "unsigned"
            conn.execute("DELETE FROM entries WHERE place >= ?", (max(size, start),))
            rows = [(place, entry) for place, entry in enumerate(entries, start) if place >= size]
            conn.executemany("INSERT INTO entries VALUES (?, ?)", rows)
        return None

    def _consider(self, value: bytes) -> Refusal | None:
        """Check one checkpoint, and move to it if it continues our tree."""
        opened = open_checkpoint(value, self.charters)
        checkpoint, head = opened.checkpoint, self.head
        if checkpoint.origin != self.origin:
            raise NoteInvalid(f"a checkpoint of {checkpoint.origin}, expected {self.origin}")
        if checkpoint.size <= head.size:
            return self._earlier(opened, value)
        growth = Growth(head.size, [list(each) for each in self._growth.edge], list(self._growth.bundle))
        with wrapped(self._conn):
            query = "SELECT entry FROM entries WHERE place >= ? AND place < ? ORDER BY place"
            rows = self._conn.execute(query, (head.size, checkpoint.size)).fetchall()
        if len(rows) < checkpoint.size - head.size and not self._differ:
            return "gap"
        files = list(growth.extend([bytes(row["entry"]) for row in rows]))
        if growth.root() != checkpoint.root:
            detail = f"at {checkpoint.size} the log signed a root that its entries, added to our tree, do not give"
            return self._offence("fork", detail, self._row()["note"], value)
        with transaction(self._conn) as conn:
            for path, content in files:
                level, number, _width = tiles.parse_path(path) or (None, 0, 0)
                if level is not None:
                    conn.execute("INSERT OR REPLACE INTO tiles VALUES (?, ?, ?)", (level, number, content))
            move = "UPDATE head SET size = ?, root = ?, note = ?, cosigned = 0"
            conn.execute(move, (checkpoint.size, checkpoint.root, value))
            # The crash line: from here on nothing is signed that does not continue this tree.
        self._growth, self._differ = growth, False
        self._find()
        waiting = [size for size in sorted(self._views) if head.size < size <= checkpoint.size]
        return next((refusal for size in waiting if (refusal := self._look_at(size)) is not None), None)

    def _earlier(self, opened: OpenedCheckpoint, value: bytes) -> Refusal | None:
        """Check a checkpoint that is not larger than our tree: an old one again, or an offence."""
        checkpoint, note = opened.checkpoint, self._row()["note"]
        if self.root_at(checkpoint.size) != checkpoint.root:
            detail = f"at {checkpoint.size} the log signed another root than it had there before"
            return self._offence("fork", detail, note, value)
        if checkpoint.size < self.head.size and note is not None:
            ours = open_checkpoint(bytes(note), self.charters)
            if opened.at > ours.at:
                detail = f"the log was at {ours.checkpoint.size} and later signed {checkpoint.size} as its newest"
                return self._offence("shrunken", detail, note, value)
        return None

    def view(self, value: bytes) -> Refusal | None:
        """Take another county's cosigned checkpoint: compare it with our tree, and see what is final."""
        try:
            opened = open_checkpoint(value, self.charters)
        except NoteInvalid as error:
            log.error("a cosignature that does not verify: %s", error)  # noqa: TRY400 -- one line
            return None
        size = opened.checkpoint.size
        known = self._views.get(size)
        if known is not None:
            kept = open_checkpoint(known, self.charters)
            if kept.checkpoint == opened.checkpoint:
                names = {cosigner_name(self.origin, code) for code in opened.cosigned}
                lines = [each for each in opened.note.signatures if each.name in names]
                value = kept.note.with_signatures(*lines).to_bytes()
        self._views[size] = value
        while len(self._views) > _REMEMBERED:
            del self._views[min(self._views)]
        return self._look_at(size) if size <= self.head.size else None

    def _look_at(self, size: int) -> Refusal | None:
        """Compare what other counties saw at a size with our tree; keep it if it is final."""
        opened = open_checkpoint(self._views[size], self.charters)
        if self.root_at(size) != opened.checkpoint.root:
            others = "、".join(sorted(opened.cosigned)) or "others"
            detail = f"at {size} the log showed {others} another root than us"
            return self._offence("split_view", detail, self._row()["note"], self._views.pop(size))
        if opened.final:
            self._finalise(opened)
        return None

    def _finalise(self, opened: OpenedCheckpoint) -> None:
        before = self.final()
        if before is None or open_checkpoint(before, self.charters).checkpoint.size <= opened.checkpoint.size:
            with transaction(self._conn) as conn:
                conn.execute("UPDATE head SET final = ?", (opened.note.to_bytes(),))
            metrics.FINAL_SIZE.set(opened.checkpoint.size)

    # -- what goes out --

    def answer(self, key: CosigningKey) -> bytes | Refusal | None:
        """Return the head with our cosignature on it, to be published; or why there is none.

        None: it went out already, or there is no checkpoint yet. Call ``answered`` once it is published.
        """
        row = self._row()
        missing = self.missing()
        metrics.MISSING.set(len(missing))
        for subject, statement in missing:
            self._offence("missing", f"{subject}: held here, and not in the log in time", statement, None)
        standing = len(self.evidence(standing=True))
        metrics.EVIDENCE.set(standing)
        if row["note"] is None or row["cosigned"]:
            return None
        if missing or standing:
            return "missing" if missing else "unsettled"
        opened = open_checkpoint(bytes(row["note"]), self.charters)
        line = cosign(opened.checkpoint, cosigner_name(self.origin, self.county), key, self._clock())
        return opened.note.with_signatures(line).to_bytes()

    def answered(self, note: bytes) -> None:
        """Enter that a cosigned head is published."""
        size = open_checkpoint(note, self.charters).checkpoint.size
        with transaction(self._conn) as conn:
            conn.execute("UPDATE head SET cosigned = 1 WHERE size = ?", (size,))
        metrics.COSIGNED.set(size)

    # -- within --

    def _find(self) -> None:
        """Look for what we hold among the entries that are covered by now."""
        with transaction(self._conn) as conn:
            found = conn.execute(
                "SELECT held.seq, held.statement, entries.place FROM held JOIN entries ON entries.entry = held.entry "
                "WHERE held.place IS NULL AND entries.place < (SELECT size FROM head)"
            ).fetchall()
            seen = [(row["place"], row["seq"]) for row in found]  # its bytes stand in the county's own book
            conn.executemany("UPDATE held SET place = ?, statement = x'' WHERE seq = ?", seen)
            now = written(self._clock())
            conn.executemany(
                "UPDATE evidence SET settled = ? WHERE settled IS NULL AND offence = 'missing' AND mine = ?",
                [(f"{now} it came into the log", row["statement"]) for row in found],
            )
