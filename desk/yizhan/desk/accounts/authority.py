"""Who may change accounts.

Rule 1: the security administrator, at the desk; or whoever runs the command line in the county's home, who holds its
        keys anyway.
Rule 2: nobody changes his own account at the desk.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from yizhan.desk.accounts.errors import AccountError
from yizhan.desk.accounts.model import Role
from yizhan.schemas.i18n import marked


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs the command line, as ``duty (1000)``."""

    account: str


Authority = str | Operator
"""The badge of who is signed in, or who runs the command line."""


def check_authority(conn: sqlite3.Connection, by: Authority, badge: str | None = None) -> str:
    """Return who acts, in words, if they may change the account ``badge``; raise ``AccountError`` if not."""
    if isinstance(by, Operator):
        return by.account
    row = conn.execute("SELECT roles FROM accounts WHERE badge = ? AND NOT disabled", (by,)).fetchone()
    if row is None or Role.SECURITY not in row["roles"].split():
        raise AccountError(marked("只有安全管理员管理账户"))
    if badge == by:
        raise AccountError(marked("谁也不能管理自己的账户；请由别人，或在本机上用命令行"))
    return by
