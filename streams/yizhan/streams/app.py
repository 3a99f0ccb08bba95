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
from typing import TYPE_CHECKING, Any, Final

import faust
import mode.loop
from aiokafka.errors import KafkaError
from faust.tables import TableManager
from faust.transport.drivers.aiokafka import Consumer

from yizhan.schemas import topics
from yizhan.schemas.errors import CharterInvalid
from yizhan.schemas.timestamps import written
from yizhan.streams import bounded_requests, fair_fetching, guarded_records, metrics, ticks
from yizhan.streams.cluster import Cluster
from yizhan.streams.followups_kafka import Ends, load
from yizhan.streams.handling import Assignment, Handling, Station
from yizhan.streams.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime
    from pathlib import Path

    from yizhan.runtime.connection import KafkaConnection
    from yizhan.runtime.settings import Settings
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
        tick = await asyncio.get_running_loop().run_in_executor(None, ticks.make, clock, ends.ask)
        try:
            await (await app.producer.send(topic, b"tick", tick.to_bytes(), 0, None, None))
        except KafkaError as error:
            log.warning("a tick was not written; the next one makes up for it: %s", error)


def end_process(reason: str) -> None:
    """End the process at once, without cleaning up: the supervisor starts the worker again."""
    log.critical("ending the worker: %s", reason)
    logging.shutdown()
    os._exit(EXIT_FAILED)


def _faust_app(connection: KafkaConnection, settings: Settings, data_folder: Path, group: str, instance: str) -> App:
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
        consumer_group_instance_id=instance,
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
    instance: str,
    opened: Cluster,
) -> App:
    """Build the worker. Every topic must exist already.

    Args:
        station: the pure core with its keys and charters.
        connection: how the station reaches Kafka.
        settings: window, commit interval, session timeout, charter reload.
        share: the members that this worker serves.
        data_folder: where Faust may write.
        instance: name of this process in its consumer group: the same when it starts again, another process's never.
        opened: by which the table is read for the first time; closed then.
    """
    app = _faust_app(connection, settings, data_folder, share.group, instance)
    app.transport.Consumer = _UnpausedConsumer  # type: ignore[misc] # Faust declares it for classes
    # Faust creates its producer on first use: not yet.
    send = lambda *record: app.producer.send(*record)  # noqa: E731, PLW0108 -- see above
    pipeline = Pipeline(send, settings.station_window_events, topics.followups(share.part))
    names = [*share.sources, topics.ticks(share.part)]
    source = app.topic(*names, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    first = [opened]
    table = Assignment(
        lambda: load(
            first.pop() if first else Cluster(connection), station.charters, station.key_at, share, station.cluster
        ),
        pipeline,
        settings.station_patience_seconds,
    )
    app.on_partitions_assigned.connect(table.forget)
    handling = Handling(station, pipeline)

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
