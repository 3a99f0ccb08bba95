"""Merkle tree hashing of RFC 9162 §2.1, small and pure.

Rule 1: bytes in, bytes out; every hash is 32 bytes, everything else raises ``ValueError``.
Rule 2: memory is logarithmic: a tree of any size is folded as its leaves arrive.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of a tree without leaves (RFC 9162 §2.1.1)."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash of a leaf: ``SHA-256(0x00 | entry)`` (RFC 9162 §2.1.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: ``SHA-256(0x01 | left | right)`` (RFC 9162 §2.1.1).

    Raises:
        ValueError: if a child is not 32 bytes long.
    """
    if len(left) != HASH_BYTES or len(right) != HASH_BYTES:
        message = f"expected two hashes of {HASH_BYTES} bytes, got {len(left)} and {len(right)}"
        raise ValueError(message)
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A growing tree that keeps one hash for each complete subtree.

    >>> tree = Tree()
    >>> for entry in (b"a", b"b", b"c"):
    ...     tree.append(leaf_hash(entry))
    >>> tree.size, tree.root() == root([leaf_hash(b"a"), leaf_hash(b"b"), leaf_hash(b"c")])
    (3, True)
    """

    def __init__(self) -> None:
        """Begin with no leaves."""
        self.size = 0
        self._complete: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash (32 bytes; ``ValueError`` otherwise)."""
        if len(leaf) != HASH_BYTES:
            message = f"expected a leaf hash of {HASH_BYTES} bytes, got {len(leaf)}"
            raise ValueError(message)
        node, size = leaf, self.size
        while size & 1:
            node = node_hash(self._complete.pop(), node)
            size >>= 1
        self._complete.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Root over all leaves so far; ``EMPTY_ROOT`` for none."""
        if not self._complete:
            return EMPTY_ROOT
        node = self._complete[-1]
        for left in reversed(self._complete[:-1]):
            node = node_hash(left, node)
        return node


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """Root of the tree over these leaf hashes, in order (RFC 9162 §2.1.1)."""
    tree = Tree()
    for leaf in leaf_hashes:
        tree.append(leaf)
    return tree.root()
