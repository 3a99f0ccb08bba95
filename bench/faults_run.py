"""The common runner of the faults: load under way, harm, recovery, everything arrives, count, one row.

A fault is a function that hurts once and waits until events flow again; what is worth knowing it writes into
``Hurting.notes``. Each module of faults has a table ``FAULTS``, and ``bench/faults.py`` joins them.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final

from bench.faults_count import Counting, has, missing
from bench.faults_ledger import LedgerCount
from bench.faults_load import PARTNER
from bench.faults_world import World, world
from bench.harness import say
from yizhan.schemas.sample import TWO
from yizhan.streams.errors import StationError

FLOW_SECONDS: Final = 120.0
PATIENCE_SECONDS: Final = 240.0
"""After so many seconds without an arrival, missing events count as lost: the first resend happens after 30 or 120."""
TOTALS: Final = ("lost", "duplicates_in_inbox", "reordered", "statements_lost", "statements_doubled", "forks")
TOLD: Final = (
    "accepted",
    "statements",
    *TOTALS,
    "not_final",
    "wire_duplicates",
    "alarms_not_announced",
    "refused_by_station",
    "longest_silence_seconds",
    "recovered",
    "notes",
)


class NotPossibleError(Exception):
    """This machine cannot do a fault; the message says what it lacks."""


@dataclass
class Hurting:
    """What a fault needs: the world, chance, and ways to wait and to tell."""

    world: World
    random: random.Random
    counting: Counting
    ledger: LedgerCount
    notes: list[str] = field(default_factory=list)
    stuck: int = 0
    """How often events did not flow again in time."""

    def flows(self, counties: tuple[str, ...] = TWO) -> float:
        """Wait until something accepted from now on has arrived from each county; seconds it took."""
        begun = time.monotonic()
        waiting = set(counties)
        while waiting:
            if time.monotonic() - begun > FLOW_SECONDS:
                say(f"nothing from {', '.join(sorted(waiting))} for {FLOW_SECONDS:.0f} s; going on")
                self.stuck += 1
                break
            time.sleep(0.05)
            probes = {county: self.world.load.probe(county, begun) for county in waiting}
            waiting -= {c for c, probe in probes.items() if probe and has(self.world, PARTNER[c], probe)}
        return time.monotonic() - begun

    def pause(self, shortest: float = 0.2, longest: float = 1.2) -> None:
        """Wait for a moment that nobody chose."""
        time.sleep(self.random.uniform(shortest, longest))

    def note(self, words: str) -> None:
        """Tell what a person should know; the same is told once."""
        say(f"  {words}")
        if words not in self.notes:
            self.notes.append(words)


def _nothing(_hurting: Hurting) -> AbstractContextManager[None]:
    return contextlib.nullcontext()


@dataclass(frozen=True)
class Fault:
    """One kind of harm: ``what`` is done ``times`` times.

    ``do`` hurts once, waits until events flow again, and takes the number of the turn.
    ``around`` prepares before the load begins, and takes that back after everything was counted.
    ``world`` is where it is done; faults of the same world share one.
    ``refuses``: the station refuses events by rights, and tells the sender why; otherwise such an event is lost.
    ``long``: only done when it is asked for by name.
    """

    what: str
    times: int
    do: Callable[[Hurting, int], None]
    around: Callable[[Hurting], AbstractContextManager[None]] = _nothing
    world: Callable[[float], AbstractContextManager[World]] = world
    refuses: bool = False
    long: bool = False


class Run:
    """One run over some of the faults, in one world."""

    def __init__(self, made: World, *, most: int | None, seed: int) -> None:
        """Begin with nothing counted; no fault is done more than ``most`` times (None: as often as it says)."""
        self.world, self.most = made, most
        self.counting, self.ledger = Counting(made), LedgerCount(made)
        self.hurting = Hurting(made, random.Random(seed), self.counting, self.ledger)

    def section(self, name: str, fault: Fault) -> dict[str, Any]:
        """Do one fault as often as it says, let everything arrive, and count."""
        times = fault.times if self.most is None else min(fault.times, self.most)
        say(f"{name}: {fault.what}, {times} times")
        hurting, load = self.hurting, self.world.load
        hurting.notes, hurting.stuck = [], 0
        self.world.acknowledge()
        with fault.around(hurting):
            first, refused, begun, started = len(load.accepted), len(load.refused), time.time(), time.monotonic()
            load.begin(name)
            hurting.flows()
            for turn in range(times):
                fault.do(hurting, turn)
            time.sleep(1)
            load.pause()
            hurt = time.monotonic() - started
            drained = self._drain(first)
            figures = self.counting.section(load.accepted[first:], begun, refuses=fault.refuses) | self.ledger.section()
        figures |= {"what": fault.what, "times": times, "seconds": round(hurt, 1), "drained_seconds": round(drained, 1)}
        figures["not_accepted"] = len(load.refused) - refused
        figures["recovered"] = not (hurting.stuck or figures["lost"] or figures["not_final"])
        figures["notes"] = list(hurting.notes)
        say(f"{name}: " + ", ".join(f"{word} {figures[word]}" for word in TOLD))
        if any(figures[word] for word in TOTALS):
            say(f"{name}: {figures['examples']}")
        return figures

    def _drain(self, first: int) -> float:
        """Wait for events under way, close the period and wait for its digest; return the seconds."""
        accepted, begun = self.world.load.accepted[first:], time.monotonic()
        _wait("events that go at once", lambda: len(missing(self.world, accepted, prompt_only=True)))
        _wait("answers of the station", self.world.load.awaited)
        label = self.world.next_quarter()
        for _ in range(3):
            try:
                self.world.close_quarter(label)
                break
            except StationError as error:
                say(f"the period is not closed yet: {error}")
                time.sleep(3)
        _wait("events of the digest", lambda: len(missing(self.world, accepted)))
        return time.monotonic() - begun


def _wait(what: str, left: Callable[[], int]) -> None:
    """Wait until nothing is left, or until nothing has come for longer than any resend takes."""
    least, moved = left(), time.monotonic()
    while least:
        if time.monotonic() - moved > PATIENCE_SECONDS:
            say(f"{least} {what} are missing, and nothing came for {PATIENCE_SECONDS:.0f} s")
            return
        looked = time.monotonic()
        now = left()
        if now < least:
            least, moved = now, time.monotonic()
        time.sleep(max(0.2, 10 * (time.monotonic() - looked)))
