"""``bell.toml`` while the bell works: it is read again when the file appears or changes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from yizhan.consumers.bell.channels import ReadyChannel, ready_channels
from yizhan.consumers.bell.settings import BellSettings, load
from yizhan.runtime.errors import SettingError

log = logging.getLogger(__name__)
Found = TypeVar("Found", "BellChannels", BellSettings)


@dataclass(frozen=True, slots=True)
class BellChannels:
    """The settings of a bell, and its channels ready to send."""

    settings: BellSettings
    channels: Mapping[str, ReadyChannel]


def read_channels(path: Path) -> BellChannels | None:
    """Read a ``bell.toml`` and make its channels ready; None where there is none.

    Raises:
        SettingError: it cannot be used; the sentence names the place.
    """
    settings = load(path)
    return None if settings is None else BellChannels(settings, ready_channels(settings))


class BellFile(Generic[Found]):
    """A ``bell.toml`` that may appear or change; for one thread."""

    def __init__(self, path: Path, read: Callable[[Path], Found | None]) -> None:
        """Take the file's path and how it is read, ``read_channels`` or ``load``; nothing is read yet."""
        self._path = path
        self._read: Callable[[Path], Found | None] = read
        self._seen: tuple[int, int, int] | None = None

    def changed(self) -> Found | None:
        """Read the file if it appeared or changed since the last call.

        None if it did not, if it is gone, or if it cannot be used: then the bell goes on as before, and the log says
        why. It is then read again at the next change.
        """
        try:
            state = self._path.stat()
        except OSError:
            return None
        seen = state.st_ino, state.st_ctime_ns, state.st_size
        if seen == self._seen:
            return None
        self._seen = seen
        try:
            found = self._read(self._path)
        except SettingError as error:
            log.error("the bell goes on as before: %s", error)  # noqa: TRY400 -- the sentence says all
            return None
        if found is not None:
            log.info("bell.toml was read: channels %s", ", ".join(found.channels))
        return found
