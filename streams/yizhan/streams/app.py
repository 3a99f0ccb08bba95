"""The Faust worker: the only file that knows Faust.

Law 1: an input's offset is committed after every output of it, and of all inputs before it, was
       acknowledged; outputs are sent ahead, acknowledgements awaited in order (``_Pipeline``).
Law 4: after a crash up to a window of inputs is handled again, with the same bytes.

Rule 1: whatever a record is, the worker goes on; what even the quarantine cannot take ends the
        process (``os._exit``), so that the record is read again after the restart.
Rule 2: one agent, concurrency 1 (faust-streaming issue 606); growth is by partitions and workers.
Rule 3: no table, no timer that decides: state that matters is in topics.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from typing import TYPE_CHECKING, Any, Final, cast

import faust

from yizhan.schemas import topics
from yizhan.schemas.admit import Record
from yizhan.schemas.errors import CharterInvalid
from yizhan.schemas.timestamps import from_milliseconds, written
from yizhan.streams import guarded_records, metrics
from yizhan.streams.station import Handled, handle, postmark_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from faust.types import EventT, StreamT

    from yizhan.runtime.connection import KafkaConnection
    from yizhan.runtime.settings import Settings
    from yizhan.schemas.charter import Charters
    from yizhan.schemas.keys import SigningKey

log = logging.getLogger(__name__)
EXIT_FAILED: Final = 70
"""Exit status of a worker that must be started again (``EX_SOFTWARE``)."""
CONSUMER_GROUP: Final = topics.group_prefix(topics.STATION)
MAX_REQUEST_BYTES: Final = topics.STATION_MAX_BYTES
_BUFFERED_RECORDS: Final = 32


class Station:
    """What the worker works with; ``handle`` is the pure core with its arguments filled in."""

    def __init__(
        self, charters: Charters, keys: Sequence[SigningKey], cluster: str, clock: Callable[[], datetime]
    ) -> None:
        """Take the adopted charters, the station's postmark keys, and the id of the cluster."""
        self.charters, self.cluster, self.clock = charters, cluster, clock
        self._keys = {key.kid: key for key in keys}

    def handle(self, record: Record) -> Handled:
        """Handle a record under the charter in force when it was received."""
        charter = self.charters.in_force(record.received)
        handled = handle(
            record,
            charter,
            self.key_at(record.received),
            self.cluster,
            stale=self.charters.standing().stale(record.received),
            newest=self.charters.latest().version,
        )
        metrics.count(handled)
        return handled

    def key_at(self, moment: datetime) -> SigningKey:
        """Return the key to stamp with (``CharterInvalid`` if the charter in force names none of ours)."""
        return postmark_key(self.charters, self._keys, moment)


class _Pipeline:
    """Sends ahead, awaits acknowledgements in order, then acknowledges the input."""

    def __init__(self, app: faust.App, window: int) -> None:
        self._app = app
        self._queue: asyncio.Queue[tuple[StreamT[Any], EventT[Any], datetime, list[Any]]] = asyncio.Queue(window)

    async def send(self, stream: StreamT[Any], event: EventT[Any], received: datetime, handled: Handled) -> None:
        """Start an event's sends; wait only while the window is full."""
        send = self._app.producer.send
        futures = [
            await send(o.topic, o.key, o.value, 0, None, [o.header] if o.header else None) for o in handled.outputs
        ]
        metrics.IN_FLIGHT.inc()
        await self._queue.put((stream, event, received, futures))

    async def acknowledge(self, clock: Callable[[], datetime]) -> None:
        """Run for ever: the one place where an input is acknowledged."""
        while True:
            stream, event, received, futures = await self._queue.get()
            for future in futures:
                await future
            # From here on everything that followed from the event is in Kafka; before it, the
            # event is read again after a crash.
            await stream.ack(event)
            metrics.IN_FLIGHT.dec()
            metrics.HANDLING.observe(max(0.0, (clock() - received).total_seconds()))


def end_process(reason: str) -> None:
    """End at once, without cleaning up: the supervisor starts the worker again."""
    log.critical("ending the worker: %s", reason)
    logging.shutdown()
    os._exit(EXIT_FAILED)


def read(event: EventT[Any]) -> Record:
    """Turn a Faust event into the record it came from."""
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


def build(
    station: Station,
    connection: KafkaConnection,
    settings: Settings,
    *,
    members: Sequence[str],
    data_folder: Path,
) -> faust.App:
    """Put the worker together. Every topic must exist already.

    Args:
        station: the pure core with its keys and charters.
        connection: how the station reaches Kafka.
        settings: window, commit interval, session timeout, charter reload.
        members: whose events topics this worker serves.
        data_folder: where Faust may write.
    """
    guarded_records.install()
    context = connection.ssl_context()
    app = faust.App(
        CONSUMER_GROUP,
        broker=[f"kafka://{server}" for server in connection.servers],
        broker_credentials=faust.SSLCredentials(context) if context else None,
        store="memory://",
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
    pipeline = _Pipeline(app, settings.station_window_events)
    names = [topics.events(member) for member in members]
    source = app.topic(*names, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    @app.agent(source, concurrency=1, name="station")
    async def _station(stream: Any) -> None:  # noqa: ANN401 -- Faust declares less than it has
        unacknowledged = stream.noack()
        async for event in unacknowledged.events():
            try:
                record = read(event)
                await pipeline.send(unacknowledged, event, record.received, station.handle(record))
            except Exception as error:
                log.exception("event %s/%s", event.message.topic, event.message.offset)
                end_process(str(error))

    @app.task  # type: ignore[untyped-decorator] # Faust's
    async def _acknowledge() -> None:
        try:
            await pipeline.acknowledge(station.clock)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 -- an unsent output must not be committed past
            end_process(f"an output was not acknowledged: {error}")

    @app.task  # type: ignore[untyped-decorator] # Faust's
    async def _reload_charter() -> None:
        while True:
            await asyncio.sleep(settings.charter_reload_seconds)
            await asyncio.get_running_loop().run_in_executor(None, refresh, station)

    return app


def refresh(station: Station) -> None:
    """Adopt new charters; a bad one changes nothing. What was adopted and cannot be announced ends the process."""
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
        KeyboardInterrupt: it was SIGINT; it finished as cleanly.
    """
    worker = _Worker(app, loglevel="info", redirect_stdouts=False)
    try:
        worker.execute_from_commandline()
    except SystemExit as ended:
        if worker.interrupted and not ended.code:
            raise KeyboardInterrupt from None
        raise


class _Worker(faust.Worker):
    """Faust's worker, which remembers that it was interrupted at a terminal."""

    interrupted = False

    def _on_sigint(self) -> None:
        self.interrupted = True
        super()._on_sigint()
