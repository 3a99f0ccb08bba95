"""``python -m bench``: every measurement, in one run, into ``bench/results.json``.

A part that fails says so and does not stop the others; then the exit status is 1, and what was measured stands in
``results.part.json``: so does what was measured until an interruption. ``--only NAME …`` measures some, ``--short``
runs each part once, tiny; both print and write no file: what stands in the file is one run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import traceback
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench import (
    alarms,
    bulletin,
    charter,
    closing,
    crypto,
    desk,
    desk_cuts,
    files,
    ledger,
    obligations,
    recovery,
    sharing,
    start,
    throughput,
)
from bench.harness import end_in_order, ground, say
from bench.short import SHORT, shorten

PARTS = {
    "crypto": crypto.measure,
    "throughput": throughput.measure,
    # Before the alarms: each leaves obligations, of which a start reads every one.
    "recovery": recovery.measure,
    "start": start.measure,
    "alarms": alarms.measure,
    "closing": closing.measure,
    "charter": charter.measure,
    "ledger": ledger.measure,
    "obligations": obligations.measure,
    "files": files.measure,
    "bulletin": bulletin.measure,
    "desk": desk.measure,
    "desk_cuts": desk_cuts.measure,
    "sharing": sharing.measure,
}
TARGETS = {
    "throughput": "ratio ≥ 0.8",
    "alarms": "ratio p50 ≤ 2.5, p99 ≤ 3.0 at both rates; records ≤ 7; cpu ms: station 3, outbox 3, inbox 4; "
    "capacity ≥ 150; bell command p99 ≤ 50 ms",
    "recovery": "seconds ≤ 2.5",
    "start": "seconds ≤ 3 with 10 and with 100000 records written; flat",
    "closing": "flat",
    "charter": "flat for what is unchanged: nothing_new; others_fetched = 0",
    "obligations": "nothing_due < 1 s at 100000; last of 10,000 in a thread ÷ the first ≤ 1.5",
    "bulletin": "10000 events: seconds < 60",
    "files": "alarms beside a film of 200 MiB: ratio p50 ≤ 2.0, every one rings",
    "desk": "painted p99 ≤ 100 ms with 100000 rows; 300 at once: seconds ≤ 1; sound ≤ 300 ms; inbox page p95 ≤ "
    "150 ms; first load ≤ 120 kB; idle ≤ 2 % of a core and ≤ 120 MiB",
    "sharing": "cpu ratio largest to smallest ≤ 1.1; tick flat; two parts: ratio ≤ 1.05, takeover ≤ 8 s",
    "desk_cuts": "none missing, none twice; red bar ≤ 9 s",
    "ledger": "verify ratio ≤ 2, flat; receipt p99 ≤ 2 s",
}
RESULTS = Path(__file__).with_name("results.json")
PART = RESULTS.with_name("results.part.json")
PACKAGES = ("aiokafka", "cryptography", "faust-streaming", "kafka-python", "pydantic")


def main() -> int:
    """Measure and write; 1 if a part failed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="NAME", help="; ".join(PARTS))
    parser.add_argument("--short", action="store_true")
    asked = parser.parse_args()
    end_in_order()
    if asked.short:
        shorten()
    chosen = asked.only or list(SHORT if asked.short else PARTS)
    whole = set(chosen) == set(PARTS) and not asked.short
    results: dict[str, Any] = {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} before",
        "versions": {name: version(name) for name in PACKAGES},
        "targets": TARGETS,
        "took_seconds": {},
    }
    failed = []
    with ground(keep_running=asked.short) as home:
        for number, name in enumerate(chosen, 1):
            say(f"{name} … ({number} of {len(chosen)})")
            begun = time.monotonic()
            try:
                results[name] = PARTS[name](home)
            except Exception as error:  # noqa: BLE001 -- whatever it is, the other parts are measured
                traceback.print_exc()
                say(f"{name} failed: {error}")
                results[name] = {"failed": str(error)}
                failed.append(name)
            results["took_seconds"][name] = round(time.monotonic() - begun, 1)
            if whole:
                _write(PART, results)
    print(json.dumps(results, indent=2, ensure_ascii=False))
    if whole and not failed:
        PART.replace(RESULTS)
    if failed:
        say(f"failed: {', '.join(failed)}" + (f"; the rest stands in {PART}" if whole else ""))
    return int(bool(failed))


def _write(path: Path, results: dict[str, Any]) -> None:
    path.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("interrupted; nothing is left running" + (f"; {PART} has what was measured" if PART.is_file() else ""))
        sys.exit(130)
