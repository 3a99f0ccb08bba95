"""The Faust worker: the only file that knows Faust.

Law 1: an input's offset is committed after all of the following were acknowledged: every output of it, then every
       change that it made to the table of obligations, and those of all inputs before it. Outputs are sent ahead,
       acknowledgements awaited in order (:mod:`~yizhan.streams.pipeline`).
Law 4: after a crash up to a window of inputs is processed again, with the same bytes.

Rule 1: the worker continues after any record; if even the quarantine cannot be written, the process ends
        (``os._exit``), so that the record is read again after the restart.
Rule 2: one agent, concurrency 1 (faust-streaming issue 606); scale by partitions and workers.
Rule 3: members take turns (:mod:`~yizhan.streams.fair_fetching`): no member can delay the others.
Rule 4: no timer decides: time arrives as ticks, records of a topic that the worker writes itself, and a tick
        acts after the events before it. The table of obligations is its compacted topic, read when
        partitions are assigned, changed by the agent alone; Faust's own ``Table`` sends its changes
        without waiting for acknowledgements (decision 35).
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

import faust
import mode.loop
from aiokafka.errors import KafkaError
from faust.tables import TableManager
from faust.transport.drivers.aiokafka import Consumer

from yizhan.schemas import topics
from yizhan.schemas.admit import Record
from yizhan.schemas.errors import CharterInvalid
from yizhan.schemas.timestamps import from_milliseconds, written
from yizhan.streams import bounded_requests, fair_fetching, guarded_records, metrics, ticks
from yizhan.streams.cluster import Cluster
from yizhan.streams.followups import Followed, Follower
from yizhan.streams.followups_kafka import Ends, Loaded, load
from yizhan.streams.pipeline import Pipeline, Work
from yizhan.streams.refusals import Held, Refusals
from yizhan.streams.station import EventObligations, Handled, handle, postmark_key, refuse_together
from yizhan.streams.ticks import PendingTicks, Tick

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime
    from pathlib import Path

    from faust.types import EventT, StreamT

    from yizhan.runtime.connection import KafkaConnection
    from yizhan.runtime.settings import Settings
    from yizhan.schemas.charter import Charters
    from yizhan.schemas.keys import SigningKey
    from yizhan.streams.parts import Share

log = logging.getLogger(__name__)
EXIT_FAILED: Final = 70
"""Exit status of a worker that must be started again (``EX_SOFTWARE``)."""
MAX_REQUEST_BYTES: Final = topics.STATION_MAX_BYTES
_BUFFERED_RECORDS: Final = 8


class _UnpausedConsumer(Consumer):
    """Faust's consumer, which waits while the stream's buffer is full, and does not pause the partition."""

    def on_buffer_full(self, tp: object) -> None:
        """Do nothing: Faust would resume the partition only when a new record arrives, or after a second."""


class App(faust.App):
    """Faust's application, which ends the process where Faust would try to stop in good order.

    When one of Faust's services crashes, the others are stopped, which waits up to 90 s for answers that do not come.
    """

    def _crash(self, reason: BaseException) -> None:
        end_process(f"Faust crashed: {reason!r}")

    def flowing(self) -> bool:
        """Return whether Faust hands out records: not during a rebalance. Safe from any thread."""
        return isinstance(self._consumer, Consumer) and self._consumer.flow_active


class _NoTables(TableManager):
    """Faust's manager of tables, of which there are none: it does not wait a second for their declaration."""

    async def on_start(self) -> None:
        """Go on at once."""
        await self._update_channels()
        await self.recovery.start()


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


def _must_not_end(step: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], Coroutine[Any, Any, None]]:
    """Make a task of a coroutine that must never end: if it does, the worker ends."""

    async def task() -> None:
        try:
            await step()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 -- an unsent output must not be committed past
            end_process(f"an output was not acknowledged: {error}")

    return task


