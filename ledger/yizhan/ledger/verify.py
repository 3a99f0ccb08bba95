"""The whole log checked from its files alone, by whoever holds the charter.

Rule 1: the log is made again in memory from its entries, and every file compared: memory holds the
        right edge only, and what does not fit is named.
Rule 2: nothing is believed of the writer but what the checkpoint's signatures cover. The root at the
        end covers every leaf; that a tile is not what its leaves give is found where it stands.
Rule 3: a run that was interrupted goes on from what it had checked; the root is computed over all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from yizhan.ledger.errors import LogDamaged, LogForked
from yizhan.ledger.log_source import CHECKPOINT, FINAL, LogSource, Tiles
from yizhan.ledger.tree_builder import Growth
from yizhan.schemas import merkle, tiles
from yizhan.schemas.checkpoints import Checkpoint, OpenedCheckpoint, open_checkpoint
from yizhan.schemas.errors import NoteInvalid, ProofInvalid
from yizhan.schemas.proofs import entry_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from yizhan.schemas.charter import Charters

STATEMENTS: Final = "statements"
"""Folder of an export that holds the statements themselves, for the auditor: 256 a file, one a line."""
_SAVE_EVERY: Final = 256
_STATE: Final = "yizhan-audit-1"


@dataclass(frozen=True, slots=True)
class VerifiedLog:
    """What a verification found to hold.

    ``newest`` is the checkpoint of the whole log; ``final`` the newest with a quorum, which may be the
    same or an earlier one; None where there is none. ``statements`` counts those that were there.
    """

    newest: OpenedCheckpoint
    final: OpenedCheckpoint | None
    resumed_at: int
    statements: int


def statements_path(number: int) -> str:
    """Name the file of an export with the statements of bundle ``number``.

    >>> statements_path(1067)
    'statements/x001/067.jsonl'
    """
    return tiles.entries_path(number).replace("tile/entries", STATEMENTS) + ".jsonl"


def read_checkpoint(files: LogSource, path: str, charters: Charters) -> OpenedCheckpoint | None:
    """Read and verify a checkpoint; None where there is none.

    Raises:
        LogDamaged: it does not verify.
    """
    data = files.read(path)
    if data is None:
        return None
    try:
        return open_checkpoint(data, charters)
    except NoteInvalid as error:
        raise LogDamaged(path, str(error)) from error


def verify(
    files: LogSource,
    charters: Charters,
    *,
    state: Path | None = None,
    progress: Callable[[int], None] = lambda _: None,
    check_statement: Callable[[bytes], None] = lambda _: None,
) -> VerifiedLog:
    """Check a log: signatures, every entry and tile, the root, the final checkpoint, statements if there are.

    Args:
        files: where the log is.
        charters: whose keys count.
        state: file in which a run leaves how far it came, and from which it goes on; None: neither.
        progress: told the number of leaves that are checked so far.
        check_statement: called with every statement that is there; raises if it does not verify.

    Raises:
        LogDamaged: a file is missing, malformed or does not fit; ``path`` names it.
        LogForked: the files are not the tree that was signed.
    """
    newest = read_checkpoint(files, CHECKPOINT, charters)
    if newest is None:
        raise LogDamaged(CHECKPOINT, "is missing: expected a log (tlog-tiles) with its newest checkpoint")
    final = _newest_final(files, newest, charters)
    size = newest.checkpoint.size
    walk = _Walk(files, size, _resumed(state, newest.checkpoint), check_statement)
    resumed_at = walk.growth.size
    stops = sorted({size, *([final.checkpoint.size] if final and final.checkpoint.size >= resumed_at else [])})
    for stop in stops:
        for number, checked in enumerate(walk.run(stop), 1):
            progress(checked)
            if state is not None and number % _SAVE_EVERY == 0:
                _save(state, newest.checkpoint.origin, walk.growth)
        for opened in (newest, final):
            if opened is not None and opened.checkpoint.size == stop:
                _compare(walk.growth.root(), opened.checkpoint)
    if final is not None and final.checkpoint.size < resumed_at:
        _compare(tiles.root_at(final.checkpoint.size, Tiles(files, size).tile), final.checkpoint)
    if state is not None:
        _save(state, newest.checkpoint.origin, walk.growth)
    return VerifiedLog(newest, final, resumed_at, walk.statements)


def _newest_final(files: LogSource, newest: OpenedCheckpoint, charters: Charters) -> OpenedCheckpoint | None:
    """Return the newest checkpoint with a quorum: the newest of all, or the one kept as final."""
    final = read_checkpoint(files, FINAL, charters)
    if final is not None and not final.final:
        count = f"{len(final.cosigned)} of {final.charter.quorum}"
        raise LogDamaged(FINAL, f"is not final: {count} cosignatures that count; take it away, or get the others")
    if final is not None and final.checkpoint.size > newest.checkpoint.size:
        sizes = f"{newest.checkpoint.size}, before the final one at {final.checkpoint.size}"
        raise LogForked(f"the checkpoint is at {sizes}: the log was shortened")
    return newest if newest.final else final


def _compare(root: bytes, checkpoint: Checkpoint) -> None:
    if root != checkpoint.root:
        raise LogForked(
            f"the log's first {checkpoint.size} entries have the root {root.hex()}, signed was "
            f"{checkpoint.root.hex()}: entries and tiles agree with each other and are not what was signed"
        )


class _Walk:
    """Goes over a log bundle by bundle."""

    def __init__(self, files: LogSource, size: int, growth: Growth, check_statement: Callable[[bytes], None]) -> None:
        self._files, self._size, self.growth = files, size, growth
        self._check_statement = check_statement
        self.statements = 0
        self._tiles = Tiles(files, size)

    def run(self, stop: int) -> Iterator[int]:
        """Check up to a size; yield the number of leaves checked after each bundle."""
        while self.growth.size < stop:
            number, done = divmod(self.growth.size, tiles.WIDTH)
            entries = self._bundle(number)
            if not done:
                self._read_statements(number, entries)
            part = entries[done : stop - number * tiles.WIDTH]
            for path, content in self.growth.extend(part):
                self._compare_file(path, content)
            yield self.growth.size

    def _bundle(self, number: int) -> list[bytes]:
        width = tiles.tile_width(0, number, self._size)
        try:
            return tiles.read_bundle(self._tiles.bundle(number))[:width]
        except ProofInvalid as error:
            raise LogDamaged(tiles.entries_path(number, width), str(error)) from error

    def _compare_file(self, path: str, content: bytes) -> None:
        level, number, width = tiles.parse_path(path) or (None, 0, 0)
        if level is None:
            return  # the entries came from there
        if width < tiles.WIDTH and width != tiles.tile_width(level, number, self._size):
            return  # the edge at a stop on the way; the tile as it is at the end is compared then
        found = self._tiles.tile(level, number)
        if found[: len(content)] == content:
            return
        raise self._named(level, number, path, found, content)

    def _named(self, level: int, number: int, path: str, found: bytes, content: bytes) -> LogDamaged:
        """Say which file is wrong: a tile of leaves or its bundle, by what the tile above says."""
        at = next((i for i in range(0, len(content), 32) if found[i : i + 32] != content[i : i + 32]), len(content))
        place = number * tiles.WIDTH + at // merkle.HASH_BYTES
        if level > 0:
            return LogDamaged(path, f"hash {place} is not what the tiles below give")
        bundle = tiles.entries_path(number, len(content) // merkle.HASH_BYTES)
        above = self._above(number)
        if above is not None and _tile_root(found) == above:
            return LogDamaged(bundle, f"entry {place} is not what was logged: {path} and the tile above agree")
        if above is not None and _tile_root(content) == above:
            return LogDamaged(path, f"leaf hash {place} is not that of its entry: {bundle} and the tile above agree")
        return LogDamaged(bundle, f"entry {place} and its leaf hash in {path} do not belong together")

    def _above(self, number: int) -> bytes | None:
        """Hash of a tile of leaves as the tile above has it; None for a partial tile, which has none."""
        if (number + 1) * tiles.WIDTH > self._size:
            return None
        above, place = divmod(number, tiles.WIDTH)
        try:
            return tiles.split_hashes(self._tiles.tile(1, above))[place]
        except (LogDamaged, ProofInvalid, IndexError):
            return None

    def _read_statements(self, number: int, entries: list[bytes]) -> None:
        path = statements_path(number)
        data = self._files.read(path)
        if data is None:
            return
        lines = data.split(b"\n")
        if lines.pop():
            raise LogDamaged(path, "is cut short: expected a newline after each statement")
        found = [entry_of(line) for line in lines]
        for at, entry in enumerate(entries):
            if found[at : at + 1] != [entry]:
                taken = found[at : at + 1] == entries[at + 1 : at + 2]
                what = "was taken out" if taken else "is not the one whose hash was logged"
                raise LogDamaged(path, f"statement {number * tiles.WIDTH + at} {what}")
            self._check_statement(lines[at])
            self.statements += 1


def _tile_root(tile: bytes) -> bytes | None:
    try:
        return merkle.root(tiles.split_hashes(tile))
    except ProofInvalid:
        return None


def _resumed(state: Path | None, checkpoint: Checkpoint) -> Growth:
    """Return how far an earlier run came, if its file is there and belongs to this log."""
    try:
        found: Any = json.loads(state.read_bytes()) if state is not None and state.exists() else None
        if found is None or found["kind"] != _STATE or found["origin"] != checkpoint.origin:
            return Growth()
        edge = [[bytes.fromhex(each) for each in hashes] for hashes in found["edge"]]
        growth = Growth(int(found["size"]), edge, [])
    except (ValueError, KeyError, TypeError):
        return Growth()
    return growth if growth.size <= checkpoint.size else Growth()


def _save(state: Path, origin: str, growth: Growth) -> None:
    """Keep how far we came, at the last full bundle: a partial one is read again."""
    whole = growth.size - len(growth.bundle)
    edge = [[], *([each.hex() for each in hashes] for hashes in growth.edge[1:])]
    saved = {"kind": _STATE, "origin": origin, "size": whole, "edge": edge}
    part = state.with_name(state.name + ".part")
    part.write_text(json.dumps(saved), encoding="utf-8")
    part.replace(state)
