"""Tracks each input from reading to its acknowledgement.

Law 1: an input's offset is committed after all of the following were acknowledged: every output of it, then every
       change that it made to the table of obligations, and those of all inputs before it. Outputs are sent ahead,
       acknowledgements awaited in order.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from yizhan.schemas import topics
from yizhan.streams import metrics
from yizhan.streams.followups import Followed
from yizhan.streams.obligation_table import PROGRESS_RECORDS, TableWriter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from yizhan.streams.followups_kafka import Loaded
    from yizhan.streams.station import Output

_LOOPS: Final = 4
"""Turns of the event loop after which aiokafka has written to the socket what was given to it."""


@dataclass(slots=True)
class Work:
    """One input in progress, or several that were refused together, with the records sent for it.

    Without stream and events it is the worker's own.
    """

    stream: Any = None
    events: tuple[Any, ...] = ()
    received: datetime | None = None
    followed: Followed = field(default_factory=Followed)
    sent: list[tuple[Output, Any]] = field(default_factory=list)
    """Each output with the future of its acknowledgement."""
    entered: list[tuple[bytes, bytes | None, Any]] = field(default_factory=list)
    """Key, value and future of each record of the table."""


class Pipeline:
    """Sends ahead; then, in order, awaits acknowledgements, writes the table's changes, acknowledges the input."""

    def __init__(self, send: Callable[..., Awaitable[Any]], window: int, table: str = topics.FOLLOWUPS) -> None:
        """Start with nothing in progress.

        Args:
            send: Faust's ``producer.send``: topic, key, value, partition, timestamp, headers.
            window: how many inputs may be in progress.
            table: topic of the table of obligations.
        """
        self._send, self._name = send, table
        self._sent: asyncio.Queue[Work] = asyncio.Queue(window)
        self._entered: asyncio.Queue[Work] = asyncio.Queue(window)
        self._audited = self._under_way = self._progress_due = 0
        self._table = TableWriter({}, 0)
        self._idle = asyncio.Event()

    async def start(self, work: Work, outputs: Sequence[Output]) -> None:
        """Start sending outputs of an input."""
        for each in outputs:
            headers = [each.header] if each.header else None
            work.sent.append((each, await self._send(each.topic, each.key, each.value, 0, None, headers)))

    async def flush(self) -> None:
        """Let the sends that were started leave this process before it computes further."""
        for _turn in range(_LOOPS):
            await asyncio.sleep(0)

    async def send(self, work: Work, followed: Followed) -> None:
        """Start sending the rest of an input's outputs; wait only while the window is full."""
        work.followed = followed
        await self.start(work, followed.outputs)
        self._under_way += 1
        metrics.IN_FLIGHT.inc()
        await self._sent.put(work)

    async def reset(self, loaded: Loaded) -> None:
        """Continue with a table that was just read; discard everything in progress."""
        self._audited, self._progress_due, self._table = loaded.audited, 0, loaded.table
        await self.send(Work(), loaded.first)

    async def wait_until_idle(self) -> None:
        """Wait until nothing is in progress."""
        if self._under_way:
            self._idle.clear()
            await self._idle.wait()

    async def enter(self) -> None:
        """Run for ever: change the table once the statements about the change were acknowledged."""
        while True:
            work = await self._sent.get()
            for output, future in work.sent:
                sent = await future
                if output.topic == topics.AUDIT:
                    self._audited = sent.offset + 1
            # Crash point: from here on every statement is in Kafka; before it, the table does not say that it was made.
            followed = work.followed
            self._audited = max(self._audited, followed.audited)
            done = None
            if followed.progress is not None and self._audited >= self._progress_due:
                done = followed.progress.model_copy(update={"audit": self._audited})
                self._progress_due = self._audited + PROGRESS_RECORDS
            work.entered = [
                (key, value, await self._send(self._name, key, value, 0, None, None))
                for key, value in self._table.records(followed.changes, done)
            ]
            await self._entered.put(work)

    async def acknowledge(self, clock: Callable[[], datetime]) -> None:
        """Run for ever: the only place where an input is acknowledged."""
        while True:
            work = await self._entered.get()
            for key, value, future in work.entered:
                self._table.acknowledged(key, value, (await future).offset)
            # Crash point: from here on all outputs of the input are in Kafka; before it, the
            # input is read again after a crash.
            for event in work.events:
                await work.stream.ack(event)
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()
            metrics.IN_FLIGHT.dec()
            if work.received is not None:
                metrics.HANDLING.observe(max(0.0, (clock() - work.received).total_seconds()))
