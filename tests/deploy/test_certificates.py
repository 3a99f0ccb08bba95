"""Certificates: one authority, one name each, private keys, and nothing made twice."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from yizhan.deploy import admin, generations, revocation
from yizhan.deploy.certificates import ensure_certificates
from yizhan.deploy.errors import CertificateFailed
from yizhan.runtime.connection import KafkaConnection
from yizhan.schemas import topics

NOW = datetime(2026, 11, 23, tzinfo=UTC)
COUNTY = "county-350924"
NAMES = ("broker", COUNTY)


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
    ensure_certificates(tmp_path / "new", [], now=NOW)
    shutil.rmtree(tls / "authority")
    shutil.copytree(tmp_path / "new" / "authority", tls / "authority")
    assert ensure_certificates(tls, NAMES, now=NOW) == NAMES


def test_an_office_that_starts_a_broker_keeps_the_key_that_the_station_gave_it(tls: Path) -> None:
    """Without the authority nothing is made anew: the office would be cut off."""
    shutil.rmtree(tls / "authority")
    before = {path: path.read_bytes() for path in tls.rglob("*.pem")}
    with pytest.raises(CertificateFailed, match="made on the station's machine"):
        ensure_certificates(tls, [*NAMES, "station"], now=NOW)
    assert {path: path.read_bytes() for path in tls.rglob("*.pem")} == before


def test_a_half_made_principal_is_finished(tls: Path) -> None:
    """A folder that lost a file is made again."""
    (tls / "broker" / "cert.pem").unlink()
    assert ensure_certificates(tls, NAMES, now=NOW, valid_days=90) == ("broker",)


def test_a_key_without_its_certificate_is_made_again(tls: Path, tmp_path: Path) -> None:
    """Killed between the two files: the next run makes both."""
    other = tmp_path / "other"
    ensure_certificates(other, ["broker"], now=NOW)
    (tls / "broker" / "key.pem").write_bytes((other / "broker" / "key.pem").read_bytes())
    assert ensure_certificates(tls, NAMES, now=NOW, valid_days=90) == ("broker",)


def test_the_next_generation_has_its_number_in_the_common_name(tls: Path) -> None:
    """Once recorded, the former certificate is replaced, others stay, and no older record takes it back."""
    assert generations.record(tls, {COUNTY: 2})
    assert not generations.record(tls, {COUNTY: 1, "station": 1})
    assert ensure_certificates(tls, NAMES, now=NOW, valid_days=90) == (COUNTY,)
    assert ensure_certificates(tls, NAMES, now=NOW, valid_days=90) == ()
    assert certificate(tls / COUNTY).subject.rfc4514_string() == f"CN={COUNTY}-2"
    assert generations.recorded(tls) == {COUNTY: 2}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"county-350924": "2"}', '{"county-350924": 0}', '{"broker": 2}'],
)
def test_a_damaged_record_stops_instead_of_bringing_a_revoked_certificate_back(tls: Path, text: str) -> None:
    """No certificate is made and no rule is given without knowing which generation is in force."""
    (tls / generations.FILE).write_text(text)
    with pytest.raises(CertificateFailed, match=r"generations\.json"):
        ensure_certificates(tls, NAMES, now=NOW)


def test_rules_follow_the_generation_and_names_of_groups_and_topics_do_not() -> None:
    """The new certificate may what the former might, in the same groups and topics; the former has no rule left."""
    declared = topics.declare(["350924", "331126"])
    before, after = set(admin.rules(declared)), set(admin.rules(declared, {COUNTY: 2}))
    assert {(f"{COUNTY}-2" if name == COUNTY else name, *rest) for name, *rest in before} == after
    assert (f"{COUNTY}-2", "READ", "GROUP/PREFIXED", f"yizhan-{COUNTY}") in after


@pytest.mark.parametrize("name", ["admin", "broker", "county-350924-2", "somebody"])
def test_only_principals_of_the_declaration_can_be_revoked(tls: Path, name: str) -> None:
    """Broker and administrator have their rights by name in the broker's own settings."""
    with pytest.raises(CertificateFailed, match="expected a county"):
        revocation.plan(tls.parent, way(tls, "broker"), name)


def test_a_certificate_of_another_authority_is_not_revoked_here(tls: Path, tmp_path: Path) -> None:
    """Neither where the home has no authority, nor where Kafka's clients trust another one."""
    ensure_certificates(tmp_path / "other" / "tls", ["broker"], now=NOW)
    for home in (tmp_path / "other", tmp_path / "empty"):
        with pytest.raises(CertificateFailed, match="expected the authority"):
            revocation.plan(home, way(tls, "broker"), COUNTY)


def way(tls: Path, principal: str) -> KafkaConnection:
    """Return how a principal connects; nobody listens there."""
    folder = tls / principal
    return KafkaConnection("127.0.0.1:9", folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
