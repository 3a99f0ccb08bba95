"""``python -m bench.faults``: the fault matrix, under load, into ``faults.json`` and the table of ``bench/README.md``.

Fifteen events a second go between two counties, both ways, while their processes, lines, disks and clocks, the station
and the broker are hurt (``--rate`` for another pace: fifty fill two cores). After each fault the load pauses, what is
under way arrives, the period is closed so that digests arrive too, and then is counted: lost, duplicated, reordered;
of what the station said: lost or doubled in the log, and whether the log forked.

``--quick`` hurts each twice at most, ``--short`` kills station, inbox and publisher once, while others start, ``--only
NAME …`` hurts some; all three print and write no file. A run that ends early leaves what it counted in
``faults.part.json``. Exit status 0 means: nothing lost, nothing twice, nothing out of order, no fork, all recovered.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import faults_brokers, faults_clock, faults_disk, faults_kill, faults_line
from bench.faults_count import missing
from bench.faults_ledger import inject
from bench.faults_load import PER_SECOND
from bench.faults_run import TOTALS, Fault, NotPossibleError, Run
from bench.faults_table import write_table
from bench.harness import end_in_order, say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESULT: Final = Path(__file__).parents[1] / "faults.json"
PART: Final = RESULT.with_name("faults.part.json")
"""What was counted until a run ended early."""
WRONG: Final = (*TOTALS, "lost_at_the_end", "wrong_after_a_call", "not_recovered")
"""Of a whole result: each of these is to be 0."""
CALLS: Final = "ledger_calls"
"""The one fault that needs neither broker nor load: the writer's system calls, all of them."""
NOTHING: Final = "nothing"
BASELINE_SECONDS: Final = 15.0
FAULTS: Final[dict[str, Fault]] = {
    NOTHING: Fault("no fault, for comparison", 1, lambda _hurting, _turn: time.sleep(BASELINE_SECONDS)),
    **faults_kill.FAULTS,
    **faults_line.FAULTS,
    **faults_clock.FAULTS,
    **faults_disk.FAULTS,
    **faults_brokers.FAULTS,
}
"""Every fault by its name. A module of others is added here; those of one world stand together."""
NAMES: Final = [*FAULTS, CALLS]
WHOLE: Final = [name for name in NAMES if name == CALLS or not FAULTS[name].long]
SHORT_PER_SECOND: Final = 6
_APART: Final = "BENCH_FAULTS_APART"


def run(
    faults: dict[str, Fault],
    *,
    most: int | None = None,
    keep: bool = False,
    seed: int = 1,
    rate: float = PER_SECOND,
    part: Path | None = None,
) -> dict[str, Any]:
    """Hurt and count; the whole result. What was counted until then stands in ``part`` after each fault."""
    load, begun = os.getloadavg()[0], time.monotonic()
    found, left_out = dict[str, Any](), dict[str, str]()
    accepted = still = refused = 0

    def counted() -> None:
        if part is not None:
            _write(part, {"faults": found, "not_possible": left_out})

    for place, together in itertools.groupby(faults.items(), lambda each: each[1].world):
        several = dict(together)
        try:
            with place(rate) as made:
                if keep:
                    made.keep()
                run_ = Run(made, most=most, seed=seed)
                for name, fault in several.items():
                    try:
                        found[name] = run_.section(name, fault)
                    except NotPossibleError as error:
                        left_out[name] = str(error)
                        say(f"{name}: not possible here: {error}")
                    counted()
                lost = len(missing(made, made.load.accepted))
                if lost or any(found[name][word] for name in several if name in found for word in TOTALS):
                    made.keep()
                accepted, still = accepted + len(made.load.accepted), still + lost
                refused += len(made.load.refused)
        except NotPossibleError as error:
            left_out |= dict.fromkeys(several, str(error))
            say(f"{', '.join(several)}: not possible here: {error}")
    return {
        "measured": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f} before",
        "load": f"{rate:g} events/s of about 1 KiB between two counties, both ways: "
        "30 % alarms, 20 % notices, 50 % for the digest",
        "seed": seed,
        "seconds": round(time.monotonic() - begun),
        "accepted": accepted,
        "not_accepted": refused,
        "without_faults": found.pop(NOTHING, None),
        "faults": found,
        "not_possible": left_out,
        **{word: sum(figures[word] for figures in found.values()) for word in TOTALS},
        "not_recovered": sum(not figures["recovered"] for figures in found.values()),
        "lost_at_the_end": still,
    }


def short() -> dict[str, Any]:
    """Kill each of the three once, as `make test` does: one section, without another for comparison."""
    return run(faults_kill.SHORT, rate=SHORT_PER_SECOND)


def apart() -> None:
    """Go on in a mount namespace of our own, where the system lets us: nothing that is mounted can be left behind."""
    if os.environ.get(_APART) or shutil.which("unshare") is None:
        return
    words = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
        os.environ[_APART] = "1"
        sys.stdout.flush()
        os.execvp(words[0], [*words, sys.executable, "-m", "bench.faults", *sys.argv[1:]])  # noqa: S606 -- our own list


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _chosen() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="hurt each twice at most; writes no file")
    parser.add_argument("--short", action="store_true", help="station, inbox and publisher, once; writes no file")
    parser.add_argument("--rate", type=float, default=PER_SECOND, help=f"events a second ({PER_SECOND})")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=None, metavar="NAME", help="; ".join(NAMES))
    parser.add_argument("--keep", action="store_true", help="keep the home, whatever came of it")
    parser.add_argument("--seed", type=int, default=1, help="of the moments at which is killed (1)")
    return parser.parse_args()


def main() -> int:
    """Run, print, write."""
    chosen = _chosen()
    end_in_order()
    if chosen.short:
        return _told(short)
    apart()
    names: Sequence[str] = chosen.only or WHOLE
    whole = not (chosen.quick or chosen.only)

    def hurt() -> dict[str, Any]:
        faults = {name: FAULTS[name] for name in names if name != CALLS}
        most = 2 if chosen.quick else None
        part = PART if whole else None
        result = run(faults, most=most, keep=chosen.keep, seed=chosen.seed, rate=chosen.rate, part=part)
        if CALLS in names:
            calls = inject()
            result |= {CALLS: calls, "wrong_after_a_call": calls["wrong"]}
        if whole:
            _write(RESULT, result)
            write_table(result)
            PART.unlink(missing_ok=True)
        return result

    return _told(hurt)


def _told(hurt: Callable[[], dict[str, Any]]) -> int:
    try:
        result = hurt()
    except KeyboardInterrupt:
        say("interrupted; nothing is left running" + (f"; {PART.name} has what was counted" if PART.is_file() else ""))
        return 130
    print(json.dumps(result, indent=2, ensure_ascii=False))
    return 1 if any(result.get(word) for word in WRONG) else 0


if __name__ == "__main__":
    sys.exit(main())
