"""A desk and its outbox, open for one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.sender import Desk
from yizhan.producers.dispatch import Dispatch
from yizhan.producers.outbox import Outbox
from yizhan.schemas.i18n import set_language


@pytest.fixture(autouse=True)
def _chinese() -> Iterator[None]:
    """Speak Chinese, whatever a test before chose."""
    set_language("zh_CN")
    yield
    set_language("zh_CN")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A county of the simulated world with an empty folder."""
    return Desk(tmp_path)


@pytest.fixture
def outbox(desk: Desk) -> Iterator[Outbox]:
    """Its outbox, new."""
    with desk.open() as opened:
        yield opened


@pytest.fixture
def dispatch(desk: Desk, outbox: Outbox) -> Iterator[Dispatch]:
    """The outbox's sending side."""
    with desk.dispatch(outbox) as opened:
        yield opened
