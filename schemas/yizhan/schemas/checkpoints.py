"""Checkpoints and cosignatures: the signed heads of the log (C2SP tlog-checkpoint, tlog-cosignature).

Law 2: a checkpoint comes out of here only if the log's Ed25519 key and its ML-DSA-44 key, both in force
       in the charter, signed it.

Rule 1: our log signs with two keys under one name, its origin: Ed25519 for tools in the field, and an
        ML-DSA-44 cosignature, which also carries the time. Extension lines, which that does not cover,
        are refused.
Rule 2: a county's cosignature is ML-DSA-44 under the name ``<origin>/<code>``, with a true time.
Rule 3: a member counts once, however often it signed; what is signed by nobody known is ignored; a
        known key's signature that does not hold spoils the whole note.
Rule 4: a signature's time is a whole second; a key holds if it holds in the last millisecond of it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from yizhan.schemas import merkle, notes
from yizhan.schemas.charter import Charter, Charters, RegisteredKey
from yizhan.schemas.dsse import decode_base64
from yizhan.schemas.errors import NoteInvalid
from yizhan.schemas.keys import COSIGNATURE_BYTES, CosigningKey, CosigningPublicKey, SigningKey
from yizhan.schemas.notes import Note, Signature
from yizhan.schemas.timestamps import LAST_YEAR

MAX_SIZE: Final = 2**63 - 1
_LABEL: Final = b"subtree/v1\n\0"
_TIME_BYTES: Final = 8
_LINES: Final = 3
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a tree: whose log, how many leaves, their root (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Write the note text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint's three lines.

    Raises:
        NoteInvalid: another spelling than the one that ``Checkpoint.text`` writes.

    >>> parse_checkpoint(Checkpoint("a/log", 0, merkle.EMPTY_ROOT).text()).size
    0
    """
    lines = text.split("\n")
    if len(lines) != _LINES + 1 or lines[-1] or not all(lines[:-1]):
        raise NoteInvalid(f"a checkpoint is three lines, not empty: origin, size, root; this one has {len(lines) - 1}")
    origin, size, root = lines[:-1]
    number = decimal(size)
    try:
        raw = decode_base64(root)
    except ValueError as error:
        raise NoteInvalid(f"a checkpoint's root: {error}") from None
    if len(raw) != merkle.HASH_BYTES or (number == 0) != (raw == merkle.EMPTY_ROOT):
        raise NoteInvalid(f"a checkpoint of size {number}: its root is not that of a tree of this size")
    return Checkpoint(origin, number, raw)


def decimal(text: str) -> int:
    """Read a number in ASCII decimal without leading zeroes, at most 2^63 - 1.

    Raises:
        NoteInvalid: another spelling.

    >>> decimal("20852163")
    20852163
    """
    if not _DECIMAL.fullmatch(text) or (number := int(text)) > MAX_SIZE:
        raise NoteInvalid(f"expected a decimal number without leading zeroes up to 2^63 - 1, got {text[:40]!r}")
    return number


def cosigner_name(origin: str, member: str) -> str:
    """Name of a member's cosigning key: ``yizhan/ledger/350924``."""
    return f"{origin}/{member}"


