"""The station says to systemd how it stands, and to ``yizhan status`` that it advances."""

from __future__ import annotations

from pathlib import Path

from tests.world.alliance import settle
from tests.world.cluster import Cluster
from tests.world.notified import Supervised
from tests.world.processes import YIZHAN
from yizhan.services.home import WORKER_LOCK
from yizhan.streams.app import EXIT_FAILED


def test_a_station_says_how_it_stands(cluster: Cluster, tmp_path: Path) -> None:
    """Ready once it reads, alive while it works, silent when it is stopped, and stopping at the end."""
    home = settle(cluster).home
    words = [*YIZHAN, "--home", str(home), "station", "run"]
    with Supervised(words, tmp_path, home / "station" / WORKER_LOCK) as station:
        assert "STATUS=已接通 Kafka，在工作" in station.gets_ready()
        station.stop_working()
        station.must_be_silent()
        station.goes_on()
        # It was away for longer than its session in the group: asked to end while it joins again, it ends hard.
        station.ends_in_order(status=(0, EXIT_FAILED))
