"""Renews every certificate of this home that expires soon, and lets Kafka take its own.

Rule 1: certificates are renewed thirty days before they end (:mod:`yizhan.deploy.certificates`); a former one is valid
        until its own end, so nobody has to hurry.
Rule 2: a running Kafka keeps the certificate that it started with: it is stopped, and started again here or by its
        supervisor. Everything else takes new files at its next connection (:mod:`yizhan.runtime.tls`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from yizhan.deploy.broker import Broker
from yizhan.deploy.certificates import BROKER, ensure_certificates
from yizhan.deploy.jars import Progress
from yizhan.deploy.properties import inline
from yizhan.schemas import topics


@dataclass(frozen=True, slots=True)
class Renewal:
    """What was renewed: principals, and whether Kafka was stopped to take its new certificate."""

    made: tuple[str, ...]
    restarted: bool


def renew(
    home: Path,
    members: Sequence[str],
    *,
    now: datetime,
    supervised: bool,
    broker: Broker | None = None,
    progress: Progress = lambda _: None,
) -> Renewal:
    """Renew what expires soon. Again changes nothing.

    Args:
        home: with the authority.
        members: six-digit codes.
        now: an aware instant.
        supervised: whoever supervises Kafka starts it again.
        broker: of this home, if it is another than the usual.
        progress: told what is done.

    Raises:
        CertificateFailed: the certificates of this home are another authority's.
        BrokerFailed: Kafka did not come up again.
    """
    made = ensure_certificates(home / "tls", (BROKER, *topics.principals(members)), now=now)
    broker = broker or Broker(home)
    if broker.pid() is None or not _started_with_another(broker.folder, home / "tls" / BROKER / "cert.pem"):
        return Renewal(made, restarted=False)
    broker.stop()
    if not supervised:
        broker.start(progress)
    return Renewal(made, restarted=True)


def _started_with_another(folder: Path, cert: Path) -> bool:
    """Return whether the settings that Kafka started with hold another certificate than the file."""
    found = [path.read_text("ascii") for path in folder.rglob("server.properties")]
    return any(inline(cert) not in text for text in found)
