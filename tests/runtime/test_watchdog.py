"""A watchdog ends what no longer moves, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.world.waiting import LIMIT_SECONDS
from yizhan.runtime.metrics import watch_gauge
from yizhan.runtime.watchdog import EXIT_STALLED, Watchdog


def test_silence_is_a_stall() -> None:
    """Without a beat the stall is called, once."""
    stalled = threading.Event()
    dog = Watchdog(0.1, stalled.set).start()
    assert stalled.wait(LIMIT_SECONDS)
    dog.stop()


@pytest.mark.exhaustive
def test_beats_keep_it_quiet() -> None:
    """As long as beats come nothing happens, and after stop nothing ever does."""
    stalled = threading.Event()
    dog = Watchdog(2.0, stalled.set).start()  # a loaded machine may keep this thread waiting for most of it
    for _ in range(50):
        time.sleep(0.05)
        dog.beat()
    dog.stop()
    assert not stalled.wait(2.5)


@pytest.mark.parametrize("seconds", [0, -1.0])
def test_no_time_at_all_is_refused(seconds: float) -> None:
    """A watchdog that would bite at once is a mistake in the settings."""
    with pytest.raises(ValueError, match="expected > 0"):
        Watchdog(seconds)


def test_a_stuck_process_ends_with_its_stacks_in_the_log() -> None:
    """Exit status 70, and the line where it hung can be read."""
    program = (
        "import time\nfrom yizhan.runtime.watchdog import Watchdog\n"
        "def hangs_here():\n    time.sleep(60)\n"
        "Watchdog(0.2).start()\nhangs_here()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )
    assert ended.returncode == EXIT_STALLED
    assert "hangs_here" in ended.stderr


def test_the_silence_is_a_metric() -> None:
    """Prometheus sees how long the work has been silent and how long it may be."""
    registry = CollectorRegistry()
    watch_gauge(Watchdog(60), registry)
    text = generate_latest(registry).decode()
    assert "yizhan_watchdog_silence_seconds 0." in text
    assert "yizhan_watchdog_timeout_seconds 60.0" in text