async def _ticks(app: faust.App, clock: Callable[[], datetime], every_seconds: float, ends: Ends, topic: str) -> None:
    while True:
        await asyncio.sleep(every_seconds)
        at = written(clock())
        known = await asyncio.get_running_loop().run_in_executor(None, ends.ask)
        tick = Tick(at=at, ends=dict(known)).to_bytes()
        try:
            await (await app.producer.send(topic, b"tick", tick, 0, None, None))
        except KafkaError as error:
            log.warning("a tick was not written; the next one makes up for it: %s", error)


@dataclass(frozen=True, slots=True)
class _PartitionState:
    """State that belongs to the partitions last assigned to this worker."""

    follower: Follower
    waiting: PendingTicks[tuple[Record, EventT[Any]]]
    """Ticks that wait for their events."""
    refusals: Refusals[EventT[Any]] = field(default_factory=Refusals)


class _Assignment:
    """Builds the state of the partitions at each assignment."""

    def __init__(self, loading: Callable[[], Loaded], pipeline: Pipeline, patience: float) -> None:
        self._loading, self._pipeline, self._patience = loading, pipeline, patience
        self._state: _PartitionState | None = None
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

    async def state(self) -> _PartitionState:
        """Return the state, read first if necessary."""
        if self._state is None:
            await self._pipeline.wait_until_idle()
            loaded = await (self._loaded or self._load())
            self._loaded = None
            await self._pipeline.reset(loaded)
            self._state = _PartitionState(loaded.follower, PendingTicks(loaded.handled, self._patience))
        return self._state


class _Handling:
    """Processes one event of Faust's."""

    def __init__(self, station: Station, pipeline: Pipeline) -> None:
        self._station, self._pipeline = station, pipeline

    async def take(self, stream: StreamT[Any], event: EventT[Any], state: _PartitionState) -> None:
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

    async def _record(self, stream: StreamT[Any], event: EventT[Any], record: Record, state: _PartitionState) -> None:
        handled = self._station.handle(record, state.follower)
        if handled.refused is not None and state.refusals.hold(record, event, time.monotonic()):
            return
        for held in state.refusals.take(record.topic):
            await self._refuse(stream, held)
        work = Work(stream, (event,), record.received)
        await self._pipeline.start(work, handled.outputs)
        await self._pipeline.flush()  # an alarm is sent before the table's changes are computed
        await self._pipeline.send(work, state.follower.follow(record, handled))

    async def _refuse(self, stream: StreamT[Any], held: Held[EventT[Any]]) -> None:
        log.warning("%s: %d records from offset %d on refused together", held.last.topic, len(held.items), held.first)
        work = Work(stream, tuple(held.items), held.last.received)
        await self._pipeline.start(work, self._station.refuse(held.last, held.first).outputs)
        await self._pipeline.send(work, Followed())


def end_process(reason: str) -> None:
    """End the process at once, without cleaning up: the supervisor starts the worker again."""
    log.critical("ending the worker: %s", reason)
    logging.shutdown()
    os._exit(EXIT_FAILED)


def read(event: EventT[Any]) -> Record:
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


def _faust_app(connection: KafkaConnection, settings: Settings, data_folder: Path, group: str) -> App:
    """Configure Faust: nothing is stored on disk, no topic is created, offsets are committed by us."""
    mode.loop.use("uvloop")
    guarded_records.install()
    fair_fetching.install()
    bounded_requests.install()
    context = connection.ssl_context()
    return App(
        group,
        broker=[f"kafka://{server}" for server in connection.servers],
        broker_credentials=faust.SSLCredentials(context) if context else None,
        store="memory://",
        TableManager=_NoTables,
        datadir=str(data_folder),
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_group_instance_id=f"station-{socket.gethostname()}",
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=settings.station_session_timeout_seconds,
        broker_heartbeat_interval=1.0,
        broker_rebalance_timeout=10.0,
        broker_commit_interval=settings.station_commit_interval_seconds,
        stream_wait_empty=False,
        stream_buffer_maxsize=_BUFFERED_RECORDS,
        consumer_max_fetch_size=topics.EVENTS_MAX_BYTES,
        producer_max_request_size=MAX_REQUEST_BYTES,
        producer_acks=-1,
    )


