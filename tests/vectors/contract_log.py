"""Vectors of the log: checkpoints with their cosignatures, and proofs that people carry."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.vectors.contract_charters import STATION, entry, text
from tests.vectors.contract_keys import Case
from tests.vectors.contract_statements import POSTMARK, TYPE, document
from tests.world.simulator import NOW, START, County, seed
from yizhan.schemas import merkle, notes, strictjson
from yizhan.schemas.checkpoints import Checkpoint, cosign, cosigner_name, sign_checkpoint
from yizhan.schemas.keys import CosigningKey, SigningKey
from yizhan.schemas.notes import Note, Signature
from yizhan.schemas.proofs import LogProof, entry_of
from yizhan.schemas.sample import LedgerPublicKeys, MemberKeys, charter_files

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = "checkpoints/charter"
CODES: Final = ("330327", "331126", "350924")
ORIGIN: Final = "yizhan/ledger"
LATER: Final = "2026-12-01T00:00:00.000Z"
ED, NEW_ED = (SigningKey.from_seed(seed(f"ledger {n}")) for n in (1, 2))
MLDSA, NEW_MLDSA = (CosigningKey.from_seed(seed(f"ledger mldsa {n}")) for n in (1, 2))
MEMBERS: Final = {code: CosigningKey.from_seed(seed(f"cosign {code} 1")) for code in CODES}
STRANGER: Final = CosigningKey.from_seed(seed("cosign stranger"))
STATEMENTS: Final = [document(TYPE.format("postmark"), strictjson.dumps(POSTMARK | {"id": f"350924-20261123test-{n}"}))
                     .encode() for n in range(1, 8)]  # fmt: skip
LEAVES: Final = [merkle.leaf_hash(entry_of(each)) for each in STATEMENTS]
HEAD: Final = Checkpoint(ORIGIN, len(LEAVES), merkle.root(LEAVES))


def write_charter(folder: Path) -> None:
    """Write the charter of three members and a ledger, unless it is there."""
    members = {
        code: MemberKeys(County.make(code).signing.public, County.make(code).sealing.public, MEMBERS[code].public)
        for code in CODES
    }
    ledger = LedgerPublicKeys([ED.public], [MLDSA.public])
    for path, content in charter_files(members, [STATION.public], not_before=START, ledger=ledger).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_bytes(content)


def versions() -> list[dict[str, Any]]:
    """Two versions: the second has other ledger keys."""
    root = Path(__file__).parent / FOLDER
    alliance = json.loads((root / "alliance.json").read_text("utf-8"))
    new = {name: [entry(key)] for name, key in (("ledger", NEW_ED), ("ledger_mldsa", NEW_MLDSA))}
    later = alliance | {"station": alliance["station"] | new}
    changes, holds = {"alliance.json": text(later)}, "2026-07-01T00:00:00.000Z"
    return [
        {"folder": FOLDER, "name": "1-00000000000000cc", "holds_from": holds},
        {
            "folder": FOLDER,
            "changes": changes,
            "name": "2-00000000000000cc",
            "holds_from": LATER,
        },
    ]


def cosigned(
    note: bytes, *codes: str, seconds: int = 5, head: Checkpoint = HEAD, key: CosigningKey | None = None
) -> bytes:
    """Add members' cosignatures to a note."""
    parsed = notes.parse(note)
    at = NOW + timedelta(seconds=seconds)
    lines = [cosign(head, cosigner_name(ORIGIN, code), key or MEMBERS[code], at) for code in codes]
    return Note(parsed.text, (*parsed.signatures, *lines)).to_bytes()


def log_at(at: datetime, head: Checkpoint = HEAD, *, new: bool = False) -> bytes:
    """Sign a checkpoint as the log, with the keys of the first version or of the second."""
    return sign_checkpoint(head, NEW_ED if new else ED, NEW_MLDSA if new else MLDSA, at)


def flipped(note: bytes, line: int) -> bytes:
    """Spoil the last byte of one signature line."""
    parsed = notes.parse(note)
    lines = list(parsed.signatures)
    spoilt = lines[line].signature[:-1] + bytes([lines[line].signature[-1] ^ 1])
    lines[line] = Signature(lines[line].name, lines[line].key_id, spoilt)
    return Note(parsed.text, tuple(lines)).to_bytes()


