"""Attached files: sealed in chunks, each verified against the Merkle root in the event.

    plain  = file | zeros up to the Padmé length of the file        (specification, 19)
    chunk  = AES-256-GCM(key, nonce = i as u88 | last u8, plain[i x 524,288 : (i + 1) x 524,288])
    record = "YZC1" | root[32] | i u32 | n u32 | p u8 | p x hash[32] | chunk

The chunks are STREAM (Hoang, Reyhanitabar, Rogaway and Vizár, 2015) with the nonces of age: a chunk that is
cut off, swapped, repeated or left out does not open. The key is 32 random bytes that seal one file and nothing else.

Rule 1: a chunk is believed because its inclusion proof leads to a root that a signed event sealed to us names.
        Kafka's keys and offsets are hints.
Rule 2: nothing is compressed, and nothing here reads a file, a clock or a source of randomness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from yizhan.schemas import merkle
from yizhan.schemas.envelope import padded_length
from yizhan.schemas.errors import FileRefused, ProofInvalid
from yizhan.schemas.i18n import marked

CHUNK_BYTES: Final = 512 * 1024
"""Plaintext of every chunk but the last. With its tag and proof it fits into one record of 1 MiB."""
TAG_BYTES: Final = 16
KEY_BYTES: Final = 32
MAX_FILE_BYTES: Final = 200 * 1024 * 1024
MAX_FILES: Final = 16
"""Sealed files of one event."""
MAGIC: Final = b"YZC1"
_HEAD: Final = len(MAGIC) + 32 + 4 + 4 + 1
_MAX_PROOF: Final = 16


@dataclass(frozen=True, slots=True)
class ChunkRecord:
    """One verified record: chunk ``index`` (from 0) of ``count`` below ``root``."""

    root: bytes
    index: int
    count: int
    chunk: bytes


def chunk_count(file_bytes: int) -> int:
    """Return how many chunks a file of so many bytes has.

    >>> [chunk_count(n) for n in (1, 524288, 524289, 200 * 1024 * 1024)]
    [1, 1, 2, 400]
    """
    return -(-padded_length(file_bytes) // CHUNK_BYTES)


def chunk_bytes(file_bytes: int, index: int) -> int:
    """Return how long chunk ``index`` of a file is when sealed, in bytes."""
    return min(CHUNK_BYTES, padded_length(file_bytes) - index * CHUNK_BYTES) + TAG_BYTES


def seal_chunk(key: bytes, index: int, plain: bytes, *, last: bool) -> bytes:
    """Seal one chunk of plaintext (1 to 524,288 bytes) under a key of 32 bytes."""
    return AESGCM(key).encrypt(_nonce(index, last=last), plain, None)


def open_chunk(key: bytes, index: int, chunk: bytes, *, last: bool) -> bytes:
    """Open one chunk.

    Raises:
        FileRefused: it is not the chunk of this place in this file.
    """
    try:
        return AESGCM(key).decrypt(_nonce(index, last=last), chunk, None)
    except InvalidTag:
        sentence = marked("附件第 {n} 块应能用文书里的密钥打开，却打不开；请发件县重新附上这个文件再发一次")
        raise FileRefused("chunk", sentence, n=index + 1) from None


def write_record(root: bytes, index: int, leaves: Sequence[bytes], chunk: bytes) -> bytes:
    """Write the record of one chunk; ``leaves`` are the leaf hashes of all chunks, in order."""
    proof = merkle.inclusion_proof(index, len(leaves), leaves)
    place = index.to_bytes(4, "big") + len(leaves).to_bytes(4, "big")
    return b"".join((MAGIC, root, place, bytes([len(proof)]), *proof, chunk))


def read_record(value: bytes) -> ChunkRecord:
    """Take a record apart and check that its proof leads from its chunk to the root that it names.

    Raises:
        ProofInvalid: it is no such record, or its chunk is another one than its root has in that place.
    """
    if len(value) < _HEAD or not value.startswith(MAGIC):
        message = f"no chunk record: expected {MAGIC!r} and at least {_HEAD} bytes, came {len(value)}"
        raise ProofInvalid(message)
    root, index, count = value[4:36], int.from_bytes(value[36:40], "big"), int.from_bytes(value[40:44], "big")
    end = _HEAD + 32 * value[44]
    chunk = value[end:]
    if value[44] > _MAX_PROOF or not TAG_BYTES < len(chunk) <= CHUNK_BYTES + TAG_BYTES:
        message = f"no chunk record: a proof of {value[44]} hashes, a chunk of {len(chunk)} bytes"
        raise ProofInvalid(message)
    proof = [value[at : at + 32] for at in range(_HEAD, end, 32)]
    merkle.verify_inclusion(index, count, merkle.leaf_hash(chunk), proof, root)
    return ChunkRecord(root, index, count, chunk)


def _nonce(index: int, *, last: bool) -> bytes:
    return index.to_bytes(11, "big") + bytes([last])
