"""The writer's system calls fail, or it is killed at them: a sample here, all of them in `make faults`."""

from __future__ import annotations

import sys
import time
from itertools import zip_longest
from pathlib import Path

import pytest

from tests.ledger.fsck import tool
from tests.ledger.injection import CALLS, Point, Trial, points
from tests.world.ledger import world

SECONDS = 15.0
"""How long points are tried; on a busy machine they are fewer."""


def test_whatever_call_fails_nothing_is_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each call and both ways, spread over the run: named or killed, then whole, clean and the same bytes."""
    tool()
    trial = Trial(world(), tmp_path)
    every = list(points(trial.counted))
    assert set(CALLS) == {point.call for point in every}
    by_kind = [[point for point in every if (point.call, point.mode) == kind] for kind in kinds(every)]
    sample = [point for row in zip_longest(*(each[len(each) // 4 :: 3] for each in by_kind)) for point in row if point]
    deadline, done = time.monotonic() + SECONDS, 0
    for point in sample:
        if done >= len(by_kind) and time.monotonic() > deadline:
            break
        trial.run(point)
        done += 1
    with capsys.disabled():
        sys.stdout.write(f"\n{done} of {len(every)} faults tried: {dict(trial.outcomes)}\n")
    assert trial.outcomes["killed"] >= len(CALLS) // 2
    assert trial.outcomes["named"] >= len(CALLS) // 2


def kinds(every: list[Point]) -> list[tuple[str, str]]:
    """Every call in both ways."""
    return list(dict.fromkeys((point.call, point.mode) for point in every))
