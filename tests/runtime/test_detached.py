"""A background process is found again by its file, and only that very process is ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.runtime.detached import Detached
from yizhan.runtime.errors import ProcessError

SLEEPS = "import time; print('here', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"


def start(folder: Path, program: str) -> Detached:
    """Start a program, and wait until it has said something."""
    process, log = Detached(folder / "pid"), folder / "log"
    process.start([sys.executable, "-S", "-c", program], log)
    until(lambda: "here" in log.read_text(), "its first word")
    return process


def test_it_is_found_again_and_ended(tmp_path: Path) -> None:
    """Another object that reads the file finds the process, waits for it, and ends it."""
    process = start(tmp_path, SLEEPS)
    again = Detached(tmp_path / "pid")
    assert again.pid() == process.pid() is not None
    assert not again.ended_within(0.01)
    assert process.stop(LIMIT_SECONDS)
    assert again.pid() is None
    assert again.ended_within(0)
    assert not again.stop(LIMIT_SECONDS)


def test_what_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """A process that does not end in time is killed."""
    process = start(tmp_path, STUBBORN)
    assert process.stop(0.05)
    assert process.pid() is None


def test_another_process_with_its_number_is_left_alone(tmp_path: Path) -> None:
    """A number that now belongs to another process is not signalled."""
    with subprocess.Popen([sys.executable, "-S", "-c", SLEEPS], stdout=subprocess.DEVNULL) as other:
        record = Detached(tmp_path / "pid")
        record.remember(other.pid)
        kept = json.loads(record.path.read_text())
        record.path.write_text(json.dumps(kept | {"started": kept["started"] + "1"}))
        assert record.pid() is None
        assert not record.stop(LIMIT_SECONDS)
        assert other.poll() is None
        other.send_signal(signal.SIGKILL)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A program that cannot be started is an error with its path, and no file is left."""
    with pytest.raises(ProcessError, match="/nowhere/program"):
        Detached(tmp_path / "pid").start(["/nowhere/program"], tmp_path / "log")
    assert not (tmp_path / "pid").exists()


def test_what_cannot_be_recorded_does_not_run(tmp_path: Path) -> None:
    """When the file cannot be written, as on a full disk, the process is ended and the file is named."""
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children")
    before = children.read_text()
    process = Detached(tmp_path / "full" / "pid")
    with pytest.raises(ProcessError) as caught:
        process.start([sys.executable, "-S", "-c", SLEEPS], tmp_path / "log")
    assert str(process.path) in str(caught.value)
    assert "installed" not in str(caught.value)
    assert children.read_text() == before


def test_who_started_it_is_known(tmp_path: Path) -> None:
    """A process is the child of the one that started it, and not of another."""
    assert start(tmp_path, SLEEPS).is_child()
    assert Detached(tmp_path / "pid").stop(LIMIT_SECONDS)
    assert not Detached(tmp_path / "pid").is_child()
    init = Detached(tmp_path / "init")
    init.remember(1)
    assert not init.is_child()
