"""A wakeup wakes the listener, and never blocks its sender."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from yizhan.runtime.wakeup import WakeupListener, address, notify


def test_a_wakeup_wakes_the_listener_at_once(tmp_path: Path) -> None:
    """The wait ends long before its timeout."""
    with WakeupListener(tmp_path / "n") as listener:
        timer = threading.Timer(0.05, notify, [tmp_path / "n"])
        timer.start()
        begun = time.monotonic()
        assert listener.wait(10)
        assert time.monotonic() - begun < 2
        timer.join()


def test_without_a_wakeup_the_wait_ends_in_time(tmp_path: Path) -> None:
    """False after the timeout, and at once for no timeout at all."""
    with WakeupListener(tmp_path / "n") as listener:
        assert not listener.wait(0.02)
        assert not listener.wait(0)


def test_earlier_wakeups_count_once(tmp_path: Path) -> None:
    """Many wakeups count as one: the listener then does all the work."""
    with WakeupListener(tmp_path / "n") as listener:
        for _ in range(5):
            notify(tmp_path / "n")
        assert listener.wait(0)
        assert not listener.wait(0)


def test_nobody_there_is_silence(tmp_path: Path) -> None:
    """No listener, no folder, a plain file in its place: the writer notices nothing."""
    (tmp_path / "plain").touch()
    for name in ("absent", "no/folder", "plain"):
        notify(tmp_path / name)


def test_a_full_listener_does_not_block_the_writer(tmp_path: Path) -> None:
    """Ten thousand wakeups to a listener that never reads take no time and raise nothing."""
    with WakeupListener(tmp_path / "n") as listener:
        begun = time.monotonic()
        for _ in range(10_000):
            notify(tmp_path / "n")
        assert time.monotonic() - begun < 5
        assert listener.wait(0)


def test_a_long_path_falls_back_to_a_short_name(tmp_path: Path) -> None:
    """Over 107 bytes both sides find the same name in the temporary folder."""
    path = tmp_path / ("深" * 40) / "n"
    assert len(address(path).encode()) <= 107
    with WakeupListener(path) as listener:
        notify(path)
        assert listener.wait(1)
    assert not Path(address(path)).exists()
    folder = Path(address(path)).parent
    assert (folder.stat().st_mode & 0o777, folder.stat().st_uid) == (0o700, os.getuid())


def test_a_folder_that_somebody_else_laid_there_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A link in its place: nobody listens there, the reason is said, and waiting is looking from time to time."""
    (tmp_path / "theirs").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / f"yizhan-{os.getuid()}").symlink_to(tmp_path / "theirs")
    with WakeupListener(tmp_path / ("深" * 40) / "n") as listener:
        assert not listener.wait(0.01)
    assert "remove it" in caplog.text
    assert not list((tmp_path / "theirs").iterdir())


def test_a_dead_listeners_place_is_taken(tmp_path: Path) -> None:
    """A socket file left by a killed process does not stop the next one."""
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from yizhan.runtime.wakeup import WakeupListener\n"
        "listener = WakeupListener(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "n")], check=False)
    assert (tmp_path / "n").exists()
    with WakeupListener(tmp_path / "n") as listener:
        notify(tmp_path / "n")
        assert listener.wait(1)


def test_an_ousted_listener_leaves_its_successor_alone(tmp_path: Path) -> None:
    """Closing the earlier one does not take the later one's socket away."""
    first = WakeupListener(tmp_path / "n")
    with WakeupListener(tmp_path / "n") as second:
        first.close()
        notify(tmp_path / "n")
        assert second.wait(1)
    assert not (tmp_path / "n").exists()
