"""In whatever portions entries are added, the files are those of the definition."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yizhan.ledger.tree_builder import TreeBuilder
from yizhan.schemas import merkle, tiles
from yizhan.schemas.errors import ProofInvalid

ENTRIES = [hashlib.sha256(b"%d" % number).digest() for number in range(66000)]
LEAVES = [merkle.leaf_hash(entry) for entry in ENTRIES]


@pytest.mark.parametrize(
    "size",
    [0, 1, 255, 256, 257, *(pytest.param(size, marks=pytest.mark.exhaustive) for size in (65535, 65536, 65537, 66000))],
)
def test_files_and_root_are_those_of_the_definition(size: int) -> None:
    """Around the ends of tiles of every level."""
    builder = TreeBuilder()
    files = dict(builder.extend(ENTRIES[:size]))
    assert builder.root() == merkle.root(LEAVES[:size])
    expected = {}
    for level, count in enumerate(tiles.widths(size)):
        for number in range(-(-count // tiles.WIDTH)):
            width = tiles.tile_width(level, number, size)
            at = [(number * tiles.WIDTH + place) << tiles.HEIGHT * level for place in range(width)]
            content = b"".join(merkle.root(LEAVES[first : first + (1 << tiles.HEIGHT * level)]) for first in at)
            expected[tiles.tile_path(level, number, width)] = content
            if level == 0:
                first = number * tiles.WIDTH
                bundle = tiles.write_bundle(ENTRIES[first : first + width])
                expected[tiles.entries_path(number, width)] = bundle
    assert files == expected


@given(st.lists(st.integers(0, 700), min_size=1, max_size=5))
def test_portions_do_not_matter(portions: list[int]) -> None:
    """The full files, and those of the last size, are the same; so is the edge read from them."""
    builder, files = TreeBuilder(), dict[str, bytes]()
    for portion in portions:
        files |= builder.extend(ENTRIES[builder.size : builder.size + portion])
    size = sum(portions)
    assert dict(TreeBuilder().extend(ENTRIES[:size])).items() <= files.items()

    def tile(level: int, number: int) -> bytes:
        return files[tiles.tile_path(level, number, tiles.tile_width(level, number, size))]

    def bundle(number: int) -> bytes:
        return files[tiles.entries_path(number, tiles.tile_width(0, number, size))]

    loaded = TreeBuilder.load(size, tile, bundle)
    assert (loaded.root(), loaded.bundle) == (builder.root(), builder.bundle)
    more = ENTRIES[size : size + 300]
    assert dict(loaded.extend(more)) == dict(builder.extend(more))


def test_an_edge_that_does_not_fit_is_named() -> None:
    """A last bundle with another entry, and a tile that is too short."""
    files = dict(TreeBuilder().extend(ENTRIES[:5]))
    tile, other = files["tile/0/000.p/5"], tiles.write_bundle(ENTRIES[1:6])
    with pytest.raises(ProofInvalid, match=r"tile/entries/000\.p/5 does not belong to its tile"):
        TreeBuilder.load(5, lambda _level, _number: tile, lambda _number: other)
    with pytest.raises(ProofInvalid, match=r"tile/0/000\.p/5 is too short"):
        TreeBuilder.load(5, lambda _level, _number: tile[:64], lambda _number: other)
