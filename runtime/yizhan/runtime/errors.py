"""Errors of the shell around the pure core.

Rule 1: every error here says what was expected, what was found, and what to do.
Rule 2: none of them ever carries the bytes of an event or of a key.

::

    YizhanError
    ├── SettingError      a setting is missing or has a value that cannot be used
    ├── StoreError        SQLite cannot open, read or write its file
    ├── AlreadyRunning    another process does this work
    ├── NotAuthorised     the broker answers, but denies this principal's rights
    ├── ProcessError      a child process cannot be started, recorded or ended
    └── StreamClosed      standard input was closed by the caller
"""

from __future__ import annotations

from yizhan.schemas.errors import YizhanError


class SettingError(YizhanError):
    """A setting is missing or has a value that cannot be used."""


class StoreError(YizhanError):
    """SQLite cannot open, read or write its file; the message says what to do."""


class AlreadyRunning(YizhanError):
    """Another process does this work, and only one may."""


class NotAuthorised(YizhanError):
    """The broker answers, but denies this principal's rights."""


class ProcessError(YizhanError):
    """A child process cannot be started, recorded or ended."""


class StreamClosed(YizhanError):
    """Standard input was closed by the caller."""
