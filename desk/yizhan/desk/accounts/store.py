"""The accounts of a desk: signing in, unlocking, passwords, one-time links.

Rule 1: an answer to a wrong badge, a wrong password and a wrong code is the same, and costs the same.
Rule 2: what is right is used in one transaction that looks again at everything it stands on: a code that two send at
        once lets in one.
Rule 3: a session gets a new id when somebody signs in, and a changed password ends all other sessions.
"""

from __future__ import annotations

import sqlite3
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from yizhan.desk.accounts import attempts, sessions
from yizhan.desk.accounts.credentials import (
    Cost,
    Passwords,
    check_password,
    code_hash,
    new_codes,
    token_hash,
    used_step,
)
from yizhan.desk.accounts.database import Database, Event, Kind, note
from yizhan.desk.accounts.devices import Devices
from yizhan.desk.accounts.errors import AccountError, LinkInvalid, SignInLocked, SignInRefused
from yizhan.desk.accounts.management import (
    Accounts,
    checked_person,
    disable,
    insert_account,
    others_with,
)
from yizhan.desk.accounts.model import ADMINISTRATORS, Account, Role, Session
from yizhan.desk.accounts.saved_searches import SavedSearches
from yizhan.desk.accounts.sessions import Sessions, account_of
from yizhan.desk.accounts.shifts import Shifts
from yizhan.producers.officers import badge_fault
from yizhan.schemas.i18n import marked
from yizhan.schemas.timestamps import instant, written

