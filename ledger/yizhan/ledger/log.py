"""The writer of the log.

Law 1: a batch is, in this order: statements stored; entries and tiles written and synced; the head
       compare-and-swapped; the checkpoint signed and put in its place. Whoever then commits an offset
       commits what is on the disk. A crash at any point is mended at the next start, to the same bytes.

Rule 1: one writer (a lock file). Nothing is signed that is not on the disk and in ``checkpoint.sqlite3``.
Rule 2: a file under its name never changes, but ``checkpoint`` and ``final``.
Rule 3: what does not fit together stops the log and is named: a person decides, with ``rebuild``.

::

    <folder>/log/checkpoint, final, tile/…    what everybody may see (tlog-tiles)
    <folder>/statements.sqlite3               what the auditor may see; source of a rebuild
    <folder>/checkpoint.sqlite3               the head
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from yizhan.ledger import checkpoint_store, metrics, statements
from yizhan.ledger.checkpoint_store import NOTHING, Head, Heads
from yizhan.ledger.errors import REBUILD, LogBehind, LogDamaged, LogForked, NotWritten
from yizhan.ledger.files import Folder
from yizhan.ledger.log_source import CHECKPOINT, FINAL, LogFolder, Tiles
from yizhan.ledger.statements import Contradiction, Statements
from yizhan.ledger.tree_builder import Growth
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
    """A log that is being written. Close it, or use it as a context."""

    def __init__(self, folder: Path, origin: str) -> None:
        """Open a log, made if absent, and mend what a crash left undone.

        Args:
            folder: the ledger's own.
            origin: name of the log, as the charter has it.

        Raises:
            AlreadyRunning: another process writes it.
            LogBehind, LogForked, LogDamaged: it does not fit together; the sentence says what to do.
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
            self._heads = Heads(folder / checkpoint_store.FILE)
            stack.callback(self._heads.close)
            self._files = Folder(folder / PUBLIC)
            self._source = LogFolder(folder / PUBLIC)
            self._full: list[str] = []
            self.head = self._found()
            self._growth = self._grown()
            if (published := self.published()) is not None:
                self.expect(published, "in its place")
            self._catch_up()
            self._open = stack.pop_all()

    def close(self) -> None:
        """Let go of everything."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    # -- starting --

    def _found(self) -> Head:
        """Return the head, after comparing it with what else is here."""
        head, published = self._heads.read(self.origin), self.published()
        kept = self.statements.size
        if head is None:
            if kept or published is not None:
                raise LogBehind(
                    f"{self.folder / checkpoint_store.FILE} is missing or empty, but there are {kept} statements; "
                    "restore it, or make it again from statements, checkpoint and topic",
                    hint=REBUILD,
                )
            self._heads.begin(self.origin)
            head = NOTHING
        if published is not None and published.size > head.size:
            raise LogBehind(
                f"{self.folder / checkpoint_store.FILE} stands at {head.size}, the published checkpoint at "
                f"{published.size}: an old copy of that file; restore the newer one, or make it again",
                hint=REBUILD,
            )
        if kept < head.size:
            raise LogBehind(
                f"{self.folder / statements.FILE} ends at {kept}, the log has signed {head.size}: its tail is lost; "
                "restore the newer file, or read the rest from the topic again",
                hint=REBUILD,
            )
        return head

    def _grown(self) -> Growth:
        """Read the right edge of the log, and compare it with the head."""
        reader = self.tiles(self.head.size)
        try:
            growth = Growth.load(self.head.size, reader.tile, reader.bundle)
        except ProofInvalid as error:
            raise LogDamaged(PUBLIC, str(error), hint=REBUILD) from error
        if growth.root() != self.head.root:
            message = f"its tiles have another root than the head at {self.head.size}"
            raise LogDamaged(PUBLIC, message, hint=REBUILD)
        return growth

    def _catch_up(self) -> None:
        """Bring in statements that have their places and are not in the log: a crash stood between."""
        kept = self.statements.size
        if kept > self.head.size:
            log.warning("%d statements were stored and not in the log yet; bringing them in", kept - self.head.size)
        while self.head.size < kept:
            last = min(kept, self.head.size + _CATCHING_UP)
            self._bring_in([entry_of(each) for each in self.statements.read(self.head.size, last)], {})

    # -- writing --

    def append(
        self, said: Iterable[VerifiedStatement], positions: Mapping[str, int]
    ) -> tuple[int, list[Contradiction]]:
        """Bring a batch in, up to the head; the checkpoint is for ``publish``.

        Args:
            said: verified statements; those that are in the log already change nothing.
            positions: cluster → offset to read on from once they are in.

        Returns:
            How many were new, and what contradicts what.

        Raises:
            NotWritten, StoreError: the disk is full or fails. Close the log: the next start mends it.
            LogDamaged, LogForked: files or head were changed by somebody else.
        """
        entries, alarms = self.statements.add(said)
        self._bring_in(entries, positions)
        return len(entries), alarms

    def _bring_in(self, entries: Sequence[bytes], positions: Mapping[str, int]) -> None:
        if not entries and not positions:
            return
        for path, content in self._growth.extend(entries):
            self._files.put(path, content)
            if "." not in path:
                self._full.append(path)
        self._files.sync()
        # From here on every byte of the new tree is on the disk; nobody has heard of it.
        new = Head(self._growth.size, self._growth.root())
        self._heads.swap(self.head, new, positions)
        self.head = new
        metrics.SIZE.set(new.size)

    def publish(self, keys: LedgerSigningKeys, at: datetime) -> bytes:
        """Sign the head and put the checkpoint in its place; return the signed note.

        Raises:
            NotWritten: the disk is full or fails; the checkpoint before stands.
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
        """Keep cosignatures that came: in the checkpoint, if it is still the newest, and as the final one.

        Raises:
            NotWritten: the disk is full or fails.
        """
        data = opened.note.to_bytes()
        if opened.checkpoint == self.checkpoint() and self._source.read(CHECKPOINT) is not None:
            self._files.replace(CHECKPOINT, data)
        if opened.final and (self.final() or Checkpoint(self.origin, 0, b"")).size <= opened.checkpoint.size:
            self._files.replace(FINAL, data)

    def _drop_partial(self) -> None:
        """Drop partial tiles whose full one is there: the space of 255 files each."""
        for path in self._full:
            shutil.rmtree(self.folder / PUBLIC / f"{path}.p", ignore_errors=True)
        self._full.clear()

    # -- reading --

    def tiles(self, size: int) -> Tiles:
        """Return the tiles of the tree of a size up to the head's."""
        return Tiles(self._source, size, self.folder / PUBLIC)

    def root_at(self, size: int) -> bytes:
        """Root of the first ``size`` leaves (``LogDamaged`` or ``ProofInvalid`` if files are)."""
        return tiles.root_at(size, self.tiles(self.head.size).tile)

    def entries(self, first: int, last: int) -> Iterator[bytes]:
        """Yield the entries of leaves ``first`` to before ``last``."""
        return map(entry_of, self.statements.read(first, last))

    def published(self) -> Checkpoint | None:
        """Return the checkpoint in its place; None where there is none.

        Raises:
            LogDamaged: it is malformed.
        """
        return self._noted(CHECKPOINT)

    def final(self) -> Checkpoint | None:
        """Return the newest final checkpoint (``LogDamaged`` as above)."""
        return self._noted(FINAL)

    def _noted(self, path: str) -> Checkpoint | None:
        data = self._source.read(path)
        if data is None:
            return None
        try:
            return parse_checkpoint(notes.parse(data).text)
        except NoteInvalid as error:
            raise LogDamaged(path, f"{error}; move it aside: it is published again") from error

    def position(self, cluster: str) -> int:
        """Return the offset to read on from in a cluster (``StoreError`` if the disk fails)."""
        return self._heads.position(cluster)

    def expect(self, checkpoint: Checkpoint, where: str) -> None:
        """Compare the log with a checkpoint that it signed.

        Args:
            checkpoint: verified by the caller.
            where: where it was found, for the sentence.

        Raises:
            LogBehind: the log ends before it.
            LogForked: the log has another root there.
        """
        if checkpoint.size > self.head.size:
            raise LogBehind(
                f"the log here ends at {self.head.size}, a checkpoint {where} at {checkpoint.size}: its tail is lost, "
                "or an old copy was restored; restore the newer one, or make the log again",
                hint=REBUILD,
            )
        if self.root_at(checkpoint.size) != checkpoint.root:
            raise LogForked(
                f"the log here has another root at {checkpoint.size} than a checkpoint {where}: two logs were written "
                "under one name; keep both, go on with neither, and call the counties"
            )
