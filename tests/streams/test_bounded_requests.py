"""Requests of the station's producer stay below what the broker takes; every partition has its turn."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiokafka.structs import TopicPartition

from yizhan.deploy.properties import MAX_REQUEST_BYTES
from yizhan.streams.bounded_requests import REQUEST_BYTES, BoundedAccumulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NODE = 1
FRAMING = 4096


class OneBroker:
    """A cluster of one broker, as aiokafka's producer asks for it."""

    def leader_for_partition(self, _partition: TopicPartition) -> int:
        """Name the broker."""
        return NODE


def requests(sizes: Sequence[tuple[str, int]]) -> list[dict[str, int]]:
    """Hand in records (topic, bytes); return what each request holds: topic → bytes."""

    async def work() -> list[dict[str, int]]:
        waiting = BoundedAccumulator(OneBroker(), 2 * 1024 * 1024, 0, 60.0)
        for topic, size in sizes:
            await waiting.add_message(TopicPartition(topic, 0), b"key", bytes(size), 1.0)
        return list(drained(waiting))

    return asyncio.run(work())


def drained(waiting: BoundedAccumulator) -> Iterator[dict[str, int]]:
    """Take request after request, as aiokafka's sender does while none is under way."""
    while True:
        nodes, unknown = waiting.drain_by_nodes(ignore_nodes=set())
        assert not unknown
        if not nodes:
            return
        yield {partition.topic: batch._builder.size() for partition, batch in nodes[NODE].items()}  # noqa: SLF001


def test_a_large_event_for_sixty_counties_is_many_requests() -> None:
    """Each is below the broker's limit, and every county's batch goes exactly once."""
    sent = requests([(f"yizhan.alerts.{n}", 900_000) for n in range(60)])
    assert all(sum(each.values()) <= REQUEST_BYTES for each in sent)
    assert sorted(topic for each in sent for topic in each) == sorted(f"yizhan.alerts.{n}" for n in range(60))
    assert REQUEST_BYTES + FRAMING < MAX_REQUEST_BYTES


def test_the_largest_record_goes_alone() -> None:
    """A batch above the bound is not kept back for ever."""
    assert len(requests([("a", 2_000_000), ("b", 2_000_000)])) == 2


def test_whose_turn_was_longest_ago_goes_first() -> None:
    """A partition that always has more does not keep another from its turn."""

    async def work() -> list[set[str]]:
        waiting, turns = BoundedAccumulator(OneBroker(), 1024 * 1024, 0, 60.0), []
        for topic in ("flood-1", "flood-2", "flood-3", "fire"):
            await waiting.add_message(TopicPartition(topic, 0), b"key", bytes(1_000_000), 1.0)
        for _ in range(4):
            nodes, _unknown = waiting.drain_by_nodes(ignore_nodes=set())
            turns.append({partition.topic for partition in nodes[NODE]})
            for topic in turns[-1] - {"fire"}:
                await waiting.add_message(TopicPartition(topic, 0), b"key", bytes(1_000_000), 1.0)
        return turns

    turns = asyncio.run(work())
    assert "fire" in turns[0] | turns[1]
    assert all(len(turn) == 2 for turn in turns)
