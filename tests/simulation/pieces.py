"""Some seeds in a process of their own."""

from __future__ import annotations

import logging

from tests.simulation.play import run
from tests.simulation.values import Result
from tests.simulation.world import simulated


def piece(first: int, count: int) -> list[Result]:
    """Play some seeds; of those that hold, the account is not kept."""
    logging.disable(logging.CRITICAL)
    with simulated():
        found = [run(seed) for seed in range(first, first + count)]
    for each in found:
        each.account.clear()
        each.error = None
    return found
