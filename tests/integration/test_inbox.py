"""The inbox on a real broker: one row, one ring, whatever dies."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from tests.world.clock import Clock
from tests.world.cluster import Cluster
from tests.world.receiver import Notebook
from tests.world.simulator import World
from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.consumers import reader
from yizhan.consumers.arrivals import ReceiveOutcome
from yizhan.consumers.inbox import Inbox
from yizhan.consumers.items import InboxQuery
from yizhan.consumers.reader import Listeners
from yizhan.deploy import admin
from yizhan.deploy.broker import Broker
from yizhan.deploy.home import setup_home
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.errors import AlreadyRunning, NotAuthorised
from yizhan.runtime.process import StopSignal
from yizhan.runtime.watchdog import Watchdog
from yizhan.schemas import manifest as manifests
from yizhan.schemas import topics
from yizhan.schemas.envelope import parse_envelope
from yizhan.schemas.header import parse_header
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.merkle import leaf_hash, root
from yizhan.schemas.postmark import KAFKA_HEADER
from yizhan.schemas.timestamps import written

ME, PARTNER = "330327", "350982"
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Collect such sockets before the next test, which would be blamed for them."""
    yield
    gc.collect()


@dataclass
class Running:
    """A reader in a thread of this process, and what it told."""

    cluster: Cluster
    world: World
    path: Path
    desk: Notebook = field(default_factory=Notebook)
    told: list[ReceiveOutcome] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    """Set when the thread is no longer at work."""

    @contextlib.contextmanager
    def running(
        self,
        begin: Callable[[], None] = lambda: None,
        connection: KafkaConnection | None = None,
        watchdog: Watchdog | None = None,
    ) -> Iterator[Inbox]:
        """Run a reader until the block ends; what it raised is raised here."""
        stop, failed = StopSignal(), []
        keys = [self.world.counties[ME].sealing]
        with Inbox(self.path, ME, keys, self.world.charters, lambda: datetime.now(UTC), self.desk) as inbox:

            def work() -> None:
                try:
                    listeners = Listeners(begin=begin, tell=self.told.extend)
                    reader.run(
                        inbox,
                        self.cluster.settings,
                        stop,
                        connection=connection,
                        watchdog=watchdog,
                        listeners=listeners,
                    )
                except Exception as error:  # noqa: BLE001 -- raised again below
                    failed.append(error)
                finally:
                    self.ended.set()

            self.ended.clear()
            thread = threading.Thread(target=work, name="inbox")
            thread.start()
            try:
                yield inbox
            finally:
                stop.set()
                thread.join(LIMIT_SECONDS)
            assert not thread.is_alive()
            if failed:
                raise failed[0]

    def send(self, *values: bytes, kind: str = "alert") -> list[int]:
        """Send lawful events as the station does."""
        topic = (topics.alerts if kind == "alert" else topics.digests)(ME)
        with self.cluster.producer("station") as producer:
            sent = [
                producer.send(
                    topic,
                    value,
                    key=b"hint",
                    headers=[(KAFKA_HEADER, self.world.postmark(value, PARTNER))],
                    partition=0,
                )
                for value in values
            ]
            return [future.get(timeout=LIMIT_SECONDS).offset for future in sent]

    def fire(self) -> bytes:
        """Write a fire to us."""
        return self.world.event(PARTNER, (ME,))


@pytest.fixture
def station(cluster: Cluster, tmp_path: Path) -> Running:
    """Return a county that listens to the shared broker; other tests' records on its topics are noise."""
    return Running(cluster, fresh_world(), tmp_path / "inbox.sqlite3")


def fresh_world() -> World:
    """Return a world whose ids no other test uses: the topics are shared."""
    world = World()
    for county in world.counties.values():
        county.n = int(time.time() * 1000) % 10**12
    return world


def id_of(value: bytes) -> str:
    """Return an event's id."""
    return parse_header(parse_envelope(value).unverified_header).id


def committed(cluster: Cluster, topic: str) -> int | None:
    """Return the offset that the inbox's group committed."""
    with cluster.consumer(topics.county(ME), group_id=topics.group(topics.county(ME), "inbox")) as consumer:
        place: int | None = consumer.committed(TopicPartition(topic, 0))
        return place


