"""Kafka as its clients see it: topics as lists, groups with committed offsets, sends that arrive later or never.

Rule 1: what one producer sent to a topic arrives in its order; between topics any order is possible.
Rule 2: an acknowledgement comes after the record stands in its topic, perhaps much later. When a producer dies, some
        first records of each topic still arrive, the others never.
Rule 3: a record may arrive twice (a producer that got no answer repeats it).
"""

from __future__ import annotations

import contextlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaConnectionError
from kafka.structs import OffsetAndMetadata

from yizhan.runtime import clients
from yizhan.schemas import topics

if TYPE_CHECKING:
    from tests.simulation.world import World

CLUSTER = "simulated"
Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as a consumer gets it."""

    topic: str
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int = 0


@dataclass
class Send:
    """A record on its way, and who waits for its acknowledgement."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    offset: int = -1
    done: bool = False
    good: list[Callable[[Any], None]] = field(default_factory=list)
    bad: list[Callable[[Exception], None]] = field(default_factory=list)

    def acknowledge(self) -> None:
        """Tell everybody who waits."""
        self.done = True
        for each in self.good:
            each(SimpleNamespace(offset=self.offset, topic=self.topic, partition=0))

    def fail(self, error: Exception) -> None:
        """Tell everybody who waits that no acknowledgement comes."""
        self.done = True
        for each in self.bad:
            each(error)


class Broker:
    """Topics and groups. ``stored`` is called with each record that arrives."""

    def __init__(self, world: World) -> None:
        """Begin empty."""
        self.world = world
        self.topics: defaultdict[str, list[Stored]] = defaultdict(list)
        self.committed: dict[tuple[str, str], int] = {}
        self.producers: list[Link] = []

    def append(self, send: Send) -> None:
        """Store a record."""
        records = self.topics[send.topic]
        send.offset = len(records)
        headers = tuple((name, value) for name, value in send.headers or ())
        records.append(Stored(send.topic, send.offset, self.world.milliseconds(), send.key, send.value, headers))

    def count(self) -> int:
        """Count all records."""
        return sum(map(len, self.topics.values()))

    def step(self) -> bool:
        """Let one thing happen on the network; False if nothing is on its way."""
        busy = [each for each in self.producers if each.moving or each.unheard]
        if not busy:
            return False
        self.world.chance.one(busy).step()
        return True


class Link:
    """The connection of one producer."""

    def __init__(self, broker: Broker, owner: str) -> None:
        """Connect."""
        self.broker, self.owner = broker, owner
        self.moving: dict[str, deque[Send]] = {}
        self.unheard: deque[Send] = deque()
        broker.producers.append(self)

    def send(self, send: Send) -> None:
        """Begin sending."""
        self.moving.setdefault(send.topic, deque()).append(send)

    def step(self) -> None:
        """Let a record arrive, or an acknowledgement."""
        chance = self.broker.world.chance
        if self.unheard and (not self.moving or chance.happens(0.5)):
            self.unheard.popleft().acknowledge()
            return
        self.arrive(chance.one(sorted(self.moving)))

    def arrive(self, topic: str) -> Send:
        """Let the next record of a topic arrive."""
        waiting = self.moving[topic]
        send = waiting.popleft()
        if not waiting:
            del self.moving[topic]
        self.broker.append(send)
        if self.broker.world.chance.fault(0.01):
            self.broker.world.say(f"{topic}/{send.offset} arrives twice")
            self.broker.append(send)
        self.unheard.append(send)
        return send

    def wait(self, send: Send) -> None:
        """Let everything up to a record arrive and be acknowledged."""
        while send.offset < 0:
            self.arrive(send.topic)
        while not send.done:
            self.unheard.popleft().acknowledge()

    def cut(self) -> None:
        """End it: some first records of each topic still arrive, nothing is heard of them."""
        chance = self.broker.world.chance
        for topic in sorted(self.moving):
            waiting = self.moving[topic]
            for send in list(waiting)[: chance.below(len(waiting) + 1)]:
                self.broker.append(send)
        self.moving.clear()
        self.unheard.clear()
        if self in self.broker.producers:
            self.broker.producers.remove(self)


class _Future:
    """What ``KafkaProducer.send`` returns."""

    def __init__(self, link: Link, send: Send) -> None:
        self._link, self._send = link, send

    def add_callback(self, call: Callable[..., None], *first: Any) -> None:  # noqa: ANN401 -- as kafka-python
        self._send.good.append(lambda metadata: call(*first, metadata))

    def add_errback(self, call: Callable[..., None], *first: Any) -> None:  # noqa: ANN401 -- as kafka-python
        self._send.bad.append(lambda error: call(*first, error))

    def get(self, timeout: float | None = None) -> Any:  # noqa: ANN401, ARG002 -- as kafka-python
        world = self._link.broker.world
        world.point(f"while {self._send.topic} is written")
        self._link.wait(self._send)
        world.point(f"after {self._send.topic}/{self._send.offset} was acknowledged")
        return SimpleNamespace(offset=self._send.offset)


class Producer:
    """As ``KafkaProducer``."""

    def __init__(self, world: World) -> None:
        """Connect."""
        self._world = world
        self.link = Link(world.broker, world.running)
        self._metadata = SimpleNamespace(cluster_id=CLUSTER)

    def send(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | str | None = None,
        headers: Headers = (),
        partition: int | None = None,  # noqa: ARG002 -- as kafka-python
    ) -> _Future:
        """Begin sending."""
        self._world.point(f"before a send to {topic}")
        send = Send(topic, key.encode() if isinstance(key, str) else key, value, headers)
        self.link.send(send)
        return _Future(self.link, send)

    def close(self, timeout: float | None = None) -> None:  # noqa: ARG002 -- as kafka-python
        """End."""
        self.link.cut()


