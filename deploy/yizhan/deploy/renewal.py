"""Renews every certificate of this home that expires soon, and lets Kafka take its own.

Rule 1: certificates are renewed thirty days before they end (:mod:`yizhan.deploy.certificates`); a former one is valid
        until its own end, so nobody has to hurry.
Rule 2: a running broker keeps the certificate that it started with: it is stopped, and started again here or by its
        supervisor; of three one after the other. Everything else takes new files at its next connection
        (:mod:`yizhan.runtime.tls`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from yizhan.deploy.brokers import Brokers
from yizhan.deploy.certificates import BROKER, ensure_certificates
from yizhan.deploy.jars import Progress
from yizhan.schemas import topics


@dataclass(frozen=True, slots=True)
class Renewal:
    """What was renewed: principals, and the brokers that started again to take their new certificate, a line each."""

    made: tuple[str, ...]
    restarted: tuple[str, ...]


def renew(
    home: Path,
    members: Sequence[str],
    *,
    now: datetime,
    supervised: bool,
    progress: Progress = lambda _: None,
) -> Renewal:
    """Renew what expires soon. Again changes nothing.

    Args:
        home: with the authority.
        members: six-digit codes.
        now: an aware instant.
        supervised: Kafka is only stopped; whoever supervises it starts it again.
        progress: told what is done.

    Raises:
        CertificateFailed: the certificates of this home are another authority's.
        BrokerFailed: Kafka did not come up again.
    """
    made = ensure_certificates(home / "tls", (BROKER, *topics.principals(members)), now=now)
    return Renewal(made, Brokers(home).renew(progress, alone=True, supervised=supervised))
