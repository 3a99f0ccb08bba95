"""Members take turns: what one call hands over of each partition, in order and without loss."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

from aiokafka.consumer.fetcher import FetchResult
from aiokafka.structs import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from yizhan.streams.fair_fetching import TURN_BYTES, TURN_RECORDS, FairFetcher

if TYPE_CHECKING:
    from collections.abc import Sequence


class Fetched:
    """What a fetch brought of one partition, as aiokafka's ``FetchResult`` reads it."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self._left = iter([SimpleNamespace(offset=n, value=bytes(size), headers=()) for n, size in enumerate(sizes)])
        self.next_fetch_offset = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:  # noqa: ANN401 -- a record
        record = next(self._left)
        self.next_fetch_offset = record.offset + 1
        return record


class Assignment:
    """Partitions that are ours, each at its place."""

    active = True

    def __init__(self) -> None:
        self._states: dict[TopicPartition, SimpleNamespace] = {}

    def state_value(self, partition: TopicPartition) -> SimpleNamespace:
        """Return where a partition stands."""
        if partition not in self._states:
            state = self._states[partition] = SimpleNamespace(paused=False, position=0)
            state.consumed_to = lambda offset: setattr(state, "position", offset)
        return self._states[partition]


def holding(**sizes: Sequence[int]) -> FairFetcher:
    """Make a fetcher that holds records of these sizes, topic → sizes; it asks no broker."""
    fetcher = FairFetcher.__new__(FairFetcher)
    assignment = Assignment()
    fetcher._subscriptions = SimpleNamespace(reassignment_in_progress=False)  # noqa: SLF001 -- aiokafka's own parts
    fetcher._wait_consume_future = None  # noqa: SLF001
    fetcher._records = OrderedDict()  # noqa: SLF001
    for topic, each in sizes.items():
        partition = TopicPartition(topic, 0)
        fetcher._records[partition] = FetchResult(  # noqa: SLF001
            partition, assignment=assignment, partition_records=Fetched(each), backoff=0
        )
    return fetcher


def turns(fetcher: FairFetcher) -> list[dict[str, list[int]]]:
    """Call until nothing is left; topic → offsets, of each call."""

    async def work() -> list[dict[str, list[int]]]:
        found = []
        while taken := await fetcher.fetched_records(None):
            found.append({partition.topic: [each.offset for each in records] for partition, records in taken.items()})
        return found

    return asyncio.run(work())


def test_a_fire_behind_ninety_thousand_records_is_in_the_first_turn() -> None:
    """The first member gets one turn, then the others."""
    found = turns(holding(flood=[1] * 90_000, fire=[3000]))
    assert (found[0]["flood"], found[0]["fire"]) == (list(range(TURN_RECORDS)), [0])
    assert [offset for turn in found for offset in turn.get("flood", ())] == list(range(90_000))


def test_large_records_end_a_turn_early() -> None:
    """A record of 900 kB ends a turn."""
    assert turns(holding(flood=[900_000] * 3, fire=[3000])) == [
        {"flood": [0], "fire": [0]},
        {"flood": [1]},
        {"flood": [2]},
    ]


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from("abcd"), st.lists(st.sampled_from([1, 3000, TURN_BYTES]), max_size=200)))
def test_nothing_is_lost_and_every_order_stays(sizes: dict[str, list[int]]) -> None:
    """For any backlog each record is returned once, each partition keeps its order, and no turn is too long."""
    found = turns(holding(**sizes))
    for topic, each in sizes.items():
        assert [offset for turn in found for offset in turn.get(topic, ())] == list(range(len(each)))
    assert all(len(offsets) <= TURN_RECORDS for turn in found for offsets in turn.values())
