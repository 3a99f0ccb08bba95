"""Errors on a county's own side, before anything is sent.

Rule 1: every error here says what was expected, what was found and what to do.
Rule 2: when one of them is raised nothing was stored.

::

    YizhanError
    └── NotPublishable     an event that cannot be sealed: the caller still has it, and corrects it
        ├── UnknownReference   it refers to an event that this outbox did not send
        ├── NotOwed            it would discharge what another county owes
        └── WrongOutbox        the file belongs to another source, or is no longer the same file

A full or failing disk is ``yizhan.runtime.errors.StoreError``.
"""

from __future__ import annotations

from yizhan.schemas.errors import YizhanError


class NotPublishable(YizhanError):
    """An event that cannot be sealed as it is; nothing of it was stored."""


class UnknownReference(NotPublishable):
    """It refers to an event that this outbox did not send."""


class NotOwed(NotPublishable):
    """It answers what another county owes an answer to."""


class WrongOutbox(NotPublishable):
    """The file belongs to another source, or was replaced under a running process."""
