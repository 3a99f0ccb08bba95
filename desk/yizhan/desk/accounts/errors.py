"""Why the desk lets somebody not in, or does not change an account.

::

    YizhanError
    └── AccountError         what was asked of an account cannot be done; ``field`` is the field of the form to mend
        ├── SignInRefused    badge, password or code is wrong; nothing says which
        ├── SignInLocked     too many failures: nobody signs in with this badge for a while
        ├── SignInBusy       too many sign-ins at once
        └── LinkInvalid      a one-time link that was used, has expired, or never was
"""

from __future__ import annotations

from yizhan.schemas.errors import YizhanError


class AccountError(YizhanError):
    """What was asked of an account cannot be done."""

    def __init__(self, message: str, /, *, field: str | None = None, **params: object) -> None:
        """Take the sentence, the field of the form that it belongs to, and the sentence's parameters."""
        super().__init__(message)
        self.params, self.field = params, field


class SignInRefused(AccountError):
    """Badge, password or code is wrong; nothing says which of them."""


class SignInLocked(AccountError):
    """Too many failures: nobody signs in with this badge for a while."""


class SignInBusy(AccountError):
    """Too many sign-ins at once."""


class LinkInvalid(AccountError):
    """A one-time link that was used, has expired, or never was."""
