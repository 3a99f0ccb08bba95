"""The gateway's example before a real desk: what it lets through, what it takes away. Skipped where nginx is not."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.world.desk import CHEAP
from tests.world.processes import YIZHAN, running
from tests.world.simulator import QINGYUAN
from tests.world.station import with_a_fire
from tests.world.waiting import until
from yizhan.desk.accounts.authority import Operator
from yizhan.desk.accounts.model import Role
from yizhan.desk.accounts.sample import add_sample_accounts
from yizhan.desk.accounts.store import AccountStore
from yizhan.desk.desk import ACCOUNTS_FILE
from yizhan.desk.routes import PAGES
from yizhan.runtime.clock import utc_now

EXAMPLE = Path(__file__).parents[2] / "deploy" / "nginx" / "yizhan-desk.conf"
NAME = "desk.example"
SERIAL = 0x0A1B2C3D
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx on this machine (Debian: nginx-light)")


def authority(folder: Path, name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Make an authority and its certificate file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = issue(subject, key, subject, key, serial=1, is_authority=True)
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return made, key


def issue(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    by: ec.EllipticCurvePrivateKey,
    *,
    serial: int,
    is_authority: bool = False,
) -> x509.Certificate:
    """Issue a certificate for a day."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), serial, now, now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(by, hashes.SHA256())
    )


def write_leaf(folder: Path, name: str, authority: tuple[x509.Certificate, ec.EllipticCurvePrivateKey]) -> None:
    """Write NAME.pem and NAME.key, issued by an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = issue(subject, key, authority[0].subject, authority[1], serial=SERIAL)
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / f"{name}.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))


def free_port() -> int:
    """Return a port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@dataclass
