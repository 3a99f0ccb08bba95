"""What all pages of one running desk share."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from jinja2 import Environment
from starlette.requests import Request

from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.store import AccountStore
from yizhan.desk.audit_runs import Runs
from yizhan.desk.live import Feed
from yizhan.desk.rendering import make_templates
from yizhan.services.home import Home
from yizhan.services.processes import DESK_FILE

ACCOUNTS_FILE: Final = DESK_FILE
_MINUTE: Final = 60.0


@dataclass(frozen=True)
class Desk:
    """One county's desk. ``origins`` are how browsers reach it (``https://desk.example``); ``secure``: they use TLS."""

    first_home: Home
    county: str
    accounts: AccountStore
    feed: Feed
    origins: Sequence[str]
    secure: bool = False
    certificate_headers: tuple[str, str] | None = None
    """Names of the headers in which the gateway hands over a certificate's issuer and serial number."""
    allowed: Mapping[str, frozenset[Role]] = field(default_factory=dict)
    """Path of a page → the roles that may open it."""

    runs: Runs = field(default_factory=Runs, repr=False)
    """Long work of the auditor's pages."""

    _opened: list[tuple[float, Home]] = field(default_factory=list, repr=False)

    @property
    def home(self) -> Home:
        """The home, opened anew every minute: a desk runs for weeks, and a home keeps the charter that it read."""
        now = time.monotonic()
        if not self._opened or now - self._opened[-1][0] > _MINUTE:
            self._opened[:] = [(now, Home(self.first_home.path) if self._opened else self.first_home)]
        return self._opened[-1][1]

    def session_cookie(self, request: Request) -> str:
        """Return the secret of a request's session; empty without one."""
        return request.cookies.get(self.cookie, "")

    @property
    def cookie(self) -> str:
        """The name of the session's cookie; with TLS one that no other host can set (RFC 6265bis, 4.1.3).

        It names the county: browsers send a cookie to every port of a host, where another county's desk may be.
        """
        return f"{'__Host-' if self.secure else ''}yz-{self.county}"

    @cached_property
    def templates(self) -> Environment:
        """The pages' templates."""
        return make_templates(lambda: self.home)
