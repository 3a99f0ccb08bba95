"""What holds for every test and every documented example."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True, scope="session")
def _developers_environment_is_out_of_sight() -> None:
    """No setting of the developer's own Yizhan (``YIZHAN_…``) reaches a test."""
    for name in [name for name in os.environ if name.startswith("YIZHAN_")]:
        del os.environ[name]
