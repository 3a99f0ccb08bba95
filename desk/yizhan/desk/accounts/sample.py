"""Made-up accounts, one a role, for the demonstration, for tests and for benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from yizhan.desk.accounts.authority import Operator
from yizhan.desk.accounts.credentials import code_at
from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.store import AccountStore

PASSWORD: Final = "correct-horse-battery"  # noqa: S105 -- of made-up accounts
NAMES: Final[Mapping[Role, str]] = {
    Role.DUTY: "周某", Role.LIAISON: "叶某", Role.ANALYST: "范某", Role.LEADER: "林某", Role.AUDITOR: "柳某",
    Role.SYSTEM: "季某", Role.SECURITY: "安某", Role.AUDIT: "申某",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SampleAccount:
    """A made-up account; each of ``codes`` stands once for the six digits of an authenticator."""

    role: Role
    badge: str
    name: str
    codes: list[str]


def badge_of(role: Role) -> str:
    """Return the badge of the made-up account of a role."""
    return f"3319{list(Role).index(role):02}"


def add_sample_accounts(store: AccountStore, now: datetime) -> dict[Role, SampleAccount]:
    """Add an account for each role, in the way in which a person gets one; all have ``PASSWORD``."""
    found = {}
    for role in Role:
        token = store.accounts.add(badge_of(role), NAMES[role], [role], Operator("sample"), now)
        code = code_at(store.link(token, now).secret, now)
        codes = store.use_link(token, PASSWORD, code, now, badge="", name="")
        found[role] = SampleAccount(role, badge_of(role), NAMES[role], codes)
    return found
