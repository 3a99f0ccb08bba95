"""A home of two counties and 寿宁's drafts, for the tests of forms; a file with a home of its own defines it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.simulator import SHOUNING
from yizhan.producers.draft_store import DraftStore
from yizhan.runtime.clock import utc_now
from yizhan.schemas.sample import TWO
from yizhan.services.home import Home
from yizhan.services.sample import make_sample
from yizhan.services.stores import open_drafts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the home of the two counties that really signed."""
    path = tmp_path_factory.mktemp("home") / "home"
    make_sample(path, TWO, utc_now())
    return path


@pytest.fixture
def home(folder: Path) -> Home:
    """Open it."""
    return Home(folder)


@pytest.fixture
def store(home: Home) -> Iterator[DraftStore]:
    """Open the drafts of 寿宁."""
    with open_drafts(home, SHOUNING) as opened:
        yield opened
