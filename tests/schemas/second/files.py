"""Files (clause 19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.schemas.second.basics import Invalid
from tests.schemas.second.envelope import padded
from tests.schemas.second.merkle import check_inclusion, leaf, path, subtree

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    leaves = [leaf(chunk) for chunk in chunks]
    root = subtree(leaves)
    records = []
    for i, chunk in enumerate(chunks):
        proof = path(i, leaves)
        head = b"YZC1" + root + i.to_bytes(4, "big") + count.to_bytes(4, "big") + bytes([len(proof)])
        records.append(head + b"".join(proof) + chunk)
    return root, records


def is_believed(record: bytes) -> bool:
    """Return whether a record's proof leads to its root (19.4)."""
    i, n, p = int.from_bytes(record[36:40], "big"), int.from_bytes(record[40:44], "big"), record[44:45]
    if record[:4] != b"YZC1" or not p or p[0] > 16:
        return False
    end = 45 + 32 * p[0]
    chunk, proof = record[end:], [record[at : at + 32] for at in range(45, end, 32)]
    if not 16 < len(chunk) <= CHUNK + 16:
        return False
    try:
        check_inclusion(i, n, leaf(chunk), proof, record[4:36])
    except Invalid:
        return False
    return True


def spoilt(record: bytes, fault: Mapping[str, int]) -> bytes:
    """Do to a record what a fault says (19.7)."""
    ((how, value),) = fault.items()
    if how == "cut":
        return record[:value]
    if how == "flip":
        return record[: value // 8] + bytes([record[value // 8] ^ (1 << value % 8)]) + record[value // 8 + 1 :]
    at = 36 if how == "place" else 40
    return record[:at] + value.to_bytes(4, "big") + record[at + 4 :]
