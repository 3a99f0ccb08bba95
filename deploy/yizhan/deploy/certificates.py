"""The alliance's own certificate authority for mutual TLS between its machines and its broker.

Rule 1: a certificate's common name is the principal, with its generation after a revocation
        (:mod:`yizhan.deploy.generations`), and nothing else grants rights.
Rule 2: keys are created here, with mode 0600, and never leave the folder that they were created in.
Rule 3: running it again changes nothing; only what is missing or about to expire is created.
Rule 4: TLS protects the connection and access to the broker. The author of an event is proved by the envelope.

Layout: ``<tls>/authority/{key,cert}.pem`` and ``<tls>/<principal>/{key,cert,ca}.pem``. A county
that runs on its own machine gets its one folder; the authority's stays with the station.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from yizhan.deploy.errors import CertificateFailed
from yizhan.deploy.generations import common_name, recorded
from yizhan.deploy.jars import locked

AUTHORITY_DAYS: Final = 3650
"""Ten years. After that every certificate must be renewed, on every machine."""
CERTIFICATE_DAYS: Final = 730
"""Two years. An expired principal cannot connect; its outbox keeps everything meanwhile."""
RENEW_BEFORE_DAYS: Final = 30
"""The next ``ensure_certificates`` renews certificates that expire within this time."""

BROKER: Final = "broker"
AUTHORITY: Final = "authority"
_NEXT_KEY: Final = "next-key.pem"
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class _Authority:
    key: ec.EllipticCurvePrivateKey
    cert: x509.Certificate


def ensure_certificates(
    tls: Path,
    principals: Sequence[str],
    *,
    now: datetime,
    valid_days: float = CERTIFICATE_DAYS,
    hosts: Sequence[str] = _LOOPBACK,
) -> tuple[str, ...]:
    """Create the authority and every principal's key and certificate that are missing or expire soon.

    ``now`` is aware. ``hosts`` are the DNS names and addresses under which the certificates may
    serve. Returns the principals that were given a new certificate. Raises ``OSError`` when the
    folder cannot be written, ``ValueError`` for a damaged PEM file, :class:`CertificateFailed` for a
    damaged record of generations, and where the certificates are of an authority that is elsewhere.
    """
    tls.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(tls / "lock"):
        _require_own(tls, principals)
        authority, generations = _authority(tls / AUTHORITY, now), recorded(tls)
        names = {principal: common_name(principal, generations.get(principal, 1)) for principal in principals}
        made = [principal for principal, name in names.items() if _stale(tls / principal, name, authority, now)]
        for principal in made:
            _issue(tls / principal, names[principal], authority, now, valid_days, hosts)
    return tuple(made)


def new_request(folder: Path, principal: str) -> bytes:
    """Return a request (PKCS#10, PEM) for a principal's certificate, made on its own machine.

    Its key, made if absent, is ``next-key.pem`` until ``install_certificate`` puts it in its place: what is in use
    works on meanwhile.
    """
    path = folder / _NEXT_KEY
    if not path.exists():
        _write(path, _pem(ec.generate_private_key(ec.SECP256R1())))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, principal)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(_private_key(path), hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def sign_request(tls: Path, principal: str, request: bytes, *, now: datetime) -> bytes:
    """Sign what a principal requested; return its certificate and the authority's, PEM, in this order.

    The name and the generation are ours, whatever the request says. Raises ``ValueError`` for a request that is none,
    ``CertificateFailed`` where the authority is not on this machine.
    """
    asked = x509.load_pem_x509_csr(request)
    public = asked.public_key()
    if not asked.is_signature_valid or not isinstance(public, ec.EllipticCurvePublicKey):
        raise ValueError("expected a request signed by its own EC key")
    tls.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked(tls / "lock"):
        if not (tls / AUTHORITY / "cert.pem").exists():
            raise CertificateFailed(f"{tls / AUTHORITY}: no authority here; certificates are signed at the station")
        authority = _authority(tls / AUTHORITY, now)
        cert = _signed(
            public, common_name(principal, recorded(tls).get(principal, 1)), authority, now, CERTIFICATE_DAYS
        )
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in (cert, authority.cert))


def install_certificate(folder: Path, chain: bytes) -> bool:
    """Put a certificate that was requested here, and the authority's, in their place, with the key that waits.

    Returns False where it is of another key: of an earlier request. Raises ``ValueError`` for what is no certificate.
    """
    cert, authority = x509.load_pem_x509_certificates(chain)
    if not (folder / _NEXT_KEY).exists():
        return False
    key = _private_key(folder / _NEXT_KEY)
    if key.public_key() != cert.public_key():
        return False
    cert.verify_directly_issued_by(authority)
    _write(folder / "ca.pem", authority.public_bytes(serialization.Encoding.PEM))
    _write(folder / "cert.pem", cert.public_bytes(serialization.Encoding.PEM))
    _write(folder / "key.pem", _pem(key))
    (folder / _NEXT_KEY).unlink()
    return True


def _private_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path}: expected an EC key, got another kind; move it aside")  # noqa: TRY004 -- a damaged file
    return key


def _require_own(tls: Path, principals: Sequence[str]) -> None:
    """Raise where an office keeps what the station gave it: a new authority would replace its key."""
    if not (tls / AUTHORITY / "cert.pem").exists() and any((tls / each / "ca.pem").exists() for each in principals):
        raise CertificateFailed(
            f"{tls}: expected the authority that issued these certificates, got none: they are made on the station's "
            f"machine. For a new authority move {tls} aside; every office then needs new files"
        )


def _authority(folder: Path, now: datetime) -> _Authority:
    key_path, cert_path = folder / "key.pem", folder / "cert.pem"
    if cert_path.exists():
        return _Authority(_private_key(key_path), x509.load_pem_x509_certificate(cert_path.read_bytes()))
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Yizhan certificate authority")])
    usage = _key_usage(certificates=True)
    builder = (
        _builder(name, name, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    cert = builder.sign(key, hashes.SHA256())
    _write(key_path, _pem(key))  # the key first: with a certificate but no key every later start would fail
    _write(cert_path, cert.public_bytes(serialization.Encoding.PEM))
    return _Authority(key, cert)


def _issue(
    folder: Path,
    subject: str,
    authority: _Authority,
    now: datetime,
    days: float,
    hosts: Sequence[str],
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    cert = _signed(key.public_key(), subject, authority, now, days, hosts)
    _write(folder / "key.pem", _pem(key))
    _write(folder / "ca.pem", authority.cert.public_bytes(serialization.Encoding.PEM))
    _write(folder / "cert.pem", cert.public_bytes(serialization.Encoding.PEM))


def _signed(
    public: ec.EllipticCurvePublicKey,
    subject: str,
    authority: _Authority,
    now: datetime,
    days: float,
    hosts: Sequence[str] = (),
) -> x509.Certificate:
    """Sign a principal's certificate."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = (
        _builder(name, authority.cert.subject, public, now, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(certificates=False), critical=True)
        .add_extension(issuer_key, critical=False)
    )
    usage = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if subject == BROKER:  # the broker's certificate only: others cannot pose as the broker
        usage.append(ExtendedKeyUsageOID.SERVER_AUTH)
        builder = builder.add_extension(x509.SubjectAlternativeName([*map(_host, hosts)]), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    return builder.sign(authority.key, hashes.SHA256())


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: datetime,
    days: float,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # a partner's clock may be a little behind
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _key_usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _stale(folder: Path, subject: str, authority: _Authority, now: datetime) -> bool:
    """Return whether a certificate is missing, half made, revoked, expires soon, or is another authority's."""
    if not all((folder / name).exists() for name in ("key.pem", "cert.pem", "ca.pem")):
        return True
    cert = x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())
    if cert.not_valid_after_utc - now < timedelta(days=RENEW_BEFORE_DAYS):
        return True
    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    if key.public_key() != cert.public_key():  # killed between the two files
        return True
    if [each.value for each in cert.subject] != [subject]:
        return True
    ours = authority.cert.public_bytes(serialization.Encoding.PEM)
    return (folder / "ca.pem").read_bytes() != ours


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,  # the form that Kafka reads
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes) -> None:
    """Write a file of mode 0600, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