def checkpoints() -> Iterator[Case]:
    """Notes that open, and notes that do not."""
    listed = versions()
    for name, sentence, note in _good():
        yield f"good-{name}", sentence, {"versions": listed, "note": note.decode()}, True
    for name, sentence, note in _bad():
        yield f"bad-{name}", sentence, {"versions": listed, "note": note.decode()}, False


def _good() -> Iterator[tuple[str, str, bytes]]:
    log = log_at(NOW)
    parsed = notes.parse(log)
    stranger = cosign(HEAD, ORIGIN, STRANGER, NOW + timedelta(days=400))
    first, second = parsed.signatures
    yield "by-the-log", "The log's two signatures, and no member's.", log
    yield "final", "Two of three members: it is final.", cosigned(log, "350924", "331126")
    yield "one-member", "One of three members: it is not.", cosigned(log, "350924")
    yield "member-twice", "One member twice counts once.", cosigned(cosigned(log, "350924"), "350924", seconds=9)
    yield (
        "stranger-as-member",
        "A stranger's key under a member's name.",
        cosigned(cosigned(log, "350924"), "331126", key=STRANGER),
    )
    yield "no-member", "A cosignature of no member.", cosigned(cosigned(log, "350924"), "999999", key=STRANGER)
    yield (
        "stranger-later",
        "A stranger's line under the log's name, of another year.",
        Note(parsed.text, (*parsed.signatures, stranger)).to_bytes(),
    )
    yield "other-order", "The log's lines in the other order.", Note(parsed.text, (second, first)).to_bytes()
    again = cosign(HEAD, ORIGIN, MLDSA, NOW + timedelta(seconds=7))
    yield "log-twice", "Two times of the log: the later one.", Note(parsed.text, (*parsed.signatures, again)).to_bytes()
    yield "empty", "A log without entries.", log_at(NOW, Checkpoint(ORIGIN, 0, merkle.EMPTY_ROOT))
    later = NOW.replace(month=12, day=1, hour=0)
    yield (
        "new-keys",
        "At the first instant of the second version, under its keys.",
        log_at(new=True, at=later),
    )
    yield (
        "old-keys",
        "In the last second of the first version.",
        log_at(later - timedelta(seconds=1)),
    )
    zero = cosign(
        HEAD, cosigner_name(ORIGIN, "331126"), MEMBERS["331126"], NOW.replace(year=1970, month=1, day=1, hour=0)
    )
    yield (
        "time-zero",
        "A cosignature of the second 0 is none.",
        Note(parsed.text, (*parsed.signatures, zero)).to_bytes(),
    )


def _bad() -> Iterator[tuple[str, str, bytes]]:
    log = log_at(NOW)
    parsed = notes.parse(log)
    first, second = parsed.signatures
    final = cosigned(log, "350924", "331126")
    later = NOW.replace(month=12, day=1, hour=0)
    raw = base64.b64encode(HEAD.root)
    yield "ed25519-alone", "No ML-DSA-44 line.", Note(parsed.text, (first,)).to_bytes()
    yield "mldsa-alone", "No Ed25519 line.", Note(parsed.text, (second,)).to_bytes()
    yield "ed25519-flipped", "One bit of the Ed25519 line.", flipped(log, 0)
    yield "mldsa-flipped", "One bit of the ML-DSA-44 line.", flipped(log, 1)
    yield "member-flipped", "One bit of a member's line.", flipped(final, 3)
    twice = Note(parsed.text, (*parsed.signatures, *parsed.signatures)).to_bytes()
    yield "ed25519-second-flipped", "A good Ed25519 line, and a bad one of the same key.", flipped(twice, 2)
    yield "mldsa-second-flipped", "A good ML-DSA-44 line, and a bad one of the same key.", flipped(twice, 3)
    yield (
        "member-second-flipped",
        "A good line of a member, and a bad one.",
        flipped(cosigned(cosigned(log, "350924"), "350924"), 3),
    )
    yield "other-size", "Another size under the signatures.", log.replace(b"\n7\n", b"\n8\n", 1)
    yield (
        "other-origin",
        "A log of another name.",
        log_at(NOW, Checkpoint("other/log", 7, HEAD.root)),
    )
    yield "keys-too-late", "The first version's keys, in the second.", log_at(later)
    yield "keys-too-early", "The second version's keys, in the first.", log_at(new=True, at=NOW)
    yield "before-keys", "Before the keys held.", log_at(START - timedelta(seconds=1))
    yield (
        "root-of-none",
        "A size above 0 and the root of no leaves.",
        log_at(NOW, Checkpoint(ORIGIN, 7, merkle.EMPTY_ROOT)),
    )
    yield "size-zero", "Size 0 and a root of leaves.", log_at(NOW, Checkpoint(ORIGIN, 0, HEAD.root))
    for name, sentence, body in (
        ("leading-zero", "A leading zero in the size.", f"{ORIGIN}\n07\n".encode() + raw + b"\n"),
        ("plus", "A sign in the size.", f"{ORIGIN}\n+7\n".encode() + raw + b"\n"),
        ("extension", "An extension line.", f"{ORIGIN}\n7\n".encode() + raw + b"\nmore\n"),
        ("short-root", "A root of 31 bytes.", f"{ORIGIN}\n7\n".encode() + base64.b64encode(HEAD.root[:31]) + b"\n"),
        ("unpadded-root", "base64 without padding.", f"{ORIGIN}\n7\n".encode() + raw.rstrip(b"=") + b"\n"),
    ):
        yield name, sentence, _signed_as_it_is(body.decode())
    yield "no-newline", "The last newline is missing.", log[:-1]
    yield "two-newlines", "A newline behind the end.", log + b"\n"
    yield "carriage-return", "A carriage return.", log.replace(b"\n", b"\r\n", 1)
    yield "no-dash", "A hyphen for a dash.", log.replace("—".encode(), b"-", 1)
    yield "no-signature", "No signature line.", parsed.text.encode() + b"\n"
    yield "empty-note", "No bytes.", b""


