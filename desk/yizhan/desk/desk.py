"""What all pages of one running desk share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from jinja2 import Environment
from starlette.requests import Request

from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.store import AccountStore
from yizhan.desk.consoles import Consoles
from yizhan.desk.live import Feed
from yizhan.desk.rendering import make_templates
from yizhan.services.home import Home

ACCOUNTS_FILE: Final = "desk.sqlite3"
COOKIE: Final = "yz"
LANGUAGE_COOKIE: Final = "yz-lang"


@dataclass(frozen=True)
class Desk:
    """One county's desk. ``origins`` are how browsers reach it (``https://desk.example``); ``secure``: they use TLS."""

    home: Home
    county: str
    accounts: AccountStore
    feed: Feed
    origins: Sequence[str]
    secure: bool = False
    consoles: Consoles = field(default_factory=Consoles)
    """The browsers that listen."""
    allowed: Mapping[str, frozenset[Role]] = field(default_factory=dict)
    """Path of a page → the roles that may open it."""

    def session_cookie(self, request: Request) -> str:
        """Return the secret of a request's session; empty without one."""
        return request.cookies.get(self.cookie, "")

    @property
    def cookie(self) -> str:
        """The name of the session's cookie; with TLS one that no other host can set (RFC 6265bis, 4.1.3)."""
        return "__Host-yz" if self.secure else COOKIE

    @cached_property
    def templates(self) -> Environment:
        """The pages' templates."""
        return make_templates(self.home)
