"""What every request passes before a page sees it, and every answer before a browser does.

Rule 1: ``Host`` is one of the desk's own, port included: a page of a stranger that points its name at us is refused
        (DNS rebinding).
Rule 2: what may change something comes from our own pages: ``Sec-Fetch-Site: same-origin``, and ``Origin``, where
        either is given, exactly ours; with neither it is refused.
Rule 3: a body is read whole before the page runs, up to a limit; routes that stream keep their own limit.
Rule 4: the names of a certificate are believed over a Unix socket only; from a TCP port no page ever sees them.
Rule 5: every answer has the headers below, whatever the page says; the one other policy is that of a download.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from yizhan.schemas.i18n import SOURCE_LANGUAGE, _, known_language, marked, speaking

FORM_BYTES: Final = 1 << 20
LANGUAGE_COOKIE: Final = "yz-lang"
SAFE: Final = frozenset({"GET", "HEAD"})
DOWNLOAD_POLICY: Final = "default-src 'none'; sandbox"
"""The Content-Security-Policy of a file that somebody sent."""
_HEADERS: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "screen-wake-lock=(self), camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
_A_YEAR: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Entrance:
    """How the desk is reached.

    ``origins`` such as ``https://desk.example`` or ``http://127.0.0.1:8750``, as a browser writes them; ``tiles`` is
    the origin of the map's tiles; ``certificate_headers`` are issuer's and serial's, as the gateway names them;
    ``streamed`` are the beginnings of paths whose pages read their body themselves.
    """

    origins: frozenset[str]
    tiles: str | None = None
    certificate_headers: tuple[str, str] | None = None
    streamed: tuple[str, ...] = ()
    hosts: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Work out the hosts: an origin without its scheme."""
        object.__setattr__(self, "hosts", frozenset(urlsplit(each).netloc for each in self.origins))

    def policy(self) -> str:
        """Return the Content-Security-Policy of every page."""
        images = "'self' data:" + (f" {self.tiles}" if self.tiles else "")
        return (
            f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {images}; connect-src 'self';"
            " font-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none';"
            " frame-ancestors 'none'"
        )


class Guard:
    """ASGI middleware: the outermost one."""

    def __init__(self, app: ASGIApp, entrance: Entrance) -> None:
        self._app = app
        self._entrance = entrance
        self._policy = entrance.policy()
        self._certificate = frozenset(each.lower().encode() for each in entrance.certificate_headers or ())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer with a sentence."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # uvicorn answers a WebSocket that nobody accepts with 403
        send = self._with_headers(scope, send)
        headers = Headers(scope=scope)
        refusal = self._refusal(scope["method"], headers)
        if refusal is None and scope["method"] not in SAFE and not scope["path"].startswith(self._entrance.streamed):
            try:
                body = await _read(headers, receive)
            except ClientDisconnect:
                return  # half a form is no form
            if body is None:
                refusal = (413, marked("这一页送来的内容太多（上限 1 MiB）；附件请用“添加附件”"))
            else:
                receive = _replay(body, receive)
        if refusal is not None:
            status, sentence = refusal
            with speaking(language_of(scope)):
                answer = PlainTextResponse(_(sentence), status, {"Connection": "close"})
            await answer(scope, receive, send)
            return
        await self._app(self._without_certificate(scope), receive, send)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._entrance.hosts:
            return 400, marked("这个地址不是值班台的地址；请从本县给的地址打开")
        if method in SAFE:
            return None
        origins, site = headers.getlist("origin"), headers.getlist("sec-fetch-site")
        ours = all(each in self._entrance.origins for each in origins) and all(each == "same-origin" for each in site)
        if not ours or not (origins or site):
            return 403, marked("这一步不是从值班台自己的页面来的，没有执行；请回到值班台再做一次")
        return None

    def _without_certificate(self, scope: Scope) -> Scope:
        """Take the certificate's names out of a request that did not come through the Unix socket (rule 4)."""
        server = scope.get("server")
        if server is not None and server[1] is None:  # ASGI: the path of a Unix socket has no port
            return scope
        kept = [(name, value) for name, value in scope["headers"] if name not in self._certificate]
        return {**scope, "headers": kept}

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._complete(scope, MutableHeaders(scope=message))
            await send(message)

        return sending

    def _complete(self, scope: Scope, headers: MutableHeaders) -> None:
        for name, value in _HEADERS.items():
            headers[name] = value
        if headers.get("content-security-policy") != DOWNLOAD_POLICY:
            headers["Content-Security-Policy"] = self._policy
        headers["Cache-Control"] = _caching(scope)
        del headers["server"]


def language_of(scope: Scope) -> str:
    """Return the language that a browser chose by its cookie."""
    chosen = Request(scope).cookies.get(LANGUAGE_COOKIE, "")
    return known_language(chosen) or SOURCE_LANGUAGE


def certificate_of(headers: Headers, names: tuple[str, str] | None) -> tuple[str, str] | None:
    """Return issuer and serial of the gateway's headers, each given exactly once (in UTF-8); else None."""
    given = [headers.getlist(name) for name in names or ()]
    if not given or any(len(each) != 1 or not each[0].strip() for each in given):
        return None
    issuer, serial = (each[0].encode("latin-1").decode("utf-8", "replace").strip() for each in given)
    return issuer, serial


def _caching(scope: Scope) -> str:
    """Return how long an answer may be kept: only a file that names its version, in its folder or in ``?v=``."""
    if not scope["path"].startswith("/static/"):
        return "no-store"
    versioned = scope["path"].startswith("/static/vendor/") or b"v" in parse_qs(scope["query_string"])
    return _A_YEAR if versioned else "no-cache"


async def _read(headers: Headers, receive: Receive) -> bytes | None:
    """Return a request's body, or None if it is too long (``ClientDisconnect``: it never ended)."""
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > FORM_BYTES:
        return None
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > FORM_BYTES:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a body once, then whatever comes."""
    rest: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return rest.pop() if rest else await receive()

    return receiving
