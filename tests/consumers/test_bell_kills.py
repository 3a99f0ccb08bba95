"""The bell's process killed with SIGKILL at each moment of a ring, on a real database with a real command."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.receiver import Listener
from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.consumers.bell.ring_store import RingStore

ROOT = Path(__file__).parents[2]
SCRIPT = """#!/bin/sh
# Dies with its bell once, before it is heard or after: $1 is when, $2 a folder.
cat > /dev/null
once() { [ "$2" = "$1" ] && mkdir "$3/killed" 2> /dev/null && kill -9 $PPID; }
once before "$1" "$2" && exit 0
echo heard >> "$2/heard"
once between "$1" "$2"
exit 0
"""


class Sirens:
    """A bell of one command, which writes down each time that it is run."""

    def __init__(self, listener: Listener, folder: Path, moment: str) -> None:
        self.listener, self.folder = listener, folder
        script = folder / "siren"
        script.write_text(SCRIPT, encoding="utf-8")
        script.chmod(0o700)
        self.toml = folder / "bell.toml"
        self.toml.touch(mode=0o600)
        command = f'["{script}", "{moment}", "{folder}"]'
        self.toml.write_text(f'[channels.siren]\ncommand = {command}\n[rungs]\nduty = ["siren"]\n', encoding="utf-8")
        with RingStore(listener.path, listener.county) as book:
            book.place()

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """Run the bell; killed when the block ends, if it still lives."""
        arguments = [str(self.listener.path), self.listener.county, str(self.toml)]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.consumers.bell_process", *arguments],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()
            process.communicate()

    def heard(self) -> int:
        """Count how often it was heard."""
        path = self.folder / "heard"
        return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0

    def delivered(self) -> int:
        """Count the alarms whose first ring is recorded as delivered."""
        with RingStore(self.listener.path, self.listener.county) as book:
            return sum(ring.state == "delivered" for ring, _tries in book.rings() if ring.plan.step == "alarm")


@pytest.mark.exhaustive
@pytest.mark.parametrize(("moment", "heard"), [("before", 1), ("between", 2), ("after", 1)])
def test_a_ring_survives_a_kill_at_each_moment(listener: Listener, tmp_path: Path, moment: str, heard: int) -> None:
    """Killed before it is heard: once. Between hearing and recording: twice, as promised. Recorded: never again."""
    sirens = Sirens(listener, tmp_path, moment)
    listener.deliver(listener.event())
    with sirens.running() as process:
        if moment == "after":
            until(lambda: sirens.delivered() == 1)
            process.kill()
        process.wait(LIMIT_SECONDS)
        assert process.returncode == -signal.SIGKILL
    with sirens.running() as process:
        until(lambda: sirens.delivered() == 1)
        process.terminate()
        process.wait(LIMIT_SECONDS)
    assert sirens.heard() == heard


@pytest.mark.exhaustive
def test_kills_at_any_moment_lose_no_ring_and_repeat_few(listener: Listener, tmp_path: Path) -> None:
    """Twelve alarms, three kills at moments of chance: each is delivered; only those on their way are repeated."""
    sirens, chance = Sirens(listener, tmp_path, "never"), random.Random(5)
    for _ in range(12):
        listener.deliver(listener.event())
    doubtful = 0
    for _ in range(3):
        with sirens.running() as process:
            time.sleep(chance.uniform(0.0, 0.2))
            process.kill()
            process.wait(LIMIT_SECONDS)
        with RingStore(listener.path, listener.county) as book:
            doubtful += sum(ring.state == "tried" for ring, _tries in book.rings())
        for _ in range(2):
            listener.deliver(listener.event())
    with sirens.running():
        until(lambda: sirens.delivered() == 18)
    assert 18 <= sirens.heard() <= 18 + doubtful


@pytest.mark.exhaustive
def test_an_orderly_end_records_what_was_being_sent(listener: Listener, tmp_path: Path) -> None:
    """SIGTERM while a command runs: it is waited for, recorded, and not run again."""
    sirens = Sirens(listener, tmp_path, "never")
    script = tmp_path / "siren"
    script.write_text(f"#!/bin/sh\necho heard >> {tmp_path}/heard\nsleep 0.5\n", encoding="utf-8")
    listener.deliver(listener.event())
    with sirens.running() as process:
        until(lambda: sirens.heard() == 1)
        process.terminate()
        assert process.wait(LIMIT_SECONDS) == 0
    assert sirens.delivered() == 1