def _signed_as_it_is(body: str) -> bytes:
    line = Signature(ORIGIN, notes.key_id(ORIGIN, ED.public), ED.sign(body.encode()))
    return Note(body, (line, cosign(HEAD, ORIGIN, MLDSA, NOW))).to_bytes()


def proofs() -> Iterator[Case]:
    """Proof files that prove, and those that do not."""
    listed = versions()
    final = cosigned(log_at(NOW), "350924", "331126")

    def proof(index: int, statement: bytes | None = None, place: int | None = None) -> bytes:
        hashes = tuple(merkle.inclusion_proof(index, len(LEAVES), LEAVES))
        at = index if place is None else place
        return LogProof(STATEMENTS[index] if statement is None else statement, at, hashes, final).to_bytes()

    good = proof(4)
    for index in (0, 4, 6):
        yield (
            f"good-{index}",
            f"Statement {index} of seven.",
            {"versions": listed, "proof": proof(index).decode()},
            True,
        )
    head, _, tail = good.partition(b"\n\n")
    lines = head.split(b"\n")
    rows: tuple[tuple[str, str, bytes], ...] = (
        ("other-place", "Another place.", proof(4, place=5)),
        ("other-statement", "Another statement.", proof(4, statement=STATEMENTS[3])),
        ("place-beyond", "A place beyond the size.", proof(4, place=7)),
        ("leading-zero", "A leading zero in the place.", good.replace(b"index 4", b"index 04")),
        ("no-extra", "No statement in it.", b"\n".join([lines[0], *lines[2:]]) + b"\n\n" + tail),
        ("first-line", "Another first line.", good.replace(b"@v1", b"@v2", 1)),
        ("hash-missing", "A hash less.", b"\n".join(lines[:-1]) + b"\n\n" + tail),
        ("hash-more", "A hash more.", b"\n".join([*lines, lines[-1]]) + b"\n\n" + tail),
        ("hash-short", "A hash of 31 bytes.", b"\n".join([*lines[:-1], base64.b64encode(bytes(31))]) + b"\n\n" + tail),
        ("hash-order", "The hashes in another order.", b"\n".join([*lines[:3], *lines[:2:-1]]) + b"\n\n" + tail),
        ("no-checkpoint", "No checkpoint.", head + b"\n\n"),
        ("checkpoint-flipped", "A checkpoint that does not hold.", head + b"\n\n" + flipped(tail, 0)),
        ("no-blank-line", "No empty line before the checkpoint.", head + b"\n" + tail),
        ("not-ascii", "A letter that is not ASCII.", good.replace(b"extra ", "extrá ".encode(), 1)),
    )
    for name, sentence, data in rows:
        yield f"bad-{name}", sentence, {"versions": listed, "proof": data.decode()}, False
