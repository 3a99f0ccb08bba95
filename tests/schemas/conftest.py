"""A charter with keys that began, ended or were revoked, for the tests of admission."""

from __future__ import annotations

import pytest

from tests.schemas.admit_cases import NEW, NEW_SEAL, OLD, OLD_SEAL, PARTNER, REVOKED, REVOKED_SEAL, SENDER, TURN
from tests.world.forge import register
from tests.world.simulator import START, World, load
from yizhan.schemas.keys import SealingKey, SigningKey
from yizhan.schemas.timestamps import written


@pytest.fixture(scope="module")
def world() -> World:
    """Return six counties, two of which have keys that began, ended or were revoked on 1 October."""
    world = World()
    files = world.files
    start, turn = written(START), written(TURN)
    keys: dict[str, tuple[SigningKey | SealingKey, ...]] = {
        SENDER: (OLD, NEW, REVOKED),
        PARTNER: (OLD_SEAL, NEW_SEAL, REVOKED_SEAL),
    }
    for county, (old, new, revoked) in keys.items():
        files = register(files, county, old, not_before=start, not_after=turn)
        files = register(files, county, new, not_before=turn)
        files = register(files, county, revoked, not_before=start, revoked=turn)
    world.charter = load(files)
    return world
