"""``python -m bench.faults``: kills, stops and a lost disk under load, into ``faults.json``.

Fifteen events a second go between two counties, both ways, while their processes, the station and
the broker are hurt (``--rate`` for another pace: fifty fill two cores). After each fault the load pauses,
what is under way arrives, the period is closed so that digests arrive too, and then is counted: lost,
duplicated, reordered; of what the station said: lost or doubled in the log, and whether the log forked.

``--quick`` hurts each twice, ``--short`` kills station, inbox and publisher once, while others start, ``--only NAME …``
hurts some; all three print and write no file. A run that ends early leaves what it counted in ``faults.part.json``.
Exit status 0 means: nothing lost, nothing twice, nothing out of order, no fork.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.faults_count import Counting, has, missing
from bench.faults_ledger import LEDGER, LedgerCount, inject
from bench.faults_world import PARTNER, PER_SECOND, STATION, inbox, publisher, world
from bench.harness import end_in_order, say
from yizhan.schemas.quarters import Quarter
from yizhan.schemas.sample import TWO
from yizhan.streams.errors import StationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.faults_world import World

RESULT: Final = Path(__file__).parents[1] / "faults.json"
PART: Final = RESULT.with_name("faults.part.json")
"""What was counted until a run ended early."""
STOPPED_SECONDS: Final = 10.0
"""How long the station is stopped, in seconds: its session with the broker ends after 6."""
FLOW_SECONDS: Final = 120.0
PATIENCE_SECONDS: Final = 240.0
"""After so many seconds without an arrival, missing events count as lost: the first resend happens after 30 or 120."""
TOTALS: Final = ("lost", "duplicates_in_inbox", "reordered", "statements_lost", "statements_doubled", "forks")
WRONG: Final = (*TOTALS, "lost_at_the_end", "wrong_after_a_call")
"""Of a whole result: each of these is to be 0."""
CALLS: Final = "ledger_calls"
"""The one fault that needs neither broker nor load: the writer's system calls, all of them."""
TOLD: Final = (
    "accepted",
    "statements",
    *TOTALS,
    "not_final",
    "wire_duplicates",
    "alarms_not_announced",
    "longest_silence_seconds",
)


class Hurting:
    """Does the harm, and waits until events flow again."""

    def __init__(self, made: World, seed: int) -> None:
        """Take the world; ``seed`` makes the moments of the kills."""
        self.world, self.random = made, random.Random(seed)

    def flows(self, counties: tuple[str, ...] = TWO) -> float:
        """Wait until something accepted from now on has arrived from each county; seconds it took."""
        begun = time.monotonic()
        waiting = set(counties)
        while waiting:
            if time.monotonic() - begun > FLOW_SECONDS:
                say(f"nothing from {', '.join(sorted(waiting))} for {FLOW_SECONDS:.0f} s; going on")
                break
            time.sleep(0.05)
            probes = {county: self.world.load.probe(county, begun) for county in waiting}
            waiting -= {c for c, probe in probes.items() if probe and has(self.world, PARTNER[c], probe)}
        return time.monotonic() - begun

    def kill(self, name: str, *, sources: tuple[str, ...] = TWO) -> None:
        """Kill a process at some moment and start it again; one in four times again while it starts."""
        time.sleep(self.random.uniform(0.2, 1.2))
        self.world.kill(name)
        self.world.start(name)
        if self.random.random() < 0.25:
            time.sleep(self.random.uniform(0.1, 3.0))
        else:
            say(f"  {name} killed; events flow again after {self.flows(sources):.1f} s")

    def station(self, _turn: int) -> None:
        """Kill the station."""
        self.kill(STATION)

    def inbox(self, turn: int) -> None:
        """Kill one county's inbox, then the other's."""
        county = TWO[turn % 2]
        self.kill(inbox(county), sources=(PARTNER[county],))

    def publisher(self, turn: int) -> None:
        """Kill one county's publisher, then the other's."""
        county = TWO[turn % 2]
        self.kill(publisher(county), sources=(county,))

    def three(self, _turn: int) -> None:
        """Kill the station, an inbox and a publisher, each while the one before still starts."""
        for name in (STATION, inbox(TWO[0]), publisher(TWO[0])):
            time.sleep(self.random.uniform(0.2, 1.2))
            self.world.kill(name)
            self.world.start(name)
        say(f"  station, inbox and publisher killed; events flow again after {self.flows():.1f} s")

    def ledger(self, _turn: int) -> None:
        """Kill the ledger."""
        self.kill(LEDGER)

    def broker(self, _turn: int) -> None:
        """Kill the broker, and start it again."""
        time.sleep(self.random.uniform(0.5, 2.0))
        self.world.kill_broker()
        self.world.start_broker()
        say(f"  broker killed and started; events flow {self.flows():.1f} s later")

    def stop_station(self, _turn: int) -> None:
        """Stop the station for longer than its session, then continue it."""
        time.sleep(self.random.uniform(0.2, 1.2))
        pid = self.world.supervisor.pid(STATION)
        assert pid is not None, "the station does not run"
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(STOPPED_SECONDS)
        finally:
            os.kill(pid, signal.SIGCONT)
        say(f"  station went on; events flow {self.flows():.1f} s later")

    def lose_disk(self, counting: Counting, ledger: LedgerCount) -> int:
        """Stop the broker, delete its data, start it anew; returns the wire duplicates until then."""
        time.sleep(2)
        before = counting.wire.duplicates(self.world)
        ledger.read()
        self.world.stop_broker()
        self.world.lose_disk()
        counting.wire.disk_lost()
        ledger.disk_lost()
        self.world.start_broker()
        say(f"  broker without its data; events flow {self.flows():.1f} s later")
        return before


