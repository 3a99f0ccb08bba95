"""A county's bell as a process of its own, for tests that kill it. Says ``ready`` when it is about to look.

Usage: bell_process DATABASE COUNTY BELL_TOML
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.world.clock import Clock
from tests.world.simulator import World
from yizhan.consumers.bell.bell_file import BellFile, read_channels
from yizhan.consumers.bell.ringer import Ringer
from yizhan.runtime.process import StopSignal


def main(database: str, county: str, toml: str) -> None:
    """Ring until killed, or asked to end."""
    stop, file = StopSignal().install(), BellFile(Path(toml), read_channels)
    with Ringer(Path(database), county, None, World().charters, Clock(), changed=file.changed):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        stop.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
