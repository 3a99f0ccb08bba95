"""A reader of a charter, for the tests of attacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.charter.reading import Reading
from tests.world.ceremony import first_charter
from tests.world.simulator import NOW, World
from yizhan.charter.fetch import MemorySource
from yizhan.charter.reader import CharterReader
from yizhan.schemas.sample import TWO


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    """Two counties and their first charter, adopted by a reader."""
    world = World(TWO)
    ceremony = first_charter(world)
    made = Reading(world, ceremony, NOW, tmp_path)
    made.reader = CharterReader(
        ceremony.archive(tmp_path / "charter"), MemorySource(ceremony.published), lambda: made.now
    )
    return made