FILE_NAME: Final = "desk.sqlite3"
_WRONG: Final = marked("警号、口令或动态码不对。还可试 {left} 次，之后锁 15 分钟")
_WRONG_PASSWORD: Final = marked("口令不对。还可试 {left} 次，之后锁 15 分钟")
_WRONG_CODE: Final = marked("动态码不对。请看手机上的时间准不准，再写新的一个")


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time link that is good: for whom, and the secret of the authenticator that comes with it.

    ``account`` is None for the first security administrator, who has none yet.
    """

    account: Account | None
    secret: bytes
    expires: datetime


class AccountStore:
    """``desk.sqlite3`` of one county; for several threads. Methods raise ``StoreError`` when the disk fails."""

    def __init__(self, path: Path, passwords: Passwords | None = None) -> None:
        """Open the database at ``path``, created if absent."""
        self._database = Database(path)
        self.passwords = passwords or Passwords(Cost())
        self.accounts = Accounts(self._database)
        self.sessions = Sessions(self._database)
        self.devices = Devices(self._database)
        self.searches = SavedSearches(self._database)
        self.shifts = Shifts(self._database)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def events(self, *, before: int | None = None, limit: int = 100) -> list[Event]:
        """Return events, the newest first; the next page begins ``before`` the last one's number."""
        return self._database.events(before=before, limit=limit)

    def session(self, cookie: str, now: datetime, *, person: bool = True) -> Session | None:
        """Return the session of a cookie, or None where there is none (any more).

        ``person``: somebody opened a page or sent a form; what a page asks for by itself extends nothing.
        """
        return self.sessions.find(cookie, now, person=person)

    # -- signing in --

    def sign_in(self, badge: str, password: str, code: str, now: datetime, *, instead_of: str | None = None) -> str:
        """Let somebody in; return the new session's cookie. The session of the cookie ``instead_of`` ends.

        ``code`` is six digits of the authenticator, or a one-time code.

        Raises:
            SignInRefused: something is wrong.
            SignInLocked: this badge is locked.
            SignInBusy: too many at once.
        """
        badge = unicodedata.normalize("NFKC", badge).strip()
        row, left = self._attempt(badge, now)
        right = self.passwords.matches(password, None if row is None else row["phc"])
        typed = unicodedata.normalize("NFKC", code).strip().replace(" ", "")
        step = used_step(*((None, typed, now, 0) if row is None else (row["totp"], typed, now, row["totp_step"])))
        one_time = code_hash(badge, typed)
        with self._database.writing() as conn:
            if right and row is not None and _use_second(conn, row, step, one_time, now):
                if instead_of:
                    sessions.end(conn, token_hash(instead_of), badge, now)
                attempts.clear(conn, badge)
                note(conn, now, Kind.SIGNED_IN, badge, badge)
                return sessions.begin(conn, badge, now)
            _note_failure(conn, badge, left, now)
        raise _refusal(_WRONG, left, now)

    def sign_in_by_certificate(
        self, issuer: str, serial: str, now: datetime, *, instead_of: str | None = None
    ) -> str | None:
        """Let the holder of a certificate in; return the session's cookie, or None where no account has it.

        The gateway has checked the certificate. Whether to believe it is the caller's question.
        """
        query = (
            "SELECT badge FROM certificates JOIN accounts USING (badge)"
            " WHERE issuer = ? AND serial = ? AND NOT disabled AND phc IS NOT NULL"
        )
        with self._database.writing() as conn:
            row = conn.execute(query, (issuer, serial)).fetchone()
            if row is None:
                note(conn, now, Kind.REFUSED, "", "", f"{issuer[:200]} / {serial[:80]}")
                return None
            if instead_of:
                sessions.end(conn, token_hash(instead_of), row["badge"], now)
            note(conn, now, Kind.SIGNED_IN, row["badge"], row["badge"], f"{issuer} / {serial}")
            return sessions.begin(conn, row["badge"], now)

    def unlock(self, session: Session, password: str, now: datetime) -> None:
        """Unlock a session with its officer's password; raises as ``sign_in``."""
        badge = session.account.badge
        row = self._right_password(badge, password, now)
        with self._database.writing() as conn:
            attempts.clear(conn, badge)
            conn.execute(
                "UPDATE sessions SET locked = 0, seen = ? WHERE key = ? AND"
                " EXISTS (SELECT 1 FROM accounts WHERE badge = ? AND phc = ? AND NOT disabled)",
                (written(now), session.key, badge, row["phc"]),
            )
            note(conn, now, Kind.UNLOCKED, badge, badge)

    def change_password(self, session: Session, old: str, new: str, now: datetime) -> None:
        """Change the password of who is signed in; raises as ``sign_in``, and ``AccountError`` for a poor new one."""
        badge = session.account.badge
        check_password(new, badge, session.account.name, field="new")
        if old == new:
            raise AccountError(marked("新口令和原来的一样"), field="new")
        row = self._right_password(badge, old, now)
        phc = self.passwords.hashed(new)
        with self._database.writing() as conn:
            attempts.clear(conn, badge)
            conn.execute(
                "UPDATE accounts SET phc = ?, changed = ? WHERE badge = ? AND phc = ?",
                (phc, written(now), badge, row["phc"]),
            )
            sessions.end_all(conn, badge, but=session.key)
            note(conn, now, Kind.PASSWORD_CHANGED, badge, badge)

    # -- one-time links --

    def link(self, token: str, now: datetime) -> Link:
        """Return what a one-time link is for (``LinkInvalid`` if it is not good any more)."""
        with self._database.reading() as conn:
            return _link(conn, token, now)

    def use_link(self, token: str, password: str, code: str, now: datetime, *, badge: str, name: str) -> list[str]:
        """Set password and authenticator; return ten one-time codes, which are shown once.

        ``badge`` and ``name`` are those of the first security administrator; of another account they stand already.

        Raises:
            LinkInvalid: it was used, or is too old.
            AccountError: password, code, badge or name cannot be.
        """
        link = self.link(token, now)
        if link.account is not None:
            badge, name = link.account.badge, link.account.name
        else:
            badge, name = checked_person(badge, name)
        check_password(password, badge, name)
        step = used_step(link.secret, unicodedata.normalize("NFKC", code).strip().replace(" ", ""), now, 0)
        if step is None:
            raise AccountError(_WRONG_CODE, field="code")
        phc, codes = self.passwords.hashed(password), new_codes()
        with self._database.writing() as conn:
            again = _link(conn, token, now)
            if again.account is None:
                insert_account(conn, badge, name, (Role.SECURITY,), now)
            conn.execute(
                "UPDATE accounts SET phc = ?, totp = ?, totp_step = ?, changed = ? WHERE badge = ?",
                (phc, link.secret, step, written(now), badge),
            )
            _replace_codes(conn, badge, codes)
            conn.execute("DELETE FROM links WHERE hash = ?", (token_hash(token),))
            sessions.end_all(conn, badge)
            attempts.clear(conn, badge)
            note(conn, now, Kind.LINK_USED, badge, badge)
            _succeed(conn, badge, now)
        return codes

    # -- within --

    def _attempt(self, badge: str, now: datetime) -> tuple[sqlite3.Row | None, int]:
        with self._database.writing() as conn:
            left = attempts.begin(conn, badge, now)
            query = "SELECT * FROM accounts WHERE badge = ? AND NOT disabled AND phc IS NOT NULL"
            return conn.execute(query, (badge,)).fetchone(), left

    def _right_password(self, badge: str, password: str, now: datetime) -> sqlite3.Row:
        row, left = self._attempt(badge, now)
        if self.passwords.matches(password, None if row is None else row["phc"]) and row is not None:
            return row
        with self._database.writing() as conn:
            _note_failure(conn, badge, left, now)
        raise _refusal(_WRONG_PASSWORD, left, now)


