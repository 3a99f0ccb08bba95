"""The log's content: every statement up to a checkpoint, verified and indexed by event and by hash.

Law 2: a statement counts only if the checkpoint covers its entry and its signature verifies.

Rule 1: the whole log is verified first (``yizhan audit verify``): an audit of a log that does not match
        its signatures is worth nothing.
Rule 2: statements up to the final checkpoint are settled; later ones may still be on their way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yizhan.ledger.audit.obligations import LoggedObligations
from yizhan.ledger.errors import LedgerNotReady, LogDamaged, LogForked, NoSuchStatement
from yizhan.ledger.log_source import CHECKPOINT, FINAL, LogSource, Tiles
from yizhan.ledger.verify import STATEMENTS, read_checkpoint, statements_path, verify
from yizhan.schemas import dsse, followups, manifest, postmark, tiles
from yizhan.schemas.actions import Action
from yizhan.schemas.followups import Followup
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.proofs import LogProof, entry_of, verify_proof
from yizhan.schemas.statements import read_dated

if TYPE_CHECKING:
    from yizhan.ledger.statements import Statements
    from yizhan.schemas.charter import Charters
    from yizhan.schemas.checkpoints import OpenedCheckpoint

_BUNDLE = 256


@dataclass(frozen=True, slots=True)
class Marked:
    """A postmark and its place in the log."""

    place: int
    mark: Postmark


@dataclass(frozen=True, slots=True)
class LoggedManifest:
    """A manifest, its place in the log, and its hash (32 bytes)."""

    place: int
    manifest: Manifest
    hash: bytes


@dataclass(frozen=True)
class Logged:
    """The statements of a log up to ``checkpoint``. Events and refusals are in the order of the log."""

    checkpoint: OpenedCheckpoint
    marks: dict[str, list[Marked]] = field(default_factory=dict)
    refusals: list[Marked] = field(default_factory=list)
    manifests: list[LoggedManifest] = field(default_factory=list)
    owed: LoggedObligations = field(default_factory=LoggedObligations)
    others: Counter[str] = field(default_factory=Counter)
    entries: dict[bytes, int] = field(default_factory=dict, repr=False)

    @property
    def size(self) -> int:
        """Number of statements that the checkpoint covers."""
        return self.checkpoint.checkpoint.size

    def place_of(self, statement: bytes | None) -> int | None:
        """Return the place of a statement, None if it is not in the log up to the checkpoint."""
        return None if statement is None else self.entries.get(entry_of(statement))

    def first(self, event_id: str) -> Marked | None:
        """Return the first postmark of an event, which is the one that counts."""
        found = self.marks.get(event_id)
        return found[0] if found else None

    def add(self, statement: bytes, charters: Charters) -> None:
        """Add the next statement.

        Raises:
            StatementInvalid: it does not verify.
        """
        place = len(self.entries)
        self.entries[entry_of(statement)] = place
        kind = dsse.unverified_type(statement)
        if kind in postmark.CONTENT_TYPES:
            mark = read_dated(Postmark, statement, charters)[0]
            for step in mark.steps():
                self.owed.add(place, step)
            if mark.id is None:
                self.refusals.append(Marked(place, mark))
            else:
                self.marks.setdefault(mark.id, []).append(Marked(place, mark))
        elif kind == manifest.CONTENT_TYPE:
            closing, name, _charter = read_dated(Manifest, statement, charters)
            self.manifests.append(LoggedManifest(place, closing, name))
        elif kind == followups.CONTENT_TYPE:
            self.owed.add(place, read_dated(Followup, statement, charters)[0])
        else:
            keys = charters.latest().postmark
            dsse.verify(statement, kind, lambda kid: entry.key if (entry := keys.get(kid)) else None)
            self.others[kind] += 1


class WithStatements:
    """A log's files together with its statements in the form of an export, made from the ledger's store."""

    def __init__(self, files: LogSource, statements: Statements) -> None:
        """Read files from ``files``, statements from the ledger's store."""
        self._files, self._statements = files, statements

    def read(self, path: str) -> bytes | None:
        """Return a file, or None."""
        if not path.startswith(f"{STATEMENTS}/"):
            return self._files.read(path)
        number = tiles.parse_path(path.replace(STATEMENTS, tiles.ENTRIES).removesuffix(".jsonl"))
        if number is None:
            return None
        first = number[1] * _BUNDLE
        last = min(first + _BUNDLE, self._statements.size)
        return b"".join(each + b"\n" for each in self._statements.read(first, last))

    def partials(self) -> Iterable[str] | None:
        """Return the paths of the partial tiles and bundles that are there; None if unknown."""
        return self._files.partials()


