"""What passes the guard, and what every answer carries."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from tests.world.each import each
from yizhan.desk.guard import DOWNLOAD_POLICY, FORM_BYTES, Entrance, Guard, certificate_of

HOST = "127.0.0.1:8750"
OURS = f"http://{HOST}"
NAMES = ("X-Client-Issuer", "X-Client-Serial")
ENTRANCE = Entrance(frozenset({OURS, "https://desk.example"}), certificate_headers=NAMES, streamed=("/files/",))


@dataclass
class Answer:
    """What a browser gets, and what the page saw before."""

    status: int = 0
    headers: Headers = field(default_factory=Headers)
    body: str = ""
    seen: tuple[bytes, dict[str, str]] | None = None


def ask(
    method: str = "GET",
    path: str = "/duty",
    *,
    headers: dict[str, str] | None = None,
    body: bytes | None = b"",
    entrance: Entrance = ENTRANCE,
    socket: bool = False,
    answer_headers: dict[str, str] | None = None,
) -> Answer:
    """Send one request through the guard to a page that keeps what it sees; a body comes in pieces, None breaks off."""
    given = {"host": HOST} | (headers or {})
    name, _, query = path.partition("?")
    scope: Scope = {
        "type": "http",
        "method": method,
        "path": name,
        "query_string": query.encode(),
        "headers": [
            (key.lower().encode(), value.encode()) for key, values in given.items() for value in values.split("|")
        ],
        "server": ("/run/desk.sock", None) if socket else ("127.0.0.1", 8750),
    }
    whole = b"half" if body is None else body
    third = len(whole) // 3
    messages: list[Message] = [
        {"type": "http.request", "body": whole[:third], "more_body": True},
        {"type": "http.request", "body": whole[third : 2 * third], "more_body": True},
        {"type": "http.request", "body": whole[2 * third :], "more_body": body is None},
        {"type": "http.disconnect"},
    ]
    found = Answer()

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        found.seen = (await request.body(), dict(request.headers))
        await Response("ok", headers={"Server": "uvicorn", **(answer_headers or {})})(scope, receive, send)

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            found.status, found.headers = message["status"], Headers(raw=message["headers"])
        else:
            found.body += message.get("body", b"").decode()

    asyncio.run(Guard(page, entrance)(scope, receive, send))
    return found


@each(
    "host",
    [
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:8751",
        "desk.example:443",
        "127.0.0.1:8750.evil.example",
        "",
        f"{HOST}|{HOST}",
    ],
)
def test_another_host_is_refused(host: str) -> None:
    """A stranger's name, another port, no port, two at once: a sentence, and the page never runs."""
    answer = ask(headers={"host": host})
    assert (answer.status, answer.seen) == (400, None)
    assert answer.body.startswith("这个地址不是值班台的地址")


@each("host", [HOST, "desk.example", "DESK.example"])
def test_our_own_hosts_pass(host: str) -> None:
    """Exactly what is configured passes; a name has no capitals."""
    assert ask(headers={"host": host}).status == 200


FORGED = [
    {},
    {"origin": "null"},
    {"origin": "https://evil.example"},
    {"origin": "http://127.0.0.1:8751"},
    {"origin": "https://127.0.0.1:8750"},
    {"origin": f"{OURS}/"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"sec-fetch-site": "cross-site", "origin": OURS},
    {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
    {"origin": f"{OURS}|https://evil.example"},
]


@each("headers", FORGED)
def test_what_comes_from_elsewhere_changes_nothing(headers: dict[str, str]) -> None:
    """Any method but GET and HEAD needs our own origin; contradicting words are refused."""
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        answer = ask(method, headers=headers)
        assert (answer.status, answer.seen) == (403, None)


@each(
    "headers", [{"origin": OURS}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "same-origin", "origin": OURS}]
)
def test_our_own_pages_may_send(headers: dict[str, str]) -> None:
    """An old browser that sends Origin only passes, and the page gets the whole body."""
    answer = ask("POST", headers=headers, body=b"stage=acknowledged")
    assert answer.status == 200
    assert answer.seen is not None
    assert answer.seen[0] == b"stage=acknowledged"


