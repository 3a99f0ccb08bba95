"""Short forms of what is run by hand: faults and measurements run, and count rightly."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from bench import faults
from bench.short import SHORT

pytestmark = pytest.mark.timeout(900)  # a minute each on a quiet machine


def test_nothing_is_lost_when_each_process_is_killed_once() -> None:
    """Station, inbox and publisher are killed under load, while others start: all arrives, once, in order, is final."""
    found = told("bench.faults")
    assert {word: found.get(word, 0) for word in faults.WRONG} == dict.fromkeys(faults.WRONG, 0)
    (section,) = found["faults"].values()
    assert (section["times"], section["not_final"]) == (1, 0)
    assert section["accepted"] > 20


def test_each_measurement_runs() -> None:
    """Every part of the bench that has a short form runs once, in its own process."""
    found = told("bench")
    assert set(SHORT) <= set(found)
    assert [name for name in SHORT if "failed" in found[name]] == []


def told(module: str) -> dict[str, Any]:
    """Run the short form as a person would; what it prints."""
    done = subprocess.run([sys.executable, "-m", module, "--short"], capture_output=True, check=False, encoding="utf-8")
    assert done.stdout.startswith("{"), done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr[-3000:]
    return found
