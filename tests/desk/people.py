"""Accounts for the tests of the desk, signed in as people do it, with passwords that are cheap to derive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from yizhan.desk.accounts.credentials import Cost, Passwords, code_at
from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.store import AccountStore

NOON = datetime(2026, 11, 30, 4, 0, tzinfo=UTC)
CHEAP = Cost(memory_kib=32, iterations=1, lanes=4)
PASSWORD = "三山夹一水 correct horse"  # noqa: S105 -- of people who do not exist
STEP = timedelta(seconds=30)
SECURITY = "330001"


@dataclass
class Human:
    """Somebody with a password and an authenticator."""

    badge: str
    secret: bytes
    codes: list[str]
    password: str = PASSWORD

    def code(self, now: datetime) -> str:
        """Return what the authenticator shows."""
        return code_at(self.secret, now)

    def sign_in(self, store: AccountStore, now: datetime) -> str:
        """Sign in; return the cookie."""
        return store.sign_in(self.badge, self.password, self.code(now), now)


class Counting(Passwords):
    """Counts what it derives."""

    derived = 0

    def matches(self, password: str, phc: str | None) -> bool:
        """Check a password."""
        self.derived += 1
        return super().matches(password, phc)


def cheap() -> Passwords:
    """Return what derives quickly."""
    return Passwords(CHEAP)


def enter(store: AccountStore, token: str | None, now: datetime, *, badge: str = SECURITY, name: str = "安某") -> Human:
    """Use a one-time link."""
    assert token is not None
    link = store.link(token, now)
    codes = store.use_link(token, PASSWORD, code_at(link.secret, now), now, badge=badge, name=name)
    return Human(badge if link.account is None else link.account.badge, link.secret, codes)


def first(store: AccountStore, now: datetime = NOON) -> Human:
    """Appoint the security administrator."""
    return enter(store, store.accounts.first_link(now), now)


def officer(store: AccountStore, badge: str, name: str, *roles: Role, now: datetime = NOON) -> Human:
    """Add an account by the security administrator, and use its link."""
    return enter(store, store.accounts.add(badge, name, roles, SECURITY, now), now)
