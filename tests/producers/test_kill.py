"""`kill -9` at any instant: what was reported as accepted is there, and no number is missing."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import NoReturn

import pytest

from tests.world.sender import Desk, fire, intelligence

KILLS = 20


def _publish_for_ever(desk: Desk, report: int) -> NoReturn:
    """Publish, and report each id once it was accepted; only a signal ends it."""
    try:
        with desk.open() as outbox:
            while True:
                for draft in (fire(), intelligence()):
                    os.write(report, outbox.publish(draft).id.encode() + b"\n")
    finally:
        os._exit(1)


def _killed_after(desk: Desk, seconds: float) -> list[str]:
    """Let a process publish, and kill it so long after its first event; the ids that it reported."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        _publish_for_ever(desk, write_end)
    os.close(write_end)
    with os.fdopen(read_end) as reports:
        first = reports.readline()
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return [line.strip() for line in (first, *reports) if line.endswith("\n")]


@pytest.mark.exhaustive
def test_what_was_accepted_survives_kill_9(tmp_path: Path) -> None:
    """Killed at random instants while it publishes: ids and lanes without gap, every accepted id there."""
    chance, desk = random.Random(3), Desk(tmp_path)
    accepted = [each for _ in range(KILLS) for each in _killed_after(desk, chance.uniform(0.0, 0.03))]
    with desk.open() as outbox:
        rows = outbox.rows()
        assert [int(row.id.rsplit("-")[-1]) for row in rows] == list(range(1, len(rows) + 1))
        assert set(accepted) <= {row.id for row in rows}
        assert len(accepted) >= KILLS
        assert len(rows) - len(accepted) <= KILLS  # at most the one under way at each kill
        assert len(outbox.epochs()) == 1
        places: dict[str, list[int]] = {}
        for posting in outbox.postings():
            places.setdefault(posting.lane, []).append(posting.n)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in places.values())
    assert places.keys() == {"prompt", "digest"}
