"""Tiles: paths, widths, and the same hashes as the tree itself."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yizhan.schemas import merkle, tiles
from yizhan.schemas.errors import ProofInvalid
from yizhan.schemas.tiles import (
    consistency_proof,
    entries_path,
    inclusion_proof,
    parse_path,
    read_bundle,
    root_at,
    split_hashes,
    tile_path,
    tile_width,
    widths,
    write_bundle,
)

LEAVES: Final = [hashlib.sha256(b"%d" % number).digest() for number in range(70000)]


def tile(level: int, number: int, size: int = 70000) -> bytes:
    """Return a tile of the tree over ``LEAVES``, made by the definition."""
    width = tile_width(level, number, size)
    step = 256**level
    first = number * 256
    return b"".join(merkle.root(LEAVES[at * step : (at + 1) * step]) for at in range(first, first + width))


@cache
def kept(level: int, number: int) -> bytes:
    """Return a tile that there is, made once."""
    made = tile(level, number)
    assert made
    return made


def test_the_example_of_the_specification() -> None:
    """70,000 leaves: 273 full tiles and one of 112, one full and one of 17, one of 1 (C2SP tlog-tiles)."""
    assert [tile_width(0, 272, 70000), tile_width(0, 273, 70000), tile_width(0, 274, 70000)] == [256, 112, 0]
    assert [tile_width(1, 0, 70000), tile_width(1, 1, 70000)] == [256, 17]
    assert [tile_width(2, 0, 70000), tile_width(3, 0, 70000)] == [1, 0]
    assert (widths(256), tile_width(0, 0, 256), tile_width(1, 0, 256)) == ([256, 1], 256, 1)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("tile/0/x001/x234/067", (0, 1234067, 256)),
        ("tile/63/000.p/1", (63, 0, 1)),
        ("tile/entries/x001/000.p/255", (None, 1000, 255)),
    ],
)
def test_paths(path: str, place: tuple[int | None, int, int]) -> None:
    """Each path names its tile, and each tile has this path."""
    level, number, width = place
    assert parse_path(path) == place
    assert (entries_path(number, width) if level is None else tile_path(level, number, width)) == path


@pytest.mark.parametrize(
    "path",
    [
        "tile/64/000", "tile/00/000", "tile/0/00", "tile/0/1000", "tile/0/x000/001", "tile/0/000.p/0",
        "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/001/x002", "tile/-1/000", "tile/0/000/", "/tile/0/000",
        "tile/0/٠٠٠", "tile/0/../000", "checkpoint",
    ],
)  # fmt: skip
def test_what_is_no_path(path: str) -> None:
    """Any other spelling of a path is refused."""
    assert parse_path(path) is None


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 65535, 65536, 65537, 69999, 70000])
def test_roots_are_those_of_the_tree(size: int) -> None:
    """Of every earlier size too, from the tiles of a later one."""
    assert root_at(size, kept) == merkle.root(LEAVES[:size])


def test_the_empty_tree() -> None:
    """The empty tree needs no tile."""
    assert root_at(0, kept) == merkle.EMPTY_ROOT


@given(st.data())
def test_proofs_from_tiles_verify(data: st.DataObject) -> None:
    """For any leaf and sizes the tiles give a valid proof."""
    size = data.draw(st.integers(1, 70000))
    index, earlier = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    root = root_at(size, kept)
    merkle.verify_inclusion(index, size, LEAVES[index], inclusion_proof(index, size, kept), root)
    proof = consistency_proof(earlier, size, kept)
    merkle.verify_consistency(earlier, size, root_at(earlier, kept), root, proof)


def test_a_short_tile_is_named() -> None:
    """A tile that lacks a hash is no tile of this tree."""
    with pytest.raises(ProofInvalid, match=r"tile/0/000 is too short: it lacks hash 4"):
        root_at(5, lambda _level, _number: b"".join(LEAVES[:4]))


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=256))
def test_bundles(entries: list[bytes]) -> None:
    """A bundle is the same after writing and reading."""
    assert read_bundle(write_bundle(entries)) == entries


@pytest.mark.parametrize(
    "bundle", [b"", b"\0\x20" + b"x" * 31, b"\0\x1f" + b"x" * 31, b"\0\x21" + b"x" * 32, (b"\0\x20" + b"x" * 32) * 257]
)
def test_what_is_no_bundle(bundle: bytes) -> None:
    """Another length of an entry, none, or too many."""
    with pytest.raises(ProofInvalid, match="a bundle is 1 to 256 entries"):
        read_bundle(bundle)


@pytest.mark.parametrize("data", [b"", b"x" * 33, b"x" * 32 * 257])
def test_what_is_no_tile(data: bytes) -> None:
    """A tile with a partial hash, no hash or too many hashes is refused."""
    with pytest.raises(ProofInvalid, match="a tile is 1 to 256 hashes"):
        split_hashes(data)


def test_a_subtree_of_nothing() -> None:
    """There is no hash of no leaves within a tree."""
    with pytest.raises(ProofInvalid, match="got none"):
        tiles.subtree_hash(4, 4, kept)
