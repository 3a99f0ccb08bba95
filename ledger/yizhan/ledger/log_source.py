"""Reads a log's files from a folder or over HTTP.

Rule 1: a file that cannot be read is an error that names it.
Rule 2: the widest existing tile is read: a log may have replaced a partial one by a full one.
"""

from __future__ import annotations

import contextlib
import os
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from yizhan.ledger.errors import REBUILD, LogDamaged
from yizhan.schemas import merkle, notes, tiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CHECKPOINT: Final = "checkpoint"
"""The newest checkpoint, signed by the log, with the cosignatures received so far (tlog-tiles)."""
FINAL: Final = "final"
"""The newest checkpoint with its quorum. An addition to tlog-tiles, which knows only one checkpoint."""
VERIFIER_KEY: Final = "log.vkey"
"""Of an export: the log's Ed25519 key as tools in the field take it."""
_MAX_BYTES: Final = notes.MAX_NOTE_BYTES
_TIMEOUT_SECONDS: Final = 30.0


class LogSource(Protocol):
    """Gives a log's files."""

    def read(self, path: str) -> bytes | None:
        """Return a file by its relative path, or None if it is not there (``LogDamaged`` if unreadable)."""

    def partials(self) -> Iterable[str] | None:
        """Return the paths of all partial tiles and bundles, also those that wider ones replaced; None if unknown."""


class LogFolder:
    """A folder on this machine."""

    def __init__(self, root: Path) -> None:
        """Take the folder that holds ``checkpoint``."""
        self.root, self._prefix = root, f"{root}{os.sep}"

    def read(self, path: str) -> bytes | None:
        """Return a file, or None."""
        try:
            file = os.open(f"{self._prefix}{path}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                return os.read(file, min(os.fstat(file).st_size, _MAX_BYTES))
            finally:
                os.close(file)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise LogDamaged(path, f"cannot be read: {error.strerror}") from error

    def partials(self) -> Iterable[str]:
        """Return the paths of the partial tiles and bundles that are there."""
        return sorted(path.relative_to(self.root).as_posix() for path in self.root.glob("tile/**/*.p/*"))


class HttpSource:
    """A web server."""

    def __init__(self, prefix: str) -> None:
        """Take the URL below which ``checkpoint`` is."""
        self._prefix = prefix.rstrip("/")

    def read(self, path: str) -> bytes | None:
        """Return a file, or None where the server says that there is none."""
        try:
            with urllib.request.urlopen(f"{self._prefix}/{path}", timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 -- only http, see source
                return bytes(answer.read(_MAX_BYTES))
        except urllib.error.HTTPError as error:
            with contextlib.closing(error):
                if error.code in {404, 410}:
                    return None
                raise LogDamaged(path, f"the server answers {error.code}") from error
        except OSError as error:
            raise LogDamaged(path, f"the server does not answer: {error}") from error

    def partials(self) -> None:
        """Return None: a web server does not say what it has."""


def source(where: str) -> LogSource:
    """Return the source for a folder's name or an http(s) URL."""
    return HttpSource(where) if re.match(r"https?://", where) else LogFolder(Path(where))


class Tiles:
    """The tiles of a log of a size; ``tile`` is the argument that ``yizhan.schemas.tiles`` needs."""

    def __init__(self, files: LogSource, size: int, folder: Path | None = None) -> None:
        """Read from ``files``; wider partial tiles are looked for in ``folder``."""
        self._files, self._size, self._folder = files, size, folder

    def tile(self, level: int, number: int) -> bytes:
        """Return a tile, at least as wide as the tree has it (``LogDamaged`` if it is missing)."""
        width = tiles.tile_width(level, number, self._size)
        return self._widest(lambda wide: tiles.tile_path(level, number, wide), width, merkle.HASH_BYTES)

    def bundle(self, number: int) -> bytes:
        """Return a bundle, at least as wide as the tree has it (``LogDamaged`` if it is missing)."""
        width = tiles.tile_width(0, number, self._size)
        return self._widest(lambda wide: tiles.entries_path(number, wide), width, tiles.FRAMED_BYTES)

    def _widest(self, path: Callable[[int], str], width: int, each_bytes: int) -> bytes:
        """Read a file of ``width`` parts, or the full or wider one that has replaced it."""
        wider: list[int] = []
        if self._folder is not None and width < tiles.WIDTH:
            names = [each.name for each in (self._folder / path(1)).parent.glob("[0-9]*")]
            wider = sorted(int(name) for name in names if name.isdigit() and int(name) > width)
        for wide in dict.fromkeys((width, tiles.WIDTH, *wider)):
            data = self._files.read(path(wide))
            if data is not None and len(data) != wide * each_bytes:
                raise LogDamaged(path(wide), f"has {len(data)} bytes, expected {wide * each_bytes}")
            if data is not None:
                return data
        raise LogDamaged(path(width), "is missing; restore it, or rebuild the log", hint=REBUILD)
