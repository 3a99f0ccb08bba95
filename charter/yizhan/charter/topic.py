"""The compacted topic ``yizhan.charter``: the repository for readers that have only a Kafka connection.

A record's key is a path of ``layout``, its value the bytes. Only the station may write there, but a reader
believes the signatures, not the station.

Rule 1: a look costs nothing while nothing arrives: the consumer fetches in the background.
Rule 2: a broker that does not answer is a ``CharterProblem``; the archive is still used.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Final

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from yizhan.charter.errors import CharterFault, CharterProblem
from yizhan.charter.fetch import numbered
from yizhan.runtime import clients
from yizhan.schemas import topics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from yizhan.runtime.connection import KafkaConnection

_PARTITION: Final = TopicPartition(topics.CHARTER, 0)
_CLIENT: Final = "yizhan-charter"
_PATIENCE_SECONDS: Final = 10.0
_AWAY_SECONDS: Final = 5.0
"""After this time without a look, the topic is read to its end before it is used."""
_RETRY_SECONDS: Final = 5.0
MAX_FILES: Final = 200_000
"""Most records kept; a bound on a station that writes endlessly."""


class TopicSource:
    """The content of the topic, kept up to date."""

    def __init__(self, connection: KafkaConnection) -> None:
        """Take the connection; it is opened at the first look."""
        self._connection = connection
        self._consumer: Any = None
        self._files: dict[str, bytes] = {}
        self._adoptions: tuple[int, ...] | None = None
        self._looked = self._failed = float("-inf")

    def update(self) -> None:
        """Read new records (``CharterProblem`` unreachable)."""
        now = time.monotonic()
        if now - self._failed < _RETRY_SECONDS:
            raise CharterProblem(CharterFault.UNREACHABLE, f"no broker answers at {self._connection.bootstrap}")
        try:
            if self._consumer is None or now - self._looked > _AWAY_SECONDS:
                self._to_the_end(now + _PATIENCE_SECONDS)
            else:
                self._poll(0)
        except (KafkaError, KeyError, ValueError) as error:
            self.close()
            self._failed = time.monotonic()
            message = f"{topics.CHARTER} cannot be read at {self._connection.bootstrap}: {error}"
            raise CharterProblem(CharterFault.UNREACHABLE, message) from error
        self._looked = time.monotonic()

    def get(self, path: str) -> bytes | None:
        """Return the bytes of a path, or None."""
        return self._files.get(path)

    def adoptions(self) -> tuple[int, ...]:
        """Return the numbers of the versions that the station announced, ascending."""
        if self._adoptions is None:
            self._adoptions = numbered(self._files)
        return self._adoptions

    def files(self) -> Mapping[str, bytes]:
        """Return the whole content of the topic."""
        return self._files

    def close(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            with contextlib.suppress(KafkaError):
                self._consumer.close(autocommit=False, timeout_ms=1000)
            self._consumer = None

    def _to_the_end(self, deadline: float) -> None:
        if self._consumer is None:
            self._consumer = clients.client(
                KafkaConsumer,
                self._connection,
                _CLIENT,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_partition_fetch_bytes=2 * topics.STATION_MAX_BYTES,
                bootstrap_timeout_ms=int(_PATIENCE_SECONDS * 1000),
                metrics_enabled=False,
            )
            self._consumer.assign([_PARTITION])
            self._consumer.seek_to_beginning(_PARTITION)
            self._files = {}
        end = self._consumer.end_offsets([_PARTITION], timeout_ms=int(_PATIENCE_SECONDS * 1000))[_PARTITION]
        while self._consumer.position(_PARTITION, timeout_ms=int(_PATIENCE_SECONDS * 1000)) < end:
            self._poll(200)
            if time.monotonic() > deadline:
                message = f"only {self._consumer.position(_PARTITION)} of {end} records arrived in time"
                raise ValueError(message)

    def _poll(self, timeout_ms: int) -> None:
        for records in self._consumer.poll(timeout_ms=timeout_ms).values():
            for record in records:
                path = (record.key or b"").decode("utf-8", "replace")
                if record.value is None:
                    self._files.pop(path, None)
                elif path in self._files or len(self._files) < MAX_FILES:
                    self._files[path] = record.value
                self._adoptions = None


class TopicWriter:
    """A connection that writes records."""

    def __init__(self, connection: KafkaConnection, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        """Connect (``KafkaError`` if no broker answers in time)."""
        patience_ms = round(patience_seconds * 1000)
        self._producer = clients.client(
            KafkaProducer,
            connection,
            _CLIENT,
            bootstrap_timeout_ms=patience_ms,
            acks="all",
            enable_idempotence=True,
            max_request_size=topics.STATION_MAX_BYTES,
            max_block_ms=patience_ms,
            delivery_timeout_ms=patience_ms,
            request_timeout_ms=patience_ms // 2,
        )

    def write(self, records: Iterable[tuple[str, str, bytes]], timeout_seconds: float) -> None:
        """Write records (topic, key, value) in order; return when each is acknowledged.

        Raises:
            KafkaError: one was not, within the time.
        """
        deadline = time.monotonic() + timeout_seconds
        sent = [self._producer.send(topic, value=value, key=key.encode(), partition=0) for topic, key, value in records]
        for future in sent:
            future.get(timeout=max(0.1, deadline - time.monotonic()))

    def close(self) -> None:
        """Disconnect."""
        self._producer.close(timeout=1)
