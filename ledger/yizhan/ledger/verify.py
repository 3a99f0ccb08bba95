"""Checks the whole log from its files alone; the reader needs only the charter.

Rule 1: the log is rebuilt in memory from its entries, and every file compared: memory holds the right
        edge only, and each difference is named.
Rule 2: nothing is believed but what the checkpoint's signatures cover. The root at the end covers every
        leaf; a tile that does not match its leaves is named.
Rule 3: what other tools read is checked too: the log's key in ``log.vkey``, and the narrower tiles that wider ones
        replaced, which whoever has an earlier checkpoint still reads.
Rule 4: an interrupted run continues from what it had checked; the root is computed over everything.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from yizhan.ledger.errors import LogDamaged, LogForked
from yizhan.ledger.log_source import CHECKPOINT, FINAL, VERIFIER_KEY, LogSource, Tiles
from yizhan.ledger.tree_builder import TreeBuilder
from yizhan.schemas import merkle, notes, tiles
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
    """What a verification found to be correct.

    ``newest`` is the checkpoint of the whole log; ``final`` the newest with a quorum, which may be the
    same or an earlier one; None if there is none. ``statements`` counts those that were given. ``all_files`` is
    False where the source does not list its files: partial tiles that wider ones replaced were not looked at.
    """

    newest: OpenedCheckpoint
    final: OpenedCheckpoint | None
    resumed_at: int
    statements: int
    all_files: bool


def statements_path(number: int) -> str:
    """Name the file of an export with the statements of bundle ``number``.

    >>> statements_path(1067)
    'statements/x001/067.jsonl'
    """
    return tiles.entries_path(number).replace(tiles.ENTRIES, STATEMENTS) + ".jsonl"


def read_checkpoint(files: LogSource, path: str, charters: Charters) -> OpenedCheckpoint | None:
    """Read and verify a checkpoint; None if there is none.

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
        files: of the log.
        charters: versions with the keys to check with.
        state: file with the progress of an interrupted run, to continue from; None: start anew, keep nothing.
        progress: called with the number of leaves checked so far.
        check_statement: called with every statement in the files; raises if it does not verify.

    Raises:
        LogDamaged: a file is missing, malformed or does not fit; ``path`` names it.
        LogForked: the files are not the tree that was signed.
    """
    newest = read_checkpoint(files, CHECKPOINT, charters)
    if newest is None:
        raise LogDamaged(CHECKPOINT, "is missing: expected a log (tlog-tiles) with its newest checkpoint")
    _check_key(files, newest)
    final = _newest_final(files, newest, charters)
    size = newest.checkpoint.size
    walk = _Walk(files, size, _resumed(state, newest.checkpoint), check_statement)
    resumed_at = walk.builder.size
    stops = sorted({size, *([final.checkpoint.size] if final and final.checkpoint.size >= resumed_at else [])})
    for stop in stops:
        for number, checked in enumerate(walk.run(stop), 1):
            progress(checked)
            if state is not None and number % _SAVE_EVERY == 0:
                _save(state, newest.checkpoint.origin, walk.builder)
        for opened in (newest, final):
            if opened is not None and opened.checkpoint.size == stop:
                _compare(walk.builder.root(), opened.checkpoint)
    if final is not None and final.checkpoint.size < resumed_at:
        _compare(tiles.root_at(final.checkpoint.size, Tiles(files, size).tile), final.checkpoint)
    all_files = walk.check_partials()
    if state is not None:
        _save(state, newest.checkpoint.origin, walk.builder)
    return VerifiedLog(newest, final, resumed_at, walk.statements, all_files)


def verifier_keys(newest: OpenedCheckpoint) -> list[bytes]:
    """Return what ``log.vkey`` may hold at a checkpoint: a line for each key of the log that was valid then."""
    held = [entry.key for entry in newest.charter.ledger.values() if entry.holds(newest.at)]
    return [f"{notes.verifier_key(newest.checkpoint.origin, key)}\n".encode() for key in held]


def _check_key(files: LogSource, newest: OpenedCheckpoint) -> None:
    found = files.read(VERIFIER_KEY)
    if found is not None and found not in (expected := verifier_keys(newest)):
        raise LogDamaged(
            VERIFIER_KEY,
            f"is not the log's key: expected {expected[0].decode().strip()}, got {ascii(found[:200])[2:-1]}; "
            "other tools would believe whoever holds that key: take it from the charter, or export again",
        )


def _newest_final(files: LogSource, newest: OpenedCheckpoint, charters: Charters) -> OpenedCheckpoint | None:
    """Return the newest checkpoint with a quorum: the newest of all, or the one kept as final."""
    final = read_checkpoint(files, FINAL, charters)
    if final is not None and not final.final:
        count = f"{len(final.cosigned)} of {final.charter.quorum}"
        raise LogDamaged(FINAL, f"is not final: {count} valid cosignatures; remove the file, or get the missing ones")
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
    """Checks a log bundle by bundle."""

    def __init__(
        self, files: LogSource, size: int, builder: TreeBuilder, check_statement: Callable[[bytes], None]
    ) -> None:
        self._files, self._size, self.builder = files, size, builder
        self._check_statement = check_statement
        self.statements = 0
        self._tiles = Tiles(files, size)

    def run(self, stop: int) -> Iterator[int]:
        """Check up to a size; yield the number of leaves checked after each bundle."""
        while self.builder.size < stop:
            number, done = divmod(self.builder.size, tiles.WIDTH)
            entries = self._bundle(number)
            if not done:
                self._read_statements(number, entries)
            part = entries[done : stop - number * tiles.WIDTH]
            for path, content in self.builder.extend(part):
                self._compare_file(path, content)
            yield self.builder.size

    def check_partials(self) -> bool:
        """Compare the partial tiles and bundles that are still there with the wider ones, which were checked.

        Returns:
            Whether the source could say which are there.
        """
        if (partials := self._files.partials()) is None:
            return False
        for path in partials:
            level, number, width = tiles.parse_path(path) or (None, 0, 0)
            covered = min(width, tiles.tile_width(level or 0, number, self._size))
            if not covered:
                continue  # no name of a tile, or written ahead of its checkpoint
            each = tiles.FRAMED_BYTES if level is None else merkle.HASH_BYTES
            whole = self._tiles.bundle(number) if level is None else self._tiles.tile(level, number)
            found = self._files.read(path) or b""
            if len(found) != width * each or found[: covered * each] != whole[: covered * each]:
                raise LogDamaged(path, "is stale: it is not how the wider one that replaced it begins; export again")
        return True

    def _bundle(self, number: int) -> list[bytes]:
        width = tiles.tile_width(0, number, self._size)
        try:
            return tiles.read_bundle(self._tiles.bundle(number))[:width]
        except ProofInvalid as error:
            raise LogDamaged(tiles.entries_path(number, width), str(error)) from error

    def _compare_file(self, path: str, content: bytes) -> None:
        if path.startswith(tiles.ENTRIES):
            return  # the entries came from there
        if self._files.read(path) == content:
            return
        level, number, width = tiles.parse_path(path) or (None, 0, 0)
        if level is None or (width < tiles.WIDTH and width != tiles.tile_width(level, number, self._size)):
            return  # the edge at a stop on the way; the tile as it is at the end is compared then
        found = self._tiles.tile(level, number)
        if found[: len(content)] == content:
            return
        raise self._named(level, number, path, found, content)

    def _named(self, level: int, number: int, path: str, found: bytes, content: bytes) -> LogDamaged:
        """Name the wrong file: a tile of leaves or its bundle, by what the tile above says."""
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
        """Hash of a tile of leaves in the tile above; None for a partial tile, which has none."""
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


def _resumed(state: Path | None, checkpoint: Checkpoint) -> TreeBuilder:
    """Return the state of an earlier run, if its file exists and belongs to this log."""
    try:
        found: Any = json.loads(state.read_bytes()) if state is not None and state.exists() else None
        if found is None or found["kind"] != _STATE or found["origin"] != checkpoint.origin:
            return TreeBuilder()
        edge = [[bytes.fromhex(each) for each in hashes] for hashes in found["edge"]]
        builder = TreeBuilder(int(found["size"]), edge, [])
    except (ValueError, KeyError, TypeError):
        return TreeBuilder()
    return builder if builder.size <= checkpoint.size else TreeBuilder()


def _save(state: Path, origin: str, builder: TreeBuilder) -> None:
    """Save the progress, at the last full bundle: a partial one is read again."""
    whole = builder.size - len(builder.bundle)
    edge = [[], *([each.hex() for each in hashes] for hashes in builder.edge[1:])]
    saved = {"kind": _STATE, "origin": origin, "size": whole, "edge": edge}
    part = state.with_name(state.name + ".part")
    part.write_text(json.dumps(saved), encoding="utf-8")
    part.replace(state)
