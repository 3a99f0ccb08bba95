"""Builds a log's files, pure: entries go in, files come out; memory holds the right edge only.

The writer writes these files, the verifier compares them with the existing ones, a rebuild writes them again:
one code defines a log's files.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yizhan.schemas import merkle, tiles
from yizhan.schemas.errors import ProofInvalid
from yizhan.schemas.tiles import WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@dataclass
class TreeBuilder:
    """The right edge of a log.

    ``edge[level]`` are the hashes of the last tile of that level, fewer than 256; ``bundle`` the entries
    of the last bundle, as many as ``edge[0]`` has.
    """

    size: int = 0
    edge: list[list[bytes]] = field(default_factory=list)
    bundle: list[bytes] = field(default_factory=list)

    @classmethod
    def load(cls, size: int, tile: Callable[[int, int], bytes], bundle: Callable[[int], bytes]) -> TreeBuilder:
        """Read the right edge of a log of a size.

        Args:
            size: in leaves.
            tile: gives a tile by level and number, as wide as it is there.
            bundle: gives a bundle by number.

        Raises:
            ProofInvalid: a file is malformed, too short, or the last bundle does not belong to its tile.
        """
        edge: list[list[bytes]] = []
        for level, count in enumerate(tiles.widths(size)):
            number, width = divmod(count, WIDTH)
            edge.append(tiles.split_hashes(tile(level, number))[:width] if width else [])
            if len(edge[-1]) < width:
                raise ProofInvalid(f"{tiles.tile_path(level, number, width)} is too short")
        last = size % WIDTH
        entries = tiles.read_bundle(bundle(size // WIDTH))[:last] if last else []
        if last and [merkle.leaf_hash(entry) for entry in entries] != edge[0]:
            raise ProofInvalid(f"{tiles.entries_path(size // WIDTH, last)} does not belong to its tile")
        return cls(size, edge, entries)

    def root(self) -> bytes:
        """Root over everything so far."""
        below: list[bytes] = []
        for hashes in self.edge:
            if hashes or below:
                below = [merkle.root([*hashes, *below])]
        return below[0] if below else merkle.EMPTY_ROOT

    def extend(self, entries: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
        """Add entries of 32 bytes; yield (path, content) of every file that changes, full ones and partial.

        The entries are added when the iterator is exhausted.
        """
        sha256, at, touched = hashlib.sha256, 0, 0
        while at < len(entries):
            if not self.edge:
                self.edge.append([])
            part = entries[at : at + WIDTH - len(self.bundle)]
            self.bundle += part
            self.edge[0] += [sha256(b"\0" + entry).digest() for entry in part]
            self.size += len(part)
            at += len(part)
            if len(self.bundle) == WIDTH:
                yield tiles.entries_path(self.size // WIDTH - 1), tiles.write_bundle(self.bundle)
                self.bundle = []
                for level, path, content in self._full(0):
                    touched = max(touched, level + 1)
                    yield path, content
        if self.bundle and at:
            yield (
                tiles.entries_path(self.size // WIDTH, len(self.bundle)),
                tiles.write_bundle(self.bundle),
            )
        for level, hashes in enumerate(self.edge[: touched + 1] if at else ()):
            if hashes:
                number = (self.size >> tiles.HEIGHT * level) // WIDTH
                yield tiles.tile_path(level, number, len(hashes)), b"".join(hashes)

    def _full(self, level: int) -> Iterator[tuple[int, str, bytes]]:
        """Yield the tiles that are full now, and pass their roots up."""
        hashes = self.edge[level]
        yield level, tiles.tile_path(level, (self.size >> tiles.HEIGHT * level) // WIDTH - 1), b"".join(hashes)
        if len(self.edge) == level + 1:
            self.edge.append([])
        self.edge[level + 1].append(_root(hashes))
        self.edge[level] = []
        if len(self.edge[level + 1]) == WIDTH:
            yield from self._full(level + 1)


def _root(hashes: list[bytes]) -> bytes:
    """Root of a full tile, quickly."""
    sha256 = hashlib.sha256
    while len(hashes) > 1:
        hashes = [sha256(b"\1" + left + right).digest() for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]
