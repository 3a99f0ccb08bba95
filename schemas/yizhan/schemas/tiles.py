"""Tiles (C2SP tlog-tiles): a log as files of up to 256 hashes or entries.

Rule 1: a tile of level l holds the hashes of complete subtrees of 256^l leaves; a path names level,
        number and, for the last tile, its width. One path has one content, for ever.
Rule 2: whatever is read here is checked for its form; whether it belongs to a tree, its root says.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from typing import Final

from yizhan.schemas import merkle
from yizhan.schemas.errors import ProofInvalid

WIDTH: Final = 256
HEIGHT: Final = 8
ENTRY_BYTES: Final = 32
"""An entry of our log: SHA-256 of one DSSE statement with its signature."""
FRAMED_BYTES: Final = 2 + ENTRY_BYTES
ENTRIES: Final = "tile/entries"
"""Folder of the bundles."""
_PREFIX: Final = ENTRY_BYTES.to_bytes(2, "big")
_FRAMED: Final = struct.Struct(f"2x{ENTRY_BYTES}s")
_PATH: Final = re.compile(r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


def tile_path(level: int, number: int, width: int = WIDTH) -> str:
    """Name a tile's file.

    >>> tile_path(0, 1234067), tile_path(1, 0, 17)
    ('tile/0/x001/x234/067', 'tile/1/000.p/17')
    """
    return f"tile/{level}/{_number(number)}{_partial(width)}"


def entries_path(number: int, width: int = WIDTH) -> str:
    """Name an entry bundle's file.

    >>> entries_path(273, 112)
    'tile/entries/273.p/112'
    """
    return f"{ENTRIES}/{_number(number)}{_partial(width)}"


def _number(number: int) -> str:
    above, last = divmod(number, 1000)
    text = f"{last:03d}"
    while above:
        above, part = divmod(above, 1000)
        text = f"x{part:03d}/{text}"
    return text


def _partial(width: int) -> str:
    return "" if width == WIDTH else f".p/{width}"


def parse_path(path: str) -> tuple[int | None, int, int] | None:
    """Read a path as (level or None for entries, number, width); None for any that names no tile.

    >>> parse_path("tile/entries/x001/067.p/4")
    (None, 1067, 4)
    """
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    level = None if match[1] == "entries" else int(match[1])
    number, width = int(re.sub("[x/]", "", match[2])), int(match[3] or WIDTH)
    again = entries_path(number, width) if level is None else tile_path(level, number, width)
    return (level, number, width) if again == path else None


def widths(size: int) -> list[int]:
    """Count the hashes of each level of a tree: leaves, full tiles of leaves, and so on.

    >>> widths(70000)
    [70000, 273, 1]
    """
    counts = []
    while size:
        counts.append(size)
        size //= WIDTH
    return counts


def tile_width(level: int, number: int, size: int) -> int:
    """Count the hashes that a tile has in a tree of a size: 256, fewer in the last, 0 beyond."""
    return max(0, min(WIDTH, (size >> HEIGHT * level) - number * WIDTH))


def split_hashes(tile: bytes) -> list[bytes]:
    """Take a tile apart into its hashes (``ProofInvalid`` unless it is 1 to 256 of 32 bytes)."""
    count, rest = divmod(len(tile), merkle.HASH_BYTES)
    if rest or not 1 <= count <= WIDTH:
        raise ProofInvalid(f"a tile is 1 to {WIDTH} hashes of {merkle.HASH_BYTES} bytes, this one has {len(tile)}")
    return [tile[at : at + merkle.HASH_BYTES] for at in range(0, len(tile), merkle.HASH_BYTES)]


def write_bundle(entries: Sequence[bytes]) -> bytes:
    """Write entries of 32 bytes as a bundle: each after its length, 16 bits."""
    return _PREFIX.join([b"", *entries])


def read_bundle(bundle: bytes) -> list[bytes]:
    """Take a bundle apart into its entries.

    Raises:
        ProofInvalid: not 1 to 256 entries of 32 bytes, each after its length.
    """
    count, rest = divmod(len(bundle), FRAMED_BYTES)
    entries = [entry for (entry,) in _FRAMED.iter_unpack(bundle)] if not rest else []
    if rest or not 1 <= count <= WIDTH or write_bundle(entries) != bundle:
        raise ProofInvalid(f"a bundle is 1 to {WIDTH} entries of {ENTRY_BYTES} bytes, each after its length")
    return entries


def subtree_hash(first: int, last: int, tile: Callable[[int, int], bytes]) -> bytes:
    """Hash of the leaves ``first`` to before ``last``, a subtree of RFC 9162, from tiles.

    Args:
        first: a multiple of the least power of two that is not below ``last - first``.
        last: above ``first``.
        tile: gives a tile by level and number, as wide as it is there.

    Raises:
        ProofInvalid: a tile is too short or malformed.
    """
    node: bytes | None = None
    while last > first:
        height = (last - first & first - last).bit_length() - 1  # the last complete subtree
        last -= 1 << height
        left = _complete(last, height, tile)
        node = left if node is None else merkle.node_hash(left, node)
    if node is None:
        raise ProofInvalid(f"expected leaves from {first} on, got none")
    return node


def _complete(first: int, height: int, tile: Callable[[int, int], bytes]) -> bytes:
    level, inner = divmod(height, HEIGHT)
    number, place = divmod(first >> HEIGHT * level, WIDTH)
    data = tile(level, number)
    part = data[place * merkle.HASH_BYTES : (place + (1 << inner)) * merkle.HASH_BYTES]
    if len(part) != merkle.HASH_BYTES << inner:
        raise ProofInvalid(f"{tile_path(level, number)} is too short: it lacks hash {place + (1 << inner) - 1}")
    return merkle.root(split_hashes(part))


def root_at(size: int, tile: Callable[[int, int], bytes]) -> bytes:
    """Root of the tree of the first ``size`` leaves, from tiles (``ProofInvalid`` as above)."""
    return merkle.EMPTY_ROOT if size == 0 else subtree_hash(0, size, tile)


def inclusion_proof(index: int, size: int, tile: Callable[[int, int], bytes]) -> list[bytes]:
    """Prove a leaf's place, from tiles (``ProofInvalid`` as above)."""
    return [subtree_hash(first, last, tile) for first, last in merkle.inclusion_ranges(index, size)]


def consistency_proof(size1: int, size2: int, tile: Callable[[int, int], bytes]) -> list[bytes]:
    """Prove that a tree continues an earlier one, from tiles (``ProofInvalid`` as above)."""
    return [subtree_hash(first, last, tile) for first, last in merkle.consistency_ranges(size1, size2)]
