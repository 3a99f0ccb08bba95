"""``yizhan desk doctor``: what is wrong before a desk goes into service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.world.desk import DeskWorld
from tests.world.simulator import QINGYUAN
from yizhan.consumers.bell.consoles import Console, ConsoleStore
from yizhan.consumers.view import LOCK as READER_LOCK
from yizhan.desk.accounts.authority import Operator
from yizhan.desk.accounts.model import Role
from yizhan.desk.checks import Finding, check_desk, clock_is_synchronised
from yizhan.desk.desk import ACCOUNTS_FILE
from yizhan.desk.serving import Listening
from yizhan.runtime.clock import utc_now
from yizhan.runtime.file_lock import exclusive
from yizhan.runtime.heartbeat import Heartbeat
from yizhan.schemas.timestamps import written
from yizhan.services.consoles import consoles_path
from yizhan.services.processes import DESK_LOCK

BELL = """
[channels.desk]
console = true
[channels.siren]
command = ["true"]
[rungs]
duty = ["desk", "siren"]
"""


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    """Return a private key."""
    return ec.generate_private_key(ec.SECP256R1())


def certificate(folder: Path, key: ec.EllipticCurvePrivateKey, days: int) -> Path:
    """Write a certificate of a key that is good for some days."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "desk.example")])
    began = datetime.now(UTC) - timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, began, began + timedelta(days=days + 1, hours=1))
    path = folder / f"{days}.pem"
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


def private(folder: Path, key: ec.EllipticCurvePrivateKey) -> Path:
    """Write a private key."""
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / "key.pem"
    path.touch(0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return path


def states(desk: DeskWorld, listening: Listening | None = None) -> dict[str, set[str]]:
    """Return code → states of what is found."""
    found: list[Finding] = check_desk(desk.home, QINGYUAN, listening or Listening(), utc_now())
    assert all(str(each.sentence) for each in found)
    return {each.code: {one.state for one in found if one.code == each.code} for each in found}


def test_a_desk_that_nobody_uses_yet(desk: DeskWorld) -> None:
    """Nothing runs, nothing rings, no page is open: each is a finding of its own; the accounts are all there."""
    found = states(desk)
    assert {code for code, states in found.items() if states == {"bad"}} - {"clock"} == {
        "process", "inbox", "outbox", "bell", "sound",
    }  # fmt: skip
    assert found["accounts"] == found["administrators"] == found["files"] == {"good"}
    assert found["tls"] == {"unknown"}


def test_a_desk_in_service(desk: DeskWorld) -> None:
    """What runs, beats, and is heard is good."""
    folder = desk.home.county_folder(QINGYUAN)
    bell = folder / "bell.toml"
    bell.touch(0o600)
    bell.write_text(BELL, encoding="utf-8")
    Heartbeat(folder / f"inbox.sqlite3{READER_LOCK}").beat()
    now = written(utc_now())
    with ConsoleStore(consoles_path(desk.home, QINGYUAN)) as consoles:
        consoles.report(Console("one", "331900", "", now, audible=True, heard=now), [])
    with exclusive(folder / f"{ACCOUNTS_FILE}{DESK_LOCK}", "serving"):
        found = states(desk)
    assert found["process"] == found["inbox"] == found["bell"] == found["sound"] == {"good"}
    assert "console" not in found
    assert found["outbox"] == {"bad"}


def test_an_account_without_an_authenticator_and_an_open_file_are_named(desk: DeskWorld) -> None:
    """A link that nobody used, and a file that others may read, are findings until they are mended."""
    desk.accounts.accounts.add("331950", "新某", [Role.DUTY], Operator("test"), utc_now())
    log = desk.home.county_folder(QINGYUAN) / "bell.notes"
    log.write_text("", encoding="utf-8")
    log.chmod(0o644)
    found = states(desk)
    assert found["authenticator"] == found["files"] == {"bad"}
    desk.accounts.accounts.disable("331950", Operator("test"), utc_now())
    log.unlink()
    found = states(desk)
    assert "authenticator" not in found
    assert found["files"] == {"good"}


@pytest.mark.parametrize(("days", "state"), [(300, "good"), (20, "bad"), (-1, "bad")])
def test_a_certificate_by_the_days_that_it_has_left(
    desk: DeskWorld, tmp_path: Path, key: ec.EllipticCurvePrivateKey, days: int, state: str
) -> None:
    """A certificate that ends soon, or has ended, is to be renewed."""
    listening = Listening(certificate=certificate(tmp_path, key, days), key=private(tmp_path, key))
    found = states(desk, listening)
    assert (found["tls"], found["tls_key"]) == ({state}, {"good"})


def test_a_key_of_another_certificate(desk: DeskWorld, tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """A key that is not the certificate's is found before a browser finds it."""
    other = ec.generate_private_key(ec.SECP256R1())
    listening = Listening(certificate=certificate(tmp_path, other, 300), key=private(tmp_path, key))
    assert states(desk, listening)["tls_key"] == {"bad"}


def test_the_kernel_says_whether_its_clock_is_kept() -> None:
    """The question has an answer, or none where the kernel gives none; it never fails."""
    assert clock_is_synchronised() in {True, False, None}
