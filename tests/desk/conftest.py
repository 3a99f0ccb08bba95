"""A county's desk that runs, for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.world.desk import DeskWorld, running_desk
from tests.world.station import with_a_fire


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskWorld]:
    """Run the desk of 庆元, where a fire rings, with an account for each role."""
    with running_desk(with_a_fire(tmp_path_factory.mktemp("desk") / "home")) as world:
        yield world
