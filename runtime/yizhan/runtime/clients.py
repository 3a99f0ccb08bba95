"""Kafka clients that leave nothing behind: created with a deadline, closed without waiting for dead brokers.

Rule 1: a broker that does not answer in time is a ``KafkaError``; neither thread nor socket remains.
Rule 2: nothing is committed automatically, and a reader without a position starts at the first record.
Rule 3: every reader reads batches through the guard: none is decompressed.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.net.compat import KafkaNetClient

from yizhan.runtime import record_batches
from yizhan.runtime.connection import KafkaConnection

_ANSWER_MS: Final = 5000
_RECONNECT_MS: Final = 1000
_CLOSE_MS: Final = 1000
_Client = TypeVar("_Client")

# kafka-python logs every reconnection as an error; while a broker is away these are not useful.
logging.getLogger("kafka").setLevel(logging.CRITICAL)
record_batches.install()


def client(
    kind: Callable[..., _Client],
    connection: KafkaConnection,
    name: str,
    *,
    network: Callable[..., KafkaNetClient] = KafkaNetClient,
    **settings: Any,  # noqa: ANN401 -- kafka-python's own
) -> _Client:
    """Create a client of kafka-python.

    Args:
        kind: ``KafkaProducer``, ``KafkaConsumer`` or ``KafkaAdminClient``.
        connection: how to reach the broker, and as whom.
        name: client id in the broker's logs and quotas.
        network: makes its connections.
        settings: whatever else the client takes.

    Raises:
        KafkaError: no broker answered in time.
    """
    made: list[KafkaNetClient] = []

    def remembered(**configs: object) -> KafkaNetClient:
        made.append(network(**configs))
        return made[-1]

    try:
        return kind(
            **connection.kafka_python(),
            client_id=name,
            kafka_client=remembered,
            **{"bootstrap_timeout_ms": _ANSWER_MS, "reconnect_backoff_max_ms": _RECONNECT_MS, **settings},
        )
    except BaseException:
        for each in made:
            each.close()
            each._net.stop()  # noqa: SLF001 -- the thread that its maker started
        raise


def connected(reader: KafkaConsumer) -> bool:
    """Return whether a consumer has an open connection; costs nothing. A consumer that polls keeps its own open."""
    return any(each.connected for each in list(reader._manager._conns.values()))  # noqa: SLF001 -- no other way to ask


@contextlib.contextmanager
def consumer(connection: KafkaConnection, name: str, **settings: Any) -> Iterator[KafkaConsumer]:  # noqa: ANN401 -- as above
    """Create a consumer without a topic, and close it at the end (``KafkaError`` as above)."""
    made = client(
        KafkaConsumer,
        connection,
        name,
        **{"enable_auto_commit": False, "auto_offset_reset": "earliest", "metrics_enabled": False, **settings},
    )
    try:
        yield made
    finally:
        made.close(autocommit=False, timeout_ms=_CLOSE_MS)


@contextlib.contextmanager
def admin(connection: KafkaConnection, name: str, **settings: Any) -> Iterator[KafkaAdminClient]:  # noqa: ANN401 -- as above
    """Create an admin client, and close it at the end (``KafkaError`` as above)."""
    made = client(KafkaAdminClient, connection, name, **{"request_timeout_ms": 2 * _ANSWER_MS, **settings})
    try:
        yield made
    finally:
        made.close()
