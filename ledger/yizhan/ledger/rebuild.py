"""Rebuilds the log from the stored statements, to the same bytes.

Rule 1: everything is written next to the old log, compared with every known checkpoint, and only then
        moved to its place; the old one is kept as ``log.before-<time>``.
Rule 2: a log that would end before a known checkpoint, or have another root there, is not made.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from yizhan.ledger import checkpoint_store, statements
from yizhan.ledger.checkpoint_store import CheckpointStore, Head
from yizhan.ledger.errors import LogBehind, LogForked
from yizhan.ledger.files import Folder
from yizhan.ledger.log import LOCK, PUBLIC, WRITES
from yizhan.ledger.log_source import CHECKPOINT, FINAL, LogFolder
from yizhan.ledger.statements import Statements
from yizhan.ledger.tree_builder import TreeBuilder
from yizhan.runtime.errors import StoreError
from yizhan.runtime.file_lock import exclusive
from yizhan.schemas import notes, tiles
from yizhan.schemas.checkpoints import Checkpoint, parse_checkpoint
from yizhan.schemas.errors import NoteInvalid
from yizhan.schemas.i18n import _
from yizhan.schemas.merkle import HASH_BYTES
from yizhan.schemas.proofs import entry_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_FRESH: Final = "log.new"
_AT_ONCE: Final = 4096


def known_checkpoints(folder: Path, origin: str) -> dict[str, Checkpoint]:
    """Return the checkpoints that the ledger's own files hold: where → checkpoint.

    Files that cannot be read are left out: the rebuild replaces them.
    """
    found: dict[str, Checkpoint] = {}
    for path in (CHECKPOINT, FINAL):
        data = LogFolder(folder / PUBLIC).read(path)
        try:
            if data is not None:
                found[path] = parse_checkpoint(notes.parse(data).text)
        except NoteInvalid:
            continue
    if (folder / checkpoint_store.FILE).exists():
        try:
            store = CheckpointStore(folder / checkpoint_store.FILE)
        except StoreError:
            return found
        try:
            head = store.read(origin)
        finally:
            store.close()
        if head is not None:
            found[checkpoint_store.FILE] = Checkpoint(origin, head.size, head.root)
    return found


def rebuild(
    folder: Path, origin: str, expected: Mapping[str, Checkpoint], *, at: str, progress: Callable[[int], None]
) -> Head:
    """Rebuild the log; return its head.

    Args:
        folder: the ledger's own; no ledger may run in it.
        origin: name of the log.
        expected: where → checkpoint that the log must continue.
        at: time, for the name of the old log's folder.
        progress: called with the number of leaves just written.

    Raises:
        AlreadyRunning: a ledger runs there.
        LogBehind: the statements end before a checkpoint.
        LogForked: they give another root than a checkpoint.
        LogDamaged: a statement is missing.
        NotWritten, StoreError: the disk is full or fails; the old log is untouched.
    """
    with exclusive(folder / LOCK, _(WRITES)), Statements(folder / statements.FILE) as stored:
        size = stored.size
        for where, checkpoint in expected.items():
            if checkpoint.size > size:
                raise LogBehind(
                    f"{folder / statements.FILE} ends at {size}, the checkpoint in {where} at {checkpoint.size}: "
                    "restore a newer copy of the statements, or let the topic fill them up (without --offline)"
                )
        builder, fresh = TreeBuilder(), folder / _FRESH
        shutil.rmtree(fresh, ignore_errors=True)
        files = Folder(fresh)
        for where, checkpoint in sorted(expected.items(), key=lambda each: each[1].size):
            _grow(builder, files, stored, checkpoint.size, progress)
            if builder.root() != checkpoint.root:
                raise LogForked(
                    f"the statements give another root at {checkpoint.size} than the checkpoint in {where}: these "
                    "are not the statements of this log; restore its own, or call the counties"
                )
        _grow(builder, files, stored, size, progress)
        files.sync()
        _replace(folder, fresh, at)
        head = Head(builder.size, builder.root())
        _restore(folder / checkpoint_store.FILE, origin, head, at)
        return head


def _grow(builder: TreeBuilder, files: Folder, stored: Statements, size: int, progress: Callable[[int], None]) -> None:
    while builder.size < size:
        last = min(size, builder.size + _AT_ONCE)
        entries = [entry_of(each) for each in stored.read(builder.size, last)]
        for path, content in builder.extend(entries):
            files.put(path, content)
        progress(len(entries))


def _replace(folder: Path, fresh: Path, at: str) -> None:
    """Put the new log in the old one's place, together with the published notes."""
    old, files = folder / PUBLIC, Folder(fresh)
    for path in (CHECKPOINT, FINAL):
        data = LogFolder(old).read(path)
        if data is not None and _is_note(data):
            files.replace(path, data)
    _keep_partial(old, fresh, files)
    fresh.mkdir(exist_ok=True)
    if old.exists():
        old.rename(folder / f"{PUBLIC}.before-{at}")
    # Crash point: between these two renames there is no log; the next rebuild makes it.
    fresh.rename(old)
    Folder(folder).sync_folder()


def _keep_partial(old: Path, fresh: Path, files: Folder) -> None:
    """Keep the old log's partial tiles that belong to the new one: readers of an old checkpoint may need them."""
    for path in old.glob("tile/**/*.p/*"):
        name = path.relative_to(old).as_posix()
        level, _number, width = tiles.parse_path(name) or (None, 0, 0)
        if width == 0 or (fresh / name.partition(".p/")[0]).exists():
            continue
        wider = [each.read_bytes() for each in (fresh / name).parent.glob("*") if int(each.name) > width]
        data = path.read_bytes()
        size = width * (tiles.FRAMED_BYTES if level is None else HASH_BYTES)
        if len(data) == size and any(each.startswith(data) for each in wider):
            files.put(name, data)
    files.sync()


def _is_note(data: bytes) -> bool:
    try:
        parse_checkpoint(notes.parse(data).text)
    except NoteInvalid:
        return False
    return True


def _restore(path: Path, origin: str, head: Head, at: str) -> None:
    try:
        store = CheckpointStore(path)
    except StoreError:
        path.rename(path.with_name(f"{path.name}.before-{at}"))
        store = CheckpointStore(path)
    try:
        store.restore(origin, head)
    finally:
        store.close()
