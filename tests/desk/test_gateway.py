"""A desk behind the county's gateway: a Unix socket, and certificates that the gateway has checked."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.desk.people import cheap
from tests.world.simulator import QINGYUAN
from tests.world.station import with_a_fire
from yizhan.desk.accounts.authority import Operator
from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.sample import add_sample_accounts, badge_of
from yizhan.desk.accounts.store import AccountStore
from yizhan.desk.app import make_app
from yizhan.desk.desk import Desk
from yizhan.desk.live import Feed
from yizhan.desk.routes import allowed
from yizhan.desk.serving import Listening, listen, serve
from yizhan.runtime.clock import utc_now
from yizhan.runtime.process import StopSignal

HOST = "desk.example"
OURS = {"Host": HOST, "Origin": f"https://{HOST}", "Content-Type": "application/x-www-form-urlencoded"}


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._path))


@dataclass(frozen=True)
class Gateway:
    """What stands in front of the socket."""

    path: Path
    accounts: AccountStore

    def post(self, path: str, headers: list[tuple[str, str]]) -> http.client.HTTPResponse:
        """Pass a form on, with headers as they are given, also twice."""
        with contextlib.closing(Connection(self.path)) as connection:
            body = urlencode({}).encode()
            connection.putrequest("POST", path, skip_host=True)
            for name, value in [*OURS.items(), ("Content-Length", str(len(body))), *headers]:
                connection.putheader(name, value.encode())
            connection.endheaders(body)
            answer = connection.getresponse()
            answer.read()
            return answer


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a desk on a Unix socket; the duty officer has a certificate."""
    folder = tmp_path_factory.mktemp("gateway")
    home = with_a_fire(folder / "home").app
    listening = Listening(unix=folder / "s")
    with AccountStore(folder / "desk.sqlite3", cheap()) as accounts, contextlib.closing(listen(listening)) as listener:
        add_sample_accounts(accounts, utc_now())
        accounts.accounts.add_certificate(badge_of(Role.DUTY), "CN=丽水 CA", "0A1B", Operator("test"), utc_now())
        desk = Desk(
            home,
            QINGYUAN,
            accounts,
            Feed(home, QINGYUAN),
            listening.origins(listener, [HOST]),
            secure=True,
            certificate_headers=("X-Client-Issuer", "X-Client-Serial"),
            allowed=allowed(),
        )
        stop, ready = StopSignal(), threading.Event()
        words = (make_app(desk), listener, listening, stop, ready.set, lambda: None)
        server = threading.Thread(target=serve, args=words)
        server.start()
        try:
            assert ready.wait(60)
            yield Gateway(folder / "s", accounts)
        finally:
            stop.set()
            server.join(60)


def test_a_certificate_signs_in_over_the_socket(gateway: Gateway) -> None:
    """Issuer and serial number lead to the badge; the cookie is Secure, and no other host can set it."""
    given = [("X-Client-Issuer", "CN=丽水 CA"), ("X-Client-Serial", "0A1B")]
    answer = gateway.post("/sign-in/certificate", given)
    assert answer.status == 303
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"__Host-yz-{QINGYUAN}=")
    assert {"Secure", "HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    session = gateway.accounts.session(cookie.partition("=")[2].partition(";")[0], utc_now())
    assert session is not None
    assert session.account.badge == badge_of(Role.DUTY)


def test_what_the_gateway_did_not_say_clearly_signs_nobody_in(gateway: Gateway) -> None:
    """A header that is missing, empty, given twice, or names a certificate that nobody has."""
    issuer, serial = ("X-Client-Issuer", "CN=丽水 CA"), ("X-Client-Serial", "0A1B")
    for given in (
        [],
        [issuer],
        [serial],
        [issuer, ("X-Client-Serial", "")],
        [issuer, serial, serial],
        [issuer, issuer, serial],
        [issuer, ("X-Client-Serial", "0A1C")],
        [("X-Client-Issuer", "CN=别处"), serial],
    ):
        answer = gateway.post("/sign-in/certificate", given)
        assert (answer.status, answer.headers["set-cookie"]) == (400, None), given


def test_a_disabled_account_has_no_certificate(gateway: Gateway) -> None:
    """A certificate of somebody who was disabled, or whose account was reset, lets nobody in."""
    badge, given = badge_of(Role.LIAISON), [("X-Client-Issuer", "CN=丽水 CA"), ("X-Client-Serial", "77")]
    gateway.accounts.accounts.add_certificate(badge, "CN=丽水 CA", "77", Operator("test"), utc_now())
    assert gateway.post("/sign-in/certificate", given).status == 303
    gateway.accounts.accounts.disable(badge, Operator("test"), utc_now())
    assert gateway.post("/sign-in/certificate", given).status == 400
