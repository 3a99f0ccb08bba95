"""``python -m bench.faults_off SECONDS WORDS …``: one of our commands, with a clock that is off by so many seconds.

All our code takes the time from ``yizhan.runtime.clock``, so that is what is changed, before anything else is
imported. libfaketime was tried and does not do: under it Python's ``time.sleep`` fails at times with EINVAL.
"""

from __future__ import annotations

import runpy
import sys
from datetime import datetime, timedelta

from yizhan.runtime import clock

if __name__ == "__main__":
    off = timedelta(seconds=float(sys.argv.pop(1)))
    right = clock.utc_now

    def utc_now() -> datetime:
        """Return the instant that the wrong clock shows."""
        return right() + off

    clock.utc_now = utc_now
    runpy.run_module("yizhan.cli", run_name="__main__", alter_sys=True)