@dataclass(frozen=True)
class Fault:
    """One kind of harm: ``what`` is done ``times`` times."""

    what: str
    times: int
    do: Callable[[Hurting, int], None] | None = None


FAULTS: Final = {
    "station_killed": Fault("kill -9 of the station, started again at once", 20, Hurting.station),
    "inbox_killed": Fault("kill -9 of a county's inbox, in turns, started again at once", 20, Hurting.inbox),
    "publisher_killed": Fault("kill -9 of a county's publisher, in turns, started again", 20, Hurting.publisher),
    "ledger_killed": Fault("kill -9 of the ledger, started again at once", 20, Hurting.ledger),
    "broker_killed": Fault("kill -9 of the broker, started again", 3, Hurting.broker),
    "station_stopped": Fault(
        f"SIGSTOP of the station for {STOPPED_SECONDS:.0f} s, session 6 s", 3, Hurting.stop_station
    ),
    "broker_disk_lost": Fault("broker stopped, its data deleted, started again with topics applied", 1),
}
NAMES: Final = [*FAULTS, CALLS]
BASELINE: Final = Fault("no fault, for comparison", 0)
BASELINE_SECONDS: Final = 15.0
SHORT_PER_SECOND: Final = 6
SHORT: Final = {"three_killed": Fault("kill -9 of station, inbox and publisher within three seconds", 1, Hurting.three)}


class Run:
    """One run over some of the faults."""

    def __init__(self, made: World, *, most: int | None, seed: int, baseline: float) -> None:
        """Begin with nothing counted; no fault is done more than ``most`` times (None: as often as it says)."""
        self.world, self.most, self.baseline = made, most, baseline
        self.hurting, self.counting, self.ledger = Hurting(made, seed), Counting(made), LedgerCount(made)
        self._label = Quarter.parse("2026Q4")

    def section(self, name: str, fault: Fault) -> dict[str, Any]:
        """Do one fault as often as it says, let everything arrive, and count."""
        times = fault.times if self.most is None else min(fault.times, self.most)
        say(f"{name}: {fault.what}, {times} times")
        first, begun, started = len(self.world.load.accepted), time.time(), time.monotonic()
        earlier = 0
        self.world.load.begin(name)
        self.hurting.flows()
        if fault is BASELINE:
            time.sleep(self.baseline)
        elif fault.do is None:
            earlier = self.hurting.lose_disk(self.counting, self.ledger)
        else:
            for turn in range(times):
                fault.do(self.hurting, turn)
        time.sleep(1)
        self.world.load.pause()
        hurt = time.monotonic() - started
        drained = self._drain(first)
        figures = self.counting.section(self.world.load.accepted[first:], begun) | self.ledger.section()
        figures["wire_duplicates"] += earlier
        figures |= {"what": fault.what, "times": times, "seconds": round(hurt, 1), "drained_seconds": round(drained, 1)}
        say(f"{name}: " + ", ".join(f"{word} {figures[word]}" for word in TOLD))
        if any(figures[word] for word in TOTALS):
            say(f"{name}: {figures['examples']}")
        return figures

    def _drain(self, first: int) -> float:
        """Wait for events under way, close the period and wait for its digest; return the seconds."""
        accepted, begun = self.world.load.accepted[first:], time.monotonic()
        self._wait("events that go at once", lambda: len(missing(self.world, accepted, prompt_only=True)))
        self._wait("answers of the station", self.world.load.awaited)
        self._label = self._label.next()
        for _ in range(3):
            try:
                self.world.close_quarter(str(self._label))
                break
            except StationError as error:
                say(f"the period is not closed yet: {error}")
                time.sleep(3)
        self._wait("events of the digest", lambda: len(missing(self.world, accepted)))
        return time.monotonic() - begun

    def _wait(self, what: str, left: Callable[[], int]) -> None:
        """Wait until nothing is left, or until nothing has come for longer than any resend takes."""
        least, moved = left(), time.monotonic()
        while least:
            if time.monotonic() - moved > PATIENCE_SECONDS:
                say(f"{least} {what} are missing, and nothing came for {PATIENCE_SECONDS:.0f} s")
                return
            time.sleep(0.2)
            if (now := left()) < least:
                least, moved = now, time.monotonic()


