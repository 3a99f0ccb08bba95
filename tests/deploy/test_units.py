"""Units of systemd: processes come back, say how they stand, and may do little."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from yizhan.runtime.settings import Settings
from yizhan.runtime.supervision import MARGIN_SECONDS

UNITS = sorted((Path(__file__).parents[2] / "deploy" / "systemd").glob("*.service"))
TIMED = [path for path in UNITS if path.with_suffix(".timer").exists()]
LASTING = [path for path in UNITS if path not in TIMED]
EXPOSURE = 20
"""Of ``systemd-analyze security``, in tenths: 2.0."""

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


@pytest.mark.parametrize("path", LASTING, ids=lambda path: path.name)
def test_units_start_again_for_ever(path: Path) -> None:
    """A process that ends itself comes back each time, and stops in order."""
    for line in ("Restart=always", "StartLimitIntervalSec=0", "KillSignal=SIGTERM", "UMask=0077"):
        assert line in _lines(path)


@pytest.mark.parametrize("path", LASTING, ids=lambda path: path.name)
def test_units_hear_how_their_process_stands(path: Path) -> None:
    """Each process of ours says when it is ready and that it advances; Kafka says nothing.

    systemd waits longer than our own watchdog, which writes every thread's stack before it ends the process.
    """
    if path.name.startswith("yizhan-broker"):
        assert "Type=exec" in _lines(path)
        return
    seconds = Settings().watchdog_seconds + MARGIN_SECONDS
    for line in ("Type=notify", f"WatchdogSec={seconds:.0f}"):
        assert line in _lines(path)


@pytest.mark.parametrize("path", TIMED, ids=lambda path: path.name)
def test_timed_units_run_once_each_time(path: Path) -> None:
    """What a timer starts ends by itself, and a machine that slept catches up."""
    for line in ("Type=oneshot", "UMask=0077"):
        assert line in _lines(path)
    assert "Restart=always" not in _lines(path)
    assert "Persistent=true" in _lines(path.with_suffix(".timer"))


@needs_systemd
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_may_do_little(path: Path) -> None:
    """``systemd-analyze security`` gives each unit less than 2.0 of 10."""
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE - 1}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-400:] + done.stderr


@needs_systemd
def test_systemd_understands_every_unit() -> None:
    """``systemd-analyze verify`` finds nothing to say."""
    units = map(str, [*UNITS, *(path.with_suffix(".timer") for path in TIMED)])
    command = ["systemd-analyze", "verify", "--man=no", *units]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
