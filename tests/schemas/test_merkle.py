"""The Merkle tree of RFC 9162."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yizhan.schemas.merkle import EMPTY_ROOT, Tree, leaf_hash, node_hash, root

# Leaves and roots of sizes 1 to 8 as Certificate Transparency implementations have them.
LEAVES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def recursive(leaves: list[bytes]) -> bytes:
    """Hash as RFC 9162 §2.1.1 defines it, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + recursive(leaves[:k]) + recursive(leaves[k:])).digest()


@given(leaves=st.lists(st.binary(max_size=8), max_size=70))
def test_folding_is_the_definition(leaves: list[bytes]) -> None:
    """A tree folded as its leaves arrive has the root that the definition gives, at every size."""
    assert root(map(leaf_hash, leaves)) == recursive(leaves)


@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots(size: int) -> None:
    """Sizes 1 to 8 have the roots known from Certificate Transparency."""
    assert root(leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES[:size]).hex() == ROOTS[size - 1]


def test_the_empty_tree_has_a_root() -> None:
    """It is the hash of nothing."""
    assert root([]) == Tree().root() == EMPTY_ROOT == hashlib.sha256(b"").digest()


@given(leaves=st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=9, unique=True))
def test_order_counts(leaves: list[bytes]) -> None:
    """The same events in another order have another root."""
    assert root(leaves) != root(leaves[::-1])


def test_a_node_is_no_leaf() -> None:
    """Leaves and nodes are hashed apart, so one cannot stand for the other (RFC 9162 §2.1)."""
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.mark.parametrize("wrong", [b"", bytes(31), bytes(33)])
def test_hashes_have_32_bytes(wrong: bytes) -> None:
    """Everything else is a ValueError."""
    with pytest.raises(ValueError, match="32"):
        Tree().append(wrong)
    with pytest.raises(ValueError, match="32"):
        node_hash(wrong, bytes(32))
    with pytest.raises(ValueError, match="32"):
        node_hash(bytes(32), wrong)


def test_memory_is_logarithmic() -> None:
    """After a hundred thousand leaves fewer than twenty hashes are kept."""
    tree = Tree()
    for _ in range(100_000):
        tree.append(bytes(32))
    assert len(tree._complete) < 20  # noqa: SLF001 -- what is kept is the point
