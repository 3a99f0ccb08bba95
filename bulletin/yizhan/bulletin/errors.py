"""Errors of a bulletin.

::

    YizhanError
    └── BulletinError
        └── TextInvalid     the analyst's text is invalid; the message names the line

Rule 1: these messages are for the analyst, so they are in the chosen language.
"""

from __future__ import annotations

from yizhan.schemas.errors import YizhanError


class BulletinError(YizhanError):
    """Base of a bulletin's errors."""


class TextInvalid(BulletinError):
    """The analyst's text is invalid."""
