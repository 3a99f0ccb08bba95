"""What operators install fits what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
TIMED = [path for path in UNITS if path.with_suffix(".timer").exists()]


@pytest.mark.parametrize("path", [path for path in UNITS if path not in TIMED], ids=lambda path: path.name)
def test_units_start_again_for_ever(path: Path) -> None:
    """A process that ends itself comes back each time, and stops in order."""
    lines = path.read_text("utf-8").splitlines()
    for line in ("Restart=always", "StartLimitIntervalSec=0", "KillSignal=SIGTERM", "UMask=0077"):
        assert line in lines


@pytest.mark.parametrize("path", TIMED, ids=lambda path: path.name)
def test_timed_units_run_once_each_time(path: Path) -> None:
    """What a timer starts ends by itself, and a machine that slept catches up."""
    lines = path.read_text("utf-8").splitlines()
    for line in ("Type=oneshot", "UMask=0077"):
        assert line in lines
    assert "Restart=always" not in lines
    assert "Persistent=true" in path.with_suffix(".timer").read_text("utf-8").splitlines()
