"""Faults of clocks: a county's or the station's is an hour off, ahead or behind, while the others are right.

The processes are started with another clock (``faults_off.py``); what is published in the harness's own process, as a
desk would, has the county's clock too. The broker's is right, and so is that of OpenSSL, which looks at certificates.
"""

from __future__ import annotations

import contextlib
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bench.faults_ledger import LEDGER
from bench.faults_run import Fault
from bench.faults_world import STATION, of_county
from yizhan.runtime.clock import utc_now
from yizhan.schemas.sample import TWO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from bench.faults_run import Hurting

HOUR: Final = timedelta(hours=1)
OFF_SECONDS: Final = 15.0


@contextlib.contextmanager
def off(hurting: Hurting, names: tuple[str, ...], by: timedelta, county: str | None) -> Iterator[None]:
    """Give processes a clock that is off, and take it back."""
    world, seconds = hurting.world, by.total_seconds()
    if county is not None:
        world.outboxes[county].clock = lambda: utc_now() + by
        world.clock_ahead[county] = seconds
    program = [sys.executable, "-m", "bench.faults_off", f"{seconds:.0f}"]
    world.program |= dict.fromkeys(names, program)
    try:
        world.restart(names)
        yield
    finally:
        for name in names:
            del world.program[name]
        if county is not None:
            world.outboxes[county].clock = utc_now
            del world.clock_ahead[county]
        world.restart(names)


def go_on(hurting: Hurting, _turn: int) -> None:
    """Let events flow for a while."""
    time.sleep(OFF_SECONDS)
    hurting.flows()


def _county(by: timedelta, word: str) -> Fault:
    def around(hurting: Hurting) -> AbstractContextManager[None]:
        return off(hurting, of_county(TWO[0]), by, TWO[0])

    return Fault(f"clock of a county an hour {word}", 1, go_on, around, refuses=True)


def _station(by: timedelta, word: str) -> Fault:
    def around(hurting: Hurting) -> AbstractContextManager[None]:
        return off(hurting, (STATION, LEDGER), by, None)

    return Fault(f"clock of station and ledger an hour {word}", 1, go_on, around, refuses=True)


FAULTS: Final = {
    "county_clock_ahead": _county(HOUR, "ahead"),
    "county_clock_behind": _county(-HOUR, "behind"),
    "station_clock_ahead": _station(HOUR, "ahead"),
    "station_clock_behind": _station(-HOUR, "behind"),
}
