"""Certificates are renewed before they end, and nobody has to restart what uses them."""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from yizhan.deploy.certificates import RENEW_BEFORE_DAYS, ensure_certificates
from yizhan.deploy.renewal import renew
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.tls import EXPIRES, expiry
from yizhan.schemas.topics import principals

MEMBERS = ["350924", "331126"]
COUNTY = "county-350924"
NOW = datetime.now(UTC)
MADE = NOW - timedelta(days=60 - RENEW_BEFORE_DAYS, seconds=1)


@pytest.fixture
def tls(tmp_path: Path) -> Path:
    """Return the certificates of a home, valid for sixty days, of which thirty are over by a second."""
    ensure_certificates(tmp_path / "tls", ("broker", *principals(MEMBERS)), now=MADE, valid_days=60)
    return tmp_path / "tls"


def shown(tls: Path, context: ssl.SSLContext) -> int:
    """Connect with a client's context, and return the serial number of the certificate that the server saw."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(tls / "broker" / "ca.pem")
    server.load_cert_chain(tls / "broker" / "cert.pem", tls / "broker" / "key.pem")
    ours, theirs = socket.socketpair()
    seen: list[bytes | None] = []

    def answer() -> None:
        with server.wrap_socket(theirs, server_side=True) as secured:
            seen.append(secured.getpeercert(binary_form=True))
            secured.sendall(b"!")

    thread = threading.Thread(target=answer)
    thread.start()
    with context.wrap_socket(ours, server_hostname="localhost") as secured:
        assert secured.recv(1) == b"!"
    thread.join()
    assert seen[0] is not None
    return x509.load_der_x509_certificate(seen[0]).serial_number


def serial(tls: Path) -> int:
    """Return the serial number of the county's certificate."""
    return x509.load_pem_x509_certificate((tls / COUNTY / "cert.pem").read_bytes()).serial_number


def test_a_running_client_takes_a_renewed_certificate_at_its_next_connection(tls: Path) -> None:
    """The same context shows the new one; and files that do not fit together leave the former in use."""
    folder = tls / COUNTY
    connection = KafkaConnection("localhost:1", folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    context = connection.ssl_context()
    assert context is not None
    first = serial(tls)
    assert shown(tls, context) == first

    kept = shutil.copytree(folder, tls / "kept")
    assert COUNTY in renew(tls.parent, MEMBERS, now=NOW, supervised=False).made
    second = serial(tls)
    shutil.copy(kept / "key.pem", folder / "key.pem.new")
    (folder / "key.pem").rename(folder / "key.pem.right")
    (folder / "key.pem.new").rename(folder / "key.pem")
    assert shown(tls, context) == first

    (folder / "key.pem.right").rename(folder / "key.pem")
    assert second != first
    assert shown(tls, context) == second
    (sample,) = [each for each in next(iter(EXPIRES.collect())).samples if each.labels == {"principal": COUNTY}]
    assert sample.value == expiry(folder / "cert.pem").timestamp()


def test_what_does_not_expire_soon_is_left_as_it_is(tls: Path) -> None:
    """Thirty-one days before its end, nothing is renewed; without a running Kafka nothing is restarted."""
    before = {path: path.read_bytes() for path in tls.rglob("*.pem")}
    found = renew(tls.parent, MEMBERS, now=NOW - timedelta(days=1), supervised=False)
    assert (found.made, found.restarted) == ((), ())
    assert {path: path.read_bytes() for path in tls.rglob("*.pem")} == before
