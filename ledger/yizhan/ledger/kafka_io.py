"""Access to Kafka. The one file of this folder that imports it.

Rule 1: a wire knows its rights and its cluster before it carries anything.
Rule 2: every failure of Kafka or its client is ``WireFailed``; the caller makes a new wire.
Rule 3: ``send`` returns when the broker has everything. The caller keeps the offset to continue from.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from yizhan.ledger.errors import LedgerError
from yizhan.runtime import clients
from yizhan.runtime.acl_check import require_access
from yizhan.schemas import topics

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from yizhan.runtime.connection import KafkaConnection

_PATIENCE_MS: Final = 10_000
_SEND_SECONDS: Final = 30.0
_NAME: Final = "yizhan-ledger"


class WireFailed(LedgerError):
    """The broker does not answer, refuses, or is another one than before; try again with a new wire."""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record as it was read. ``timestamp`` is the broker's append time in ms since 1970."""

    topic: str
    offset: int
    timestamp: int
    value: bytes


class Wire:
    """One principal's connection: reads some topics from given offsets, and writes one."""

    def __init__(
        self, connection: KafkaConnection, principal: str, role: str, read: Sequence[str], write: Sequence[str]
    ) -> None:
        """Connect and check our rights.

        Raises:
            WireFailed: no broker answers.
            NotAuthorised: it answers, but denies this principal's rights.
        """
        self._topics = {name: TopicPartition(name, 0) for name in read}
        with contextlib.ExitStack() as stack, _failing():
            with clients.admin(connection, _NAME) as admin:
                described = admin.describe_topics([*read, *write])
                require_access(described, principal, read=read, write=write)
                self.cluster = str(admin.describe_cluster()["cluster_id"])
            self._consumer: Any = stack.enter_context(
                clients.consumer(
                    connection,
                    _NAME,
                    group_id=topics.group(principal, role),
                    max_partition_fetch_bytes=topics.STATION_MAX_BYTES,
                )
            )
            self._consumer.assign(list(self._topics.values()))
            self._producer: Any = clients.client(
                KafkaProducer,
                connection,
                _NAME,
                acks="all",
                enable_idempotence=True,
                max_request_size=topics.STATION_MAX_BYTES,
            )
            stack.callback(self._producer.close, timeout=5)
            self._open = stack.pop_all()

    def close(self) -> None:
        """Disconnect."""
        with contextlib.suppress(KafkaError):
            self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def ends(self) -> dict[str, int]:
        """Offset after the last record of each topic that is read."""
        with _failing():
            found = self._consumer.end_offsets(list(self._topics.values()))
        return {partition.topic: int(offset) for partition, offset in found.items()}

    def seek(self, topic: str, offset: int) -> None:
        """Continue a topic from an offset; from the first record that is there, if that is later."""
        with _failing():
            self._consumer.seek(self._topics[topic], offset)

    def restrict_to(self, *names: str) -> None:
        """Pause all topics but the given ones; without any, resume all."""
        with _failing():
            self._consumer.resume(*self._topics.values())
            rest = [partition for name, partition in self._topics.items() if names and name not in names]
            if rest:
                self._consumer.pause(*rest)

    def poll(self, timeout_seconds: float, most: int) -> list[LogRecord]:
        """Return at most ``most`` records, in the order of each topic; none after the timeout.

        Raises:
            WireFailed: the broker is another one than before, too.
        """
        with _failing():
            found = self._consumer.poll(timeout_ms=round(timeout_seconds * 1000), max_records=most)
            cluster = self._consumer._cluster.cluster_id  # noqa: SLF001 -- the client offers it nowhere else
        if cluster is not None and str(cluster) != self.cluster:
            raise WireFailed(f"expected the broker of cluster {self.cluster}, got {cluster}")
        return [
            LogRecord(record.topic, record.offset, record.timestamp, record.value or b"")
            for records in found.values()
            for record in records
        ]

    def send(self, topic: str, records: Sequence[tuple[bytes, bytes]]) -> None:
        """Write (key, value) records in order; return when the broker has them all."""
        with _failing():
            sent = [self._producer.send(topic, value=value, key=key, partition=0) for key, value in records]
            for each in sent:
                each.get(timeout=_SEND_SECONDS)

    def commit(self, offsets: Mapping[str, int]) -> None:
        """Commit offsets to Kafka; only its figures use them."""
        with _failing():
            positions = {self._topics[name]: OffsetAndMetadata(offset, "", -1) for name, offset in offsets.items()}
            self._consumer.commit(positions, timeout_ms=_PATIENCE_MS)


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        raise WireFailed(f"Kafka: {type(error).__name__}: {error}") from error
    except (KeyError, OSError, AssertionError, ValueError) as error:  # kafka-python bugs while a broker goes away
        raise WireFailed(f"the Kafka client: {type(error).__name__}: {error}") from error
