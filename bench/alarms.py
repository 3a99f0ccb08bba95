"""What an alarm costs: latency beside one raw hop, processor time, Kafka records, and the highest rate that is held.

Latency runs from the return of the outbox's commit to the line that the partner's inbox writes after its own commit:
outbox → publisher → station (verify, decide, stamp, send) → inbox (verify, open, store). The reference is kafka-python
produce → consume. A second reference is the same chain of two hops with a bare Faust agent in the middle. Runs
alternate between the three, over the same mutual TLS and with events of 1 KiB. All processes share the machine's cores
with the broker and with the one that publishes.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from bench.alarm_chain import Chain, chain, raw
from bench.harness import PLAIN, percentile, say, significant, summary

if TYPE_CHECKING:
    from bench.harness import Ground

RATES: Final = {5: 60, 50: 300}
"""Events per second → how many of them a run measures."""
COST_RATE: Final = 10
COST_EVENTS: Final = 100
IDLE_SECONDS: Final = 5.0
WARM: Final = 10
RUNS: Final = 5
CAPACITY_RATES: Final = (50, 75, 100, 125, 150, 175, 200, 250, 300)
CAPACITY_SECONDS: Final = 30
CAPACITY_P99_MS: Final = 1000.0
COMMAND_RATE: Final = 5
COMMAND_EVENTS: Final = 100


def measure(ground: Ground) -> dict[str, Any]:
    """Return figures by rate with their references, cost by process, records by topic, and the capacity."""
    runs: list[dict[str, Any]] = []
    last: dict[str, Any] = {}
    for number in range(1, RUNS + 1):
        found: dict[str, Any] = {"raw": {}, "bare_chain": {}, "ours": {}}
        for rate, count in RATES.items():
            found["raw"][rate] = raw(ground, PLAIN[1], PLAIN[1], rate, WARM + count)[WARM:]
        with ground.process([sys.executable, "-m", "bench.bare_agent", str(ground.home), *PLAIN], "Worker ready"):
            for rate, count in RATES.items():
                found["bare_chain"][rate] = raw(ground, *PLAIN, rate, WARM + count)[WARM:]
        with chain(ground) as ours:
            if number == 1:  # a new bell rings first for all alarms that wait: few do yet
                last["bell_command"] = _bell_command(ours)
                ours.acknowledge()
            found["idle"] = _idle(ours)
            for rate, count in RATES.items():
                found["ours"][rate] = ours.alarms(rate, WARM + count)[WARM:]
            found |= _cost(ours)
            ours.acknowledge()
            if number == RUNS:
                last["capacity"] = _capacity(ours)
        runs.append(found)
        say(f"alarms: run {number}: " + "; ".join(_line(found, rate) for rate in RATES))
    return {
        "what": "events of 1 KiB between two counties; reference: one raw kafka-python hop; then two hops with a bare "
        "Faust agent; runs alternate, medians of the runs",
        **{f"at_{rate}_per_second": _latency(runs, rate) for rate in RATES},
        "cpu_ms_per_alarm": {"at_per_second": COST_RATE, **_medians([run["cpu_ms"] for run in runs])},
        "idle_cpu_percent": _medians([run["idle"] for run in runs]),
        "records_per_alarm": _medians([run["records"] for run in runs]),
        **last,
    }


def _line(found: dict[str, Any], rate: int) -> str:
    medians = ", ".join(f"{name} {percentile(found[name][rate], 0.5):.1f}" for name in ("ours", "raw", "bare_chain"))
    return f"p50 in ms at {rate}/s: {medians}"


def _latency(runs: list[dict[str, Any]], rate: int) -> dict[str, Any]:
    """Return p50 and p99 of ours and of both references at a rate, and the ratios of the medians over the runs."""
    figures = {
        name: {
            key: summary([percentile(run[name][rate], share) for run in runs])
            for key, share in (("p50", 0.5), ("p99", 0.99))
        }
        for name in ("ours", "raw", "bare_chain")
    }

    def ratios(reference: str) -> dict[str, float]:
        return {
            key: significant(figures["ours"][key]["median"] / figures[reference][key]["median"])
            for key in ("p50", "p99")
        }

    return {
        "ms": figures["ours"],
        "reference_ms": figures["raw"],
        "bare_chain_ms": figures["bare_chain"],
        "ratio": ratios("raw"),
        "ratio_to_bare_chain": ratios("bare_chain"),
    }


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the median over the runs of each name's figure."""
    names = dict.fromkeys(name for run in runs for name in run)
    return {name: significant(statistics.median([run.get(name, 0.0) for run in runs])) for name in names}


def _idle(ours: Chain) -> dict[str, float]:
    """Return how much of one core each process takes while nothing happens, in per cent."""
    before = ours.cpu_seconds()
    time.sleep(IDLE_SECONDS)
    return {name: 100 * (after - before[name]) / IDLE_SECONDS for name, after in ours.cpu_seconds().items()}


def _cost(ours: Chain) -> dict[str, dict[str, float]]:
    """Return milliseconds of processor time by process and records by topic of one alarm.

    Receipts are part of it: a few for many alarms. ``publish`` is what sealing and storing takes whoever publishes.
    """
    ours.alarms(COST_RATE, WARM)
    records, cpu, published = ours.records(), ours.cpu_seconds(), ours.publish_seconds
    ours.alarms(COST_RATE, COST_EVENTS)
    spent = {name: after - cpu[name] for name, after in ours.cpu_seconds().items()}
    spent["publish"] = ours.publish_seconds - published
    made = {name: after - records[name] for name, after in ours.records().items() if after > records[name]}
    made["all"] = sum(made.values())
    return {
        "cpu_ms": {name: 1000 * seconds / COST_EVENTS for name, seconds in spent.items()},
        "records": {name: count / COST_EVENTS for name, count in made.items()},
    }


def _bell_command(ours: Chain) -> dict[str, Any]:
    """Return milliseconds from the outbox's commit until a command of the partner's bell has the message."""
    with ours.bell_command() as heard:
        ours.alarms(COMMAND_RATE, WARM, until=heard)
        times = ours.alarms(COMMAND_RATE, COMMAND_EVENTS, until=heard)
    return {
        "at_per_second": COMMAND_RATE,
        "ms": {key: significant(percentile(times, share)) for key, share in (("p50", 0.5), ("p99", 0.99))},
    }


def _capacity(ours: Chain) -> dict[str, Any]:
    """Return the highest rate that was held for 30 s with p99 under 1 s, and p99 at each rate that was tried."""
    tried: dict[str, float] = {}
    held = 0
    for rate in CAPACITY_RATES:
        begun = time.monotonic()
        with contextlib.suppress(TimeoutError):
            times = ours.alarms(rate, rate * CAPACITY_SECONDS)
            tried[str(rate)] = significant(percentile(times, 0.99))
            # Whoever publishes must have kept the pace too.
            kept = ours.sent_seconds < 1.05 * CAPACITY_SECONDS
            say(f"alarms: {rate}/s for {CAPACITY_SECONDS} s: p99 {tried[str(rate)]} ms")
            if kept and tried[str(rate)] < CAPACITY_P99_MS:
                held = rate
                ours.acknowledge()
                continue
        say(f"alarms: {rate}/s was not held ({time.monotonic() - begun:.0f} s)")
        break
    return {"alarms_per_second": held, "p99_ms": tried}
