"""A face sees that a county's process no longer advances, though its lock is held."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import pytest

from tests.world.receiver import Listener
from tests.world.sender import Desk
from tests.world.simulator import SHOUNING, World
from tests.world.waiting import until
from yizhan.consumers import reader
from yizhan.producers import publisher
from yizhan.runtime import heartbeat
from yizhan.runtime.heartbeat import Heartbeat, beat_path, silence_seconds
from yizhan.runtime.process import StopSignal
from yizhan.runtime.settings import Settings
from yizhan.services.home import Home
from yizhan.services.processes import progress_age
from yizhan.services.stores import inbox_path, outbox_path

NO_BROKER: Final = Settings(bootstrap_servers="127.0.0.1:1", kafka_security="plaintext")


def test_a_heart_beats_once_a_second_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is touched as long as the work advances; a silent process has an age; what cannot be written is left."""
    lock = tmp_path / "inbox.sqlite3.reader"
    assert silence_seconds(lock) is None
    heart = Heartbeat(lock)
    heart.beat()
    path = beat_path(lock)
    assert path.stat().st_mode & 0o777 == 0o600
    os.utime(path, (time.time() - 20, time.time() - 20))
    heart.beat()
    assert 19 < (silence_seconds(lock) or 0) < 60
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.0)
    heart = Heartbeat(lock)
    heart.beat()
    assert (silence_seconds(lock) or 0) < 15
    Heartbeat(tmp_path / "missing" / "lock").beat()


def test_a_clock_that_was_set_back_makes_no_silent_process_alive(tmp_path: Path) -> None:
    """A beat of the future is as old as it is far away."""
    lock = tmp_path / "inbox.sqlite3.reader"
    Heartbeat(lock).beat()
    os.utime(beat_path(lock), (time.time() + 3600, time.time() + 3600))
    assert (silence_seconds(lock) or 0) > 3000


def run_inbox(home: Home) -> None:
    """Receive, without a broker."""
    path = inbox_path(home, SHOUNING)
    inbox = Listener(World(), path, SHOUNING).inbox
    reader.run(inbox, NO_BROKER, StopSignal())


def run_outbox(home: Home) -> None:
    """Send, without a broker."""
    with Desk(outbox_path(home, SHOUNING).parent).open() as outbox:
        publisher.run(outbox, NO_BROKER, StopSignal())


@pytest.mark.parametrize(("kind", "run"), [("inbox", run_inbox), ("outbox", run_outbox)])
def test_a_running_process_says_that_it_advances(
    tmp_path: Path, kind: Literal["inbox", "outbox"], run: Callable[[Home], None]
) -> None:
    """The working loop of ``inbox run`` and ``outbox run`` beats, also while no broker answers."""
    home = Home(tmp_path)
    home.county_folder(SHOUNING).mkdir(parents=True)
    assert progress_age(home, SHOUNING, kind) is None
    child = os.fork()
    if child == 0:
        try:
            run(home)
        finally:
            os._exit(1)
    until(lambda: progress_age(home, SHOUNING, kind) is not None)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
