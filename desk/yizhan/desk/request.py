"""What an endpoint gets and gives: a request that was checked, and the page that answers it.

Rule 1: an endpoint is a plain function, called in a thread, in the language of its request; only streams are
        coroutines.
Rule 2: every route names the roles that may open it; a route without roles is for whoever is not signed in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from yizhan.desk.accounts.model import Account, Role, Session
from yizhan.desk.desk import Desk
from yizhan.desk.guard import DOWNLOAD_POLICY
from yizhan.desk.menu import Entry, link_of, menu
from yizhan.schemas.actions import Action
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import get_language, marked
from yizhan.services.actor import Actor

SIGN_IN: Final = "/sign-in"
LOCKED: Final = "/locked"


class NotSignedIn(YizhanError):
    """A page that needs an account, asked for without one."""


@dataclass(frozen=True)
class Ask:
    """A request, as an endpoint sees it. ``body`` is that of a form; a stream reads its own."""

    desk: Desk
    request: Request
    session: Session | None = None
    body: bytes = b""

    @cached_property
    def _pairs(self) -> list[tuple[str, str]]:
        text = self.body.decode("utf-8", "replace")
        return parse_qsl(text, keep_blank_values=True, max_num_fields=2000)

    @cached_property
    def form(self) -> Mapping[str, str]:
        """The fields of the form; of several with one name the last."""
        return dict(self._pairs)

    def values(self, name: str) -> tuple[str, ...]:
        """Return all fields of the form with a name."""
        return tuple(value for found, value in self._pairs if found == name)

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters of the address."""
        return self.request.query_params

    @property
    def path(self) -> Mapping[str, str]:
        """The variable parts of the path."""
        return self.request.path_params

    @property
    def account(self) -> Account:
        """Who is signed in (``NotSignedIn``)."""
        if self.session is None:
            raise NotSignedIn(marked("请先登录"))
        return self.session.account

    def actor(self, operation: str) -> Actor:
        """Return who acts, for the access log and for what is signed. ``operation``: ``inbox show``."""
        account = self.account
        return Actor(f"{account.name} ({account.badge})", f"desk {operation}", account.officer)

    @property
    def menu(self) -> list[Entry]:
        """The entries of the menu for whoever is signed in; none for others, and none on a locked screen."""
        hidden = self.session is None or self.session.locked
        return [] if hidden else menu(self.account.roles, self.desk.allowed)

    def may_open(self, path: str) -> bool:
        """Tell whether whoever is signed in may open a page of the table of routes."""
        return self.session is not None and bool(self.session.account.roles & self.desk.allowed.get(path, frozenset()))

    def link(self, action: Action | None) -> tuple[str, str] | None:
        """Return words and address of what can be done; None where it is not done on the desk."""
        return None if action is None else link_of(action)

    @property
    def wants_fragment(self) -> bool:
        """Whether a part of a page is asked for, not the whole."""
        return self.request.headers.get("HX-Request") == "true"

    def page(self, template: str, /, status: int = 200, **values: Any) -> Response:  # noqa: ANN401 -- what a template shows
        """Render a template."""
        return HTMLResponse(self.render(template, **values), status)

    def render(self, template: str, /, **values: Any) -> str:  # noqa: ANN401 -- what a template shows
        """Return a template's text."""
        found = self.desk.templates.get_template(template)
        return found.render(ask=self, desk=self.desk, home=self.desk.home, session=self.session, **values)

    def download(self, data: bytes, name: str, media_type: str) -> Response:
        """Give a file to be stored; ``name`` is ASCII."""
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Security-Policy": DOWNLOAD_POLICY}
        return Response(data, media_type=media_type, headers=headers)

    def see(self, path: str) -> Response:
        """Send the browser to another page (303)."""
        if self.wants_fragment:
            return Response(status_code=204, headers={"HX-Redirect": path})
        return RedirectResponse(path, 303)

    @property
    def language(self) -> str:
        """The language of this request, as HTML names it."""
        return "en" if get_language() == "en" else "zh-CN"

    @property
    def current(self) -> str:
        """The path of this request."""
        return str(self.request.url.path)


Endpoint = Callable[[Ask], Response] | Callable[[Ask], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """One route: ``roles`` may open it; ``public`` everybody; ``locked`` also a session that is locked.

    ``stream``: a coroutine that reads the body itself, or answers without end. ``unattended``: a page asks for it by
    itself, so it extends no session; so does no stream.
    """

    path: str
    endpoint: Endpoint
    roles: frozenset[Role] = field(default_factory=frozenset)
    methods: tuple[str, ...] = ("GET",)
    public: bool = False
    locked: bool = False
    stream: bool = False
    unattended: bool = False


def own_path(path: str) -> str:
    r"""Return a path of this desk as it is, and ``/`` for whatever leads elsewhere.

    >>> [own_path(each) for each in ("/inbox?q=1", "//evil.example", "/\\evil.example", "https://evil.example", "")]
    ['/inbox?q=1', '/', '/', '/', '/']
    """
    ours = path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable()
    return path if ours else "/"


def locked_from(ask: Ask) -> str:
    """Return the address of the locked screen that leads back to the page that was asked for, or is open."""
    shown = ask.request.headers.get("HX-Current-URL", "") if ask.wants_fragment else str(ask.request.url)
    return locked_with(shown if ask.request.method == "GET" else "")


def locked_with(address: str) -> str:
    """Return the address of the locked screen that leads back to a page of this desk.

    >>> locked_with("http://127.0.0.1:8443/inbox?q=1"), locked_with("http://127.0.0.1:8443/")
    ('/locked?back=%2Finbox%3Fq%3D1', '/locked')
    """
    parts = urlsplit(address)
    path = own_path(parts.path + (f"?{parts.query}" if parts.query else ""))
    return LOCKED if path == "/" else f"{LOCKED}?{urlencode({'back': path})}"
