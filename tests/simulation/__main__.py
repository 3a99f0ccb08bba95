"""``python -m tests.simulation 1000``: a thousand seeds. ``--seed N`` tells one of them step by step.

Prints what it took as JSON; exit status 1 if a law broke: then the first seeds that did are named.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator

from tests.simulation.pieces import piece
from tests.simulation.planted import PLANTED, found
from tests.simulation.play import run
from tests.simulation.values import Result
from tests.simulation.world import simulated

_PIECE = 25
_NAMED = 10


def results(first: int, count: int, processes: int) -> Iterator[Result]:
    """Play seeds in several processes."""
    pieces = [(seed, min(_PIECE, first + count - seed)) for seed in range(first, first + count, _PIECE)]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for made in [pool.apply_async(piece, each) for each in pieces]:
            yield from made.get()


def many(first: int, count: int, processes: int) -> int:
    """Play seeds and say what came of them."""
    begun, faults, events, records = time.perf_counter(), 0, 0, 0
    broken: dict[int, str] = {}
    for number, each in enumerate(results(first, count, processes), 1):
        faults, events, records = faults + each.faults, events + each.events, records + each.records
        if each.broken:
            broken[each.seed] = each.broken[0]
            sys.stderr.write(f"seed {each.seed}: {each.broken[0]}\n")
        if number % 1000 == 0:
            sys.stderr.write(f"{number} seeds, {len(broken)} broken, {time.perf_counter() - begun:.0f} s\n")
    seconds = time.perf_counter() - begun
    told = {
        "seeds": count,
        "first": first,
        "seconds": round(seconds, 1),
        "seeds_per_second": round(count / seconds, 1),
        "processes": processes,
        "faults": faults,
        "events": events,
        "records": records,
        "broken": len(broken),
        "first_broken": {str(seed): why for seed, why in list(broken.items())[:_NAMED]},
    }
    sys.stdout.write(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    return int(bool(broken))


def fewer_faults(result: Result) -> tuple[int, ...]:
    """Return faults that can be left out, so that the same law still breaks; one after the other is tried."""
    law = result.broken[0].partition(":")[0]
    without: tuple[int, ...] = ()
    for number in range(result.faults):
        tried = run(result.seed, (*without, number))
        if any(each.startswith(law) for each in tried.broken):
            without = (*without, number)
    return without


def tell(seed: int, *, whole: bool) -> int:
    """Play one seed and tell it; one that breaks a law again, with as few faults as that needs."""
    logging.disable(logging.CRITICAL)
    with simulated():
        result = run(seed)
        if result.broken and not whole:
            result = run(seed, fewer_faults(result))
    sys.stdout.write("\n".join(result.account) + "\n\n")
    sys.stdout.write(f"seed {seed}: {result.events} events, {result.records} records\n")
    said = [f"BROKEN {each}" for each in result.broken] or ["all laws hold"]
    sys.stdout.write("\n".join(said) + "\n")
    return int(bool(result.broken))


def search(most: int) -> int:
    """Look for a seed that finds each planted error."""
    logging.disable(logging.CRITICAL)
    missed = 0
    with simulated():
        for name in PLANTED:
            each = found(name, most)
            missed += each is None
            said = "not found" if each is None else f"{each.seed}: {each.broken[0]}"
            sys.stdout.write(f"{name}: {said}\n")
            sys.stdout.flush()
    return int(missed > 0)


def main() -> int:
    """Do what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seeds", nargs="?", type=int, default=2000, help="how many seeds to play")
    parser.add_argument("--first", type=int, default=1, metavar="N", help="with which seed to begin")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--seed", type=int, metavar="N", help="tell one seed, with as few faults as break a law")
    parser.add_argument("--whole", action="store_true", help="with --seed: with all its faults")
    parser.add_argument("--planted", type=int, metavar="MOST", help="find each planted error among so many seeds")
    chosen = parser.parse_args()
    if chosen.seed is not None:
        return tell(chosen.seed, whole=chosen.whole)
    if chosen.planted is not None:
        return search(chosen.planted)
    return many(chosen.first, chosen.seeds, chosen.processes)


if __name__ == "__main__":
    sys.exit(main())
