"""A backup of a home that works, and a broker that was copied while it stood still: both go on from their copy."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import connect

import pytest
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from tests.world.cluster import Cluster
from tests.world.processes import STATION_READY, YIZHAN, make_home, running
from tests.world.station import FIRE
from tests.world.waiting import until
from yizhan.deploy.broker import Broker
from yizhan.deploy.home import bring_up
from yizhan.schemas import topics

QINGYUAN, SHOUNING = TWO = ("331126", "350924")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker in the home of two counties."""
    home = make_home(tmp_path_factory.mktemp("backup") / "home")
    brokers, _ = bring_up(home, TWO, now=datetime.now(UTC))
    made = brokers.first
    try:
        yield made
    finally:
        made.stop(0)


def yizhan(home: Path, *words: str, given: str = "") -> str:
    """Run a command; its output."""
    command = [*YIZHAN, "--home", str(home), *words]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fires(first: int, count: int) -> str:
    """Return fires as lines of JSON."""
    drafts = ({**FIRE, "external_ref": f"接-{n}"} for n in range(first, first + count))
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in drafts)


def received(home: Path) -> Counter[str]:
    """Return how many rows 庆元 has of each event of 寿宁."""
    path = home / "counties" / QINGYUAN / "inbox.sqlite3"
    if not path.exists():
        return Counter()
    with closing(connect(f"{path.as_uri()}?mode=ro", uri=True)) as conn:
        return Counter(row[0] for row in conn.execute("SELECT id FROM items WHERE type LIKE '%fire%'"))


def accepted(output: str) -> set[str]:
    """Return the ids of what a publication accepted."""
    return {each["id"] for each in json.loads(output)["accepted"]}


@pytest.mark.timeout(600)
def test_both_counties_are_restored_while_the_station_works(broker: Broker, tmp_path: Path) -> None:
    """Copied while events flow, lost, restored: the partner has every event once, and no number comes twice."""
    home, safe = broker.folder.parent, tmp_path / "safe"
    commands = {"outbox": SHOUNING, "inbox": QINGYUAN}

    def start(stack: ExitStack) -> list[subprocess.Popen[bytes]]:
        found = []
        for kind, county in commands.items():
            command = [*YIZHAN, "--home", str(home), kind, "run", "--county", county]
            found.append(stack.enter_context(running(command, tmp_path / f"{kind}.log", ": ready")))
        return found

    publishing = ("publish", "-", "--county", SHOUNING, "--yes", "--json")
    with ExitStack() as stack:
        station = [*YIZHAN, "--home", str(home), "station", "run"]
        stack.enter_context(running(station, tmp_path / "station.log", STATION_READY))
        with ExitStack() as first:
            processes = start(first)
            sent = accepted(yizhan(home, *publishing, given=fires(0, 5)))
            command = [*YIZHAN, "--home", str(home), *publishing]
            lines = tmp_path / "lines.jsonl"
            lines.write_text(fires(5, 40))
            with lines.open() as given, (tmp_path / "accepted").open("w") as out:
                flow = subprocess.Popen(command, stdin=given, stdout=out)
            yizhan(home, "backup", str(safe), "--keys")
            assert flow.wait() == 0
            sent |= accepted((tmp_path / "accepted").read_text())
            sent |= accepted(yizhan(home, *publishing, given=fires(50, 5)))
            until(lambda: sent <= received(home).keys(), "all events at the partner")
            for each in processes:
                each.kill()
                each.wait()
        shutil.rmtree(home / "counties")
        for county in TWO:
            yizhan(home, "restore", str(safe), "--county", county)
        assert not sent <= received(home).keys()
        start(stack)
        again = accepted(yizhan(home, *publishing, given=fires(100, 3)))
        assert again.isdisjoint(sent)
        until(lambda: sent | again <= received(home).keys(), "all events at the partner, again")
        found = received(home)
        assert {each: found[each] for each in sent | again} == dict.fromkeys(sent | again, 1)


def test_a_broker_is_restored_from_a_cold_copy(broker: Broker, tmp_path: Path) -> None:
    """Records, committed offsets, access rules and the cluster's id are those of the copy; numbering goes on."""
    topic, group = topics.cosignatures("350924"), topics.group(topics.LEDGER, "rehearsal")
    cluster = Cluster(broker.folder.parent, broker)
    assert cluster.send("county-350924", topic, b"one", b"two") == [0, 1]
    with cluster.consumer(topics.LEDGER, group_id=group) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.commit({TopicPartition(topic, 0): OffsetAndMetadata(1, "", -1)})
    identity = broker.cluster_id()
    broker.stop()
    shutil.copytree(broker.folder, tmp_path / "backup")
    shutil.rmtree(broker.folder)
    shutil.copytree(tmp_path / "backup", broker.folder)
    broker.start()
    assert broker.cluster_id() == identity
    assert [each.value for each in cluster.read(topics.LEDGER, topic, count=2)] == [b"one", b"two"]
    with cluster.consumer(topics.LEDGER, group_id=group) as consumer:
        assert consumer.committed(TopicPartition(topic, 0)) == 1
    assert cluster.send("county-350924", topic, b"three") == [2]
