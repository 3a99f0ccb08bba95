"""``python -m tests.year [2] [6]``: a year of two and of six counties, through the real station.

Prints what it took and what differs from the table as JSON; exit status 1 if anything does, or if a run failed: then
the other is played all the same.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from datetime import datetime
from typing import Any

from bench.harness import say
from tests.year.run import UNTIL, run
from yizhan.cli.screen import progress


def main() -> int:
    """Play what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.year", description=__doc__)
    parser.add_argument("members", nargs="*", type=int, metavar="2|6", help="how many counties; both if none is said")
    parser.add_argument("--until", type=datetime.fromisoformat, default=UNTIL, metavar="2026-04-20")
    chosen = parser.parse_args()
    if not {*chosen.members} <= {2, 6}:
        parser.error("expected 2 or 6 counties")
    results: list[dict[str, Any]] = []
    for count in chosen.members or (2, 6):
        with progress(f"{count} counties", total=1) as bar:
            told = datetime.min  # noqa: DTZ901 -- Beijing time, as the table's

            def advance(at: datetime, done: int, total: int, count: int = count) -> None:
                nonlocal told
                bar.describe(f"{count} counties, {at:%Y-%m-%d %H:%M} ({done}/{total})")
                bar.advance(1 / total)
                if (at.year, at.month) != (told.year, told.month) and not sys.stderr.isatty():
                    say(f"{count} counties: {at:%Y-%m} ({done} of {total} stops of the clock)")
                told = at

            try:
                results.append(run(count, chosen.until, advance))
            except Exception as error:  # noqa: BLE001 -- the other alliance is played all the same
                traceback.print_exc()
                results.append({"members": count, "problems": [f"the run failed: {error}"]})
    sys.stdout.write(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    return int(any(each["problems"] for each in results))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; broker and station are stopped, nothing is kept\n")
        sys.exit(130)
