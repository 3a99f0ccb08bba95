"""Revokes one principal's certificate: the next generation gets its rights, and the former ones have none.

Rule 1: recorded, then made, then applied: killed anywhere, the next run (or any ``broker start`` or ``apply``) goes on.
Rule 2: until the broker has applied it the former certificate is valid; after that not even on an open connection.
Rule 3: only the certificates of the authority in this home are revoked; broker and administrator need a new authority.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from yizhan.deploy import admin
from yizhan.deploy.certificates import AUTHORITY, ensure_certificates
from yizhan.deploy.errors import CertificateFailed
from yizhan.deploy.generations import common_name, latest, parse_common_name, record, recorded
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Revocation:
    """What a revocation does. ``unfinished``: an earlier run recorded it, and the broker does not know it yet."""

    principal: str
    revoked: tuple[str, ...]
    """Common names that lose their rights."""
    generation: int
    unfinished: bool
    folder: Path
    """Where the new key and certificate will lie, in the place of the former."""

    @property
    def common_name(self) -> str:
        """The name of the new certificate."""
        return common_name(self.principal, self.generation)


def plan(home: Path, connection: KafkaConnection, principal: str) -> Revocation:
    """Return what :func:`revoke` will do; changes nothing.

    ``connection`` is the administrator's. Raises :class:`CertificateFailed` where this home cannot revoke it,
    and :class:`ApplyFailed` when the broker does not answer or has no access rules.
    """
    tls = home / "tls"
    if parse_common_name(principal) != (principal, 1):
        raise CertificateFailed(f"{principal}: expected a county, the station, the ledger or the auditor")
    ours = tls / AUTHORITY / "cert.pem"
    if (
        connection.ca is None
        or connection.cert is None
        or not ours.exists()
        or ours.read_bytes() != connection.ca.read_bytes()
    ):
        raise CertificateFailed(
            f"{tls / AUTHORITY}: expected the authority that Kafka's clients trust; revoke it in the home that "
            "made the certificates, or, with certificates of your own, at your authority"
        )
    holders = admin.generations_with_rights(connection, principal)
    current = latest(recorded(tls), admin.generations_found(connection)).get(principal, 1)
    unfinished = any(each < current for each in holders)
    generation = current if unfinished else current + 1
    revoked = sorted((holders | {generation - 1}) - {generation})
    names = tuple(common_name(principal, each) for each in revoked)
    return Revocation(principal, names, generation, unfinished, tls / principal)


def revoke(
    home: Path, connection: KafkaConnection, members: Sequence[str], planned: Revocation, *, now: datetime
) -> tuple[str, ...]:
    """Revoke it as planned; return what changed at the broker, one line each. Again changes nothing."""
    tls = home / "tls"
    record(tls, {planned.principal: planned.generation})  # from here on the former certificate will lose its rights
    ensure_certificates(tls, [planned.principal], now=now)
    return admin.apply(connection, members, recorded(tls), parts=Settings.load(home).station_parts)
