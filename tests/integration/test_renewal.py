"""Certificates that end while everything runs: renewed in time, nobody restarts anything but Kafka, nothing is lost."""

from __future__ import annotations

import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path

from tests.integration.test_inbox import ME, Running, fresh_world, id_of
from tests.world.cluster import Cluster
from tests.world.waiting import until
from yizhan.deploy.broker import Broker
from yizhan.deploy.certificates import BROKER, ensure_certificates
from yizhan.deploy.renewal import renew
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.tls import expiry
from yizhan.schemas import topics
from yizhan.schemas.sample import SIX

MINE = topics.county(ME)
LIFE_SECONDS = 60
"""Longer than Kafka and an inbox take to start on a busy machine."""


def now() -> datetime:
    """Return the instant."""
    return datetime.now(UTC)


def start_again(broker: Broker) -> None:
    """Start Kafka once it has ended, as systemd does."""
    until(lambda: broker.pid() is None)
    broker.launch()


def test_an_inbox_outlives_its_certificate_and_kafkas(cluster: Cluster, tmp_path: Path) -> None:
    """Both are renewed before they end; once they have ended, the same inbox receives over a new connection."""
    tls = cluster.home / "tls"
    for each in (BROKER, MINE):
        (tls / each / "cert.pem").unlink()
    ensure_certificates(tls, (BROKER, MINE), now=now(), valid_days=LIFE_SECONDS / 86400)
    cluster.broker.stop()
    cluster.broker.start()
    county = Running(cluster, fresh_world(), tmp_path / "inbox.sqlite3")
    with county.running() as inbox:

        def receives() -> None:
            event = county.fire()
            county.send(event)
            until(lambda: inbox.item(id_of(event)))

        receives()
        folder, end = shutil.copytree(tls / MINE, tmp_path / "old"), expiry(tls / MINE / "cert.pem")
        supervisor = threading.Thread(target=start_again, args=(cluster.broker,))
        supervisor.start()
        done = renew(cluster.home, SIX, now=now(), supervised=True)
        supervisor.join()
        assert (set(done.made), len(done.restarted)) == ({BROKER, MINE}, 1)
        again = renew(cluster.home, SIX, now=now(), supervised=False)
        assert (again.made, again.restarted) == ((), ())
        receives()
        until(lambda: now() > end, "the end of the former certificates")
        bootstrap = cluster.broker.bootstrap
        old = KafkaConnection(bootstrap, folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
        assert not old.speaks()
        cluster.broker.stop()  # every connection is made anew
        cluster.broker.start()
        receives()
