"""The Merkle tree of RFC 9162."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.world.each import each
from yizhan.schemas.errors import ProofInvalid
from yizhan.schemas.merkle import (
    EMPTY_ROOT,
    Tree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

VECTORS: Final = Path(__file__).parents[1] / "vectors" / "merkle"

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
    """The root of the empty tree is the hash of the empty string."""
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


def vectors(kind: str) -> list[Path]:
    """Return the files of transparency-dev/merkle for one kind of proof."""
    return sorted((VECTORS / kind).rglob("*.json"))


def raw(text: str | None) -> bytes:
    """Decode what a vector writes as base64."""
    return base64.b64decode(text or "")


@each("path", vectors("inclusion"))
def test_inclusion_vectors(path: Path) -> None:
    """Each published inclusion proof verifies, or is refused, as its file says."""
    case: dict[str, Any] = json.loads(path.read_text("utf-8"))
    proof = [raw(each) for each in case["proof"] or ()]

    def verify() -> None:
        verify_inclusion(case["leafIdx"], case["treeSize"], raw(case["leafHash"]), proof, raw(case["root"]))

    if case["wantErr"]:
        with pytest.raises(ProofInvalid):
            verify()
    else:
        verify()


@each("path", vectors("consistency"))
def test_consistency_vectors(path: Path) -> None:
    """Each published consistency proof does too; from an empty tree all are refused."""
    case: dict[str, Any] = json.loads(path.read_text("utf-8"))
    proof = [raw(each) for each in case["proof"] or ()]

    def verify() -> None:
        verify_consistency(case["size1"], case["size2"], raw(case["root1"]), raw(case["root2"]), proof)

    if case["wantErr"] or case["size1"] == 0:
        with pytest.raises(ProofInvalid):
            verify()
    else:
        verify()


def test_no_vector_is_left_out() -> None:
    """All 122 of them are there."""
    assert len(vectors("inclusion")) + len(vectors("consistency")) == 122


LEAF_HASHES: Final = [leaf_hash(bytes([number])) for number in range(40)]


@each("size", range(1, 41))
def test_every_leaf_has_a_proof(size: int) -> None:
    """In every tree up to 40 leaves each leaf's proof verifies at its index and at no other."""
    whole = root(LEAF_HASHES[:size])
    for index in range(size):
        proof = inclusion_proof(index, size, LEAF_HASHES)
        verify_inclusion(index, size, LEAF_HASHES[index], proof, whole)
        for other in {0, index ^ 1, size - 1} - {index}:
            with pytest.raises(ProofInvalid):
                verify_inclusion(other, size, LEAF_HASHES[index], proof, whole)


@each("size2", range(1, 41))
def test_every_earlier_tree_is_continued(size2: int) -> None:
    """Every tree up to 40 leaves is proven to continue every earlier one, and no other."""
    whole = root(LEAF_HASHES[:size2])
    for size1 in range(1, size2 + 1):
        proof = consistency_proof(size1, size2, LEAF_HASHES)
        before = root(LEAF_HASHES[:size1])
        verify_consistency(size1, size2, before, whole, proof)
        with pytest.raises(ProofInvalid):
            verify_consistency(size1, size2, leaf_hash(before), whole, proof)
        for bad in (proof[:-1], [*proof, whole]):
            with pytest.raises(ProofInvalid):
                verify_consistency(size1, size2, before, whole, bad if proof else [whole])


@pytest.mark.parametrize("at", range(6))
def test_one_flipped_bit_anywhere_is_noticed(at: int) -> None:
    """A proof with one wrong bit leads elsewhere."""
    proof = inclusion_proof(5, 40, LEAF_HASHES)
    for bit in (0, 77, 255):
        flipped = bytearray(proof[at])
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ProofInvalid):
            verify_inclusion(5, 40, LEAF_HASHES[5], [*proof[:at], bytes(flipped), *proof[at + 1 :]], root(LEAF_HASHES))


@pytest.mark.parametrize(
    ("index", "size"), [(-1, 1), (1, 1), (0, 0), (True, 2), (0, True), ("0", 1), (0.0, 1)], ids=str
)
def test_places_that_are_none(index: Any, size: Any) -> None:  # noqa: ANN401 -- whatever a stranger may write
    """An index outside the tree, or a number that is none, is refused by name."""
    with pytest.raises(ProofInvalid, match="expected 0 <= index < size"):
        verify_inclusion(index, size, LEAF_HASHES[0], [], LEAF_HASHES[0])


@pytest.mark.parametrize("bad", [b"", b"x" * 31, b"x" * 33, "x" * 32, None], ids=repr)
def test_hashes_that_are_none(bad: Any) -> None:  # noqa: ANN401 -- whatever a stranger may write
    """A hash of another length or kind is refused wherever it stands."""
    good = LEAF_HASHES[0]
    for leaf, proof, whole in ((bad, [], good), (good, [], bad), (good, [bad], good)):
        with pytest.raises(ProofInvalid, match="expected a hash of 32 bytes"):
            verify_inclusion(0, 2, leaf, proof, whole)
    with pytest.raises(ProofInvalid, match="expected a hash of 32 bytes"):
        verify_consistency(1, 2, good, good, [bad])


def test_proofs_of_more_leaves_than_there_are() -> None:
    """A proof for more leaves than there are is refused."""
    with pytest.raises(ProofInvalid, match="expected 41 leaf hashes"):
        inclusion_proof(0, 41, LEAF_HASHES)
    with pytest.raises(ProofInvalid, match="expected 41 leaf hashes"):
        consistency_proof(1, 41, LEAF_HASHES)