def test_a_form_has_a_limit() -> None:
    """One byte more than 1 MiB is refused, whether its length is announced or not; what streams is let through."""
    ours, large = {"origin": OURS}, b"x" * (FORM_BYTES + 1)
    assert ask("POST", headers=ours, body=large[1:]).status == 200
    for headers in (ours, {**ours, "content-length": str(len(large))}, {**ours, "content-length": "-1"}):
        answer = ask("POST", headers=headers, body=large)
        assert (answer.status, answer.seen) == (413, None)
    assert ask("POST", "/files/new", headers=ours, body=large).status == 200


def test_half_a_form_is_no_form() -> None:
    """A connection that ends within the body runs no page."""
    assert ask("POST", headers={"origin": OURS}, body=None) == Answer()


def test_every_answer_has_the_headers() -> None:
    """Pages, refusals and what a page says itself: one policy, no cache, no server's name."""
    answers = [
        ask(),
        ask(headers={"host": "evil.example"}),
        ask("POST"),
        ask(answer_headers={"Content-Security-Policy": "default-src *", "Cache-Control": "public"}),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;")
        assert ["unsafe" in policy, "*" in policy, "frame-ancestors 'none'" in policy] == [False, False, True]
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers


def test_a_download_is_a_sandbox_and_tiles_are_named() -> None:
    """The one stricter policy stays as the page says; the map's tiles are the one foreign source, of pictures only."""
    assert ask(answer_headers={"Content-Security-Policy": DOWNLOAD_POLICY}).headers["content-security-policy"] == (
        DOWNLOAD_POLICY
    )
    tiled = Entrance(ENTRANCE.origins, tiles="https://tiles.example")
    policy = ask(entrance=tiled).headers["content-security-policy"]
    assert policy.count("tiles.example") == 1
    assert "img-src 'self' data: https://tiles.example;" in policy


@each(
    "path, kept",
    [
        ("/static/desk.js?v=0123456789ab", True),
        ("/static/vendor/htmx-2.0.11/htmx.min.js", True),
        ("/static/desk.js", False),
        ("/duty?v=1", False),
        ("/inbox/static/x?v=1", False),
    ],
)
def test_only_files_of_one_version_are_kept(path: str, *, kept: bool) -> None:
    """What names its version may be kept for a year; everything else is asked for again."""
    assert ("immutable" in ask(path=path).headers["cache-control"]) is kept


def test_a_certificate_is_believed_through_the_socket_only() -> None:
    """From a TCP port no page sees the gateway's headers, however they are spelt."""
    given = {"x-client-issuer": "CN=CA", "X-CLIENT-SERIAL": "01"}
    for socket, expected in ((True, ("CN=CA", "01")), (False, None)):
        answer = ask(headers=given, socket=socket)
        assert answer.seen is not None
        assert certificate_of(Headers(answer.seen[1]), NAMES) == expected


@each("given", [{}, {"x-client-issuer": "CN=CA"}, {"x-client-issuer": "CN=CA", "x-client-serial": " "}])
def test_half_a_certificate_is_none(given: dict[str, str]) -> None:
    """Both names are needed."""
    assert certificate_of(Headers(given), NAMES) is None


def test_a_certificate_that_is_named_twice_is_none() -> None:
    """A gateway that adds its header to a visitor's is not believed."""
    twice = Headers(raw=[(b"x-client-issuer", b"CN=CA"), (b"x-client-serial", b"01"), (b"x-client-serial", b"02")])
    assert certificate_of(twice, NAMES) is None
    assert certificate_of(Headers({"x-client-issuer": "CN=CA"}), None) is None


@pytest.mark.parametrize(("cookie", "begins"), [("yz-lang=en; x=1", "This address"), ("yz-lang=<b>", "这个地址")])
def test_a_refusal_is_in_the_browsers_language(cookie: str, begins: str) -> None:
    """The language cookie counts for refusals too; nonsense in it is Chinese."""
    assert ask(headers={"host": "evil.example", "cookie": cookie}).body.startswith(begins)
