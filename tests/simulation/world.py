"""Time, machines, processes, and the account of what happened.

Rule 1: the broker's clock is the true one; each machine has its own, which may be wrong.
Rule 2: a process does a step at a time; where it may die is named by ``point``.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from tests.simulation import disk, kafka
from tests.simulation.chance import Chance, Killed
from tests.simulation.disk import Disk
from tests.simulation.kafka import Broker
from tests.world.ledger import LedgerWorld
from tests.world.simulator import CANGNAN, NOW, QINGYUAN, SHOUNING
from yizhan.ledger import feed
from yizhan.runtime.connection import KafkaConnection
from yizhan.runtime.settings import Settings

SETTINGS: Final = Settings(station_patience_seconds=86_400.0)
"""Ticks wait for events however long: the simulation looks whether they do."""
CONNECTION: Final = KafkaConnection("simulated:1")
MEMBERS: Final = (SHOUNING, QINGYUAN, CANGNAN)
POWER: Final = 0.25
"""How many of the deaths are those of a machine."""


@functools.cache
def alliance() -> LedgerWorld:
    """Keys and charter, which all runs of a process share."""
    return LedgerWorld(MEMBERS)


class World:
    """Everything of one run."""

    def __init__(self, seed: int, folder: Path, without: tuple[int, ...] = ()) -> None:
        """Begin: nobody has said anything."""
        self.seed, self.folder = seed, folder
        self.chance = Chance(seed, without)
        self.seconds = 0.0
        self.skew: dict[str, float] = {}
        self.fast: set[str] = set()
        """Machines whose clock was ahead at some time."""
        self.account: list[str] = []
        self.running = ""
        self.broker = Broker(self)
        self.disk = Disk(folder, self.point)

    def say(self, what: str) -> None:
        """Write into the account."""
        self.account.append(f"{self.seconds:8.1f}  {self.running:<14} {what}")

    def point(self, where: str) -> None:
        """Perhaps die here."""
        if self.running and self.chance.fault(self.chance.rate):
            power = self.chance.happens(POWER)
            self.say(f"{'POWER CUT' if power else 'KILLED'} {where}")
            raise Killed(where, power=power)

    def true(self) -> datetime:
        """Return the broker's time."""
        return NOW + timedelta(seconds=self.seconds)

    def milliseconds(self) -> int:
        """Return the broker's time as Kafka has it."""
        return round(self.true().timestamp() * 1000)

    def clock(self, machine: str) -> Callable[[], datetime]:
        """Return a machine's clock."""
        return lambda: self.true() + timedelta(seconds=self.skew.get(machine, 0.0))


_current: list[World] = []


def current() -> World:
    """Return the world of this run."""
    return _current[-1]


@contextlib.contextmanager
def simulated() -> Iterator[None]:
    """Let our code see the simulated Kafka, disk and time until the block ends."""
    real = time.monotonic, time.sleep, os.fsync, vars(feed)["utc_now"]

    def monotonic() -> float:
        return 1000.0 + _current[-1].seconds if _current else real[0]()

    def sleep(seconds: float) -> None:
        if _current:
            _current[-1].seconds += seconds
        else:
            real[1](seconds)

    def ledger_now() -> datetime:
        return current().clock("ledger")()

    def fsync(handle: int) -> None:
        if _current:
            _current[-1].point("before a file is synced")

    time.monotonic, time.sleep, os.fsync = monotonic, sleep, fsync  # type: ignore[assignment]
    vars(feed)["utc_now"] = ledger_now
    try:
        with kafka.installed(current), disk.installed(lambda: _current[-1].disk if _current else None):
            yield
    finally:
        time.monotonic, time.sleep, os.fsync, vars(feed)["utc_now"] = real


@contextlib.contextmanager
def entered(world: World) -> Iterator[World]:
    """Let this be the current world."""
    _current.append(world)
    try:
        yield world
    finally:
        _current.pop()
