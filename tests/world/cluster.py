"""A real broker for tests: mutual TLS, access rules, six counties, its own temporary home.

Rule 1: what a test does, it does as a principal, over that principal's own certificate.
Rule 2: tests share one broker; each works on its own records and leaves topics in place.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.deploy.broker import Broker
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.settings import Settings


@dataclass(frozen=True)
class Cluster:
    """A running broker and the ways to it."""

    home: Path
    broker: Broker

    @property
    def settings(self) -> Settings:
        """The settings of the home folder, read anew."""
        return Settings.load(self.home)

    def connection(self, principal: str) -> KafkaConnection:
        """How a principal reaches the broker."""
        return self.settings.connection(principal)

    @contextlib.contextmanager
    def producer(self, principal: str, **settings: Any) -> Iterator[KafkaProducer]:  # noqa: ANN401
        """Return a producer as the county's publisher makes one, closed at the end."""
        producer = KafkaProducer(
            **self.connection(principal).kafka_python(),
            **{"acks": "all", "enable_idempotence": True, "max_block_ms": int(LIMIT_SECONDS * 1000), **settings},
        )
        try:
            yield producer
        finally:
            producer.close(timeout=5)

    @contextlib.contextmanager
    def consumer(self, principal: str, **settings: Any) -> Iterator[KafkaConsumer]:  # noqa: ANN401
        """Return a consumer without a topic yet, closed at the end."""
        defaults = {"auto_offset_reset": "earliest", "enable_auto_commit": False}
        consumer = KafkaConsumer(**self.connection(principal).kafka_python(), **{**defaults, **settings})
        try:
            yield consumer
        finally:
            consumer.close()

    @contextlib.contextmanager
    def admin(self, principal: str = "admin") -> Iterator[KafkaAdminClient]:
        """Return an admin client as any principal."""
        client = KafkaAdminClient(**self.connection(principal).kafka_python())
        try:
            yield client
        finally:
            client.close()

    def send(self, principal: str, topic: str, *values: bytes, **settings: Any) -> list[int]:  # noqa: ANN401
        """Write records and wait for each answer; their offsets. Raises what the broker says."""
        with self.producer(principal, **settings) as producer:
            sent = [producer.send(topic, value) for value in values]
            return [future.get(timeout=LIMIT_SECONDS).offset for future in sent]

    def read(self, principal: str, topic: str, start: int = 0, *, count: int = 1) -> list[Any]:
        """Read ``count`` records from an offset on, and wait until so many are there."""
        found: list[Any] = []
        with self.consumer(principal) as consumer:
            partition = TopicPartition(topic, 0)
            consumer.assign([partition])
            consumer.seek(partition, start)

            def enough() -> bool:
                for records in consumer.poll(timeout_ms=200).values():
                    found.extend(records)
                return len(found) >= count

            until(enough, lambda: f"{count} records on {topic} from {start} on, came {len(found)}")
        return found[:count]

    def read_all(self, principal: str, topic: str, start: int = 0) -> list[Any]:
        """Read every record that is there now, from an offset on."""
        found: list[Any] = []
        with self.consumer(principal) as consumer:
            partition = TopicPartition(topic, 0)
            consumer.assign([partition])
            (end,) = consumer.end_offsets([partition]).values()
            consumer.seek(partition, start)

            def at_the_end() -> bool:
                if consumer.position(partition) < end:
                    for records in consumer.poll(timeout_ms=200).values():
                        found.extend(records)
                return bool(consumer.position(partition) >= end)

            until(at_the_end, f"the end of {topic}")
        return [record for record in found if record.offset < end]

    def segments(self, topic: str) -> Sequence[Path]:
        """Return the files in which the broker keeps a topic."""
        return sorted((self.broker.folder / "data" / f"{topic}-0").glob("*.log"))
