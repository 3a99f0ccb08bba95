"""Errors of the receiving side, except disk errors.

::

    YizhanError
    └── InboxError        the inbox cannot do what it was asked
        ├── WrongInbox     the file is another county's
        ├── NotAnswerable  no person answers this item
        ├── ItemChanged    its sender corrected it or took it back meanwhile
        ├── NotDue         its content may not be destroyed, or is gone
        └── ChannelFailed  a channel of the bell did not carry a message
"""

from __future__ import annotations

from yizhan.schemas.errors import YizhanError


class InboxError(YizhanError):
    """The inbox cannot do what it was asked; the message says what to do."""


class WrongInbox(InboxError):
    """The database belongs to another county."""


class NotAnswerable(InboxError):
    """No person answers this item, or the answer does not say who gives it."""


class ItemChanged(InboxError):
    """An item that its sender corrected or took back after the officer had looked at it."""


class NotDue(InboxError):
    """The content of this item may not be destroyed yet, or is gone already."""


class ChannelFailed(InboxError):
    """A channel of the bell did not send a message; its text is one code for the reason."""
