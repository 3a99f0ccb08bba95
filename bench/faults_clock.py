"""Faults of clocks: a county's or the station's is an hour off, ahead or behind, while the others are right.

libfaketime gives processes another clock (Debian's package ``faketime``); what is published in the harness's own
process, as a desk would, has the county's clock too.
"""

from __future__ import annotations

import contextlib
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.faults_ledger import LEDGER
from bench.faults_run import Fault, NotPossibleError
from bench.faults_world import STATION, of_county
from yizhan.runtime.clock import utc_now
from yizhan.schemas.sample import TWO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from bench.faults_run import Hurting

HOUR: Final = timedelta(hours=1)
OFF_SECONDS: Final = 15.0
_PLACES: Final = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib*/faketime/libfaketimeMT.so.1")


def library() -> Path:
    """Return libfaketime, the one for programs with threads.

    Raises:
        NotPossibleError: it is not installed.
    """
    for pattern in _PLACES:
        for path in Path("/").glob(pattern.lstrip("/")):
            return path
    message = "no libfaketime: install the package faketime"
    raise NotPossibleError(message)


@contextlib.contextmanager
def off(hurting: Hurting, names: tuple[str, ...], by: timedelta, county: str | None) -> Iterator[None]:
    """Give processes a clock that is off, and take it back."""
    world, seconds = hurting.world, by.total_seconds()
    env = {
        "LD_PRELOAD": str(library()),
        "FAKETIME": f"{seconds:+.0f}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    if county is not None:
        world.outboxes[county].clock = lambda: utc_now() + by
        world.clock_ahead[county] = seconds
    world.env |= dict.fromkeys(names, env)
    try:
        world.restart(names)
        yield
    finally:
        for name in names:
            del world.env[name]
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