def cosigned_message(name: str, seconds: int, checkpoint: Checkpoint) -> bytes:
    """Write what ML-DSA-44 signs (tlog-cosignature, "ML-DSA-44 signed message").

    Args:
        name: of the cosigner.
        seconds: since 1970.
        checkpoint: the tree; ``start`` is 0.
    """
    cosigner, origin = name.encode(), checkpoint.origin.encode()
    return b"".join(
        (
            _LABEL,
            bytes([len(cosigner)]) + cosigner,
            seconds.to_bytes(8, "big"),
            bytes([len(origin)]) + origin,
            (0).to_bytes(8, "big"),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def cosign(checkpoint: Checkpoint, name: str, key: CosigningKey, at: datetime) -> Signature:
    """Cosign a checkpoint with ML-DSA-44 at an instant."""
    seconds = int(at.timestamp())
    signed = key.sign(cosigned_message(name, seconds, checkpoint))
    return Signature(name, notes.key_id(name, key.public), seconds.to_bytes(_TIME_BYTES, "big") + signed)


def sign_checkpoint(checkpoint: Checkpoint, signing: SigningKey, cosigning: CosigningKey, at: datetime) -> bytes:
    """Sign a checkpoint as the log: Ed25519 and ML-DSA-44, both under its origin."""
    text, name = checkpoint.text(), checkpoint.origin
    field = Signature(name, notes.key_id(name, signing.public), signing.sign(text.encode()))
    return Note(text, (field, cosign(checkpoint, name, cosigning, at))).to_bytes()


@dataclass(frozen=True, slots=True)
class OpenedCheckpoint:
    """A checkpoint whose log signatures held.

    ``at`` is when the log signed, ``charter`` the one in force then, ``cosigned`` member code → when it
    cosigned, of every valid cosignature by a member of that charter.
    """

    checkpoint: Checkpoint
    note: Note
    at: datetime
    charter: Charter
    cosigned: Mapping[str, datetime]

    @property
    def final(self) -> bool:
        """Whether the charter's quorum of members cosigned it."""
        return len(self.cosigned) >= self.charter.quorum


def open_checkpoint(data: bytes, charters: Charters) -> OpenedCheckpoint:
    """Verify a checkpoint: the log's two signatures, and every cosignature of a known key.

    The log's time is read before it is verified, only to choose the charter.

    Raises:
        NoteInvalid: malformed, of another log, not signed by both keys, or by a known key wrongly.
    """
    note = notes.parse(data)
    checkpoint = parse_checkpoint(note.text)
    at = _signed_at(note, checkpoint, charters)
    charter = charters.in_force(at)
    signed = [each for each in note.signatures if _signed(each, note, charter, at)]
    if not signed:
        raise NoteInvalid(f"charter {charter.name} has no Ed25519 key of the ledger that signed this checkpoint")
    return OpenedCheckpoint(checkpoint, note, at, charter, _members(note, checkpoint, charter, charters))


def _signed_at(note: Note, checkpoint: Checkpoint, charters: Charters) -> datetime:
    """Return the newest time at which an ML-DSA-44 key of the log signed; lines of known keys hold, all of them."""
    dated = [each for each in note.signatures if each.name == checkpoint.origin and _is_dated(each)]
    if not dated:
        raise NoteInvalid(f"no ML-DSA-44 signature of the log {checkpoint.origin[:80]}")
    newest = charters.in_force(max(map(_time, dated)))
    if checkpoint.origin != newest.log:
        raise NoteInvalid(f"a checkpoint of the log {checkpoint.origin[:80]}; charter {newest.name} has {newest.log}")
    known = [each for each in dated if _cosigned(each, checkpoint, charters.in_force(_time(each)).ledger_mldsa)]
    if not known:
        raise NoteInvalid(f"charter {newest.name} has no ML-DSA-44 key of the ledger that signed this checkpoint")
    return max(map(_time, known))


def _members(note: Note, checkpoint: Checkpoint, charter: Charter, charters: Charters) -> dict[str, datetime]:
    names = {cosigner_name(checkpoint.origin, code): code for code in charter.members}
    found: dict[str, datetime] = {}
    for each in note.signatures:
        code = names.get(each.name)
        if code is not None and _is_dated(each):
            keys = charters.in_force(_time(each)).cosigning.get(code, {})
            if _cosigned(each, checkpoint, keys):
                found[code] = max(_time(each), found.get(code, _time(each)))
    return found


def _signed(line: Signature, note: Note, charter: Charter, at: datetime) -> bool:
    """Tell whether a known Ed25519 key of the ledger made this line; it must hold if so."""
    for entry in charter.ledger.values():
        if (line.name, line.key_id) == (charter.log, notes.key_id(charter.log, entry.key)):
            if not entry.key.verifies(line.signature, note.text.encode()):
                raise NoteInvalid(f"the Ed25519 signature of {line.name} does not hold")
            return entry.holds(at)
    return False


def _cosigned(line: Signature, checkpoint: Checkpoint, keys: Mapping[str, RegisteredKey[CosigningPublicKey]]) -> bool:
    """Tell whether one of these ML-DSA-44 keys made this line; it must hold if so."""
    for entry in keys.values():
        if line.key_id == notes.key_id(line.name, entry.key):
            seconds, signature = int.from_bytes(line.signature[:_TIME_BYTES], "big"), line.signature[_TIME_BYTES:]
            if not entry.key.verifies(signature, cosigned_message(line.name, seconds, checkpoint)):
                raise NoteInvalid(f"the ML-DSA-44 signature of {line.name} does not hold")
            return entry.holds(_time(line))
    return False


def _is_dated(line: Signature) -> bool:
    seconds = int.from_bytes(line.signature[:_TIME_BYTES], "big")
    return len(line.signature) == _TIME_BYTES + COSIGNATURE_BYTES and 0 < seconds <= _LAST_SECOND


_LAST_SECOND: Final = int(datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp()) - 1


def _time(line: Signature) -> datetime:
    seconds = int.from_bytes(line.signature[:_TIME_BYTES], "big")
    return datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=999)
