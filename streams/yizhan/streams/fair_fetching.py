"""Turns between members: how much of one topic is read before the next topic has its turn.

aiokafka returns everything that a fetch brought, and Faust reads nothing else until that was processed: 90,000 records
of one byte delayed everybody else's alarms by two minutes. Here a call returns a few records of each partition; the
rest stays with the fetcher, and is dropped in a rebalance like everything that was not returned.

Rule 1: of each partition a call returns at most ``TURN_RECORDS`` records, and none after ``TURN_BYTES``.
Rule 2: each partition keeps its order.
Rule 3: while records of one partition wait here, the broker is asked for the others for ``WAIT_MS`` at a time:
        with a longer wait, members with many records would wait for those with none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiokafka.consumer import consumer
from aiokafka.consumer.fetcher import Fetcher, FetchResult

if TYPE_CHECKING:
    from collections.abc import Collection

TURN_RECORDS: Final = 64
TURN_BYTES: Final = 256 * 1024
WAIT_MS: Final = 200


class FairFetcher(Fetcher):  # type: ignore[misc] # aiokafka is not typed
    """aiokafka's fetcher, which returns a turn of each partition at a time."""

    def __init__(self, *args: Any, **settings: Any) -> None:  # noqa: ANN401 -- aiokafka's own
        """Take aiokafka's arguments, with our wait."""
        super().__init__(*args, **{**settings, "fetch_max_wait_ms": WAIT_MS})

    async def fetched_records(
        self,
        partitions: Collection[Any] | None,
        timeout: float = 0,  # noqa: ASYNC109 -- the signature is aiokafka's
        max_records: int | None = None,  # noqa: ARG002 -- as above
    ) -> dict[Any, list[Any]]:
        """Return a turn of each partition that has records; wait for one if none has."""
        # aiokafka's call waits, and raises the error of a fetch; one record is the least that it can return.
        found: dict[Any, list[Any]] = await super().fetched_records(partitions, timeout, 1)
        for partition in list(self._records):
            waiting = self._records[partition]
            if isinstance(waiting, FetchResult) and (not partitions or partition in partitions):
                taken = found.setdefault(partition, [])
                self._take_turn(partition, waiting, taken)
                if not taken:
                    del found[partition]
        return found

    def _take_turn(self, partition: Any, waiting: Any, taken: list[Any]) -> None:  # noqa: ANN401 -- aiokafka's own
        size = sum(_size(record) for record in taken)
        while len(taken) < TURN_RECORDS and size < TURN_BYTES:
            more = waiting.getall(1)
            if not waiting.has_more():
                del self._records[partition]
                self._notify(self._wait_consume_future)
            taken += more
            size += sum(_size(record) for record in more)
            if not more or partition not in self._records:
                return


def _size(record: Any) -> int:  # noqa: ANN401 -- aiokafka's own
    return len(record.value or b"") + sum(len(content or b"") for _, content in record.headers)


def install() -> None:
    """Make every consumer of this process take turns."""
    consumer.Fetcher = FairFetcher
