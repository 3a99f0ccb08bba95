"""A county that listens, for every test of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.receiver import Listener
from tests.world.simulator import World


@pytest.fixture(scope="session")
def _once() -> World:
    return World()


@pytest.fixture
def world(_once: World) -> World:
    """Return the six counties, who have said nothing yet."""
    for county in _once.counties.values():
        county.n, county.lanes = 0, {}
    return _once


@pytest.fixture
def listener(world: World, tmp_path: Path) -> Iterator[Listener]:
    """Open an inbox of 庆元."""
    made = Listener(world, tmp_path / "inbox.sqlite3")
    yield made
    made.inbox.close()