def test_an_alarm_rings_and_its_offset_is_committed_after_its_row(station: Running) -> None:
    """From the station's topic to a row that rings; a restart reads nothing twice."""
    with station.running() as inbox:
        first = station.fire()
        (offset,) = station.send(first)
        until(lambda: inbox.item(id_of(first)))
        until(lambda: [each for each in station.told if each.rings])
        until(lambda: station.desk.receipts)
        until(lambda: committed(station.cluster, topics.alerts(ME)) == offset + 1)
    assert station.desk.receipts[-1][0].stage == "delivered"
    told = len(station.told)
    with station.running() as inbox:
        second = station.fire()
        station.send(second)
        until(lambda: inbox.item(id_of(second)))
        assert [item.id for item in inbox.ringing()][-2:] == [id_of(first), id_of(second)]
    assert [outcome.became for outcome in station.told[told:]] == ["stored", "followup", "followup"]


def test_an_offset_that_a_former_session_left_uncommitted_is_committed_by_the_next(station: Running) -> None:
    """The broker's figures follow the database's position though no further record arrives."""
    with station.running() as inbox:
        fire = station.fire()
        (offset,) = station.send(fire)
        until(lambda: inbox.item(id_of(fire)))
    county = topics.county(ME)
    with station.cluster.consumer(county, group_id=topics.group(county, "inbox")) as consumer:
        consumer.commit({TopicPartition(topics.alerts(ME), 0): OffsetAndMetadata(offset, "", -1)})
    with station.running():
        until(lambda: committed(station.cluster, topics.alerts(ME)) == offset + 1)


def test_a_restored_backup_reads_again_what_it_missed(station: Running, tmp_path: Path) -> None:
    """The position to continue from is taken from the database, not from Kafka's committed offset."""
    first, second = station.fire(), station.fire()
    with station.running() as inbox:
        station.send(first)
        until(lambda: inbox.item(id_of(first)))
    backup = tmp_path / "backup.sqlite3"
    shutil.copy(station.path, backup)
    with station.running() as inbox:
        station.send(second)
        until(lambda: inbox.item(id_of(second)))
    backup.replace(station.path)
    with station.running() as inbox:
        until(lambda: inbox.item(id_of(second)))
        assert [item.id for item in inbox.ringing()][-2:] == [id_of(first), id_of(second)]


def test_a_digest_comes_with_its_manifest(station: Running) -> None:
    """Routine events wait for the manifest; then they are listed, checked."""
    quiet: dict[str, Any] = {"type": "yizhan.intelligence.report.v1", "priority": "routine", "stage": None}
    values = [station.world.event(PARTNER, (ME,), **quiet) for _ in range(50)]
    made = Manifest(
        county=ME, label="2026Q3", interim=False, start=0, end=51, count=50, prompt=0,
        root=root(leaf_hash(parse_envelope(value).hash) for value in values).hex(),
        charter=station.world.charter.name, cluster="c", closed=written(datetime(2026, 10, 1, tzinfo=UTC)),
    )  # fmt: skip
    with station.running() as inbox:
        station.send(*values, kind="digest")
        with station.cluster.producer("station") as producer:
            mark = [(manifests.KAFKA_HEADER, b"1")]
            producer.send(topics.digests(ME), made.signed(station.world.station), key=b"2026Q3", headers=mark)
        until(inbox.digests)
        assert inbox.digests()[-1].verdict == "verified"
        made_of = [member.item for member in inbox.members(inbox.digests()[-1])]
        assert [item and item.id for item in made_of] == [id_of(value) for value in values]


class Unspeakable(str):
    """A header name that is not UTF-8: kafka-python, Java's clients and the broker let it pass."""

    __slots__ = ()

    def encode(self, *_how: object) -> bytes:
        """Encode wrongly."""
        return b"\xff\xfe"


def test_what_the_client_cannot_decode_is_decoded_leniently_and_kept_aside(station: Running) -> None:
    """A header name that is no text: the reader goes on behind it, and the record's place is kept aside."""
    before, after = station.fire(), station.fire()
    with station.running() as inbox:
        station.send(before)
        with station.cluster.producer("station") as producer:
            bad = (
                producer.send(topics.alerts(ME), b"x", headers=[(Unspeakable("x"), b"1")])
                .get(timeout=LIMIT_SECONDS)
                .offset
            )
        station.send(after)
        until(lambda: inbox.item(id_of(after)))
        assert inbox.item(id_of(before)) is not None
        (aside,) = [each for each in inbox.aside() if each.place == f"0/{bad}"]
        assert (aside.reason, aside.size) == ("malformed", 1)


