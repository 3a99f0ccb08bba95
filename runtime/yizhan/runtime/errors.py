"""What can go wrong in the shell around the pure core.

Rule 1: every error here says what was expected, what came, and what to do.
Rule 2: none of them ever carries the bytes of an event or of a key.

::

    YizhanError
    ├── SettingError      a setting is missing or has a value that cannot be used
    ├── StoreError        SQLite cannot open, read or write its file
    ├── AlreadyRunning    another process does this work
    ├── NotAuthorised     the broker answers, and does not let this principal do its work
    └── ProcessError      a child process did not do what it was started for
"""

from __future__ import annotations

from yizhan.schemas.errors import YizhanError


class SettingError(YizhanError):
    """A setting is missing or has a value that cannot be used."""


class StoreError(YizhanError):
    """SQLite cannot open, read or write its file; the sentence says what to do."""


class AlreadyRunning(YizhanError):
    """Another process does this work; two would spoil it."""


class NotAuthorised(YizhanError):
    """The broker answers, and does not let this principal do its work."""


class ProcessError(YizhanError):
    """A child process did not do what it was started for."""