def read_log(
    files: LogSource,
    charters: Charters,
    *,
    unsettled: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Logged:
    """Verify a log with its statements, and index them up to the final checkpoint.

    Args:
        files: of the log, statements included.
        charters: versions with the keys to check with.
        unsettled: use the newest checkpoint, final or not.
        progress: called with the number of leaves checked so far.

    Raises:
        LogDamaged, LogForked: as ``verify``; or there are no statements with the log.
        LedgerNotReady: no checkpoint is final yet.
        StatementInvalid: a statement of the log does not verify.
    """
    checkpoint = _named(files, charters, unsettled=unsettled)
    logged = Logged(checkpoint)

    def take(statement: bytes) -> None:
        if len(logged.entries) < logged.size:
            logged.add(statement, charters)

    newest = verify(files, charters, progress=progress, check_statement=take).newest.checkpoint
    if len(logged.entries) < logged.size:
        message = "are missing: export the log with its statements"
        raise LogDamaged(STATEMENTS, message, hint=Action.to("audit.export"))
    # The log may have grown since the checkpoint was read: only what that checkpoint covers counts.
    if tiles.root_at(logged.size, Tiles(files, newest.size).tile) != checkpoint.checkpoint.root:
        raise LogForked(
            f"the log has another root at {logged.size} than its checkpoint there; verify it, call the counties"
        )
    return logged


def _named(files: LogSource, charters: Charters, *, unsettled: bool) -> OpenedCheckpoint:
    """Return the checkpoint that an audit uses: the newest final one, or the newest."""
    newest = read_checkpoint(files, CHECKPOINT, charters)
    if newest is None:
        raise LogDamaged(CHECKPOINT, "is missing: expected a log (tlog-tiles) with its newest checkpoint")
    if unsettled or newest.final:
        return newest
    final = read_checkpoint(files, FINAL, charters)
    if final is None:
        raise LedgerNotReady("no checkpoint has the charter's quorum yet; wait for the cosigners, or give --not-final")
    return final


def prove(files: LogSource, logged: Logged, place: int, charters: Charters) -> LogProof:
    """Prove that the statement at a place is in the log of the checkpoint; the proof is verified.

    Raises:
        NoSuchStatement: the checkpoint does not cover it.
        LogDamaged, ProofInvalid: the files do not fit.
    """
    if place >= logged.size:
        raise NoSuchStatement(f"place {place}: the checkpoint covers {logged.size} statements")
    reader = Tiles(files, _newest_size(files, logged, charters))
    hashes = tiles.inclusion_proof(place, logged.size, reader.tile)
    statement = _statement(files, place)
    proof = LogProof(statement, place, tuple(hashes), logged.checkpoint.note.to_bytes())
    verify_proof(proof, charters)
    return proof


def _newest_size(files: LogSource, logged: Logged, charters: Charters) -> int:
    newest = read_checkpoint(files, CHECKPOINT, charters)
    return logged.size if newest is None else newest.checkpoint.size


def _statement(files: LogSource, place: int) -> bytes:
    number, within = divmod(place, _BUNDLE)
    lines = (files.read(statements_path(number)) or b"").split(b"\n")
    if len(lines) <= within + 1:
        raise LogDamaged(statements_path(number), f"statement {place} is missing")
    return lines[within]