class Gateway:
    """A gateway that runs before a desk."""

    folder: Path
    port: int

    @contextlib.contextmanager
    def ask(
        self, method: str, path: str, *, holder: str | None = None, body: bytes | None = None, **headers: str
    ) -> Iterator[http.client.HTTPResponse]:
        """Yield the answer while it can be read; ``holder`` is whose certificate the browser shows."""
        trust = ssl.create_default_context(cafile=str(self.folder / "authority.pem"))
        trust.check_hostname = False  # it is at 127.0.0.1
        if holder is not None:
            trust.load_cert_chain(self.folder / f"{holder}.pem", self.folder / f"{holder}.key")
        named = {"Host": NAME, "Origin": f"https://{NAME}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=trust)
        with contextlib.closing(connection):
            connection.request(method, path, body, named)
            with connection.getresponse() as answer:
                yield answer

    def status(self, method: str, path: str, *, holder: str | None = None, **given: Any) -> int:  # noqa: ANN401 -- of ask
        """Return the status of an answer."""
        with self.ask(method, path, holder=holder, **given) as answer:
            return answer.status

    def cookie(self) -> str:
        """Sign the officer in; return the cookie as it is set."""
        with self.ask("POST", "/sign-in/certificate", holder="officer") as answer:
            assert answer.status == 303
            return answer.headers["Set-Cookie"]


def configuration(folder: Path, port: int) -> Path:
    """Write the example with the files and ports of this test, and the least around it that nginx needs."""
    text = EXAMPLE.read_text("utf-8")
    for there, here in (
        ("/run/yizhan-desk-350924/desk.sock", folder / "desk.sock"),
        ("/etc/nginx/yizhan/", f"{folder}/"),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("listen 80", f"listen 127.0.0.1:{free_port()}"),
    ):
        assert there in text
        text = text.replace(there, str(here))
    (folder / "desk.conf").write_text(text, encoding="utf-8")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    around = f"daemon off; error_log stderr notice; pid {folder}/pid; events {{}} http {{ access_log off; {paths}"
    (folder / "nginx.conf").write_text(f"{around} include {folder}/desk.conf; }}\n", encoding="utf-8")
    return folder / "nginx.conf"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a desk on a Unix socket and the gateway before it; 周某 has a certificate, a stranger has another's."""
    folder = tmp_path_factory.mktemp("gateway")
    ours = authority(folder, "authority")
    officers = authority(folder, "officers-authority")
    write_leaf(folder, "desk", ours)
    write_leaf(folder, "officer", officers)
    home = with_a_fire(folder / "home").app.path
    (home / "yizhan.toml").write_text('desk_certificate_header = "X-Client-Issuer, X-Client-Serial"\n', "utf-8")
    with AccountStore(home / "counties" / QINGYUAN / ACCOUNTS_FILE, CHEAP) as accounts:
        person = add_sample_accounts(accounts, utc_now())[Role.DUTY]
        by, now = Operator("test"), utc_now()
        accounts.accounts.add_certificate(person.badge, "CN=officers-authority", f"{SERIAL:08X}", by, now)
    port = free_port()
    config = configuration(folder, port)
    assert NGINX is not None
    as_root = "user root;" if os.geteuid() == 0 else ""
    listening = ("--socket", str(folder / "desk.sock"), "--name", NAME)
    desk = [*YIZHAN, "--home", str(home), "desk", "run", "--county", QINGYUAN, *listening]
    with (
        running(desk, folder / "desk.log", "ready"),
        running([NGINX, "-p", str(folder), "-c", str(config), "-g", as_root], folder / "nginx.log", "start worker"),
    ):
        yield Gateway(folder, port)


def test_the_example_can_be_read(gateway: Gateway) -> None:
    """Nginx finds no fault with the example."""
    log = (gateway.folder / "nginx.log").read_text("utf-8")
    assert not [line for line in log.splitlines() if "[emerg]" in line or "[warn]" in line]


def test_a_certificate_signs_its_holder_in(gateway: Gateway) -> None:
    """Whose certificate the gateway has checked is signed in; the cookie is for https alone."""
    cookie = gateway.cookie()
    assert cookie.startswith(f"__Host-yz-{QINGYUAN}=")
    assert "Secure" in cookie


def test_what_a_visitor_writes_is_no_certificate(gateway: Gateway) -> None:
    """The headers' names, written by a visitor in any spelling, sign nobody in."""
    issuer, serial = "CN=officers-authority", f"{SERIAL:08X}"
    for name in ("X_Client_{}", "x_client_{}"):
        headers = {name.format("Issuer"): issuer, name.format("Serial"): serial}
        assert gateway.status("POST", "/sign-in/certificate", **headers) == 400


def test_an_unknown_authority_is_refused(gateway: Gateway) -> None:
    """A certificate of an authority that the gateway does not know gets no page."""
    assert gateway.status("GET", "/sign-in", holder="desk") == 400


def test_streams_come_at_once(gateway: Gateway) -> None:
    """What the stream says comes while it is open: the gateway keeps nothing back."""
    with gateway.ask("GET", "/live", Cookie=gateway.cookie().partition(";")[0]) as stream:
        lines = iter(stream.readline, b"")
        assert any(line.startswith(b"event: beat") for line in lines)


def test_files_may_be_long_and_forms_not(gateway: Gateway) -> None:
    """Two MiB go through to every route that reads its body itself, and nowhere else."""
    body = b"x" * (2 << 20)
    streamed = [page for page in PAGES if page.stream and not {"GET"} & set(page.methods)]
    assert streamed
    for page in streamed:
        path = re.sub(r"\{[^}]*\}", "1", page.path)
        with gateway.ask(page.methods[0], path, body=body) as answer:
            assert answer.headers["X-Frame-Options"] == "DENY", f"the desk did not see {path}"
    with gateway.ask("POST", "/sign-in", body=body) as answer:
        assert answer.status == 413
        assert "X-Frame-Options" not in answer.headers


def test_passwords_are_not_guessed_quickly(gateway: Gateway) -> None:
    """Of many sign-ins at once the gateway turns the later ones away, and other pages go on."""

    def refused() -> bool:
        return gateway.status("GET", "/sign-in") == 503

    until(refused, "the limit")
    assert gateway.status("GET", "/") == 303
