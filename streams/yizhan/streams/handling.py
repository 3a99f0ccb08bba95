"""What the worker does with a record, and the state that it has of its partitions; Faust hands the records over.

Rule 1: a record that the table covers is acknowledged; any other is handled, its outputs are sent, then what follows
        from it; then every tick acts that waited for it.
Rule 2: the state is read anew at each assignment of partitions.
Rule 3: Faust's streams and events are used as values that came from outside, and not imported: whatever has
        ``stream.ack(event)`` and an ``event.message`` will do.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from yizhan.schemas import topics
from yizhan.schemas.admit import Record
from yizhan.schemas.timestamps import from_milliseconds
from yizhan.streams import metrics, ticks
from yizhan.streams.followups import Followed, Follower
from yizhan.streams.followups_kafka import Loaded
from yizhan.streams.pipeline import Pipeline, Work
from yizhan.streams.refusals import Held, Refusals
from yizhan.streams.station import EventObligations, Handled, handle, postmark_key, refuse_together
from yizhan.streams.ticks import PendingTicks

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from yizhan.schemas.charter import Charters
    from yizhan.schemas.keys import SigningKey

log = logging.getLogger(__name__)


class InputEvent(Protocol):
    """One record as it was read."""

    @property
    def message(self) -> Any:  # noqa: ANN401 -- Faust's
        """Topic, partition, offset, timestamp, value, headers."""


class InputStream(Protocol):
    """Where the records came from."""

    async def ack(self, event: Any) -> bool:  # noqa: ANN401 -- Faust's
        """Acknowledge a record: it is not read again once this is committed."""


class Station:
    """The worker's dependencies; ``handle`` is the pure core with its arguments filled in."""

    def __init__(
        self, charters: Charters, keys: Sequence[SigningKey], cluster: str, clock: Callable[[], datetime]
    ) -> None:
        """Take the adopted charters, the station's postmark keys, and the id of the cluster."""
        self.charters, self.cluster, self.clock = charters, cluster, clock
        self._keys = {key.kid: key for key in keys}

    def handle(self, record: Record, follower: Follower) -> Handled:
        """Handle a record under the charter in force when it was received."""
        charter = self.charters.in_force(record.received)
        handled = self._handled(
            record,
            EventObligations(lambda admitted: follower.observe(record, admitted, charter), follower.known(record)),
        )
        metrics.count(handled)
        return handled

    def refuse(self, last: Record, first: int) -> Handled:
        """Refuse records of a topic together: ``last`` of those handled and refused, from ``first`` on."""
        handled = self._handled(last, EventObligations())
        return handled if first == last.offset else refuse_together(last, handled, first, self.key_at(last.received))

    def _handled(self, record: Record, obligations: EventObligations) -> Handled:
        return handle(
            record,
            self.charters.in_force(record.received),
            self.key_at(record.received),
            self.cluster,
            stale=self.charters.status().stale(record.received),
            newest=self.charters.latest().version,
            obligations=obligations,
        )

    def key_at(self, moment: datetime) -> SigningKey:
        """Return the key to stamp with (``CharterInvalid`` if the charter in force names none of ours)."""
        return postmark_key(self.charters, self._keys, moment)


@dataclass(frozen=True, slots=True)
class PartitionState:
    """State that belongs to the partitions last assigned to this worker."""

    follower: Follower
    waiting: PendingTicks[tuple[Record, InputEvent]]
    """Ticks that wait for their events."""
    refusals: Refusals[InputEvent] = field(default_factory=Refusals)


class Assignment:
    """Builds the state of the partitions at each assignment."""

    def __init__(self, loading: Callable[[], Loaded], pipeline: Pipeline, patience: float) -> None:
        self._loading, self._pipeline, self._patience = loading, pipeline, patience
        self._state: PartitionState | None = None
        self._loaded: asyncio.Future[Loaded] | None = None
        self._assigned = 0

    async def forget(self, *_: object, **__: object) -> None:
        """Read the table again before the next record: another worker may have changed it.

        Waiting records were not acknowledged: the next owner of the partition reads them. At the first assignment
        nothing is in progress, and the table is read while Faust still prepares to read.
        """
        self._state, self._assigned = None, self._assigned + 1
        self._loaded = self._load() if self._assigned == 1 else None

    def _load(self) -> asyncio.Future[Loaded]:
        return asyncio.get_running_loop().run_in_executor(None, self._loading)

    async def state(self) -> PartitionState:
        """Return the state, read first if necessary."""
        if self._state is None:
            await self._pipeline.wait_until_idle()
            loaded = await (self._loaded or self._load())
            self._loaded = None
            await self._pipeline.reset(loaded)
            self._state = PartitionState(loaded.follower, PendingTicks(loaded.handled, self._patience))
        return self._state


class Handling:
    """Processes one event of Faust's."""

    def __init__(self, station: Station, pipeline: Pipeline) -> None:
        self._station, self._pipeline = station, pipeline

    async def take(self, stream: InputStream, event: InputEvent, state: PartitionState) -> None:
        """Handle a record, then everything that may act after it."""
        record = read(event)
        if topics.member_of_events(record.topic) is None and record.topic != topics.OBSERVATIONS:
            state.waiting.hold(ticks.ends(record.value), (record, event))
        else:
            if record.topic == topics.OBSERVATIONS:
                await self._pipeline.send(Work(stream, (event,)), state.follower.learn(record))
            elif state.follower.covers(record):
                await self._pipeline.send(Work(stream, (event,)), Followed())
            else:
                await self._record(stream, event, record, state)
            state.waiting.handled(record.topic, record.offset, time.monotonic())
        for held in state.refusals.due(time.monotonic()):
            await self._refuse(stream, held)
        for tick, item in state.waiting.ready(time.monotonic()):
            await self._pipeline.send(Work(stream, (item,)), state.follower.tick(tick))

    async def _record(self, stream: InputStream, event: InputEvent, record: Record, state: PartitionState) -> None:
        handled = self._station.handle(record, state.follower)
        if handled.refused is not None and state.refusals.hold(record, event, time.monotonic()):
            return
        for held in state.refusals.take(record.topic):
            await self._refuse(stream, held)
        work = Work(stream, (event,), record.received)
        await self._pipeline.start(work, handled.outputs)
        await self._pipeline.flush()  # an alarm is sent before the table's changes are computed
        await self._pipeline.send(work, state.follower.follow(record, handled))

    async def _refuse(self, stream: InputStream, held: Held[InputEvent]) -> None:
        log.warning("%s: %d records from offset %d on refused together", held.last.topic, len(held.items), held.first)
        work = Work(stream, tuple(held.items), held.last.received)
        await self._pipeline.start(work, self._station.refuse(held.last, held.first).outputs)
        await self._pipeline.send(work, Followed())


def read(event: InputEvent) -> Record:
    """Return the record of a Faust event."""
    message = event.message
    headers = message.headers or ()
    pairs = cast("list[tuple[str, bytes | None]]", list(headers.items() if isinstance(headers, dict) else headers))
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        received=from_milliseconds(round(message.timestamp * 1000)),
        value=message.value,
        header_bytes=sum(len(name.encode("utf-8", "replace")) + len(value or b"") for name, value in pairs),
    )
