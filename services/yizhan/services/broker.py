"""The Kafka of this machine: started, stopped, asked; topics, rights and quotas applied.

Rule 1: only the commands that do this import this module: it needs a Kafka client.
"""

from __future__ import annotations

from collections.abc import Callable

from yizhan.deploy import admin
from yizhan.deploy.broker import Broker, Status
from yizhan.deploy.home import bring_up, setup_home
from yizhan.deploy.rehearsal import ensure_archive
from yizhan.runtime.clock import utc_now
from yizhan.schemas import topics
from yizhan.services.home import Home
from yizhan.services.progress import SILENT, Progress


def start_broker(home: Home, progress: Progress = SILENT) -> tuple[Status, tuple[str, ...]]:
    """Start Kafka and apply the declaration; return its status and what was changed. Again changes nothing."""
    broker, changes = bring_up(home.path, _members(home), now=utc_now(), progress=progress.describe)
    return broker.status(), changes


def run_broker(home: Home, report: Callable[[str], None]) -> None:
    """Become the broker; return only if one is running already. ``report`` takes what is done before."""
    setup_home(home.path, _members(home), now=utc_now())
    broker = Broker(home.path)
    if broker.pid() is None:
        ensure_archive(progress=report)
    broker.run(report)


def stop_broker(home: Home) -> bool:
    """Stop Kafka; return whether it was running."""
    return Broker(home.path).stop()


def broker_status(home: Home) -> Status:
    """Return whether Kafka runs, its address and its log."""
    return Broker(home.path).status()


def apply_declaration(home: Home) -> tuple[str, ...]:
    """Make topics, rights and quotas in the Kafka that the settings name; return what was changed."""
    return admin.apply(home.settings.connection(topics.ADMIN), _members(home))


def _members(home: Home) -> list[str]:
    return sorted(home.charters.latest().members)
