"""One broker that grows to three while records flow, and what three survive."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import astuple, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from tests.world.cluster import Cluster
from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.deploy import admin
from yizhan.deploy.broker import Broker
from yizhan.deploy.brokers import Brokers
from yizhan.deploy.home import apply, bring_up, setup_home
from yizhan.deploy.properties import server_properties
from yizhan.deploy.quorum import ClusterState, cluster_state
from yizhan.runtime.connection import KafkaConnection
from yizhan.schemas import topics
from yizhan.schemas.sample import TWO
from yizhan.services.broker_health import broker_faults
from yizhan.services.home import Home

ME = TWO[0]
MINE, EVENTS = topics.county(ME), topics.events(ME)
ALL = frozenset({1, 2, 3})


class Writer(threading.Thread):
    """Writes numbered records one after the other, each acknowledged, until it is told to end."""

    def __init__(self, connection: KafkaConnection) -> None:
        """Connect."""
        super().__init__(daemon=True)
        self.acknowledged: list[int] = []
        self._over = threading.Event()
        self._producer = KafkaProducer(
            **connection.kafka_python(), acks="all", enable_idempotence=True, request_timeout_ms=5000
        )

    def run(self) -> None:
        """Write until the end."""
        number = 0
        while not self._over.is_set():
            self._producer.send(EVENTS, str(number).encode()).get(timeout=LIMIT_SECONDS)
            self.acknowledged.append(number)
            number += 1

    def goes_on(self) -> None:
        """Wait until a record that is written from now on is acknowledged."""
        count = len(self.acknowledged)
        until(lambda: len(self.acknowledged) > count + 1, "the next record")

    def end(self) -> None:
        """Write no more."""
        self._over.set()
        self.join(timeout=LIMIT_SECONDS)
        self._producer.close(timeout=5)


def formatted_earlier(home: Path) -> None:
    """Set up a home whose broker has a fixed list of controllers, as those made by earlier versions have."""
    setup_home(home, TWO, now=datetime.now(UTC))
    broker = Broker(home, heap_mib=256)
    broker.prepare()
    shutil.rmtree(broker.data)
    text = server_properties(broker.data, home / "tls" / "broker", *astuple(broker.ports))
    (broker.folder / "server.properties").write_text(text, encoding="ascii")
    words = broker.command()
    java = words[: next(index for index, word in enumerate(words) if word.startswith("-Xmx"))]
    argv = [*java, "kafka.tools.StorageTool", "format", "-t", "bLQnJHgvTNKq8yqbEXoqSA", "-c", words[-1]]
    subprocess.run(argv, check=True, capture_output=True)
    assert not broker.dynamic


def kill(broker: Broker) -> None:
    """End a broker as a power cut of its process would."""
    pid = broker.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: broker.pid() is None, "its end")


def voters(state: ClusterState) -> frozenset[int]:
    """Return the numbers of those that vote, none of them twice."""
    assert len(state.controllers) == len({node for node, _ in state.controllers})
    return frozenset(node for node, _ in state.controllers)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Writer]]:
    """Grow a home from one broker to three, under load; yield it while the load goes on."""
    home = tmp_path_factory.mktemp("grown")
    try:
        formatted_earlier(home)
        brokers, _ = bring_up(home, TWO, now=datetime.now(UTC))
        cluster = Cluster(home, brokers.first)
        with cluster.consumer(topics.STATION, group_id=topics.group(topics.STATION, "grown")) as consumer:
            consumer.assign([TopicPartition(EVENTS, 0)])
            consumer.commit({TopicPartition(EVENTS, 0): OffsetAndMetadata(7, "", -1)})
        writer = Writer(cluster.connection(MINE))
        writer.start()
        writer.goes_on()
        _, changes = bring_up(home, TWO, now=datetime.now(UTC), nodes=3)
        assert "broker 1: started again with new settings" in changes
        assert [line for line in changes if line.startswith("topic __consumer_offsets: replicas")]
        writer.goes_on()
        yield cluster, writer
    finally:
        Brokers(home).stop(0)


def test_growing_loses_no_record_and_no_position(grown: tuple[Cluster, Writer]) -> None:
    """What was acknowledged before, during and after is there once, in order; positions and rights stay."""
    cluster, writer = grown
    state = cluster_state(cluster.connection(topics.ADMIN))
    assert (state.brokers, voters(state), state.under_replicated) == (ALL, ALL, ())
    written = list(writer.acknowledged)
    found = [int(record.value) for record in cluster.read(topics.STATION, EVENTS, count=len(written))]
    assert found == written
    with cluster.consumer(topics.STATION, group_id=topics.group(topics.STATION, "grown")) as consumer:
        assert consumer.committed(TopicPartition(EVENTS, 0)) == 7


def test_everything_is_on_three_brokers_and_needs_two(grown: tuple[Cluster, Writer]) -> None:
    """Every topic, Kafka's own too, has three replicas and asks for two; again changes nothing."""
    cluster, _ = grown
    with cluster.admin() as client:
        described = {each["name"]: each for each in client.describe_topics()}
        assert "__consumer_offsets" in described
        assert {len(part["replica_nodes"]) for each in described.values() for part in each["partitions"]} == {3}
        until(lambda: {p["leader_id"] for t in client.describe_topics() for p in t["partitions"]} == ALL, "all lead")
    connection = cluster.connection(topics.ADMIN)
    assert apply(cluster.home, connection, TWO, now=datetime.now(UTC), internal=True) == ()
    assert bring_up(cluster.home, TWO, now=datetime.now(UTC))[1] == ()


