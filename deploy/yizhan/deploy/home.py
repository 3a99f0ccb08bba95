"""Sets up a home folder: certificates, the brokers, and the settings to reach it.

Rule 1: every step can be repeated; a completed step changes nothing.
Rule 2: of ``yizhan.toml`` only the line ``bootstrap_servers`` is written here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from yizhan.deploy import admin, generations
from yizhan.deploy.brokers import Brokers
from yizhan.deploy.certificates import AUTHORITY, BROKER, ensure_certificates
from yizhan.deploy.jars import Progress
from yizhan.deploy.quorum import spread_leaders
from yizhan.deploy.rehearsal import ensure_archive
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.settings import FILE_NAME, Settings
from yizhan.schemas import topics


def setup_home(home: Path, members: Sequence[str], *, now: datetime, nodes: int | None = None) -> tuple[str, ...]:
    """Create the home folder's certificates and ``yizhan.toml``; return the principals with new certificates.

    ``members`` are six-digit codes, ``now`` is aware, ``nodes`` is how many brokers the home is to have (None: as many
    as it has). Starts nothing. Raises ``ValueError`` as :func:`yizhan.schemas.topics.declare` does, ``OSError`` when
    the folder cannot be written, and as :meth:`Brokers.grow` does.
    """
    principals = (BROKER, *topics.principals(members))
    for folder in (home, home / "tls"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = ensure_certificates(home / "tls", principals, now=now)
    brokers = Brokers(home)
    if nodes is not None:
        brokers.grow(nodes)
    _write_bootstrap(home / FILE_NAME, brokers.bootstrap)
    return made


def bring_up(
    home: Path,
    members: Sequence[str],
    *,
    now: datetime,
    progress: Progress = lambda _: None,
    cache: Path | None = None,
    nodes: int | None = None,
) -> tuple[Brokers, tuple[str, ...]]:
    """Set up the home, start its brokers and apply the declaration; return the brokers and the changes.

    Raises as :func:`setup_home`, :meth:`Brokers.start`, :func:`admin.apply` and :meth:`Brokers.renew` do.
    """
    setup_home(home, members, now=now, nodes=nodes)
    brokers = Brokers(home, cache=cache)
    if any(each.pid() is None for each in brokers.nodes):
        ensure_archive(cache, progress)
    brokers.start(progress)
    changes = apply(home, brokers.admin_connection(), members, now=now, internal=True)
    changes += brokers.renew(progress)
    if len(brokers.nodes) > 1:
        spread_leaders(brokers.admin_connection())
    return brokers, changes


def apply(
    home: Path, connection: KafkaConnection, members: Sequence[str], *, now: datetime, internal: bool = False
) -> tuple[str, ...]:
    """Apply the declaration to a broker, for the certificates in force; return the changes.

    Where the broker has a later generation than this home recorded, the home was restored from an old copy: it takes
    that over, and makes the certificates that it lacks. ``internal`` and what it raises: as of :func:`admin.apply`,
    and as :func:`setup_home`.
    """
    tls = home / "tls"
    if generations.record(tls, admin.generations_found(connection)) and (tls / AUTHORITY).exists():
        ensure_certificates(tls, topics.principals(members), now=now)
    parts = Settings.load(home).station_parts
    return admin.apply(connection, members, generations.recorded(tls), parts=parts, internal=internal)


def _write_bootstrap(path: Path, bootstrap: str) -> None:
    line = f'bootstrap_servers = "{bootstrap}"\n'
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if line in text:
        return
    rest = re.sub(r"(?m)^\s*bootstrap_servers\s*=.*\n?", "", text)
    part = path.with_name(path.name + ".part")
    part.write_text(line + rest, encoding="utf-8")
    part.replace(path)
