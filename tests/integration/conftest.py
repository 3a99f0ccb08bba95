"""One real broker for all integration tests of a run, or of one of its workers."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.world.cluster import Cluster
from yizhan.deploy.home import bring_up
from yizhan.schemas.sample import SIX


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder: `-m "not integration"` leaves it out."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.integration)
            # kafka-python leaves the socket of a connection that broke to the garbage collector.
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <s:ResourceWarning"))


@pytest.fixture(scope="module", autouse=True)
def leave_no_sockets() -> Iterator[None]:
    """Collect what kafka-python left open in a module, whose brokers die: another module is not to be blamed for it."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start a broker with the six counties' topics and rules; stop it at the end of the run.

    The first run on a machine fetches Kafka's jars (about 30 s).
    """
    home = tmp_path_factory.mktemp("cluster")
    brokers, _ = bring_up(home, SIX, now=datetime.now(UTC))
    try:
        yield Cluster(home, brokers.first)
    finally:
        brokers.stop(0)  # its data go too