def _use_second(conn: sqlite3.Connection, row: sqlite3.Row, step: int | None, one_time: str, now: datetime) -> bool:
    """Use up the second factor in a transaction; return whether there was one, and the account is as it was."""
    same = "badge = ? AND phc = ? AND NOT disabled"
    if step is not None:
        used = conn.execute(
            f"UPDATE accounts SET totp_step = ? WHERE {same} AND totp_step < ?",  # noqa: S608 -- a constant
            (step, row["badge"], row["phc"], step),
        )
        return used.rowcount == 1
    used = conn.execute(
        f"DELETE FROM codes WHERE hash = ? AND badge IN (SELECT badge FROM accounts WHERE {same})",  # noqa: S608
        (one_time, row["badge"], row["phc"]),
    )
    if used.rowcount == 1:
        note(conn, now, Kind.CODE_USED, row["badge"], row["badge"])
    return used.rowcount == 1


def _note_failure(conn: sqlite3.Connection, badge: str, left: int, now: datetime) -> None:
    """Write a failure down; a badge that cannot be one may be a password in the wrong field, and is not kept."""
    shown = badge if badge_fault(badge) is None else ""
    note(conn, now, Kind.REFUSED if left else Kind.LOCKED_OUT, shown, "")


def _refusal(sentence: str, left: int, now: datetime) -> SignInRefused | SignInLocked:
    if left:
        return SignInRefused(sentence, field="password", left=left)
    return attempts.locked(now + attempts.LOCK, now)


def _link(conn: sqlite3.Connection, token: str, now: datetime) -> Link:
    query = (
        "SELECT links.kind, links.totp AS secret, links.expires, accounts.*"
        " FROM links LEFT JOIN accounts USING (badge) WHERE hash = ? AND expires > ?"
    )
    row = conn.execute(query, (token_hash(token), written(now))).fetchone()
    if row is None:
        raise LinkInvalid(marked("这个链接已用过、已过期或写错了；请向安全管理员再要一个"))
    if row["kind"] == "first":
        if conn.execute("SELECT 1 FROM accounts").fetchone():
            raise LinkInvalid(marked("已经有账户，首次启动的链接不再有用"))
        return Link(None, row["secret"], instant(row["expires"]))
    return Link(account_of(row), row["secret"], instant(row["expires"]))


def _replace_codes(conn: sqlite3.Connection, badge: str, codes: list[str]) -> None:
    conn.execute("DELETE FROM codes WHERE badge = ?", (badge,))
    conn.executemany("INSERT INTO codes VALUES (?, ?)", [(code_hash(badge, code), badge) for code in codes])


def _succeed(conn: sqlite3.Connection, badge: str, now: datetime) -> None:
    """Disable whoever had this account's administrator's role before."""
    row = conn.execute("SELECT roles FROM accounts WHERE badge = ?", (badge,)).fetchone()
    for other in others_with(conn, {Role(each) for each in row["roles"].split()} & ADMINISTRATORS, badge):
        disable(conn, other)
        note(conn, now, Kind.SUCCEEDED, other, badge)
