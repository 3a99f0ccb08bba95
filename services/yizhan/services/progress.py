"""How far long work is: a service counts, a face draws."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Takes the steps of long work."""

    def advance(self, steps: float = 1) -> None:
        """Take note that so many more steps are done."""

    def describe(self, text: str) -> None:
        """Take note of what is being done: a message id (``marked``), which the face puts into words."""


class _Silent:
    """Progress that nobody looks at."""

    def advance(self, steps: float = 1) -> None:
        """Show nothing."""

    def describe(self, text: str) -> None:
        """Show nothing."""


SILENT: Progress = _Silent()


class FileProgress:
    """Advances a progress by the bytes done since the last call, file after file."""

    def __init__(self, progress: Progress) -> None:
        """Begin with the first file."""
        self._progress, self._done = progress, 0

    def __call__(self, done: int, _total: int) -> None:
        """Take the bytes done of the present file; fewer than before means that the next file began."""
        self._progress.advance(done - self._done if done > self._done else done)
        self._done = done
