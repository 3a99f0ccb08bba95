"""Checkpoints and cosignatures: both keys of the log, each member once, at a time when keys hold."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from tests.world.ledger import LATER, LedgerWorld, world
from tests.world.simulator import START, load, seed
from yizhan.schemas import notes
from yizhan.schemas.charter import AdoptedCharters
from yizhan.schemas.checkpoints import (
    Checkpoint,
    cosign,
    cosigned_message,
    decimal,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from yizhan.schemas.errors import CharterInvalid, NoteInvalid
from yizhan.schemas.keys import CosigningKey, SigningKey
from yizhan.schemas.merkle import EMPTY_ROOT
from yizhan.schemas.sample import SIX
from yizhan.schemas.strictjson import dumps, loads

WORLD: Final = world()
CHECKPOINT: Final = Checkpoint(WORLD.origin, 70123, seed("root"))
SIGNED: Final = sign_checkpoint(CHECKPOINT, WORLD.ledger.signing, WORLD.ledger.cosigning, LATER)


def cosigned(*codes: str) -> bytes:
    """Return the checkpoint, cosigned by counties."""
    lines = [WORLD.cosignature(code, CHECKPOINT) for code in codes]
    return notes.parse(SIGNED).with_signatures(*lines).to_bytes()


def test_the_example_of_the_specification() -> None:
    """Its three lines are read, and written again as they were (C2SP tlog-checkpoint)."""
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    found = parse_checkpoint(text)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    assert found.text() == text


@pytest.mark.parametrize(
    "size", ["+5", "5_0", "05", "00", "-1", "", " 5", "5 ", "５", "٥", "1e3", "0x5", "9223372036854775808", "5\u0660"]
)
def test_numbers_have_one_spelling(size: str) -> None:
    """Signs, underscores, leading zeroes, digits of other scripts: refused."""
    with pytest.raises(NoteInvalid, match=r"without leading zeroes|three lines"):
        parse_checkpoint(f"a/log\n{size}\n{base64.b64encode(seed('root')).decode()}\n")


def test_the_largest_number() -> None:
    """The largest size is 2^63 - 1."""
    assert decimal("9223372036854775807") == 2**63 - 1


ROOT = base64.b64encode(seed("root")).decode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"a/log\n5\n{ROOT}", "three lines"),
        (f"a/log\n5\n{ROOT}\nextension\n", "three lines"),
        (f"\n5\n{ROOT}\n", "three lines"),
        (f"a/log\n5\n{ROOT[:-1]}\n", "root"),
        (f"a/log\n5\n{ROOT[:-2]}{chr(ord(ROOT[-2]) + 1)}=\n", "root"),
        (f"a/log\n5\n{ROOT[4:]}\n", "not that of a tree"),
        (f"a/log\n0\n{ROOT}\n", "not that of a tree"),
        (f"a/log\n5\n{base64.b64encode(EMPTY_ROOT).decode()}\n", "not that of a tree"),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str, words: str) -> None:
    """Three lines, a root of 32 bytes in one spelling, the empty root for the empty tree only."""
    with pytest.raises(NoteInvalid, match=words):
        parse_checkpoint(text)


def test_the_signed_message_is_that_of_the_specification() -> None:
    """Label, name, time, origin, 0, size, root, each as tlog-cosignature lays it out."""
    message = cosigned_message("w/1", 1679315147, Checkpoint("a/log", 5, seed("root")))
    assert message == (
        b"subtree/v1\n\0" + b"\3w/1" + (1679315147).to_bytes(8, "big") + b"\5a/log" + bytes(8)
        + (5).to_bytes(8, "big") + seed("root")
    )  # fmt: skip


def test_the_log_signs_twice() -> None:
    """A signed checkpoint has an Ed25519 and an ML-DSA-44 line under the origin, and opens."""
    opened = open_checkpoint(SIGNED, WORLD.charters)
    assert opened.checkpoint == CHECKPOINT
    assert [line.name for line in opened.note.signatures] == [WORLD.origin] * 2
    assert [len(line.signature) for line in opened.note.signatures] == [64, 8 + 2420]
    assert opened.at == LATER + timedelta(milliseconds=999)
    assert not opened.cosigned


@pytest.mark.parametrize("left", [0, 1])
def test_one_signature_of_the_log_is_not_enough(left: int) -> None:
    """Ed25519 alone can be forged one day, ML-DSA-44 alone is young: both, or nothing."""
    note = notes.parse(SIGNED)
    with pytest.raises(NoteInvalid, match=r"ML-DSA-44|Ed25519"):
        open_checkpoint(notes.Note(note.text, (note.signatures[left],)).to_bytes(), WORLD.charters)


@pytest.mark.parametrize("line", [0, 1])
def test_a_second_bad_line_of_a_known_key_spoils_the_note(line: int) -> None:
    """A good line of the log does not excuse one under the same name and key that does not hold."""
    note = notes.parse(SIGNED)
    good = note.signatures[line]
    bad = replace(good, signature=good.signature[:-1] + bytes([good.signature[-1] ^ 1]))
    for lines in ((*note.signatures, bad), (bad, *note.signatures)):
        with pytest.raises(NoteInvalid, match="does not hold"):
            open_checkpoint(notes.Note(note.text, lines).to_bytes(), WORLD.charters)


def test_a_later_line_of_nobody_is_ignored() -> None:
    """An unknown key under the name of the log says a later time: the checkpoint opens as of the time of the log."""
    stranger = CosigningKey.from_seed(seed("stranger"))
    line = cosign(CHECKPOINT, WORLD.origin, stranger, LATER + timedelta(days=400))
    assert open_checkpoint(
        notes.parse(SIGNED).with_signatures(line).to_bytes(), WORLD.charters
    ).at == LATER + timedelta(milliseconds=999)


@pytest.mark.parametrize("line", range(3))
def test_a_flipped_bit_in_a_signature_spoils_the_note(line: int) -> None:
    """A known key's signature that does not hold is no reason to look for another one."""
    note = notes.parse(cosigned("350924"))
    for bit in (64 * 8 - 1, 40 * 8):
        lines = list(note.signatures)
        data = bytearray(lines[line].signature)
        data[bit // 8] ^= 1 << bit % 8
        lines[line] = replace(lines[line], signature=bytes(data))
        with pytest.raises(NoteInvalid, match=r"does not hold|has no ML-DSA-44 key"):
            open_checkpoint(notes.Note(note.text, tuple(lines)).to_bytes(), WORLD.charters)


@pytest.mark.parametrize("change", [{"size": 70124}, {"root": seed("other")}, {"origin": "yizhan/other"}])
def test_another_checkpoint_under_these_signatures(change: dict[str, object]) -> None:
    """Origin, size and root are what is signed."""
    other = replace(CHECKPOINT, **change)  # type: ignore[arg-type] # each of its own kind
    note = replace(notes.parse(SIGNED), text=other.text())
    with pytest.raises(NoteInvalid):
        open_checkpoint(note.to_bytes(), WORLD.charters)


def test_a_quorum_makes_it_final() -> None:
    """Of six members four are a majority; the charter may ask for another number."""
    assert not open_checkpoint(cosigned(*SIX[:3]), WORLD.charters).final
    opened = open_checkpoint(cosigned(*SIX[:4]), WORLD.charters)
    assert opened.final
    assert set(opened.cosigned) == set(SIX[:4])
    alliance = loads(WORLD.files["alliance.json"]) | {"quorum": 5}
    stricter = load({**WORLD.files, "alliance.json": dumps(alliance)})
    assert not open_checkpoint(cosigned(*SIX[:4]), AdoptedCharters([stricter])).final
    with pytest.raises(CharterInvalid, match="a quorum of 7 can never be reached"):
        load({**WORLD.files, "alliance.json": dumps(alliance | {"quorum": 7})})


def test_a_member_counts_once() -> None:
    """A county that signs again and again, at other times too, is one county."""
    lines = [WORLD.cosignature("350924", CHECKPOINT, LATER + timedelta(seconds=n)) for n in range(5)]
    opened = open_checkpoint(notes.parse(SIGNED).with_signatures(*lines).to_bytes(), WORLD.charters)
    assert set(opened.cosigned) == {"350924"}
    assert opened.cosigned["350924"] == LATER + timedelta(seconds=4, milliseconds=999)


def test_a_name_is_bound_to_its_key() -> None:
    """One county's signature under another's name, or a stranger's, counts for nobody."""
    ours = cosign(CHECKPOINT, f"{WORLD.origin}/350982", WORLD.cosigning["350924"], LATER)
    stranger = cosign(CHECKPOINT, f"{WORLD.origin}/350924", CosigningKey.from_seed(seed("stranger")), LATER)
    outside = cosign(CHECKPOINT, "example.com/witness", WORLD.cosigning["350924"], LATER)
    renamed = replace(WORLD.cosignature("350924", CHECKPOINT), name=f"{WORLD.origin}/350982")
    for line in (ours, stranger, outside, renamed):
        assert not open_checkpoint(notes.parse(SIGNED).with_signatures(line).to_bytes(), WORLD.charters).cosigned


def test_a_cosignature_has_a_true_time() -> None:
    """One without a time, which says less (tlog-cosignature), is not counted."""
    undated = cosign(
        CHECKPOINT, f"{WORLD.origin}/350924", WORLD.cosigning["350924"], START.fromtimestamp(0, START.tzinfo)
    )
    assert not open_checkpoint(notes.parse(SIGNED).with_signatures(undated).to_bytes(), WORLD.charters).cosigned


def test_keys_hold_when_they_sign() -> None:
    """Before they are registered neither the log's keys nor a county's count."""
    early = START - timedelta(days=1)
    with pytest.raises(NoteInvalid, match="has no ML-DSA-44 key"):
        open_checkpoint(
            sign_checkpoint(CHECKPOINT, WORLD.ledger.signing, WORLD.ledger.cosigning, early), WORLD.charters
        )
    line = WORLD.cosignature("350924", CHECKPOINT, early)
    assert not open_checkpoint(notes.parse(SIGNED).with_signatures(line).to_bytes(), WORLD.charters).cosigned


def test_strangers_sign_for_nobody() -> None:
    """A checkpoint under other keys of the same name, or of another log, does not open."""
    signing, cosigning = SigningKey.from_seed(seed("s")), CosigningKey.from_seed(seed("s"))
    with pytest.raises(NoteInvalid, match="no ML-DSA-44 key"):
        open_checkpoint(sign_checkpoint(CHECKPOINT, signing, cosigning, LATER), WORLD.charters)
    with pytest.raises(NoteInvalid, match="no Ed25519 key"):
        open_checkpoint(sign_checkpoint(CHECKPOINT, signing, WORLD.ledger.cosigning, LATER), WORLD.charters)
    other = replace(CHECKPOINT, origin="example.com/log")
    with pytest.raises(NoteInvalid, match=r"a checkpoint of the log example\.com/log"):
        open_checkpoint(sign_checkpoint(other, WORLD.ledger.signing, WORLD.ledger.cosigning, LATER), WORLD.charters)


def test_a_charter_without_a_ledger_opens_nothing() -> None:
    """Empty means invalid: where no key is registered no checkpoint verifies."""
    bare = LedgerWorld(logged=False)
    with pytest.raises(NoteInvalid, match="no ML-DSA-44 key"):
        open_checkpoint(SIGNED, bare.charters)
