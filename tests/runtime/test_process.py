"""Processes end when asked, and come back when they were not."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import pytest

from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.runtime.errors import ProcessError
from yizhan.runtime.process import StopSignal, Supervisor

if TYPE_CHECKING:
    from _typeshed import TraceFunction

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_the_second_ends(number: signal.Signals) -> None:
    """The loop sees the first one; the second one ends the process where it stands."""
    program = (
        "import time\nfrom yizhan.runtime.process import StopSignal\n"
        "stop = StopSignal().install()\nprint('ready', flush=True)\n"
        "stop.wait()\nprint('asked', stop.is_set(), flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as it:
        assert it.stdout is not None
        assert it.stdout.readline() == "ready\n"
        it.send_signal(number)
        assert it.stdout.readline() == "asked True\n"
        it.send_signal(number)
        assert it.wait(LIMIT_SECONDS) == 128 + number


def test_a_stop_can_be_asked_for_without_a_signal() -> None:
    """What a test or another thread sets is what a signal sets."""
    stop = StopSignal()
    assert not stop.wait(0)
    stop.set()
    assert stop.is_set()
    assert stop.wait(0)


def test_a_signal_may_come_at_any_line_of_waiting() -> None:
    """A handler runs between two lines of the very thread that waits: it must not wait for that thread."""

    def interrupted(stop: StopSignal, moment: int) -> None:
        lines = itertools.count()

        def trace(_frame: FrameType, _event: str, _said: object) -> TraceFunction:
            if next(lines) == moment:
                stop.set()
            return trace

        sys.settrace(trace)
        stop.wait(0.001)

    for moment in range(60):
        thread = threading.Thread(target=interrupted, args=(StopSignal(), moment), daemon=True)
        thread.start()
        thread.join(LIMIT_SECONDS)
        assert not thread.is_alive(), f"it hangs when the signal comes at step {moment}"


def test_a_killed_child_comes_back(tmp_path: Path) -> None:
    """After kill -9 there is another process of the same name, and it is counted."""
    with Supervisor(tmp_path) as supervisor:
        first = supervisor.start("inbox", SLEEPER)
        until(lambda: "up" in (tmp_path / "inbox.log").read_text())
        os.kill(first, signal.SIGKILL)
        until(lambda: supervisor.pid("inbox") not in {None, first})
        assert supervisor.starts("inbox") == 2
        until(lambda: (tmp_path / "inbox.log").read_text().count("up") == 2)


def test_a_child_that_is_done_stays_down(tmp_path: Path) -> None:
    """Exit status 0 means that the work is finished."""
    with Supervisor(tmp_path) as supervisor:
        supervisor.start("once", [sys.executable, "-c", ""])
        until(lambda: supervisor.pid("once") is None)
        time.sleep(0.5)
        assert supervisor.starts("once") == 1


def test_pauses_grow_while_a_child_keeps_dying(tmp_path: Path) -> None:
    """One that dies at once is not started in a tight loop."""
    with Supervisor(tmp_path) as supervisor:
        supervisor.start("broken", ["/bin/false"])
        time.sleep(1.2)
        assert 2 <= supervisor.starts("broken") <= 4


def test_children_are_stopped_in_reverse_order_and_stay_stopped(tmp_path: Path) -> None:
    """The last started ends first; nobody is left."""
    supervisor = Supervisor(tmp_path)
    pids = [supervisor.start(name, SLEEPER) for name in ("broker", "station", "inbox")]
    until(lambda: all((tmp_path / f"{name}.log").exists() for name in supervisor.names()))
    statuses = supervisor.stop_all()
    assert list(statuses) == ["inbox", "station", "broker"]
    assert set(statuses.values()) == {-signal.SIGTERM}
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_revived_child_is_stopped_gently_too(tmp_path: Path) -> None:
    """It gets the time to end in order, though the supervisor itself is ending."""
    program = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), sys.exit(3)))\n"
        "print('up', flush=True)\ntime.sleep(60)\n"
    )
    supervisor = Supervisor(tmp_path)
    first = supervisor.start("slow", [sys.executable, "-c", program])
    until(lambda: (tmp_path / "slow.log").read_text().count("up") == 1)
    os.kill(first, signal.SIGKILL)
    until(lambda: (tmp_path / "slow.log").read_text().count("up") == 2)
    assert supervisor.stop_all() == {"slow": 3}


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """After the timeout there is no more asking."""
    program = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(60)\n"
    )
    supervisor = Supervisor(tmp_path)
    supervisor.start("deaf", [sys.executable, "-c", program])
    until(lambda: "up" in (tmp_path / "deaf.log").read_text())
    assert supervisor.stop_all(timeout_seconds=0.3) == {"deaf": -signal.SIGKILL}


def test_children_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    """Kill -9 of the parent leaves nothing running."""
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from yizhan.runtime.process import Supervisor\n"
        f"pid = Supervisor(Path(sys.argv[1])).start('child', {SLEEPER!r})\n"
        "print(pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL
    stat = Path(f"/proc/{ended.stdout.strip()}/stat")
    until(lambda: not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] in "ZX")


def test_what_cannot_be_started_is_named(tmp_path: Path) -> None:
    """A program that is not there, and a name used twice."""
    with Supervisor(tmp_path) as supervisor:
        with pytest.raises(ProcessError, match="is it installed"):
            supervisor.start("ghost", ["/no/such/program"])
        supervisor.start("one", SLEEPER)
        with pytest.raises(ProcessError, match="not in use"):
            supervisor.start("one", SLEEPER)
