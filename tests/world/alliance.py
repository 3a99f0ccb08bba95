"""An alliance on the real broker: keys, charter, and a real station as a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.world.ceremony import Ceremony
from tests.world.processes import STATION_READY, YIZHAN, wait_for_words
from tests.world.simulator import World
from tests.world.waiting import LIMIT_SECONDS
from yizhan.charter import rolekeys
from yizhan.charter.archive import Archive, write_durably
from yizhan.charter.fetch import MemorySource
from yizhan.charter.layout import TIMESTAMP, metadata_path
from yizhan.charter.reader import CharterReader
from yizhan.schemas import keys, topics
from yizhan.schemas.charter import AdoptedCharters
from yizhan.schemas.errors import KeyFileInvalid
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.statements import read_dated
from yizhan.schemas.timestamps import written
from yizhan.streams.cluster import Cluster as StationSide

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from securesystemslib.signer import CryptoSigner

    from tests.world.cluster import Cluster
    from yizhan.charter.verify import VerifiedCharter

LEAD_SECONDS = 2.0
"""How long before it holds a version is announced in these tests."""


@dataclass
class Alliance:
    """The six counties of the simulator, with their charter in the broker's home."""

    cluster: Cluster
    world: World
    ceremony: Ceremony

    @property
    def home(self) -> Path:
        """The home folder that broker, station and counties share."""
        return self.cluster.home

    @property
    def charters(self) -> CharterReader:
        """The charter as the station adopted it."""
        return CharterReader(Archive(self.home / "station" / "charter"))

    def sign(self, files: Mapping[str, bytes], old: Iterable[CryptoSigner] = ()) -> VerifiedCharter:
        """Have everybody sign the next version, and publish it at the station."""
        self.ceremony.files = dict(files)
        version = self.ceremony.publish(datetime.now(UTC), old=old)
        self.publish_files()
        return version

    def publish_files(self) -> None:
        """Write what was published into the station's folder, the timestamp last."""
        stamp = metadata_path(TIMESTAMP, None)
        for path, data in sorted(self.ceremony.published.items(), key=lambda item: item[0] == stamp):
            write_durably(self.home / "station" / "public" / path, data)

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

    def postings(self, start: int, count: int | None = None, source: str = "350924") -> list[Postmark]:
        """Read and verify what the station told a county, from an offset on: so many, or what is there now."""
        principal, topic = topics.county(source), topics.postings(source)
        if count is None:
            records = self.cluster.read_all(principal, topic, start)
        else:
            records = self.cluster.read(principal, topic, start, count=count)
        return [read_dated(Postmark, record.value, self.charters)[0] for record in records]


_CEREMONIES: dict[Path, Ceremony] = {}
"""Home → who signed its charter: tests of one run share a broker, and so its charter."""


def settle(cluster: Cluster, world: World | None = None) -> Alliance:
    """Have the charter signed and given to every reader, unless it was; put the station's key in place."""
    now = datetime.now(UTC)
    world = world or World(since=now - timedelta(days=1))
    if cluster.home not in _CEREMONIES:
        ceremony = _CEREMONIES[cluster.home] = Ceremony.begin(world.files, now)
        Alliance(cluster, world, ceremony).publish_files()
        for reader in ("station", *(f"counties/{code}" for code in world.counties)):
            archive = ceremony.archive(cluster.home / reader / "charter")
            CharterReader(archive, MemorySource(ceremony.published))
        rolekeys.save(ceremony.station[TIMESTAMP][0], cluster.home / "station" / "roles", TIMESTAMP)
    ceremony = _CEREMONIES[cluster.home]
    assert ceremony.newest is not None
    world.charter = ceremony.newest.charter
    world.charters = AdoptedCharters([world.charter])
    with contextlib.suppress(KeyFileInvalid):
        keys.save(world.station, cluster.home / "station" / "keys")
    return Alliance(cluster, world, ceremony)


class Station:
    """A station process: started, killed, stopped by the tests that own it."""

    def __init__(self, alliance: Alliance, log: Path, *words: str) -> None:
        """Prepare; ``start`` begins. ``words`` are options of the command."""
        self._alliance, self._log, self._words = alliance, log, words
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it has committed or found nothing to do."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*YIZHAN, "--home", str(self._alliance.home), "station", "run", *self._words],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "YIZHAN_CHARTER_LEAD_SECONDS": str(LEAD_SECONDS)},
            )
        self.wait_until(STATION_READY)

    def wait_until(self, words: str) -> None:
        """Wait for words in the log of this life."""
        assert self._process is not None
        wait_for_words(self._process, self._log, words)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def running(self) -> bool:
        """Return whether it still runs."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int | None:
        """Ask it to stop; its exit status."""
        return self._end(how)

    def _end(self, how: signal.Signals) -> int | None:
        if self._process is None:
            return None
        self._process.send_signal(how)
        status = self._process.wait(timeout=LIMIT_SECONDS)
        self._process = None
        self._log.write_bytes(b"")  # the next life begins with an empty log
        return status


@contextlib.contextmanager
def running_station(alliance: Alliance, log: Path, *words: str) -> Iterator[Station]:
    """Start a station and stop it at the end, whatever happened to it in between."""
    station = Station(alliance, log, *words)
    station.start()
    try:
        yield station
    finally:
        if station.running():
            station.stop()


def now_text() -> str:
    """The current instant as headers spell it."""
    return written(datetime.now(UTC))
