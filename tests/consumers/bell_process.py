"""A county's bell as a process of its own, for tests that kill it. Says ``ready`` when it is about to look.

Usage: bell_process DATABASE COUNTY BELL_TOML
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.world.clock import Clock
from tests.world.simulator import World
from yizhan.consumers.bell.channels import ready_channels
from yizhan.consumers.bell.ringer import Ringer
from yizhan.consumers.bell.settings import load
from yizhan.runtime.process import StopSignal


def main(database: str, county: str, toml: str) -> None:
    """Ring until killed, or asked to end."""
    settings, stop = load(Path(toml)), StopSignal().install()
    assert settings is not None
    with Ringer(Path(database), county, settings, ready_channels(settings), World().charters, Clock()):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        stop.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
