"""Proofs that people carry (C2SP tlog-proof): a statement, its place in the log, a checkpoint.

Rule 1: the file and the charter are enough: the statement itself travels as ``extra``, and the leaf is
        computed from it.
Rule 2: a parser accepts the one spelling and nothing after it.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

from yizhan.schemas import merkle, notes
from yizhan.schemas.charter import Charters
from yizhan.schemas.checkpoints import OpenedCheckpoint, decimal, open_checkpoint
from yizhan.schemas.dsse import decode_base64
from yizhan.schemas.errors import NoteInvalid

HEADER: Final = "c2sp.org/tlog-proof@v1"
SUFFIX: Final = ".tlog-proof"
MAX_PROOF_BYTES: Final = 2 * notes.MAX_NOTE_BYTES + 4096
MAX_HASHES: Final = 63


def entry_of(statement: bytes) -> bytes:
    """Entry that a statement has in the log: its SHA-256, 32 bytes."""
    return hashlib.sha256(statement).digest()


@dataclass(frozen=True, slots=True)
class LogProof:
    """What a proof file holds, as yet unverified.

    ``statement`` are the DSSE bytes, ``hashes`` the inclusion proof from the leaf's sibling up,
    ``checkpoint`` the signed note, cosignatures included.
    """

    statement: bytes
    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes

    def to_bytes(self) -> bytes:
        """Write the file."""
        lines = [
            HEADER,
            f"extra {base64.b64encode(self.statement).decode()}",
            f"index {self.index}",
            *(base64.b64encode(each).decode() for each in self.hashes),
        ]
        return "\n".join([*lines, "", ""]).encode() + self.checkpoint


def parse_proof(data: bytes) -> LogProof:
    """Take a proof file apart.

    Raises:
        NoteInvalid: another spelling, no statement in it, or too long.
    """
    if len(data) > MAX_PROOF_BYTES:
        raise NoteInvalid(f"a proof of {len(data)} bytes; at most {MAX_PROOF_BYTES} are read")
    head, blank, checkpoint = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise NoteInvalid("a proof's lines are ASCII; these are not") from None
    if not blank or lines[0] != HEADER:
        raise NoteInvalid(f"expected a proof file: {HEADER}, lines, an empty line, a checkpoint")
    if len(lines) < len(("header", "extra", "index")) or not lines[1].startswith("extra "):
        raise NoteInvalid("expected `extra` with the statement in the second line: without it nothing is proven")
    if not lines[2].startswith("index ") or len(lines) - 3 > MAX_HASHES:
        raise NoteInvalid(f"expected `index` in the third line and at most {MAX_HASHES} hashes after it")
    statement, *hashes = (_decoded(line) for line in (lines[1].removeprefix("extra "), *lines[3:]))
    return LogProof(statement, decimal(lines[2].removeprefix("index ")), tuple(hashes), checkpoint)


def _decoded(text: str) -> bytes:
    try:
        return decode_base64(text)
    except ValueError as error:
        raise NoteInvalid(f"a proof's line {text[:20]}…: {error}") from None


def verify_proof(proof: LogProof, charters: Charters) -> OpenedCheckpoint:
    """Check that the statement stands in the log, with nothing but the charter.

    Returns:
        The checkpoint, opened; whether it is final, it says.

    Raises:
        NoteInvalid: the checkpoint does not verify.
        ProofInvalid: the statement is not at that place in it.
    """
    opened = open_checkpoint(proof.checkpoint, charters)
    leaf = merkle.leaf_hash(entry_of(proof.statement))
    merkle.verify_inclusion(proof.index, opened.checkpoint.size, leaf, proof.hashes, opened.checkpoint.root)
    return opened
