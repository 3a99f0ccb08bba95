"""Signed notes (C2SP signed-note): a text and lines that sign it.

Rule 1: a parser accepts exactly the format: valid UTF-8, no control characters but newline, base64 in
        its one spelling, every line ended. What it accepts it writes again byte for byte.
Rule 2: a note says nothing until a known key's signature over it held; this module only takes it apart.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Final

from yizhan.schemas.dsse import decode_base64
from yizhan.schemas.errors import NoteInvalid
from yizhan.schemas.keys import CosigningPublicKey, SigningPublicKey

MAX_NOTE_BYTES: Final = 4 * 1024 * 1024
"""Longest note read: 64 members' ML-DSA-44 cosignatures are 215 kB."""
MAX_SIGNATURES: Final = 1100
ED25519: Final = b"\x01"
MLDSA44: Final = b"\x06"
_DASH: Final = "— "
_ID_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: the key's name, its id (4 bytes), and what follows the id."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        """Write the line, without its newline."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}"


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends in a newline, and its signatures in their order."""

    text: str
    signatures: tuple[Signature, ...]

    def to_bytes(self) -> bytes:
        """Write the note."""
        return (self.text + "\n" + "".join(f"{each}\n" for each in self.signatures)).encode()

    def with_signatures(self, *more: Signature) -> Note:
        """Return the note with further signatures; a line that stands there already stands once."""
        return Note(self.text, tuple(dict.fromkeys((*self.signatures, *more))))


def parse(data: bytes) -> Note:
    """Take a signed note apart.

    Raises:
        NoteInvalid: it breaks the format; the sentence says where.
    """
    if len(data) > MAX_NOTE_BYTES:
        raise NoteInvalid(f"a note of {len(data)} bytes; at most {MAX_NOTE_BYTES} are read")
    try:
        whole = data.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        raise NoteInvalid(f"a note is UTF-8; this one is not at byte {error.start}") from None
    if any(character < " " and character != "\n" for character in whole):
        raise NoteInvalid("a note has no control characters but newlines; this one has")
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise NoteInvalid("expected a text, an empty line and signature lines, each ended by a newline")
    signatures = lines[:-1].split("\n")
    if len(signatures) > MAX_SIGNATURES:
        raise NoteInvalid(f"a note with {len(signatures)} signatures; at most {MAX_SIGNATURES} are read")
    return Note(text + "\n", tuple(_signature(number, line) for number, line in enumerate(signatures, 1)))


def _signature(number: int, line: str) -> Signature:
    name, space, blob = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not is_name(name):
        raise NoteInvalid(f"signature line {number}: expected an em dash, a key's name and base64, each after a space")
    try:
        raw = decode_base64(blob)
    except ValueError as error:
        raise NoteInvalid(f"signature line {number}, of {name[:80]}: {error}") from None
    if len(raw) <= _ID_BYTES:
        raise NoteInvalid(f"signature line {number}, of {name[:80]}: too short for a key id and a signature")
    return Signature(name, raw[:_ID_BYTES], raw[_ID_BYTES:])


def is_name(name: str) -> bool:
    r"""Tell whether this may name a key: not empty, no spaces of any kind, no plus.

    >>> is_name("yizhan/ledger"), is_name("a+b"), is_name("a\u00a0b")
    (True, False, False)
    """
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


def key_id(name: str, key: SigningPublicKey | CosigningPublicKey) -> bytes:
    """Name a key within a note: 4 bytes (signed-note, "Signatures"; tlog-cosignature, "Format")."""
    return hashlib.sha256(name.encode() + b"\n" + _kind(key) + key.raw).digest()[:_ID_BYTES]


def verifier_key(name: str, key: SigningPublicKey | CosigningPublicKey) -> str:
    """Write a key as other tools take it (signed-note, "Verifier keys")."""
    return f"{name}+{key_id(name, key).hex()}+{base64.b64encode(_kind(key) + key.raw).decode()}"


def _kind(key: SigningPublicKey | CosigningPublicKey) -> bytes:
    return ED25519 if isinstance(key, SigningPublicKey) else MLDSA44
