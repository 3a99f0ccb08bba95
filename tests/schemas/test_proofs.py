"""Proof files: the file and the charter are enough, and one wrong bit is too many."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Final

import pytest

from tests.world.ledger import LATER, some_statements, world
from yizhan.schemas import merkle
from yizhan.schemas.checkpoints import Checkpoint, sign_checkpoint
from yizhan.schemas.errors import NoteInvalid, ProofInvalid
from yizhan.schemas.logrecords import MAX_ENTRIES, read_entries, write_entries
from yizhan.schemas.proofs import HEADER, MAX_PROOF_BYTES, LogProof, entry_of, parse_proof, verify_proof

WORLD: Final = world()
STATEMENTS: Final = some_statements(7)
LEAVES: Final = [merkle.leaf_hash(entry_of(each)) for each in STATEMENTS]
SIGNED: Final = sign_checkpoint(
    Checkpoint(WORLD.origin, 7, merkle.root(LEAVES)), WORLD.ledger.signing, WORLD.ledger.cosigning, LATER
)


def proof(index: int = 2) -> LogProof:
    """Prove one of seven statements."""
    return LogProof(STATEMENTS[index], index, tuple(merkle.inclusion_proof(index, 7, LEAVES)), SIGNED)


@pytest.mark.parametrize("index", range(7))
def test_a_proof_is_written_read_and_verified(index: int) -> None:
    """It is the file of the specification (C2SP tlog-proof), with the statement in it."""
    data = proof(index).to_bytes()
    lines = data.decode().split("\n")
    assert (lines[0], lines[2]) == (HEADER, f"index {index}")
    assert base64.b64decode(lines[1].removeprefix("extra ")) == STATEMENTS[index]
    assert data.endswith(b"\n\n" + SIGNED)
    assert parse_proof(data) == proof(index)
    assert verify_proof(parse_proof(data), WORLD.charters).checkpoint.size == 7


@pytest.mark.exhaustive
def test_every_flipped_byte_is_noticed() -> None:
    """One changed byte anywhere: refused with a name, or in no way another proof."""
    data = proof().to_bytes()
    for at in range(len(data)):
        bad = bytearray(data)
        bad[at] ^= 1
        try:
            found = parse_proof(bytes(bad))
            verify_proof(found, WORLD.charters)
        except (NoteInvalid, ProofInvalid):
            continue
        # Only the name of a key that nobody asks for may change: a signature line of a stranger.
        raise AssertionError(f"byte {at} of the proof may be changed: {bytes(bad[at - 9 : at + 9])!r}")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((HEADER.encode(), b"c2sp.org/tlog-proof@v2"), "expected a proof file"),
        ((b"index 2", b"index 02"), "leading zeroes"),
        ((b"index 2", b"index +2"), "leading zeroes"),
        ((b"index 2", b"index 2_0"), "leading zeroes"),
        ((b"index 2", "index ２".encode()), "ASCII"),
        ((b"index 2", b"Index 2"), "expected `index`"),
        ((b"extra ", b"extra  "), "a proof's line"),
        ((b"\nextra ", b"\nother "), "expected `extra`"),
        ((b"\n\n", b"\n"), "three lines|expected|line"),
        ((b"index 2\n", b"index 2\n" + base64.b64encode(bytes(32)) + b"\n"), "too long"),
        ((b"index 2\n", b"index 2\nAAA=\n"), "expected a hash"),
        ((b"index 2\n", b"index 2\nAAB=\n"), "base64 spelling"),
    ],
    ids=str,
)
def test_what_is_no_proof_is_refused(change: tuple[bytes, bytes], words: str) -> None:
    """Each breach of the format is refused, and the sentence says which."""
    data = proof().to_bytes().replace(*change, 1)
    with pytest.raises((NoteInvalid, ProofInvalid), match=words):
        verify_proof(parse_proof(data), WORLD.charters)


def test_a_proof_has_a_size() -> None:
    """What is too long, or has too many hashes, is not even taken apart."""
    with pytest.raises(NoteInvalid, match="at most"):
        parse_proof(b"x" * (MAX_PROOF_BYTES + 1))
    with pytest.raises(NoteInvalid, match="at most 63 hashes"):
        parse_proof(replace(proof(), hashes=(bytes(32),) * 64).to_bytes())


def test_a_proof_of_another_statement() -> None:
    """Neither another statement nor another place is proven by it."""
    with pytest.raises(ProofInvalid, match="is not in the tree"):
        verify_proof(replace(proof(), statement=STATEMENTS[3]), WORLD.charters)
    with pytest.raises(ProofInvalid, match="is not in the tree"):
        verify_proof(replace(proof(), index=3), WORLD.charters)


def test_entries_records() -> None:
    """What is written is read; a note is no entries record; a short or long one is malformed."""
    entries = [entry_of(each) for each in STATEMENTS]
    assert read_entries(write_entries(70000, entries)) == (70000, entries)
    assert read_entries(SIGNED) is None
    for bad in (write_entries(0, []), write_entries(0, entries)[:-1], write_entries(0, entries * MAX_ENTRIES)):
        with pytest.raises(NoteInvalid, match="an entries record has 1 to 1024"):
            read_entries(bad)
