"""Gives python-tuf's client its bytes from a function of paths instead of from the web.

Rule 1: a missing file is a 404, as TUF's workflow expects; the client itself cuts off anything longer
        than allowed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class CharterSource(Protocol):
    """A place where charters are offered. Nothing that it gives is believed."""

    def update(self) -> None:
        """Look for changes (``CharterProblem`` unreachable)."""

    def get(self, path: str) -> bytes | None:
        """Return the bytes of a path of ``layout``, or None."""

    def adoptions(self) -> tuple[int, ...]:
        """Return the numbers of the versions that the station announced, ascending."""


class CharterFetcher(FetcherInterface):
    """Gives the client a source's files; ``bytes_read`` counts their bytes."""

    def __init__(self, source: CharterSource, instead: dict[str, bytes | None] | None = None) -> None:
        """Read from a source; ``instead`` gives some paths other bytes, None hides them."""
        self._source, self._instead = source, instead or {}
        self.bytes_read = 0

    def get(self, path: str) -> bytes | None:
        """Return the bytes of a path, or None."""
        data = self._instead[path] if path in self._instead else self._source.get(path)
        self.bytes_read += len(data or b"")
        return data

    def _fetch(self, url: str) -> Iterator[bytes]:
        data = self.get(url)
        if data is None:
            message = f"{url} is not there"
            raise DownloadHTTPError(message, 404)
        return iter([data])


class MemorySource:
    """Files in memory: path → bytes."""

    def __init__(self, files: dict[str, bytes]) -> None:
        """Offer these files; the mapping may change later."""
        self.files = files

    def update(self) -> None:
        """Do nothing."""

    def get(self, path: str) -> bytes | None:
        """Return the bytes of a path, or None."""
        return self.files.get(path)

    def adoptions(self) -> tuple[int, ...]:
        """Return the numbers of the versions that the station announced, ascending."""
        return numbered(self.files)


class CharterFolder:
    """Static files in a folder, read when requested; at most ``most`` bytes of each."""

    def __init__(self, folder: Path, most: int) -> None:
        """Offer the files of a folder; at most ``most`` bytes of one file are read."""
        self._folder, self._most = folder, most

    def update(self) -> None:
        """Do nothing: files are read when they are requested."""

    def get(self, path: str) -> bytes | None:
        """Return the bytes of a path, or None."""
        try:
            with (self._folder / path).open("rb") as file:
                return file.read(self._most + 1)
        except OSError:
            return None

    def adoptions(self) -> tuple[int, ...]:
        """Return the numbers of the versions that the station announced, ascending."""
        return numbered(f"adoption/{path.name}" for path in (self._folder / "adoption").glob("*.json"))


def numbered(paths: Iterator[str] | dict[str, bytes]) -> tuple[int, ...]:
    """Return the numbers in ``adoption/<n>.json``, ascending.

    >>> numbered({"adoption/2.json": b"", "adoption/10.json": b"", "adoption/x.json": b"", "metadata/1.root.json": b""})
    (2, 10)
    """
    names = (path[len("adoption/") : -len(".json")] for path in paths if path.startswith("adoption/"))
    return tuple(sorted(int(name) for name in names if name.isascii() and name.isdigit() and len(name) < 10))  # noqa: PLR2004 -- as many as a name has
