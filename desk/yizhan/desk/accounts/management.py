"""Accounts as the security administrator keeps them.

Rule 1: an account begins and is reset by a one-time link: the administrator learns no password and no secret.
Rule 2: one account for each administrator's role. Whoever is named to follow takes over when the link is used, and the
        one before is disabled at that moment.
Rule 3: whatever changes what an account may do ends its sessions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from yizhan.desk.accounts import attempts
from yizhan.desk.accounts.authority import Authority, check_authority
from yizhan.desk.accounts.credentials import new_secret, new_token, token_hash
from yizhan.desk.accounts.database import Database, Kind, note
from yizhan.desk.accounts.errors import AccountError
from yizhan.desk.accounts.model import ADMINISTRATORS, Account, Role
from yizhan.desk.accounts.sessions import account_of, end_all
from yizhan.producers.officers import badge_fault, name_fault
from yizhan.schemas.i18n import marked
from yizhan.schemas.timestamps import instant, written

LINK_LIFE: Final = timedelta(hours=24)
_LONGEST: Final = 60


@dataclass(frozen=True, slots=True)
class Standing:
    """An account as its administrator sees it. ``changed`` is None until the one-time link was used."""

    account: Account
    changed: datetime | None
    locked_until: datetime | None
    codes_left: int
    certificates: tuple[tuple[str, str], ...]


class Accounts:
    """The accounts of one desk. What changes one raises ``AccountError`` where it may not be."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, badge: str) -> Account | None:
        """Return an account, or None."""
        with self._database.reading() as conn:
            row = conn.execute("SELECT * FROM accounts WHERE badge = ?", (badge,)).fetchone()
        return None if row is None else account_of(row)

    def all(self, now: datetime) -> list[Standing]:
        """Return every account, by badge."""
        with self._database.reading() as conn:
            rows = conn.execute("SELECT * FROM accounts ORDER BY badge").fetchall()
            return [_standing(conn, row, now) for row in rows]

    def first_link(self, now: datetime) -> str | None:
        """Return a one-time link's token for the security administrator, or None where there is an account already.

        Each one makes those before it worthless.
        """
        with self._database.writing() as conn:
            if conn.execute("SELECT 1 FROM accounts").fetchone():
                return None
            conn.execute("DELETE FROM links WHERE kind = 'first'")
            return _link(conn, "first", None, now)

    def add(self, badge: str, name: str, roles: Collection[Role], by: Authority, now: datetime) -> str:
        """Add an account; return the token of its one-time link."""
        badge, name = checked_person(badge, name)
        check_roles(roles)
        with self._database.writing() as conn:
            who = check_authority(conn, by)
            if conn.execute("SELECT 1 FROM accounts WHERE badge = ?", (badge,)).fetchone():
                raise AccountError(marked("警号 {badge} 已有账户"), field="badge", badge=badge)
            insert_account(conn, badge, name, roles, now)
            note(conn, now, Kind.ACCOUNT_ADDED, badge, who, words_of(roles))
            return _link(conn, "new", badge, now)

    def reset(self, badge: str, by: Authority, now: datetime) -> str:
        """Make password, authenticator and one-time codes worthless; return the token of a link for new ones."""
        with self._database.writing() as conn:
            who = check_authority(conn, by, badge)
            _existing(conn, badge)
            conn.execute("UPDATE accounts SET phc = NULL, totp = NULL WHERE badge = ?", (badge,))
            conn.execute("DELETE FROM codes WHERE badge = ?", (badge,))
            attempts.clear(conn, badge)
            end_all(conn, badge)
            note(conn, now, Kind.ACCOUNT_RESET, badge, who)
            return _link(conn, "reset", badge, now)

    def set_roles(self, badge: str, roles: Collection[Role], by: Authority, now: datetime) -> None:
        """Change what an account may do. An administrator's role is taken over by a new account only (rule 2)."""
        check_roles(roles)
        with self._database.writing() as conn:
            who = check_authority(conn, by, badge)
            account = _existing(conn, badge)
            if account.roles == frozenset(roles):
                return
            if set(roles) & ADMINISTRATORS and others_with(conn, roles, badge):
                raise AccountError(marked("这个管理员角色已有人担任；请新建账户接任"), field="roles")
            conn.execute("UPDATE accounts SET roles = ? WHERE badge = ?", (words_of(roles), badge))
            end_all(conn, badge)
            detail = f"{words_of(account.roles)} → {words_of(roles)}"
            note(conn, now, Kind.ROLES_CHANGED, badge, who, detail)

    def disable(self, badge: str, by: Authority, now: datetime) -> None:
        """Let nobody in with an account any more; one that is disabled stays so."""
        with self._database.writing() as conn:
            who = check_authority(conn, by, badge)
            if not _existing(conn, badge).disabled:
                disable(conn, badge)
                note(conn, now, Kind.DISABLED, badge, who)

    def enable(self, badge: str, by: Authority, now: datetime) -> None:
        """Let somebody in again with a disabled account."""
        with self._database.writing() as conn:
            who = check_authority(conn, by, badge)
            account = _existing(conn, badge)
            if others_with(conn, account.roles & ADMINISTRATORS, badge):
                raise AccountError(marked("这个管理员角色已有人担任；请新建账户接任"))
            if account.disabled:
                conn.execute("UPDATE accounts SET disabled = 0 WHERE badge = ?", (badge,))
                note(conn, now, Kind.ENABLED, badge, who)

    def add_certificate(self, badge: str, issuer: str, serial: str, by: Authority, now: datetime) -> None:
        """Let a certificate sign in as an account; ``issuer`` and ``serial`` as the gateway writes them."""
        issuer, serial = issuer.strip(), serial.strip()
        if not issuer or not serial:
            raise AccountError(marked("颁发者和序列号都要写，照网关写的写"), field="issuer")
        with self._database.writing() as conn:
            who = check_authority(conn, by, badge)
            _existing(conn, badge)
            held = conn.execute("SELECT badge FROM certificates WHERE issuer = ? AND serial = ?", (issuer, serial))
            if (row := held.fetchone()) is not None:
                raise AccountError(marked("这张证书已归警号 {badge}"), field="serial", badge=row["badge"])
            conn.execute("INSERT INTO certificates VALUES (?, ?, ?)", (issuer, serial, badge))
            note(conn, now, Kind.CERTIFICATE_ADDED, badge, who, f"{issuer} / {serial}")

    def remove_certificate(self, badge: str, issuer: str, serial: str, by: Authority, now: datetime) -> None:
        """Take a certificate from an account, and end its sessions."""
        with self._database.writing() as conn:
            who = check_authority(conn, by, badge)
            query = "DELETE FROM certificates WHERE issuer = ? AND serial = ? AND badge = ? RETURNING 1"
            if conn.execute(query, (issuer, serial, badge)).fetchall():
                end_all(conn, badge)
                note(conn, now, Kind.CERTIFICATE_REMOVED, badge, who, f"{issuer} / {serial}")


