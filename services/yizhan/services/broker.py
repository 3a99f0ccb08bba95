"""The Kafka of this machine: started, stopped, asked; topics, rights, quotas applied; certificates revoked, renewed.

Rule 1: only the commands that do this import this module: it needs a Kafka client.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from yizhan.deploy import revocation
from yizhan.deploy.broker import Status
from yizhan.deploy.brokers import Brokers
from yizhan.deploy.certificates import BROKER
from yizhan.deploy.generations import recorded
from yizhan.deploy.home import apply, bring_up, setup_home
from yizhan.deploy.rehearsal import ensure_archive
from yizhan.deploy.renewal import Renewal, renew
from yizhan.deploy.revocation import Revocation
from yizhan.deploy.strimzi import manifests
from yizhan.runtime.clock import utc_now
from yizhan.schemas import topics
from yizhan.services.counties import find_county
from yizhan.services.home import Home
from yizhan.services.progress import SILENT, Progress


def start_broker(
    home: Home, progress: Progress = SILENT, nodes: int | None = None
) -> tuple[tuple[Status, ...], tuple[str, ...]]:
    """Start Kafka and apply the declaration; return the status of each broker and what was changed.

    Again changes nothing. ``nodes`` is how many brokers the home is to have: None for as many as it has. Where it has
    fewer, it grows while they run.
    """
    brokers, changes = bring_up(home.path, _members(home), now=utc_now(), progress=progress.describe, nodes=nodes)
    return brokers.status(), changes


def run_broker(home: Home, report: Callable[[str], None], node: int = 1) -> None:
    """Become one of the brokers; return only if it runs already. ``report`` takes what is done before."""
    setup_home(home.path, _members(home), now=utc_now())
    broker = Brokers(home.path).node(node)
    if broker.pid() is None:
        ensure_archive(progress=report)
    broker.run(report)


def stop_broker(home: Home, node: int | None = None) -> bool:
    """Stop Kafka, or one of its brokers; return whether it was running."""
    brokers = Brokers(home.path)
    return brokers.stop() if node is None else brokers.node(node).stop()


def broker_status(home: Home) -> tuple[Status, ...]:
    """Return of each broker whether it runs, its address and its log."""
    return Brokers(home.path).status()


def apply_declaration(home: Home) -> tuple[str, ...]:
    """Make topics, rights and quotas in the Kafka that the settings name; return what was changed."""
    return apply(home.path, home.settings.connection(topics.ADMIN), _members(home), now=utc_now())


def renew_certificates(home: Home, progress: Progress = SILENT, *, supervised: bool = False) -> Renewal:
    """Renew the certificates that expire soon, and restart Kafka if its own was among them.

    ``supervised``: Kafka is only stopped; whoever supervises it starts it again.
    """
    members = _members(home)
    return renew(home.path, members, now=utc_now(), supervised=supervised, progress=progress.describe)


def strimzi_manifests(home: Home) -> dict[str, Any]:
    """Return the declaration as manifests for Strimzi, one list."""
    return manifests(_members(home), recorded(home.path / "tls"))


def plan_revocation(home: Home, owner: str) -> Revocation:
    """Return what revoking the certificate of a county, the station, the ledger or the auditor will do."""
    return revocation.plan(home.path, home.settings.connection(topics.ADMIN), _principal(home, owner))


def revoke_certificate(home: Home, planned: Revocation) -> tuple[str, ...]:
    """Make the new certificate, and take the rights from the former; return what changed in Kafka."""
    connection = home.settings.connection(topics.ADMIN)
    return revocation.revoke(home.path, connection, _members(home), planned, now=utc_now())


def _principal(home: Home, owner: str) -> str:
    """Return the principal that a person means: by its own name, or a county's code or name."""
    if owner in {topics.STATION, topics.LEDGER, topics.AUDITOR, topics.ADMIN, BROKER}:
        return owner
    return topics.county(home.member(find_county(home, owner.removeprefix(topics.county("")))))


def _members(home: Home) -> list[str]:
    return sorted(home.charters.latest().members)
