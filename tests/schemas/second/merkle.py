"""Merkle trees of RFC 9162 (14.1, 18.2, 19.3), written as they stand there."""

from __future__ import annotations

import hashlib

from tests.schemas.second.basics import Invalid


def leaf(content: bytes) -> bytes:
    """Hash a leaf (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\0" + content).digest()


def root(leaves: list[bytes]) -> bytes:
    """Hash a tree; of no leaves, H of no bytes (14.1)."""
    return subtree(leaves) if leaves else hashlib.sha256(b"").digest()


def _split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def subtree(leaves: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, as it is written there."""
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return hashlib.sha256(b"\1" + subtree(leaves[:k]) + subtree(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.3.1, as it is written there."""
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), subtree(leaves[k:])]
    return [*path(m - k, leaves[k:]), subtree(leaves[:k])]


def check_inclusion(index: int, size: int, hash_: bytes, proof: list[bytes], wanted: bytes) -> None:
    """Check an inclusion proof (RFC 9162, 2.1.3.2)."""
    if index >= size or any(len(each) != 32 for each in (hash_, wanted, *proof)):
        raise Invalid("proof")
    fn, sn, r = index, size - 1, hash_
    for p in proof:
        if sn == 0:
            raise Invalid("a proof that is too long")
        if fn & 1 or fn == sn:
            r = hashlib.sha256(b"\1" + p + r).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hashlib.sha256(b"\1" + r + p).digest()
        fn, sn = fn >> 1, sn >> 1
    if sn or r != wanted:
        raise Invalid("another root")
