"""A county's inbox as a process of its own, for tests that kill it. Writes every ring to a file.

Usage: inbox_process HOME COUNTY DATABASE RINGS
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.world.clock import Clock
from tests.world.receiver import Notebook
from tests.world.simulator import World
from yizhan.consumers import reader
from yizhan.consumers.arrivals import ReceiveOutcome
from yizhan.consumers.inbox import Inbox
from yizhan.runtime.process import StopSignal
from yizhan.runtime.settings import Settings


def main(home: str, county: str, database: str, rings: str) -> None:
    """Receive until killed."""
    world = World()

    def ring(outcomes: Sequence[ReceiveOutcome]) -> None:
        with Path(rings).open("a", encoding="utf-8") as file:
            file.writelines(f"{each.item.id}\n" for each in outcomes if each.rings and each.item is not None)

    keys = [world.counties[county].sealing]
    with Inbox(Path(database), county, keys, world.charters, Clock(), Notebook()) as inbox:
        reader.run(inbox, Settings.load(Path(home)), StopSignal().install(), listeners=reader.Listeners(tell=ring))


if __name__ == "__main__":
    main(*sys.argv[1:])
