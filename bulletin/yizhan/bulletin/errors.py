"""What can go wrong with a bulletin.

::

    YizhanError
    └── BulletinError
        └── TextInvalid     the analyst's text is not as it must be; the sentence names the line

Rule 1: these sentences are for the analyst, so they are in the language chosen.
"""

from __future__ import annotations

from yizhan.schemas.errors import YizhanError


class BulletinError(YizhanError):
    """Base of what can go wrong with a bulletin."""


class TextInvalid(BulletinError):
    """The analyst's text is not as it must be."""