def run(
    names: Sequence[str],
    *,
    most: int | None = None,
    keep: bool = False,
    seed: int = 1,
    rate: float = PER_SECOND,
    baseline_seconds: float = BASELINE_SECONDS,
    part: Path | None = None,
) -> dict[str, Any]:
    """Hurt and count; the whole result. What was counted until then stands in ``part`` after each fault."""
    load = os.getloadavg()[0]
    with world(rate) as made:
        if keep:
            made.keep()
        run_ = Run(made, most=most, seed=seed, baseline=baseline_seconds)
        baseline = run_.section("nothing", BASELINE) if baseline_seconds else None
        found = dict[str, Any]()
        for name in names:
            if name != CALLS:
                found[name] = run_.section(name, (FAULTS | SHORT)[name])
                if part is not None:
                    _write(part, {"without_faults": baseline, "faults": found})
        still = missing(made, made.load.accepted)
        accepted = len(made.load.accepted)
        refused = made.load.refused
        sections = [*([baseline] if baseline else []), *found.values()]
        totals = {word: sum(figures[word] for figures in sections) for word in TOTALS}
        if any(totals.values()) or still:
            made.keep()
    calls = inject() if CALLS in names else None
    return {
        "measured": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f} before",
        "load": f"{rate:g} events/s of about 1 KiB between two counties, both ways: "
        "30 % alarms, 20 % notices, 50 % for the digest",
        "seed": seed,
        "accepted": accepted,
        "not_accepted": len(refused),
        "without_faults": baseline,
        "faults": found,
        **({} if calls is None else {CALLS: calls, "wrong_after_a_call": calls["wrong"]}),
        **totals,
        "lost_at_the_end": len(still),
    }


def short() -> dict[str, Any]:
    """Kill each of the three once, as `make test` does: one section, without another for comparison."""
    return run(list(SHORT), rate=SHORT_PER_SECOND, baseline_seconds=0)


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> int:
    """Run, print, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="hurt each twice at most; writes no file")
    parser.add_argument("--short", action="store_true", help="station, inbox and publisher, once; writes no file")
    parser.add_argument("--rate", type=float, default=PER_SECOND, help=f"events a second ({PER_SECOND})")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=None, metavar="NAME", help="; ".join(NAMES))
    parser.add_argument("--keep", action="store_true", help="keep the home, whatever came of it")
    parser.add_argument("--seed", type=int, default=1, help="of the moments at which is killed (1)")
    chosen = parser.parse_args()
    end_in_order()
    if chosen.only == [CALLS]:
        calls = inject()
        print(json.dumps(calls, indent=2, ensure_ascii=False))
        return 1 if calls["wrong"] else 0
    whole = not (chosen.quick or chosen.short or chosen.only)
    try:
        result = (
            short()
            if chosen.short
            else run(
                chosen.only or NAMES,
                most=2 if chosen.quick else None,
                keep=chosen.keep,
                seed=chosen.seed,
                rate=chosen.rate,
                part=PART if whole else None,
            )
        )
    except KeyboardInterrupt:
        say("interrupted; nothing is left running" + (f"; {PART.name} has what was counted" if PART.is_file() else ""))
        return 130
    print(json.dumps(result, indent=2, ensure_ascii=False))
    if whole:
        _write(RESULT, result)
        PART.unlink(missing_ok=True)
    return 1 if any(result.get(word) for word in WRONG) else 0


if __name__ == "__main__":
    sys.exit(main())
