"""An alliance on the real broker: keys, charter, and a real station as a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.simulator import World
from yizhan.schemas import keys, topics
from yizhan.schemas.charter import FolderCharters
from yizhan.schemas.errors import KeyFileInvalid
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.statements import read_dated
from yizhan.schemas.timestamps import written
from yizhan.streams.closing_kafka import Cluster as StationSide

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.integration.cluster import Cluster

YIZHAN = (sys.executable, "-m", "yizhan.cli")


@dataclass
class Alliance:
    """The six counties of the simulator, with their charter in the broker's home."""

    cluster: Cluster
    world: World

    @property
    def home(self) -> Path:
        """The home folder that broker, station and counties share."""
        return self.cluster.home

    @property
    def charters(self) -> FolderCharters:
        """The charter as every reader finds it."""
        return FolderCharters(self.home / "charter")

    def end(self, topic: str) -> int:
        """Offset after the last record of a topic."""
        side = StationSide(self.cluster.connection(topics.STATION))
        try:
            return side.ends([topic])[topic]
        finally:
            side.close()

    def publish(self, *values: bytes | None, source: str = "350924", **settings: Any) -> list[int]:  # noqa: ANN401 -- the producer's own
        """Write records to a county's events topic as that county; their offsets."""
        return self.cluster.send(topics.county(source), topics.events(source), *values, **settings)  # type: ignore[arg-type] # None too

    def postings(self, start: int, count: int, source: str = "350924", seconds: float = 20) -> list[Postmark]:
        """Read and verify what the station told a county, from an offset on."""
        records = self.cluster.read(topics.county(source), topics.postings(source), start, count=count, seconds=seconds)
        return [read_dated(Postmark, record.value, self.charters)[0] for record in records]


def settle(cluster: Cluster, world: World | None = None) -> Alliance:
    """Put charter and station key into the broker's home, unless they are there."""
    world = world or World(since=datetime.now(UTC) - timedelta(days=1))
    add_version(cluster.home, world.files, 1)
    with contextlib.suppress(KeyFileInvalid):
        keys.save(world.station, cluster.home / "station" / "keys")
    return Alliance(cluster, world)


def add_version(home: Path, files: Mapping[str, bytes], version: int) -> None:
    """Publish a charter version with one rename, as ``FolderCharters`` asks for."""
    folder, part = home / "charter" / str(version), home / "charter" / f"{version}.part"
    if folder.exists():
        return
    for path, content in files.items():
        (part / path).parent.mkdir(parents=True, exist_ok=True)
        (part / path).write_bytes(content)
    part.rename(folder)


class Station:
    """A station process: started, killed, stopped by the tests that own it."""

    def __init__(self, alliance: Alliance, log: Path) -> None:
        """Prepare; ``start`` begins."""
        self._alliance, self._log = alliance, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it has committed or found nothing to do."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*YIZHAN, "--home", str(self._alliance.home), "station", "run"],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        self.wait_until("Worker ready")

    def wait_until(self, words: str, seconds: float = 30.0) -> None:
        """Wait for words in the log of this life."""
        assert self._process is not None
        deadline = time.monotonic() + seconds
        while words not in self._log.read_text(encoding="utf-8", errors="replace"):
            assert self._process.poll() is None, f"the station ended:\n{self._log.read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"no {words!r} in:\n{self._log.read_text()[-3000:]}"
            time.sleep(0.1)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def running(self) -> bool:
        """Tell whether it still runs."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int | None:
        """Ask it to stop; its exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int | None:
        if self._process is None:
            return None
        self._process.send_signal(how)
        status = self._process.wait(timeout=30)
        self._process = None
        self._log.write_bytes(b"")  # the next life begins with an empty log
        return status


@contextlib.contextmanager
def running_station(alliance: Alliance, log: Path) -> Iterator[Station]:
    """Start a station and stop it at the end, whatever happened to it in between."""
    station = Station(alliance, log)
    station.start()
    try:
        yield station
    finally:
        if station.running():
            station.stop()


def now_text() -> str:
    """The current instant as headers spell it."""
    return written(datetime.now(UTC))
