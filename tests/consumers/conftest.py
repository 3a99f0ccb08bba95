"""A county that listens, for every test of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.consumers.bell_cases import Bell
from tests.world.phones import Phone, phones
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


@pytest.fixture
def made() -> Iterator[list[Phone]]:
    """Serve four phones."""
    with phones(4) as served:
        yield served


@pytest.fixture
def bell(listener: Listener, tmp_path: Path, made: list[Phone]) -> Iterator[Bell]:
    """Open a bell with a phone a rung, that has looked once at an empty inbox."""
    opened = Bell(listener, tmp_path, made)
    opened.ring()
    yield opened
    opened.ringer.store.close()
