"""What somebody might have written wrongly is found: each planted error breaks a law at one of the first seeds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.planted import found
from tests.simulation.world import simulated

MOST = 70
"""Seeds that are tried."""
QUICK = (
    "closing that misses late events",
    "digest event sent at once",
    "reader without its unique key",
    "newest sent first",
    "signature that is not checked",
    "offset committed before the outputs were acknowledged",
    "statements not sent again after death",
    "table written before the outputs were acknowledged",
    "bell that forgets at a restart",
    "event marked as sent before the broker had it",
)
"""Found within few seeds; ``python -m tests.simulation --planted 300`` looks for all."""


@pytest.fixture(autouse=True, scope="module")
def _simulated() -> Iterator[None]:
    with simulated():
        yield


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", QUICK)
def test_a_planted_error_is_found(name: str) -> None:
    """A law breaks with the error."""
    assert found(name, MOST) is not None
