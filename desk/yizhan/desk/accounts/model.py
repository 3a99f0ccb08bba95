"""What an account and a session are.

Rule 1: an administrator has no role of an office, and an officer no role of an administrator (GB/T 22239, level 3:
        system, security and audit administration are kept apart).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from yizhan.schemas.payloads.common import Person


class Role(StrEnum):
    """What an account may do; the pages say which roles may open them."""

    DUTY = "duty"
    LIAISON = "liaison"
    ANALYST = "analyst"
    LEADER = "leader"
    AUDITOR = "auditor"
    SYSTEM = "system"
    SECURITY = "security"
    AUDIT = "audit"


ADMINISTRATORS: Final = frozenset({Role.SYSTEM, Role.SECURITY, Role.AUDIT})
OFFICE: Final = frozenset({Role.DUTY, Role.LIAISON, Role.ANALYST, Role.LEADER})
"""Roles that see what partners sent."""
EVERYBODY: Final = frozenset(Role)


@dataclass(frozen=True, slots=True)
class Account:
    """One person at the desk; ``badge`` is the login."""

    badge: str
    name: str
    roles: frozenset[Role]
    disabled: bool = False

    @property
    def officer(self) -> Person:
        """Return the person whose word it is, for what is signed."""
        return Person(name=self.name, badge=self.badge)


@dataclass(frozen=True, slots=True)
class Session:
    """A browser in which somebody signed in.

    ``key`` is the SHA-256 of the cookie, as hex. While it is ``locked`` it shows that something rings, and no content.
    """

    key: str
    account: Account
    began: datetime
    locked: bool = False
