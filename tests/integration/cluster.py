"""A real broker for tests: mutual TLS, access rules, six counties, its own temporary home.

Rule 1: what a test does, it does as a principal, over that principal's own certificate.
Rule 2: tests share one broker; each works on its own records and leaves topics in place.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from yizhan.deploy.broker import Broker
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.settings import Settings

SIX = ("350924", "350982", "350722", "331126", "330327", "331181")


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
            **{"acks": "all", "enable_idempotence": True, "max_block_ms": 10_000, **settings},
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
            return [future.get(timeout=10).offset for future in sent]

    def read(self, principal: str, topic: str, start: int = 0, *, count: int = 1, seconds: float = 10) -> list[Any]:
        """Read up to ``count`` records from an offset on, waiting at most ``seconds``."""
        with self.consumer(principal) as consumer:
            partition = TopicPartition(topic, 0)
            consumer.assign([partition])
            consumer.seek(partition, start)
            found: list[Any] = []
            deadline = time.monotonic() + seconds
            while len(found) < count and time.monotonic() < deadline:
                for records in consumer.poll(timeout_ms=200).values():
                    found += records
            return found[:count]

    def segments(self, topic: str) -> Sequence[Path]:
        """Return the files in which the broker keeps a topic."""
        return sorted((self.broker.folder / "data" / f"{topic}-0").glob("*.log"))
