"""Certificates: one authority, one name each, private keys, and nothing made twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from yizhan.deploy.certificates import ensure_certificates

NOW = datetime(2026, 11, 23, tzinfo=UTC)
NAMES = ("broker", "county-350924")


@pytest.fixture
def tls(tmp_path: Path) -> Path:
    """Return a folder with both certificates made."""
    assert ensure_certificates(tmp_path, NAMES, now=NOW, valid_days=90) == NAMES
    return tmp_path


def certificate(folder: Path) -> x509.Certificate:
    """Read a principal's certificate."""
    return x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())


def test_a_county_cannot_pose_as_the_broker(tls: Path) -> None:
    """Only the broker's certificate serves, and only it has an address."""
    extensions = certificate(tls / "county-350924").extensions
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.CLIENT_AUTH}
    with pytest.raises(x509.ExtensionNotFound):
        extensions.get_extension_for_class(x509.SubjectAlternativeName)


def test_the_common_name_is_the_principal_and_the_broker_serves(tls: Path) -> None:
    """CN, serverAuth and clientAuth, loopback names, the settable validity."""
    cert = certificate(tls / "broker")
    names = cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert [name.value for name in names] == ["broker"]
    usage = cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    hosts = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert hosts.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(ip) for ip in hosts.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert cert.not_valid_after_utc == NOW + timedelta(days=90)


def test_the_authority_signed_it_and_may_sign_no_authority(tls: Path) -> None:
    """A certificate of ours verifies under the authority and cannot issue others."""
    cert, authority = certificate(tls / "broker"), certificate(tls / "authority")
    cert.verify_directly_issued_by(authority)
    assert not cert.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert (tls / "broker" / "ca.pem").read_bytes() == (tls / "authority" / "cert.pem").read_bytes()


def test_keys_are_private_and_belong_to_their_certificates(tls: Path) -> None:
    """Mode 0600 in folders of 0700, PKCS 8, and the public halves agree."""
    for name in (*NAMES, "authority"):
        assert (tls / name).stat().st_mode & 0o777 == 0o700
        assert (tls / name / "key.pem").stat().st_mode & 0o777 == 0o600
        pem = (tls / name / "key.pem").read_bytes()
        assert pem.startswith(b"-----BEGIN PRIVATE KEY-----")
        assert load_pem_private_key(pem, None).public_key() == certificate(tls / name).public_key()


def test_again_changes_nothing_and_a_new_member_is_added(tls: Path) -> None:
    """What is there and valid stays byte for byte."""
    before = {path: path.read_bytes() for path in tls.rglob("*.pem")}
    assert ensure_certificates(tls, [*NAMES, "station"], now=NOW, valid_days=90) == ("station",)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_what_expires_soon_is_renewed(tls: Path) -> None:
    """A month before its end a certificate is made anew."""
    later = NOW + timedelta(days=61)
    assert ensure_certificates(tls, NAMES, now=later) == NAMES


def test_another_authoritys_certificates_are_replaced(tls: Path, tmp_path: Path) -> None:
    """After a new authority everybody gets a certificate of it."""
    for name in ("key.pem", "cert.pem"):
        (tls / "authority" / name).unlink()
    assert ensure_certificates(tls, NAMES, now=NOW) == NAMES


def test_a_half_made_principal_is_finished(tls: Path) -> None:
    """A folder that lost a file is made again."""
    (tls / "broker" / "cert.pem").unlink()
    assert ensure_certificates(tls, NAMES, now=NOW, valid_days=90) == ("broker",)
