"""Files (clause 19)."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.schemas.second.envelope import padded

CHUNK = 524_288


def file_chunks(size: int) -> int:
    """Clause 19.2: how many chunks a file of so many bytes has."""
    return (padded(size) + CHUNK - 1) // CHUNK


def seal_file(key: bytes, plain: bytes) -> tuple[bytes, list[bytes]]:
    """Clauses 19.2 to 19.4: the root of a file and its records."""
    whole = plain + bytes(padded(len(plain)) - len(plain))
    count = file_chunks(len(plain))
    chunks = []
    for i in range(count):
        nonce = i.to_bytes(11, "big") + (b"\1" if i == count - 1 else b"\0")
        chunks.append(AESGCM(key).encrypt(nonce, whole[i * CHUNK : (i + 1) * CHUNK], None))
    leaves = [hashlib.sha256(b"\0" + chunk).digest() for chunk in chunks]
    root = _subtree(leaves)
    records = []
    for i, chunk in enumerate(chunks):
        path = _path(i, leaves)
        head = b"YZC1" + root + i.to_bytes(4, "big") + count.to_bytes(4, "big") + bytes([len(path)])
        records.append(head + b"".join(path) + chunk)
    return root, records


def _split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def _subtree(leaves: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, as it is written there."""
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return hashlib.sha256(b"\1" + _subtree(leaves[:k]) + _subtree(leaves[k:])).digest()


def _path(m: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.3.1, as it is written there."""
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if m < k:
        return [*_path(m, leaves[:k]), _subtree(leaves[k:])]
    return [*_path(m - k, leaves[k:]), _subtree(leaves[:k])]
