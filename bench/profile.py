"""Profiles of station, outbox and inbox while alarms pass: ``python -m bench.profile``, or ``make profile``.

For each process two files in ``build/profile/``: ``NAME.stacks``, the samples as "outermost;…;innermost count", one
stack a line, which flamegraph.pl and speedscope draw; ``NAME.txt``, the functions with the largest share. A sample is
counted while a thread holds the interpreter's lock, so waiting is not in it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

from bench.alarm_chain import chain
from bench.harness import end_in_order, ground, percentile, say

FOLDER: Final = Path(__file__).parent.parent / "build" / "profile"
SAMPLES_PER_SECOND: Final = 200
LINES: Final = 60
WARM: Final = 50


def main() -> None:
    """Run the alarms, sample the processes, write the files."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("--rate", type=int, default=50, help="alarms a second (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=20, help="how long (default: %(default)s)")
    asked = parser.parse_args()
    end_in_order()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with ground() as home, chain(home) as processes:
        processes.alarms(asked.rate, WARM)
        pids = {name: each.pid for name, each in processes.processes.items() if name != "broker"}
        samplers = [_sampler(pid, FOLDER / f"{name}.stacks", asked.seconds) for name, pid in pids.items()]
        time.sleep(1)
        times = processes.alarms(asked.rate, asked.rate * asked.seconds)
        for sampler in samplers:
            if sampler.wait():
                raise SystemExit("py-spy failed: it may need root, or kernel.yama.ptrace_scope=0")
    for name in pids:
        (FOLDER / f"{name}.txt").write_text(_shares(FOLDER / f"{name}.stacks"), encoding="utf-8")
    p50, p99 = (percentile(times, share) for share in (0.5, 0.99))
    say(f"{asked.rate} alarms a second, sampled: p50 {p50:.0f} ms, p99 {p99:.0f} ms; see build/profile/")


def _sampler(pid: int, path: Path, seconds: int) -> subprocess.Popen[bytes]:
    program = str(Path(sys.executable).with_name("py-spy"))
    words = ["--pid", str(pid), "--gil", "--rate", str(SAMPLES_PER_SECOND), "--duration", str(seconds)]
    command = [program, "record", *words, "--format", "raw", "--output", str(path)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def _shares(stacks: Path) -> str:
    """Return the functions that most samples were in: per cent with and without what they call, name and file."""
    within, here, samples = Counter[str](), Counter[str](), 0
    for line in stacks.read_text(encoding="utf-8").splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [frame.rpartition(":")[0] for frame in stack.split(";")]
        samples += int(count)
        here[frames[-1]] += int(count)
        within.update(dict.fromkeys(frames, int(count)))
    head = f"{samples} samples; per cent with calls, without, function\n"
    return head + "".join(
        f"{100 * count / samples:5.1f} {100 * here[name] / samples:5.1f}  {name})\n"
        for name, count in within.most_common(LINES)
    )


if __name__ == "__main__":
    main()
