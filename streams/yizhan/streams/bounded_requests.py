"""Keeps requests to the broker below its size limit.

aiokafka writes the waiting batch of every partition into one request: an event of 900 kB for sixty counties would be
54 MB, and the broker closes a connection that announces more than ``socket.request.max.bytes``.

Rule 1: a request holds at most ``REQUEST_BYTES`` of batches, or a single batch.
Rule 2: partitions take turns: the one that was sent longest ago is first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiokafka.producer import producer
from aiokafka.producer.message_accumulator import MessageAccumulator

from yizhan.schemas import topics

if TYPE_CHECKING:
    from collections.abc import Collection

REQUEST_BYTES: Final = topics.STATION_MAX_BYTES + 512 * 1024
"""Above the largest batch, below the broker's limit (4 MiB)."""


class BoundedAccumulator(MessageAccumulator):  # type: ignore[misc] # aiokafka is not typed
    """aiokafka's accumulator of waiting batches, which returns one request's worth at a time."""

    def __init__(self, *args: Any, **settings: Any) -> None:  # noqa: ANN401 -- aiokafka's own
        """Take aiokafka's arguments."""
        super().__init__(*args, **settings)
        self._requests = 0
        self._went: dict[Any, int] = {}

    def drain_by_nodes(
        self, ignore_nodes: Collection[int], muted_partitions: Collection[Any] = frozenset()
    ) -> tuple[dict[int, dict[Any, Any]], bool]:
        """Return one request for each node; batches that do not fit wait for the next."""
        later = self._later(ignore_nodes, muted_partitions)
        nodes, unknown = super().drain_by_nodes(ignore_nodes, frozenset(muted_partitions) | later)
        self._requests += 1
        for batches in nodes.values():
            self._went |= dict.fromkeys(batches, self._requests)
        return nodes, unknown

    def _later(self, ignore_nodes: Collection[int], muted_partitions: Collection[Any]) -> frozenset[Any]:
        later, total = set(), 0
        for partition in sorted(self._batches, key=lambda each: self._went.get(each, 0)):
            leader = self._cluster.leader_for_partition(partition)
            if partition in muted_partitions or leader in {None, -1} or leader in (ignore_nodes or ()):
                continue
            size = self._batches[partition][0]._builder.size()  # noqa: SLF001 -- aiokafka has no public way
            if total and total + size > REQUEST_BYTES:
                later.add(partition)
            else:
                total += size
        return frozenset(later)


def install() -> None:
    """Make every producer of this process bound its requests."""
    producer.MessageAccumulator = BoundedAccumulator
