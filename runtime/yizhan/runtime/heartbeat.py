"""A process says to others that its work advances: it touches a file beside its lock.

Rule 1: only the loop that does the work calls :meth:`Heartbeat.beat`: a process that hangs or is stopped stays silent,
        though the kernel's lock says that it runs.
Rule 2: it costs nothing: the file is touched once a second at most, and what the disk refuses is left out.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Final

BEAT_SECONDS: Final = 1.0


def beat_path(lock: Path) -> Path:
    """Return the file that the holder of a lock touches."""
    return lock.with_name(f"{lock.name}.beat")


class Heartbeat:
    """The heart of the process that holds a lock; used by one thread."""

    def __init__(self, lock: Path) -> None:
        """Name the lock; nothing is written yet."""
        self._path = beat_path(lock)
        self._due = 0.0

    def beat(self) -> None:
        """Say that the work advances."""
        if (now := time.monotonic()) < self._due:
            return
        self._due = now + BEAT_SECONDS
        with contextlib.suppress(OSError):
            try:
                os.utime(self._path)
            except FileNotFoundError:
                self._path.touch(mode=0o600)


def silence_seconds(lock: Path) -> float | None:
    """Return how long ago the holder of a lock last said that its work advances; None if it never did.

    A time in the future counts as long: the clock was set back, and since then the holder said nothing.
    """
    try:
        return abs(time.time() - beat_path(lock).stat().st_mtime)
    except FileNotFoundError:
        return None
