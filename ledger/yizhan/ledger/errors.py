"""Errors of the ledger, as one tree.

::

    YizhanError
    └── LedgerError
        ├── NotWritten       the disk is full or fails; nothing was published that is not on it
        ├── LogDamaged       a file is missing, short, or has other bytes than it must have; it is named
        ├── LogBehind        the log ends before a checkpoint that it has published
        ├── LogForked        the log has another root than a checkpoint that it has published
        ├── NoSuchStatement  nothing in the log is about what was asked for
        ├── LedgerNotReady   keys, charter or topics are missing
        └── BookInvalid      a county's book for the auditor that cannot be read, or was truncated

Rule 1: every message says what was expected and what was found; what to do is its ``hint``, where a command helps.
Rule 2: none of them is repaired silently: a person decides.
"""

from __future__ import annotations

from typing import Final

from yizhan.schemas.actions import Action
from yizhan.schemas.errors import YizhanError

REBUILD: Final = Action.to("ledger.rebuild")
"""The remedy where the files of a log are damaged and its statements are complete."""


class LedgerError(YizhanError):
    """Root of the ledger's errors."""


class NotWritten(LedgerError):
    """The disk is full or fails; nothing was published that is not on it."""


class LogDamaged(LedgerError):
    """A file is missing, short, or has other bytes than it must have; ``path`` names it."""

    def __init__(self, path: str, message: str, /, *, hint: Action | None = None, **params: object) -> None:
        """Take the path and the sentence about it."""
        super().__init__(message, hint=hint, **params)
        self.path = path

    def __str__(self) -> str:
        """Return the path and the sentence."""
        return f"{self.path}: {super().__str__()}"


class LogBehind(LedgerError):
    """The log ends before a checkpoint that it has published."""


class LogForked(LedgerError):
    """The log has another root than a checkpoint that it has published."""


class NoSuchStatement(LedgerError):
    """Nothing in the log is about what was asked for."""


class LedgerNotReady(LedgerError):
    """Keys, charter or topics are missing."""


class BookInvalid(LedgerError):
    """A county's book for the auditor that cannot be read, or was truncated."""
