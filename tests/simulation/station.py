"""The station's worker on an event loop of its own, the closing of periods, and the ledger."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from collections import deque
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from tests.simulation.chance import Killed
from tests.simulation.counties import Process
from tests.simulation.kafka import CLUSTER, Link, Send, Stored
from tests.simulation.world import CONNECTION, SETTINGS, World, alliance
from yizhan.ledger.feed import Feed
from yizhan.ledger.kafka_io import Wire
from yizhan.ledger.log import Log
from yizhan.runtime.process import StopSignal
from yizhan.schemas import topics
from yizhan.schemas.timestamps import written
from yizhan.streams import ticks
from yizhan.streams.closing import CloseRequest
from yizhan.streams.closing_kafka import Closer
from yizhan.streams.cluster import Cluster
from yizhan.streams.followups_kafka import Ends, load
from yizhan.streams.handling import Assignment, Handling, Station
from yizhan.streams.parts import Share
from yizhan.streams.pipeline import Pipeline

GROUP = topics.part_group()
_BUFFERED = 8


class _Selector(selectors.SelectSelector):
    """Never waits: time stands still until the simulation moves it."""

    def select(self, timeout: float | None = None) -> list[Any]:  # noqa: ARG002
        return []


class Loop(asyncio.SelectorEventLoop):
    """An event loop that is turned by hand, and runs what belongs into threads at once."""

    def __init__(self) -> None:
        """Make it."""
        super().__init__(_Selector())

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]  # noqa: ANN401, ARG002
        """Run it now."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 -- it belongs to whoever waits
            future.set_exception(error)
        return future

    def turn(self) -> None:
        """Run what is ready."""
        self.call_soon(self.stop)
        self.run_forever()


class Stream:
    """The worker's input, as Faust gives it: records wait in a short queue; what is acknowledged is committed later."""

    def __init__(self) -> None:
        """Begin empty."""
        self.waiting: deque[Any] = deque()
        self.arrived = asyncio.Event()
        self.acked: dict[str, set[int]] = {}

    async def next(self) -> Any:  # noqa: ANN401 -- as Faust
        """Return the next record."""
        while not self.waiting:
            self.arrived.clear()
            await self.arrived.wait()
        return self.waiting.popleft()

    async def ack(self, event: Any) -> bool:  # noqa: ANN401 -- as Faust
        """Acknowledge a record."""
        self.acked.setdefault(event.message.topic, set()).add(event.message.offset)
        return True