class Consumer:
    """As ``KafkaConsumer``."""

    def __init__(self, world: World, group: str | None) -> None:
        """Connect."""
        self._world, self._broker, self._group = world, world.broker, group
        self._places: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self._cluster = SimpleNamespace(cluster_id=CLUSTER)

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        """Read these from now on."""
        self._places = {each: self._places.get(each, 0) for each in partitions}

    def seek(self, partition: TopicPartition, place: int) -> None:
        """Go on from a place."""
        self._places[partition] = place

    def position(self, partition: TopicPartition, timeout_ms: float | None = None) -> int:  # noqa: ARG002
        """Return the next offset."""
        return self._places[partition]

    def poll(self, timeout_ms: float = 0, max_records: int = 500) -> dict[TopicPartition, list[Stored]]:  # noqa: ARG002
        """Return some of the records that wait."""
        chance, stored = self._world.chance, self._broker.topics
        if chance.fault(0.005):
            self._world.say("a connection breaks")
            raise KafkaConnectionError("the connection broke")
        ready = [
            each for each, place in self._places.items() if each not in self._paused and place < len(stored[each.topic])
        ]
        if not ready or (not chance.calm and chance.happens(0.1)):
            return {}
        if not chance.calm:
            ready = [chance.one(ready)]
        found: dict[TopicPartition, list[Stored]] = {}
        for each in ready:
            most = max_records if chance.calm else 1 + chance.below(min(max_records, 8))
            place = self._places[each]
            records = stored[each.topic][place : place + most]
            max_records -= len(records)
            if records:
                self._places[each] = place + len(records)
                found[each] = records
        return found

    def pause(self, *partitions: TopicPartition) -> None:
        """Read these no more."""
        self._paused.update(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        """Read these again."""
        self._paused.difference_update(partitions)

    def end_offsets(
        self,
        partitions: Sequence[TopicPartition],
        timeout_ms: float | None = None,  # noqa: ARG002
    ) -> dict[TopicPartition, int]:
        """Return the ends."""
        return {each: len(self._broker.topics[each.topic]) for each in partitions}

    def highwater(self, partition: TopicPartition) -> int:
        """Return the end."""
        return len(self._broker.topics[partition.topic])

    def offsets_for_times(self, times: Mapping[TopicPartition, int]) -> dict[TopicPartition, Any]:
        """Return the first record at or after each time, None if there is none."""
        found: dict[TopicPartition, Any] = {}
        for each, at in times.items():
            later = (record for record in self._broker.topics[each.topic] if record.timestamp >= at)
            found[each] = next(later, None)
        return found

    def committed(self, partition: TopicPartition) -> int | None:
        """Return the group's offset."""
        return self._broker.committed.get((str(self._group), partition.topic))

    def commit(self, offsets: Mapping[TopicPartition, Any], timeout_ms: float | None = None) -> None:  # noqa: ARG002
        """Commit offsets."""
        self._world.point("before a commit of offsets")
        for each, place in offsets.items():
            self._broker.committed[str(self._group), each.topic] = place.offset

    def partitions_for_topic(self, topic: str) -> set[int]:
        """Every topic is there but that of the station's parts: nobody shares the members."""
        return set() if topic == topics.PARTS else {0}

    def close(self, **_options: object) -> None:
        """End."""


class Admin:
    """As ``KafkaAdminClient``."""

    def __init__(self, world: World) -> None:
        """Connect."""
        self._world = world

    def list_group_offsets(
        self, groups: Mapping[str, Sequence[TopicPartition]]
    ) -> dict[str, dict[TopicPartition, OffsetAndMetadata]]:
        """Return the offsets of groups."""
        committed = self._world.broker.committed
        return {
            group: {each: OffsetAndMetadata(committed.get((group, each.topic), -1), "", -1) for each in partitions}
            for group, partitions in groups.items()
        }

    def describe_cluster(self) -> dict[str, str]:
        """Name the cluster."""
        return {"cluster_id": CLUSTER}

    def describe_topics(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Allow everything."""
        return [{"name": each, "error_code": 0, "authorized_operations": ["READ", "WRITE"]} for each in names]


@contextlib.contextmanager
def installed(current: Callable[[], World]) -> Iterator[None]:
    """Let every client of Kafka that our code makes be one of the current world's."""
    made = {name: getattr(clients, name) for name in ("client", "consumer", "admin", "connected")}

    def client(kind: Any, _connection: object, _name: str, **_settings: object) -> Any:  # noqa: ANN401
        assert kind is KafkaProducer
        return Producer(current())

    @contextlib.contextmanager
    def consumer(_connection: object, _name: str, **settings: Any) -> Iterator[Consumer]:  # noqa: ANN401
        yield Consumer(current(), settings.get("group_id"))

    @contextlib.contextmanager
    def admin(_connection: object, _name: str, **_settings: object) -> Iterator[Admin]:
        yield Admin(current())

    simulated = {"client": client, "consumer": consumer, "admin": admin, "connected": lambda _reader: True}
    for name, each in simulated.items():
        setattr(clients, name, each)
    try:
        yield
    finally:
        for name, each in made.items():
            setattr(clients, name, each)