def test_one_of_three_may_die_and_lose_its_disk(grown: tuple[Cluster, Writer]) -> None:
    """Whichever is dead, clients find the others; its disk is rebuilt, and nothing acknowledged is lost."""
    cluster, writer = grown
    brokers = Brokers(cluster.home)
    kill(brokers.first)
    connection = cluster.connection(topics.ADMIN)
    assert connection.speaks()
    assert admin.answers(connection)
    writer.goes_on()
    faults = broker_faults(Home(cluster.home), connection)
    assert [each.code for each in faults] == ["broker_node_down"]
    shutil.rmtree(brokers.first.data)
    _, changes = bring_up(cluster.home, TWO, now=datetime.now(UTC))
    assert changes == ()
    brokers.wait_whole()
    assert voters(cluster_state(connection)) == ALL
    kill(brokers.node(2))  # what the first copied is now needed
    writer.goes_on()
    written = list(writer.acknowledged)
    found = [int(record.value) for record in cluster.read(topics.STATION, EVENTS, count=len(written))]
    assert list(dict.fromkeys(found)) == written


def test_with_two_dead_nothing_is_acknowledged_and_nothing_lost(grown: tuple[Cluster, Writer]) -> None:
    """A record on one disk alone is not acknowledged; when the others are back, it is, and writing goes on."""
    cluster, writer = grown
    brokers = Brokers(cluster.home)
    kill(brokers.node(3))
    survivor = replace(cluster.connection(MINE), bootstrap=brokers.first.address)
    producer = KafkaProducer(**survivor.kafka_python(), acks="all", enable_idempotence=True, request_timeout_ms=1000)
    sent = producer.send(EVENTS, b"-1")
    with pytest.raises(KafkaError):
        sent.get(timeout=5)
    brokers.start()
    sent.get(timeout=LIMIT_SECONDS)
    producer.close(timeout=5)
    writer.goes_on()
    writer.end()
    brokers.wait_whole()
    with cluster.consumer(topics.STATION) as consumer:
        (end,) = consumer.end_offsets([TopicPartition(EVENTS, 0)]).values()
    found = [int(record.value) for record in cluster.read(topics.STATION, EVENTS, count=end)]
    assert -1 in found
    assert [number for number in dict.fromkeys(found) if number >= 0] == writer.acknowledged
