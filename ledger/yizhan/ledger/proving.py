"""Makes proofs at the ledger: a statement, its place, and a checkpoint, in one file.

Rule 1: a proof is verified before it is given out.
Rule 2: the final checkpoint is used if it covers the statement; else the newest, which is not final yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yizhan.ledger.errors import LedgerNotReady, NoSuchStatement
from yizhan.ledger.log import PUBLIC
from yizhan.ledger.log_source import CHECKPOINT, FINAL, LogFolder, Tiles
from yizhan.ledger.verify import read_checkpoint
from yizhan.schemas import tiles
from yizhan.schemas.actions import Action
from yizhan.schemas.proofs import LogProof, verify_proof

if TYPE_CHECKING:
    from pathlib import Path

    from yizhan.ledger.statements import Statements
    from yizhan.schemas.charter import Charters


def prove(folder: Path, statements: Statements, event_id: str, charters: Charters) -> LogProof:
    """Prove that the first postmark of an event is in the log.

    Args:
        folder: the ledger's own.
        statements: those of the log.
        event_id: of the event.
        charters: versions with the keys to check with.

    Raises:
        NoSuchStatement: the log has no postmark that admits this event, or not yet.
        LedgerNotReady: nothing was published yet.
        LogDamaged, NoteInvalid, ProofInvalid: the log's files are inconsistent.
    """
    places = statements.of_event(event_id)
    if not places:
        raise NoSuchStatement(
            f"{event_id[:80]}: the log has no postmark of such an event; was it refused, or not sent?"
        )
    source = LogFolder(folder / PUBLIC)
    found = [each for path in (FINAL, CHECKPOINT) if (each := read_checkpoint(source, path, charters)) is not None]
    if not found:
        raise LedgerNotReady("the log has no checkpoint yet; start the ledger", hint=Action.to("ledger.run"))
    serving = [each for each in found if each.checkpoint.size > places[0]]
    if not serving:
        raise NoSuchStatement(f"{event_id[:80]}: the newest checkpoint does not cover it yet; try again in a second")
    opened, index = serving[0], places[0]
    reader = Tiles(source, opened.checkpoint.size, folder / PUBLIC)
    hashes = tiles.inclusion_proof(index, opened.checkpoint.size, reader.tile)
    statement = next(statements.read(index, index + 1))
    proof = LogProof(statement, index, tuple(hashes), opened.note.to_bytes())
    verify_proof(proof, charters)
    return proof
