"""How far long work is: a service counts, a face draws."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Takes the steps of long work."""

    def advance(self, steps: float = 1) -> None:
        """Take note that so many more steps are done."""

    def describe(self, text: str) -> None:
        """Take note of what is being done."""


class _Silent:
    """Progress that nobody looks at."""

    def advance(self, steps: float = 1) -> None:
        """Show nothing."""

    def describe(self, text: str) -> None:
        """Show nothing."""


SILENT: Progress = _Silent()
