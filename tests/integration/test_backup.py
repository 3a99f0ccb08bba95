"""A broker that was copied while it stood still goes on from its copy."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from tests.world.cluster import Cluster
from yizhan.deploy.home import bring_up
from yizhan.schemas import topics

TWO = ("331126", "350924")


def test_a_broker_is_restored_from_a_cold_copy(tmp_path: Path) -> None:
    """Records, committed offsets, access rules and the cluster's id are those of the copy; numbering goes on."""
    topic, group = topics.events("350924"), topics.group(topics.STATION, "rehearsal")
    brokers, _ = bring_up(tmp_path / "home", TWO, now=datetime.now(UTC))
    broker = brokers.first
    cluster = Cluster(tmp_path / "home", broker)
    try:
        assert cluster.send("county-350924", topic, b"one", b"two") == [0, 1]
        with cluster.consumer(topics.STATION, group_id=group) as consumer:
            consumer.assign([TopicPartition(topic, 0)])
            consumer.commit({TopicPartition(topic, 0): OffsetAndMetadata(1, "", -1)})
        identity = broker.cluster_id()
        broker.stop()
        shutil.copytree(broker.folder, tmp_path / "backup")
        shutil.rmtree(broker.folder)
        shutil.copytree(tmp_path / "backup", broker.folder)
        broker.start()
        assert broker.cluster_id() == identity
        assert [each.value for each in cluster.read(topics.STATION, topic, count=2)] == [b"one", b"two"]
        with cluster.consumer(topics.STATION, group_id=group) as consumer:
            assert consumer.committed(TopicPartition(topic, 0)) == 1
        assert cluster.send("county-350924", topic, b"three") == [2]
    finally:
        broker.stop()