def test_killed_and_read_again_it_is_one_row_and_one_ring(station: Running, tmp_path: Path) -> None:
    """SIGKILL three times over, and each time everything is read again from the beginning."""
    rings = tmp_path / "rings"
    argv = [sys.executable, "-m", "tests.integration.inbox_process", str(station.cluster.home), ME,
            str(station.path), str(rings)]  # fmt: skip
    fires: list[bytes] = []

    def rung(fires: list[bytes]) -> list[str]:
        """Return the rings of these fires: earlier tests' events are on the topic too."""
        mine = set(map(id_of, fires))
        return [line for line in rings.read_text().split() if line in mine] if rings.exists() else []

    def rang(fires: list[bytes]) -> bool:
        """Return whether all of these have rung."""
        return len(rung(fires)) >= len(fires)

    for _ in range(3):
        process = subprocess.Popen(argv, cwd=ROOT)
        try:
            more = [station.fire() for _ in range(5)]
            station.send(*more)
            fires += more
            until(partial(rang, more))
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        with contextlib.closing(sqlite3.connect(station.path, isolation_level=None)) as conn:
            conn.execute("DELETE FROM positions")
    with Inbox(station.path, ME, [], station.world.charters, Clock()) as inbox:
        rows = [item.id for item in inbox.items(InboxQuery(system=True)) if item.id in set(map(id_of, fires))]
    assert rows == rung(fires) == [id_of(fire) for fire in fires]


def test_without_the_right_to_read_it_does_not_start(station: Running) -> None:
    """An inbox without the right to read its topics does not start; silence would look as if nothing happened."""
    wrong = station.cluster.connection(topics.county(PARTNER))
    with pytest.raises(NotAuthorised, match="READ 权限"), station.running(connection=wrong):
        station.ended.wait(LIMIT_SECONDS)


def test_one_reader_an_inbox(station: Running) -> None:
    """A second reader of the same inbox is refused."""
    first, begun = threading.Event(), list[bool]()
    with station.running(begin=first.set) as inbox:
        assert first.wait(LIMIT_SECONDS)
        with pytest.raises(AlreadyRunning):
            reader.run(
                inbox, station.cluster.settings, StopSignal(), listeners=Listeners(begin=lambda: begun.append(True))
            )
        assert not begun  # a second reader rings for nothing


def test_a_killed_broker_and_a_lost_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It goes on when the broker is back; a broker without its data is read from the beginning."""
    setup_home(tmp_path, [ME], now=datetime.now(UTC))
    broker = Broker(tmp_path, heap_mib=256)
    station = Running(Cluster(tmp_path, broker), fresh_world(), tmp_path / "inbox.sqlite3")
    stalled: list[bool] = []
    watchdog = Watchdog(60.0, lambda: stalled.append(True))
    try:
        pid = broker.start().pid
        admin.apply(broker.admin_connection(), [ME])
        watchdog.start()
        fires = [station.fire() for _ in range(6)]
        with station.running(watchdog=watchdog) as inbox:
            station.send(*fires[:3])
            until(lambda: len(inbox.ringing()) == 3)
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            pid = broker.start().pid
            station.send(fires[3])
            until(lambda: len(inbox.ringing()) == 4)
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            broker.stop()
            shutil.rmtree(broker.folder / "data")
            until(lambda: "连不上 Kafka" in caplog.text)
            broker.start()
            admin.apply(broker.admin_connection(), [ME])
            station.send(fires[4], *fires[:4], fires[5])
            until(lambda: len(inbox.ringing()) == 6)
            assert [item.id for item in inbox.ringing()] == [id_of(fire) for fire in fires]
            assert "又接通了" in caplog.text
        rung = [outcome.item.id for outcome in station.told if outcome.rings and outcome.item is not None]
        assert (rung, stalled) == ([id_of(fire) for fire in fires], [])
    finally:
        watchdog.stop()
        broker.stop()
