"""The writer of the log.

Law 1: a batch is, in this order: statements stored; entries and tiles written and synced; the head
       compare-and-swapped; the checkpoint signed and written. An offset that is committed after that covers
       only what is on the disk. A crash at any point is repaired at the next start, to the same bytes.

Rule 1: one writer (a lock file). Nothing is signed that is not on the disk and in ``checkpoint.sqlite3``.
Rule 2: a file never changes, except ``checkpoint`` and ``final``.
Rule 3: an inconsistency stops the log and is named: a person decides, with ``rebuild``.

::

    <folder>/log/checkpoint, final, tile/…    public (tlog-tiles)
    <folder>/statements.sqlite3               for the auditor; source of a rebuild
    <folder>/checkpoint.sqlite3               the head
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from yizhan.ledger import checkpoint_store, metrics, statements
from yizhan.ledger.checkpoint_store import NOTHING, CheckpointStore, Head
from yizhan.ledger.errors import REBUILD, LogBehind, LogDamaged, LogForked, NotWritten
from yizhan.ledger.files import Folder
from yizhan.ledger.log_source import CHECKPOINT, FINAL, LogFolder, Tiles
from yizhan.ledger.statements import Contradiction, Statements
from yizhan.ledger.tree_builder import TreeBuilder
from yizhan.runtime.file_lock import exclusive
from yizhan.schemas import notes, tiles
from yizhan.schemas.checkpoints import Checkpoint, OpenedCheckpoint, parse_checkpoint, sign_checkpoint
from yizhan.schemas.errors import NoteInvalid, ProofInvalid
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.proofs import entry_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from yizhan.ledger.statement_keys import VerifiedStatement
    from yizhan.schemas.keys import CosigningKey, SigningKey

log = logging.getLogger(__name__)
MAX_BATCH: Final = 1024
"""Statements in one batch: their entries and the checkpoint fit into one record each of the topic."""
PUBLIC: Final = "log"
LOCK: Final = "ledger.lock"
WRITES: Final = marked("在写这个账本")
_CATCHING_UP: Final = 4096


@dataclass(frozen=True, slots=True)
class LedgerSigningKeys:
    """The two keys that sign a checkpoint."""

    signing: SigningKey
    cosigning: CosigningKey


class Log:
    """A log that is being written. Close it, or use it as a context manager."""

    def __init__(self, folder: Path, origin: str) -> None:
        """Open a log, created if absent, and repair what a crash left unfinished.

        Args:
            folder: the ledger's own.
            origin: name of the log, as the charter has it.

        Raises:
            AlreadyRunning: another process writes it.
            LogBehind, LogForked, LogDamaged: it is inconsistent; the message says what to do.
            NotWritten, StoreError: the disk is full or fails.
        """
        self.folder, self.origin = folder, origin
        with contextlib.ExitStack() as stack:
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                stack.enter_context(exclusive(folder / LOCK, _(WRITES)))
            except OSError as error:
                raise NotWritten(f"{folder}: {error.strerror}; look at the disk and at who owns it") from error
            self.statements = stack.enter_context(Statements(folder / statements.FILE))
            self._checkpoints = CheckpointStore(folder / checkpoint_store.FILE)
            stack.callback(self._checkpoints.close)
            self._files = Folder(folder / PUBLIC)
            self._source = LogFolder(folder / PUBLIC)
            self._full: list[str] = []
            self.head = self._load_head()
            self._builder = self._load_builder()
            if (published := self.published()) is not None:
                self.expect(published, "in its place")
            self._catch_up()
            self._open = stack.pop_all()

    def close(self) -> None:
        """Close files, databases and the lock."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    # -- starting --

    def _load_head(self) -> Head:
        """Return the head, after comparing it with the other files."""
        head, published = self._checkpoints.read(self.origin), self.published()
        stored = self.statements.size
        if head is None:
            if stored or published is not None:
                raise LogBehind(
                    f"{self.folder / checkpoint_store.FILE} is missing or empty, but there are {stored} statements; "
                    "restore it, or rebuild it from statements, checkpoint and topic",
                    hint=REBUILD,
                )
            self._checkpoints.begin(self.origin)
            head = NOTHING
        if published is not None and published.size > head.size:
            raise LogBehind(
                f"{self.folder / checkpoint_store.FILE} is at {head.size}, the published checkpoint at "
                f"{published.size}: an old copy of that file; restore the newer one, or rebuild it",
                hint=REBUILD,
            )
        if stored < head.size:
            raise LogBehind(
                f"{self.folder / statements.FILE} ends at {stored}, the log has signed {head.size}: its tail is lost; "
                "restore the newer file, or read the rest from the topic again",
                hint=REBUILD,
            )
        return head

    def _load_builder(self) -> TreeBuilder:
        """Read the right edge of the log, and compare it with the head."""
        reader = self.tiles(self.head.size)
        try:
            builder = TreeBuilder.load(self.head.size, reader.tile, reader.bundle)
        except ProofInvalid as error:
            raise LogDamaged(PUBLIC, str(error), hint=REBUILD) from error
        if builder.root() != self.head.root:
            message = f"its tiles have another root than the head at {self.head.size}"
            raise LogDamaged(PUBLIC, message, hint=REBUILD)
        return builder

    def _catch_up(self) -> None:
        """Append statements that were stored before a crash and are not in the log yet."""
        stored = self.statements.size
        if stored > self.head.size:
            log.warning("%d statements were stored and not in the log yet; appending them", stored - self.head.size)
        while self.head.size < stored:
            last = min(stored, self.head.size + _CATCHING_UP)
            self._bring_in([entry_of(each) for each in self.statements.read(self.head.size, last)], {})

    # -- writing --

    def append(
        self, statements: Iterable[VerifiedStatement], positions: Mapping[str, int]
    ) -> tuple[int, list[Contradiction]]:
        """Append a batch and move the head; ``publish`` makes the checkpoint.

        Args:
            said: verified statements; those that are in the log already are ignored.
            positions: cluster → offset to read on from once they are appended.

        Returns:
            The number of new statements, and the contradictions found.

        Raises:
            NotWritten, StoreError: the disk is full or fails. Close the log: the next start repairs it.
            LogDamaged, LogForked: files or head were changed by another process.
        """
        entries, alarms = self.statements.add(statements)
        self._bring_in(entries, positions)
        return len(entries), alarms

    def _bring_in(self, entries: Sequence[bytes], positions: Mapping[str, int]) -> None:
        if not entries and not positions:
            return
        for path, content in self._builder.extend(entries):
            self._files.put(path, content)
            if "." not in path:
                self._full.append(path)
        self._files.sync()
        # Crash point: every byte of the new tree is on the disk, nothing is published.
        new = Head(self._builder.size, self._builder.root())
        self._checkpoints.swap(self.head, new, positions)
        self.head = new
        metrics.SIZE.set(new.size)

    def publish(self, keys: LedgerSigningKeys, at: datetime) -> bytes:
        """Sign the head and write the checkpoint; return the signed note.

        Raises:
            NotWritten: the disk is full or fails; the checkpoint before remains.
        """
        signed = sign_checkpoint(self.checkpoint(), keys.signing, keys.cosigning, at)
        self._files.replace(CHECKPOINT, signed)
        self._drop_partial()
        return signed

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        """Return the head, or an earlier tree's, as a checkpoint to be signed."""
        if size is None:
            return Checkpoint(self.origin, self.head.size, self.head.root)
        return Checkpoint(self.origin, size, self.root_at(size))

    def cosigned(self, opened: OpenedCheckpoint) -> None:
        """Store received cosignatures: in the checkpoint, if it is still the newest, and as the final one.

        Raises:
            NotWritten: the disk is full or fails.
        """
        data = opened.note.to_bytes()
        if opened.checkpoint == self.checkpoint() and self._source.read(CHECKPOINT) is not None:
            self._files.replace(CHECKPOINT, data)
        if opened.final and (self.final() or Checkpoint(self.origin, 0, b"")).size <= opened.checkpoint.size:
            self._files.replace(FINAL, data)

    def _drop_partial(self) -> None:
        """Delete partial tiles whose full one exists: the space of 255 files each."""
        for path in self._full:
            shutil.rmtree(self.folder / PUBLIC / f"{path}.p", ignore_errors=True)
        self._full.clear()

    # -- reading --

    def tiles(self, size: int) -> Tiles:
        """Return the tiles of the tree of ``size`` leaves, up to the head's."""
        return Tiles(self._source, size, self.folder / PUBLIC)

    def root_at(self, size: int) -> bytes:
        """Root of the first ``size`` leaves (``LogDamaged`` or ``ProofInvalid`` if the files are damaged)."""
        return tiles.root_at(size, self.tiles(self.head.size).tile)

    def entries(self, first: int, last: int) -> Iterator[bytes]:
        """Yield the entries of leaves ``first`` to before ``last``."""
        return map(entry_of, self.statements.read(first, last))

    def published(self) -> Checkpoint | None:
        """Return the published checkpoint; None if there is none.

        Raises:
            LogDamaged: it is malformed.
        """
        return self._read_note(CHECKPOINT)

    def final(self) -> Checkpoint | None:
        """Return the newest final checkpoint (``LogDamaged`` as above)."""
        return self._read_note(FINAL)

    def _read_note(self, path: str) -> Checkpoint | None:
        data = self._source.read(path)
        if data is None:
            return None
        try:
            return parse_checkpoint(notes.parse(data).text)
        except NoteInvalid as error:
            raise LogDamaged(path, f"{error}; move it aside: it is then published again") from error

    def position(self, cluster: str) -> int:
        """Return the offset to continue from in a cluster (``StoreError`` if the disk fails)."""
        return self._checkpoints.position(cluster)

    def expect(self, checkpoint: Checkpoint, where: str) -> None:
        """Compare the log with a checkpoint that it signed.

        Args:
            checkpoint: verified by the caller.
            where: where it was found, for the message.

        Raises:
            LogBehind: the log ends before it.
            LogForked: the log has another root there.
        """
        if checkpoint.size > self.head.size:
            raise LogBehind(
                f"the log here ends at {self.head.size}, a checkpoint {where} at {checkpoint.size}: its tail is lost, "
                "or an old copy was restored; restore the newer one, or rebuild the log",
                hint=REBUILD,
            )
        if self.root_at(checkpoint.size) != checkpoint.root:
            raise LogForked(
                f"the log here has another root at {checkpoint.size} than a checkpoint {where}: two logs were written "
                "under one name; keep both, continue neither, and call the counties"
            )
