"""What can go wrong at the command line itself.

::

    YizhanError
    └── CommandError        what was asked cannot be done; the sentence is for whoever typed it
        ├── ExtraMissing    a role's extra is not installed; the sentence names the command that does
        └── NoKey           a private key that the command needs is not there, or is not registered

Rule 1: these sentences are for people at a desk, so they are in the language chosen.
"""

from __future__ import annotations

from yizhan.schemas.errors import YizhanError


class ServiceError(YizhanError):
    """What was asked cannot be done."""


class ExtraMissing(ServiceError):
    """A role's extra is not installed."""


class NoKey(ServiceError):
    """A private key is not there, or the charter does not name it."""


class NotAMember(ServiceError):
    """A code that the charter does not name as a member."""