def checked_person(badge: str, name: str) -> tuple[str, str]:
    """Return badge and name without blanks around (``AccountError`` if one of them cannot be)."""
    badge, name = badge.strip(), name.strip()
    for field, value, fault in (("badge", badge, badge_fault(badge)), ("name", name, name_fault(name))):
        if fault or len(value) > _LONGEST:
            raise AccountError(fault or marked("太长，请核对"), field=field)
    return badge, name


def check_roles(roles: Collection[Role]) -> None:
    """Raise ``AccountError`` for roles that one account cannot have together (rule 1 of ``model``)."""
    if not roles:
        raise AccountError(marked("请至少选一个角色"), field="roles")
    if set(roles) & ADMINISTRATORS and len(set(roles)) > 1:
        raise AccountError(marked("管理员只有一个角色，也不兼办业务（三员分立）"), field="roles")


def words_of(roles: Collection[Role]) -> str:
    """Write roles as the database has them."""
    return " ".join(sorted(roles))


def insert_account(conn: sqlite3.Connection, badge: str, name: str, roles: Collection[Role], now: datetime) -> None:
    """Add the row of an account in a transaction."""
    conn.execute(
        "INSERT INTO accounts (badge, name, roles, made) VALUES (?, ?, ?, ?)",
        (badge, name, words_of(roles), written(now)),
    )


def disable(conn: sqlite3.Connection, badge: str) -> None:
    """Disable an account in a transaction."""
    conn.execute("UPDATE accounts SET disabled = 1 WHERE badge = ?", (badge,))
    conn.execute("DELETE FROM links WHERE badge = ?", (badge,))
    end_all(conn, badge)


def others_with(conn: sqlite3.Connection, roles: Collection[Role], badge: str) -> list[str]:
    """Return the badges of other accounts in use that have one of these roles."""
    query = "SELECT badge, roles FROM accounts WHERE NOT disabled AND phc IS NOT NULL AND badge <> ?"
    return [row["badge"] for row in conn.execute(query, (badge,)) if set(row["roles"].split()) & set(roles)]


def _existing(conn: sqlite3.Connection, badge: str) -> Account:
    row = conn.execute("SELECT * FROM accounts WHERE badge = ?", (badge,)).fetchone()
    if row is None:
        raise AccountError(marked("没有警号 {badge} 的账户"), field="badge", badge=badge)
    return account_of(row)


def _link(conn: sqlite3.Connection, kind: str, badge: str | None, now: datetime) -> str:
    token = new_token()
    conn.execute("DELETE FROM links WHERE badge = ? OR expires <= ?", (badge, written(now)))
    conn.execute(
        "INSERT INTO links VALUES (?, ?, ?, ?, ?)",
        (token_hash(token), kind, badge, new_secret(), written(now + LINK_LIFE)),
    )
    return token


def _standing(conn: sqlite3.Connection, row: sqlite3.Row, now: datetime) -> Standing:
    badge = row["badge"]
    (codes,) = conn.execute("SELECT count(*) FROM codes WHERE badge = ?", (badge,)).fetchone()
    held = conn.execute("SELECT issuer, serial FROM certificates WHERE badge = ? ORDER BY issuer, serial", (badge,))
    return Standing(
        account_of(row),
        None if row["changed"] is None or row["phc"] is None else instant(row["changed"]),
        attempts.locked_until(conn, badge, now),
        codes,
        tuple((each["issuer"], each["serial"]) for each in held),
    )