class StationProcess(Process):
    """``yizhan station run``."""

    def __init__(self, world: World, members: Sequence[str], loop: Loop) -> None:
        """Name it."""
        super().__init__(world, "station", "station")
        self._share, self._loop = Share.of(members, topics.MAIN, None), loop
        self._sources = [*self._share.sources, topics.ticks()]

    def start(self) -> None:
        """Start the worker's tasks."""
        clock = self.world.clock("station")
        self._link = Link(self.world.broker, self.name)
        self._dead: Killed | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.memory.callback(self._end_tasks)
        self._stream = Stream()
        pipeline = Pipeline(self._send, SETTINGS.station_window_events, topics.followups())
        station = Station(alliance().charters, [alliance().station], CLUSTER, clock)
        self._table = Assignment(
            lambda: load(Cluster(CONNECTION), station.charters, station.key_at, self._share, CLUSTER),
            pipeline,
            SETTINGS.station_patience_seconds,
        )
        handling = Handling(station, pipeline)
        self._ends = Ends(CONNECTION, self._sources[:-1])
        self._assign()

        async def work() -> None:
            await self._table.forget()
            while True:
                event = await self._stream.next()
                await handling.take(self._stream, event, await self._table.state())

        steps = (work(), pipeline.enter(), pipeline.acknowledge(clock))
        self._tasks += [self._loop.create_task(each) for each in steps]

    def _assign(self) -> None:
        self._places = {name: self.world.broker.committed.get((GROUP, name), 0) for name in self._sources}
        self._stream.waiting.clear()
        self._stream.acked.clear()

    def rebalance(self) -> None:
        """Take the partitions away and give them back; what was acknowledged is committed before."""
        self.commit()
        self._assign()
        self._tasks.append(self._loop.create_task(self._table.forget()))

    async def _send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        _partition: int,
        _timestamp: float | None,
        headers: Any,  # noqa: ANN401 -- as Faust
    ) -> Any:  # noqa: ANN401 -- as Faust
        if self._dead is not None:
            raise self._dead
        try:
            self.world.point(f"before a send to {topic}")
        except Killed as death:
            self._dead = death
            raise
        future = self._loop.create_future()
        send = Send(topic, key, value, headers or ())
        send.good.append(lambda metadata: None if future.done() else future.set_result(metadata))
        self._link.send(send)
        return future

    def idle(self) -> bool:
        """Return whether everything that was written was handled and committed."""
        broker = self.world.broker
        return all(broker.committed.get((GROUP, each), 0) == len(broker.topics[each]) for each in self._sources)

    def tick(self) -> None:
        """Write a tick."""
        made = ticks.make(self.world.clock("station"), self._ends.ask)
        self._link.send(Send(topics.ticks(), b"tick", made.to_bytes(), ()))

    def step(self) -> None:
        """Read some records, and let the tasks go on."""
        chance, broker = self.world.chance, self.world.broker
        ready = [name for name, place in self._places.items() if place < len(broker.topics[name])]
        while ready and len(self._stream.waiting) < _BUFFERED:
            name = chance.one(ready)
            self._feed(broker.topics[name][self._places[name]])
            if self._places[name] == len(broker.topics[name]):
                ready.remove(name)
            if not chance.calm and chance.happens(0.4):
                break
        for _ in range(8 if chance.calm else 1 + chance.below(8)):
            self._loop.turn()
        for each in self._tasks:
            if each.done() and not each.cancelled() and (error := each.exception()) is not None:
                raise error
        if chance.calm or chance.happens(0.1):
            self.commit()

    def _feed(self, record: Stored) -> None:
        message = SimpleNamespace(
            topic=record.topic, partition=0, offset=record.offset, timestamp=record.timestamp / 1000,
            headers=record.headers, value=record.value,
        )  # fmt: skip
        self._places[record.topic] += 1
        self._stream.waiting.append(SimpleNamespace(message=message))
        self._stream.arrived.set()

    def commit(self) -> None:
        """Commit what was acknowledged without a gap, as Faust does now and then."""
        committed = self.world.broker.committed
        self.world.point("before a commit of offsets")
        for topic, acked in self._stream.acked.items():
            place = committed.get((GROUP, topic), 0)
            while place in acked:
                acked.discard(place)
                place += 1
            committed[GROUP, topic] = place

    def _end_tasks(self) -> None:
        self._link.cut()
        self._dead = self._dead or Killed("", power=False)
        for each in self._tasks:
            each.cancel()
        for _ in range(3):
            self._loop.turn()
        for each in self._tasks:
            if each.done() and not each.cancelled():
                each.exception()


class ClosingProcess(Process):
    """``yizhan digest close``: a process that ends by itself."""

    def __init__(self, world: World, members: Sequence[str]) -> None:
        """Name it."""
        super().__init__(world, "closing", "station")
        self._members = members
        self.closed = 0

    def close(self, county: str, *, interim: bool) -> bool:
        """Close a county's period, if the worker processed everything; tell whether it did."""
        names = [topics.events(code) for code in self._members]
        if Cluster(CONNECTION).behind(names, self.world.true()):
            return False
        folder, keys = self.world.folder / "station", [alliance().station]
        closer = Closer(CONNECTION, folder, alliance().charters, keys)
        self.memory.callback(closer.close)
        self.closed += 1
        request = CloseRequest(label=f"2026Q{self.closed % 4 + 1}", closed=written(self.world.clock("station")()))
        for each in closer.run(county, request, interim=interim, progress=lambda _count: None):
            self.world.say(f"closed {county} {each.manifest.start}..{each.manifest.end}: {each.manifest.count} events")
            if each.strange:
                self.world.say(f"left out: {each.strange}")
        self.end()
        return True


class LedgerProcess(Process):
    """``yizhan ledger run``."""

    def __init__(self, world: World, members: Sequence[str]) -> None:
        """Name it."""
        super().__init__(world, "ledger", "ledger")
        self._members = sorted(members)

    def start(self) -> None:
        """Open the log and begin a session."""
        self.log = self.memory.enter_context(Log(self.world.folder / "ledger", alliance().origin))
        self._session = self.memory.enter_context(contextlib.ExitStack())
        keys, charters = alliance().ledger, alliance().charters
        self._feed = Feed(self.log, lambda _charter, _at: keys, charters, SETTINGS, StopSignal())
        self.session()

    def session(self) -> None:
        """Begin a session with the broker."""
        counties = [topics.cosignatures(code) for code in self._members]
        read = [topics.AUDIT, topics.CHECKPOINTS, *counties]
        self._session.close()
        self._wire = self._session.enter_context(Wire(CONNECTION, topics.LEDGER, "log", read, [topics.CHECKPOINTS]))
        self._feed.begin(self._wire, self._members)

    def step(self) -> None:
        """Bring in what was said."""
        self._feed.step(self._wire)
