"""Merkle trees of RFC 9162 §2.1, small and pure: roots, proofs and their verification.

Rule 1: bytes in, bytes out; every hash is 32 bytes, everything else raises ``ProofInvalid``.
Rule 2: memory is logarithmic: a tree of any size is folded as its leaves arrive.
Rule 3: a proof is a list of subtrees (``inclusion_ranges``, ``consistency_ranges``); whoever knows the
        hash of a subtree, from leaves or from tiles, can write it down.
Rule 4: a verifier returns nothing; what does not verify raises. A consistency proof from an empty
        tree proves nothing and is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from yizhan.schemas.errors import ProofInvalid

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of a tree without leaves (RFC 9162 §2.1.1)."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash of a leaf: ``SHA-256(0x00 | entry)`` (RFC 9162 §2.1.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: ``SHA-256(0x01 | left | right)`` (RFC 9162 §2.1.1).

    Raises:
        ProofInvalid: a child is not 32 bytes long.
    """
    _check_hashes(left, right)
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
        """Add one leaf hash (32 bytes; ``ProofInvalid`` otherwise)."""
        _check_hashes(leaf)
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


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """Name the subtrees of an inclusion proof, from the leaf's sibling up (RFC 9162 §2.1.3.1).

    Each is (first leaf, leaf after the last).

    Raises:
        ProofInvalid: not 0 <= index < size.

    >>> inclusion_ranges(2, 5)
    [(3, 4), (0, 2), (4, 5)]
    """
    _check_index(index, size)
    ranges: list[tuple[int, int]] = []
    first, last = 0, size
    while last - first > 1:
        middle = first + _split(last - first)
        if index < middle:
            ranges.append((middle, last))
            last = middle
        else:
            ranges.append((first, middle))
            first = middle
    return ranges[::-1]


def consistency_ranges(size1: int, size2: int) -> list[tuple[int, int]]:
    """Name the subtrees of a consistency proof (RFC 9162 §2.1.4.1); none where the sizes are equal.

    Raises:
        ProofInvalid: not 0 < size1 <= size2.

    >>> consistency_ranges(3, 5)
    [(2, 3), (3, 4), (0, 2), (4, 5)]
    """
    _check_sizes(size1, size2)
    ranges: list[tuple[int, int]] = []
    first, last, whole = 0, size2, True
    while size1 != last:
        middle = first + _split(last - first)
        if size1 <= middle:
            ranges.append((middle, last))
            last = middle
        else:
            ranges.append((first, middle))
            first, whole = middle, False
    if not whole:
        ranges.append((first, last))
    return ranges[::-1]


def inclusion_proof(index: int, size: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """Prove that a leaf stands at an index of the tree over the first ``size`` leaf hashes.

    Raises:
        ProofInvalid: not 0 <= index < size <= number of leaf hashes.
    """
    _check_length(size, leaf_hashes)
    return [root(leaf_hashes[first:last]) for first, last in inclusion_ranges(index, size)]


def consistency_proof(size1: int, size2: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """Prove that the tree over the first ``size2`` leaf hashes continues the one over the first ``size1``.

    Raises:
        ProofInvalid: not 0 < size1 <= size2 <= number of leaf hashes.
    """
    _check_length(size2, leaf_hashes)
    return [root(leaf_hashes[first:last]) for first, last in consistency_ranges(size1, size2)]


def verify_inclusion(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check an inclusion proof (RFC 9162 §2.1.3.2).

    Args:
        index: of the leaf, from 0.
        size: of the tree, in leaves.
        leaf_hash: 32 bytes.
        proof: hashes of 32 bytes, from the leaf's sibling up.
        root: of the tree, 32 bytes.

    Raises:
        ProofInvalid: anything malformed, too short, too long, or another root.
    """
    _check_index(index, size)
    _check_hashes(leaf_hash, root, *proof)
    _, node = _climb(index, size - 1, leaf_hash, proof)
    if node != root:
        message = f"leaf {index} is not in the tree of {size} leaves: the proof leads to {node.hex()}, not {root.hex()}"
        raise ProofInvalid(message)


def verify_consistency(size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> None:
    """Check that a tree continues an earlier one (RFC 9162 §2.1.4.2).

    Args:
        size1: of the earlier tree, in leaves, at least 1.
        size2: of the later one, at least ``size1``.
        root1: root of the earlier tree, 32 bytes.
        root2: root of the later one, 32 bytes.
        proof: hashes of 32 bytes; none where the sizes are equal.

    Raises:
        ProofInvalid: anything malformed, or the later tree does not continue the earlier one.
    """
    _check_sizes(size1, size2)
    _check_hashes(*proof)
    if size1 == size2:  # roots are only compared: a published vector has equal ones that are no hashes
        if proof or root1 != root2:
            message = f"two trees of {size1} leaves: expected equal roots and no proof"
            raise ProofInvalid(message)
        return
    _check_hashes(root1, root2)
    path = [root1, *proof] if size1 & (size1 - 1) == 0 else list(proof)
    if not path:
        message = f"expected a consistency proof from {size1} to {size2} leaves, got none"
        raise ProofInvalid(message)
    at, last = size1 - 1, size2 - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old, new = _climb(at, last, path[0], path[1:])
    if old != root1 or new != root2:
        message = f"the tree of {size2} leaves does not continue that of {size1}"
        raise ProofInvalid(message)


def _climb(at: int, last: int, node: bytes, siblings: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Climb from a node to the root; return the root of what ends at the node, and that of the whole.

    Args:
        at: place of the node in its row, from 0.
        last: place of the last node of that row.
        node: its hash.
        siblings: from the bottom up.
    """
    old = new = node
    for sibling in siblings:
        if last == 0:
            message = f"a proof of {len(siblings)} further hashes is too long for its tree"
            raise ProofInvalid(message)
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    if last != 0:
        message = f"a proof of {len(siblings)} further hashes is too short for its tree"
        raise ProofInvalid(message)
    return old, new


def _split(size: int) -> int:
    """Largest power of two below a size of at least 2."""
    return 1 << (size - 1).bit_length() - 1


def _check_hashes(*hashes: object) -> None:
    for each in hashes:
        if not isinstance(each, bytes) or len(each) != HASH_BYTES:
            got = f"{len(each)} bytes" if isinstance(each, bytes) else type(each).__name__
            message = f"expected a hash of {HASH_BYTES} bytes, came {got}"
            raise ProofInvalid(message)


def _check_index(index: object, size: object) -> None:
    if type(index) is not int or type(size) is not int or not 0 <= index < size:
        message = f"expected 0 <= index < size, got index {index!r}, size {size!r}"
        raise ProofInvalid(message)


def _check_sizes(size1: int, size2: int) -> None:
    if type(size1) is not int or type(size2) is not int or not 0 < size1 <= size2:
        message = f"expected 0 < size1 <= size2, came {size1!r} and {size2!r}"
        raise ProofInvalid(message)


def _check_length(size: int, leaf_hashes: Sequence[bytes]) -> None:
    if size > len(leaf_hashes):
        message = f"expected {size} leaf hashes or more, came {len(leaf_hashes)}"
        raise ProofInvalid(message)