def build(
    station: Station,
    connection: KafkaConnection,
    settings: Settings,
    *,
    share: Share,
    data_folder: Path,
    opened: Cluster,
) -> App:
    """Build the worker. Every topic must exist already.

    Args:
        station: the pure core with its keys and charters.
        connection: how the station reaches Kafka.
        settings: window, commit interval, session timeout, charter reload.
        share: the members that this worker serves.
        data_folder: where Faust may write.
        opened: by which the table is read for the first time; closed then.
    """
    app = _faust_app(connection, settings, data_folder, share.group)
    app.transport.Consumer = _UnpausedConsumer  # type: ignore[misc] # Faust declares it for classes
    # Faust creates its producer on first use: not yet.
    send = lambda *record: app.producer.send(*record)  # noqa: E731, PLW0108 -- see above
    pipeline = Pipeline(send, settings.station_window_events, topics.followups(share.part))
    names = [*share.sources, topics.ticks(share.part)]
    source = app.topic(*names, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    first = [opened]
    table = _Assignment(
        lambda: load(
            first.pop() if first else Cluster(connection), station.charters, station.key_at, share, station.cluster
        ),
        pipeline,
        settings.station_patience_seconds,
    )
    app.on_partitions_assigned.connect(table.forget)
    handling = _Handling(station, pipeline)

    @app.agent(source, concurrency=1, name="station")
    async def _station(stream: Any) -> None:  # noqa: ANN401 -- Faust declares less than it has
        unacknowledged = stream.noack()
        async for event in unacknowledged.events():
            try:
                await handling.take(unacknowledged, event, await table.state())
            except Exception as error:
                log.exception("event %s/%s", event.message.topic, event.message.offset)
                end_process(str(error))

    for step in (pipeline.enter, lambda: pipeline.acknowledge(station.clock)):
        app.task(_must_not_end(step))
    if settings.station_tick_seconds:
        ends = Ends(connection, [*share.sources, *([topics.AUDIT] if share.shared else [])])
        every, topic = settings.station_tick_seconds, topics.ticks(share.part)
        app.task(lambda: _ticks(app, station.clock, every, ends, topic))

    app.task(lambda: _reload_charter(station, settings.charter_reload_seconds))
    return app


async def _reload_charter(station: Station, every_seconds: float) -> None:
    while True:
        await asyncio.sleep(every_seconds)
        await asyncio.get_running_loop().run_in_executor(None, refresh, station)


def refresh(station: Station) -> None:
    """Adopt new charters; a bad one changes nothing. The process ends if an adopted charter cannot be announced."""
    try:
        for charter in station.charters.refresh():
            log.info("adopted charter %s, in force from %s", charter.name, written(charter.holds_from))
    except CharterInvalid as error:
        end_process(str(error))
    except Exception:
        log.exception("a fault of this program; the charter stays as it is")
    metrics.CHARTER_VERSION.set(station.charters.in_force(station.clock()).version)


def run(app: faust.App) -> None:
    """Run until SIGTERM, then finish cleanly and end the process with status 0.

    Raises:
        KeyboardInterrupt: after SIGINT; it finished as cleanly.
    """
    worker = _Worker(app, loglevel="info", redirect_stdouts=False)
    try:
        worker.execute_from_commandline()
    except SystemExit as ended:
        if worker.interrupted and not ended.code:
            raise KeyboardInterrupt from None
        raise


class _Worker(faust.Worker):
    """Faust's worker, which remembers an interrupt at the terminal."""

    interrupted = False

    def _on_sigint(self) -> None:
        self.interrupted = True
        super()._on_sigint()
