"""The log (clause 18): checkpoints, cosignatures, proofs and records of entries."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from tests.schemas.second.basics import Invalid, decode_base64, sha256
from tests.schemas.second.charter import in_force
from tests.schemas.second.merkle import check_inclusion, leaf

if TYPE_CHECKING:
    from tests.schemas.second.charter import Charter, Versions
    from tests.schemas.second.keys import Key

MAX_NUMBER = 2**63 - 1
MLDSA_LINE = 8 + 2420


@dataclass(frozen=True)
class Line:
    """A signature line of a note."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def seconds(self) -> int:
        """The time of an ML-DSA-44 line (18.3); 0 for a line that is none."""
        found = int.from_bytes(self.signature[:8], "big") if len(self.signature) == MLDSA_LINE else 0
        return found if found < datetime(2200, 1, 1, tzinfo=UTC).timestamp() else 0

    @property
    def at(self) -> datetime:
        """The last millisecond of its second (18.4)."""
        return datetime.fromtimestamp(self.seconds, UTC) + timedelta(milliseconds=999)


@dataclass(frozen=True)
class Opened:
    """A checkpoint that verified."""

    origin: str
    size: int
    root: bytes
    at: datetime
    cosigned: dict[str, datetime]
    final: bool


def number(text: str) -> int:
    """Read a number (18.1)."""
    if not re.fullmatch(r"0|[1-9][0-9]{0,18}", text) or int(text) > MAX_NUMBER:
        raise Invalid("number")
    return int(text)


def parse_note(data: bytes) -> tuple[str, list[Line]]:
    """Take a signed note apart (18.1)."""
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid("not UTF-8") from None
    if re.search(r"[\x00-\x09\x0b-\x1f]", whole):
        raise Invalid("control characters")
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise Invalid("no signature lines")
    found = []
    for line in lines[:-1].split("\n"):
        match = re.fullmatch(r"\u2014 ([^\s+]+) (\S+)", line)
        raw = decode_base64(match[2]) if match else b""
        if match is None or len(raw) <= 4:
            raise Invalid("signature line")
        found.append(Line(match[1], raw[:4], raw[4:]))
    return text + "\n", found


def key_id(name: str, kind: bytes, public: bytes) -> bytes:
    """Name a key within a note (signed-note)."""
    return sha256(name.encode() + b"\n" + kind + public)[:4]


def _message(name: str, seconds: int, origin: str, size: int, root: bytes) -> bytes:
    """Write what ML-DSA-44 signs (tlog-cosignature)."""
    names = [bytes([len(each.encode())]) + each.encode() for each in (name, origin)]
    place = (0).to_bytes(8, "big") + size.to_bytes(8, "big")
    return b"subtree/v1\n\0" + names[0] + seconds.to_bytes(8, "big") + names[1] + place + root


def _dated(line: Line, keys: dict[str, Key], head: tuple[str, int, bytes]) -> bool:
    """Return whether one of these keys made an ML-DSA-44 line, and held; it must hold if so (18.5)."""
    for key in keys.values():
        if key_id(line.name, b"\x06", key.public) == line.key_id:
            try:
                public = MLDSA44PublicKey.from_public_bytes(key.public)
                public.verify(line.signature[8:], _message(line.name, line.seconds, *head))
            except InvalidSignature:
                raise Invalid("a known key's line does not hold") from None
            return key.holds(line.at)
    return False


def _plain(line: Line, charter: Charter, text: str, at: datetime) -> bool:
    """Return whether an Ed25519 key of the ledger made a line, and held; it must hold if so (18.3, 18.5)."""
    for key in charter.ledger.values():
        if line.name == charter.log and key_id(line.name, b"\x01", key.public) == line.key_id:
            if not key.verifies(line.signature, text.encode()):
                raise Invalid("a known key's line does not hold")
            return key.holds(at)
    return False


def open_checkpoint(data: bytes, versions: Versions) -> Opened:
    """Verify a checkpoint and its cosignatures (18.3 to 18.7)."""
    text, lines = parse_note(data)
    head = _head_of(text)
    at = _time_of_log(lines, head, versions)
    charter = in_force(versions, at)
    if head[0] != charter.log or True not in [_plain(line, charter, text, at) for line in lines]:
        raise Invalid("no Ed25519 line of the log")
    cosigned: dict[str, datetime] = {}
    for line in lines:
        code = line.name.removeprefix(f"{head[0]}/")
        if line.seconds and code in charter.members and line.name == f"{head[0]}/{code}":
            keys = in_force(versions, line.at).cosigning.get(code, {})
            if _dated(line, keys, head):
                cosigned[code] = max(line.at, cosigned.get(code, line.at))
    return Opened(*head, at, cosigned, len(cosigned) >= charter.quorum)


def _head_of(text: str) -> tuple[str, int, bytes]:
    """Take a checkpoint apart: origin, size, root (18.3)."""
    parts = text.split("\n")
    if len(parts) != 4 or parts[3] or not all(parts[:3]):
        raise Invalid("not three lines")
    origin, size, root = parts[0], number(parts[1]), decode_base64(parts[2])
    if len(root) != 32 or (size == 0) != (root == hashlib.sha256(b"").digest()):
        raise Invalid("root")
    return origin, size, root


def _time_of_log(lines: list[Line], head: tuple[str, int, bytes], versions: Versions) -> datetime:
    """Find the time of a checkpoint: the latest line of the log by a key that it has and that holds then (18.5)."""
    own = [line for line in lines if line.name == head[0] and line.seconds]
    held = [line.at for line in own if _dated(line, in_force(versions, line.at).ledger_mldsa, head)]
    if not held:
        raise Invalid("no ML-DSA-44 line of the log")
    return max(held)


def open_proof(data: bytes, versions: Versions) -> tuple[bytes, int, Opened]:
    """Verify a proof file: its statement, the place, the checkpoint (18.10)."""
    head, blank, checkpoint = data.partition(b"\n\n")
    if not blank or not head.isascii():
        raise Invalid("no proof")
    first, extra, place, *hashes = [*head.decode().split("\n"), "", ""]
    if first != "c2sp.org/tlog-proof@v1" or not extra.startswith("extra ") or not place.startswith("index "):
        raise Invalid("no proof")
    statement, index = decode_base64(extra.removeprefix("extra ")), number(place.removeprefix("index "))
    proof = [decode_base64(each) for each in hashes[:-2]]
    opened = open_checkpoint(checkpoint, versions)
    check_inclusion(index, opened.size, leaf(sha256(statement)), proof, opened.root)
    return statement, index, opened


def read_entries(value: bytes) -> tuple[int, list[bytes]]:
    """Read a record that holds entries (18.8)."""
    start, body = int.from_bytes(value[4:12], "big"), value[12:]
    count = len(body) // 32
    if value[:4] != b"YZL1" or len(body) % 32 or not 1 <= count <= 1024 or start + count > MAX_NUMBER:
        raise Invalid("entries")
    return start, [body[at : at + 32] for at in range(0, len(body), 32)]
