"""A folder of files that are durable before their names are visible.

Rule 1: a file is written under another name, synced, and gets its name by one link or rename; then its
        folder is synced. A visible name always has the whole content.
Rule 2: ``put`` never changes an existing file: the same bytes are synced again, other bytes are an
        error. Only ``replace`` changes a file, and only the checkpoints are replaced.
Rule 3: a disk error names the file and says that nothing was published.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, Final

from yizhan.ledger.errors import LogDamaged, NotWritten
from yizhan.runtime.folders import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PART: Final = ".part"
"""The one temporary name of files being written: there is one writer."""
_MODE: Final = 0o644


class Folder:
    """Durable writes below one folder, by relative paths with ``/``. For one writer."""

    def __init__(self, root: Path) -> None:
        """Take the folder; it is created with the first file."""
        self.root = root
        self._unsynced: dict[Path, None] = {}

    def put(self, path: str, data: bytes) -> None:
        """Write a file that never changes; durable after ``sync``.

        Raises:
            LogDamaged: the file exists with other bytes; nothing was overwritten.
            NotWritten: the disk is full or fails.
        """
        place = self.root / path
        with self._naming(path):
            self._folder(place.parent)
            try:
                with place.open("rb") as file:
                    if file.read() != data:
                        raise LogDamaged(path, "exists with other bytes than it must have; nothing was changed")
                    os.fsync(file.fileno())
            except FileNotFoundError:
                part = self._part(data)
                os.link(part, place)
                part.unlink()
            self._unsynced[place.parent] = None

    def replace(self, path: str, data: bytes) -> None:
        """Write a file over the one before; durable on return (``NotWritten`` if it is not)."""
        place = self.root / path
        with self._naming(path):
            self._folder(place.parent)
            self._part(data).rename(place)
            self._unsynced[place.parent] = None
        self.sync()

    def sync(self) -> None:
        """Make the names of all files written so far durable (``NotWritten`` if the disk fails)."""
        while self._unsynced:
            folder = next(reversed(self._unsynced))
            with self._naming(str(folder)):
                sync_folder(folder)
            del self._unsynced[folder]

    def sync_folder(self) -> None:
        """Make renames right below the folder durable (``NotWritten`` if the disk fails)."""
        self._unsynced[self.root] = None
        self.sync()

    def _part(self, data: bytes) -> Path:
        """Write and sync a file under the temporary name."""
        part = self.root / _PART
        # After a crash it may be a second name of a published file: unlinked, never written into.
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        return part

    def _folder(self, folder: Path) -> None:
        if not folder.is_dir():
            self._folder(folder.parent)
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o755)
            self._unsynced[folder.parent] = None

    @contextlib.contextmanager
    def _naming(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            advice = "free some space" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "look at the disk (dmesg)"
            sentence = f"{path}: {error.strerror}; nothing was published that is not on the disk; {advice}, start again"
            raise NotWritten(sentence) from error
