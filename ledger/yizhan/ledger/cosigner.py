"""A county's own copy of the log's hashes, and its decision to cosign checkpoints.

Law 2: entries count once a signed root covers them; statements once the station's signature verified.

Rule 1: the state is stored before a cosignature is published: a county whose process was killed never
        signs what does not continue what it signed.
Rule 2: it signs only a tree that continues its own and that includes, in time, every statement that it holds.
Rule 3: both sides of evidence against the log are kept, and nothing is signed until a person has settled it.
        A missing statement is settled when it appears in the log.
Rule 4: it trusts nobody: the root, and the proofs of the statements that it holds, are computed here.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from yizhan.ledger import metrics
from yizhan.ledger.mirror import LogMirror
from yizhan.ledger.statement_keys import VerifiedStatement, read_statement
from yizhan.ledger.tree_builder import TreeBuilder
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
    """One of the county's own stores, read from a place on: yields (place, statement)."""

    name: str
    read: Callable[[int], Iterable[tuple[int, bytes]]]


class Cosigner(LogMirror):
    """A county's copy of the log; decides whether the copy advances and is cosigned. For one writer."""

    def __init__(
        self, path: Path, county: str, charters: Charters, clock: Callable[[], datetime], patience: timedelta
    ) -> None:
        """Open the database, created if absent.

        Args:
            path: its file.
            county: member code.
            charters: versions with the keys to check with.
            clock: an aware instant.
            patience: time within which a statement that we hold must be in the log.

        Raises:
            StoreError, LedgerError: as ``LogMirror``.
        """
        super().__init__(path, county, charters, clock)
        self._patience = patience
        self._views: dict[int, bytes] = {}
        self._differ = False

    # -- statements that the log lacks --

    def missing(self) -> list[tuple[str, bytes]]:
        """Return (subject, statement) for statements that we hold and that the log has lacked for too long."""
        return self.awaited(self._clock() - self._patience)

    def to_hand_in(self) -> list[tuple[str, bytes]]:
        """Return those that the log has lacked for half that time: they are to be handed in."""
        return self.awaited(self._clock() - self._patience / 2)

    # -- input --

    def scan(self, books: Sequence[StatementSource]) -> int:
        """Store new statements of the county's own stores; return their number."""
        added = 0
        for book in books:
            with wrapped(self._conn):
                row = self._conn.execute("SELECT until FROM looked WHERE book = ?", (book.name,)).fetchone()
            until = 0 if row is None else int(row["until"])
            found = list(book.read(until))
            if not found:
                continue
            verified = [each for _place, statement in found if (each := self._verify(statement)) is not None]
            now = written(self._clock())
            with transaction(self._conn) as conn:
                rows = [(entry_of(each.statement), each.statement, each.subject, now) for each in verified]
                insert = "INSERT OR IGNORE INTO held (entry, statement, subject, since) VALUES (?, ?, ?, ?)"
                conn.executemany(insert, rows)
                conn.execute("INSERT OR REPLACE INTO looked VALUES (?, ?)", (book.name, found[-1][0]))
            added += len(verified)
        if added:
            self._find()
        return added

    def _verify(self, statement: bytes) -> VerifiedStatement | None:
        """Verify a statement, with a newer charter if needed; None if it does not verify."""
        try:
            return read_statement(statement, self.charters)
        except StatementInvalid:
            with contextlib.suppress(StatementInvalid, CharterInvalid):
                if self.charters.refresh():
                    return read_statement(statement, self.charters)
            return None

    def take(self, values: Sequence[bytes], cluster: str, following: int) -> Refusal | None:
        """Process records of ``yizhan.checkpoints`` in their order.

        Args:
            values: entries and checkpoints.
            cluster: that they were read from.
            following: offset after the last of ``values``.

        Returns:
            Why the last checkpoint among them was refused; None if none was refused.
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
        """Store entries; compare those that a signed root covers already."""
        size = self.head.size
        with transaction(self._conn) as conn:
            held = conn.execute("SELECT coalesce(max(place) + 1, 0) FROM entries").fetchone()[0]
            if start > held:
                return "gap"
            query = "SELECT entry FROM entries WHERE place >= ? AND place < ? ORDER BY place"
            known = [bytes(row["entry"]) for row in conn.execute(query, (start, min(size, start + len(entries))))]
            if known != entries[: len(known)]:
                # Not signed yet: a later checkpoint that does not fit will be the evidence against the log.
                self._differ = True
                return "unsigned"
            conn.execute("DELETE FROM entries WHERE place >= ?", (max(size, start),))
            rows = [(place, entry) for place, entry in enumerate(entries, start) if place >= size]
            conn.executemany("INSERT INTO entries VALUES (?, ?)", rows)
        return None

    def _consider(self, value: bytes) -> Refusal | None:
        """Check one checkpoint, and adopt it if it continues our tree."""
        opened = open_checkpoint(value, self.charters)
        checkpoint, head = opened.checkpoint, self.head
        if checkpoint.origin != self.origin:
            raise NoteInvalid(f"a checkpoint of {checkpoint.origin}, expected {self.origin}")
        if checkpoint.size <= head.size:
            return self._earlier(opened, value)
        builder = TreeBuilder(head.size, [list(each) for each in self._builder.edge], list(self._builder.bundle))
        with wrapped(self._conn):
            query = "SELECT entry FROM entries WHERE place >= ? AND place < ? ORDER BY place"
            rows = self._conn.execute(query, (head.size, checkpoint.size)).fetchall()
        if len(rows) < checkpoint.size - head.size and not self._differ:
            return "gap"
        files = list(builder.extend([bytes(row["entry"]) for row in rows]))
        if builder.root() != checkpoint.root:
            detail = f"at {checkpoint.size} the log signed a root that its entries, added to our tree, do not give"
            return self._offence("fork", detail, self._row()["note"], value)
        with transaction(self._conn) as conn:
            for path, content in files:
                level, number, _width = tiles.parse_path(path) or (None, 0, 0)
                if level is not None:
                    conn.execute("INSERT OR REPLACE INTO tiles VALUES (?, ?, ?)", (level, number, content))
            move = "UPDATE head SET size = ?, root = ?, note = ?, cosigned = 0"
            conn.execute(move, (checkpoint.size, checkpoint.root, value))
            # Crash point: from here on nothing is signed that does not continue this tree.
        self._builder, self._differ = builder, False
        self._find()
        waiting = [size for size in sorted(self._views) if head.size < size <= checkpoint.size]
        return next((refusal for size in waiting if (refusal := self._look_at(size)) is not None), None)

    def _earlier(self, opened: OpenedCheckpoint, value: bytes) -> Refusal | None:
        """Check a checkpoint that is not larger than our tree: a repeat, or an offence."""
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
        """Compare another county's cosigned checkpoint with our tree, and see what is final."""
        try:
            opened = open_checkpoint(value, self.charters)
        except NoteInvalid as error:
            log.error("a cosignature that does not verify: %s", error)  # noqa: TRY400 -- one line
            return None
        size = opened.checkpoint.size
        known = self._views.get(size)
        if known is not None:
            stored = open_checkpoint(known, self.charters)
            if stored.checkpoint == opened.checkpoint:
                names = {cosigner_name(self.origin, code) for code in opened.cosigned}
                lines = [each for each in opened.note.signatures if each.name in names]
                value = stored.note.with_signatures(*lines).to_bytes()
        self._views[size] = value
        while len(self._views) > _REMEMBERED:
            del self._views[min(self._views)]
        return self._look_at(size) if size <= self.head.size else None

    def _look_at(self, size: int) -> Refusal | None:
        """Compare other counties' checkpoint at a size with our tree; keep it if it is final."""
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

    # -- output --

    def answer(self, key: CosigningKey) -> bytes | Refusal | None:
        """Return the head with our cosignature on it, to be published; or why there is none.

        None: it is published already, or there is no checkpoint yet. Call ``answered`` after publishing it.
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
        """Record that a cosigned head is published."""
        size = open_checkpoint(note, self.charters).checkpoint.size
        with transaction(self._conn) as conn:
            conn.execute("UPDATE head SET cosigned = 1 WHERE size = ?", (size,))
        metrics.COSIGNED.set(size)

    # -- internal --

    def _find(self) -> None:
        """Look for the statements that we hold among the entries that are covered by now."""
        with transaction(self._conn) as conn:
            found = conn.execute(
                "SELECT held.seq, held.statement, entries.place FROM held JOIN entries ON entries.entry = held.entry "
                "WHERE held.place IS NULL AND entries.place < (SELECT size FROM head)"
            ).fetchall()
            seen = [(row["place"], row["seq"]) for row in found]  # its bytes are in the county's own store
            conn.executemany("UPDATE held SET place = ?, statement = x'' WHERE seq = ?", seen)
            now = written(self._clock())
            conn.executemany(
                "UPDATE evidence SET settled = ? WHERE settled IS NULL AND offence = 'missing' AND mine = ?",
                [(f"{now} it came into the log", row["statement"]) for row in found],
            )
