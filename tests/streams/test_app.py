"""The worker's shell around Faust."""

from __future__ import annotations

import subprocess
import sys

import pytest

from yizhan.streams.app import EXIT_FAILED

CRASHING = """
import asyncio, logging
from yizhan.streams.app import App

logging.basicConfig()
app = App("test", broker="kafka://127.0.0.1:1", store="memory://", web_enabled=False)

async def main():
    assert not app.flowing()
    await app.tables.crash(RuntimeError("a request failed"))
    await asyncio.sleep(5)

asyncio.run(main())
"""


@pytest.mark.exhaustive
def test_a_service_of_faust_that_crashes_ends_the_process_at_once() -> None:
    """Faust would stop its other services in good order, and wait for answers that do not come."""
    done = subprocess.run([sys.executable, "-c", CRASHING], capture_output=True, text=True, check=False)
    assert done.returncode == EXIT_FAILED, done.stderr
    assert "Faust crashed: RuntimeError('a request failed')" in done.stderr
