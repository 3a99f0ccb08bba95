"""The processes of a home are started, found and ended as one; what is not ours is left alone.

Stand-ins hold the same locks and write the same words as ours; ``tests/integration`` starts the real ones.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.world.command import run
from tests.world.simulator import QINGYUAN, SHOUNING
from tests.world.stand_ins import NAMES, broker_elsewhere, stand_in
from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.runtime.detached import Detached
from yizhan.runtime.errors import AlreadyRunning
from yizhan.schemas.actions import Action
from yizhan.schemas.errors import NotFound
from yizhan.services.errors import ServiceError
from yizhan.services.home import Home
from yizhan.services.process_control import start_processes, stop_processes
from yizhan.services.processes import (
    DESK_FILE,
    ProcessState,
    desk_port,
    home_processes,
    is_running,
    last_lines,
    log_files,
    new_text,
)
from yizhan.services.sample import make_sample


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the home of two counties once."""
    folder = tmp_path_factory.mktemp("up") / "home"
    make_sample(folder, (SHOUNING, QINGYUAN), datetime.now(UTC))
    return folder


@pytest.fixture
def home(signed: Path, tmp_path: Path) -> Iterator[Home]:
    """Return a home whose broker is elsewhere and answers; whatever runs in it at the end is ended."""
    with broker_elsewhere(shutil.copytree(signed, tmp_path / "home")) as home:
        yield home


@pytest.fixture
def signals_of_before() -> Iterator[None]:
    """Put back what ``up`` and ``down`` do on a signal: here they run in this process."""
    before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGHUP)]
    yield
    for number, handler in before:
        signal.signal(number, handler)


def states(found: Sequence[ProcessState]) -> dict[str, str]:
    """Return name → state, in order."""
    return {each.name: each.state for each in found}


def running(home: Home) -> list[str]:
    """Return the names of what runs."""
    return [each.name for each in home_processes(home) if is_running(each)]


def test_only_what_is_missing_is_started(home: Home) -> None:
    """All are started, in order; the second time none; after one was killed, that one."""
    assert states(start_processes(home, stand_in(home), lambda _state: None)) == dict.fromkeys(NAMES, "started")
    assert running(home) == NAMES
    assert set(states(start_processes(home, stand_in(home), lambda _state: None)).values()) == {"running"}
    pid = Detached(home.path / "run" / "ledger.pid").pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: "ledger" not in running(home), "its end")
    again = states(start_processes(home, stand_in(home), lambda _state: None))
    assert [name for name, state in again.items() if state == "started"] == ["ledger"]


def test_only_what_was_started_here_is_ended(home: Home) -> None:
    """A process that somebody else started goes on, and is named; the others end, who sends before who forwards."""
    station = home_processes(home)[0]
    log = home.path / "other.log"
    with log.open("wb") as out, subprocess.Popen(stand_in(home)(station.action), stdout=out) as other:
        until(lambda: is_running(station), "its lock")
        start_processes(home, stand_in(home), lambda _state: None)
        ended = stop_processes(home, lambda _state: None)
        assert [each.name for each in ended] == [*NAMES[6:], "ledger", *NAMES[3:5], *NAMES[1:3], "station"]
        assert [each.state for each in ended] == [*["stopped"] * 7, "running"]
        assert running(home) == ["station"]
        other.kill()


def test_a_county_with_accounts_has_a_desk(home: Home) -> None:
    """The desk of a county that has one is started last and ended first; each of a home has a port of its own."""
    for county in (SHOUNING, QINGYUAN):
        (home.path / "counties" / county / DESK_FILE).touch()
    desks = [f"desk-{QINGYUAN}", f"desk-{SHOUNING}"]
    started = states(start_processes(home, stand_in(home), lambda _state: None))
    assert started == dict.fromkeys([*NAMES, *desks], "started")
    assert [each.name for each in stop_processes(home, lambda _state: None)][:2] == desks
    assert [desk_port(home, county) for county in (QINGYUAN, SHOUNING)] == [8443, 8444]


def recorded(home: Home) -> dict[str, int | None]:
    """Return name → process id of what ``up`` recorded."""
    return {path.stem: Detached(path).pid() for path in (home.path / "run").glob("*.pid")}


def test_what_was_not_ready_is_waited_for_again_and_not_started_twice(home: Home) -> None:
    """The second start finds the processes of the first, though one holds no lock yet; the end leaves none."""
    command, ledger = stand_in(home, slow="ledger"), home_processes(home)[5]
    assert states(start_processes(home, command, lambda _state: None, seconds=0))["ledger"] == "not_ready"
    first = recorded(home)
    assert states(start_processes(home, command, lambda _state: None, seconds=0))["ledger"] == "not_ready"
    ledger.lock.with_name(ledger.lock.name + ".go").touch()
    assert states(start_processes(home, command, lambda _state: None))["ledger"] == "started"
    assert recorded(home) == first
    assert states(start_processes(home, command, lambda _state: None))["ledger"] == "running"
    stop_processes(home, lambda _state: None)
    assert running(home) == []
    assert not [pid for pid in first.values() if pid and Path(f"/proc/{pid}/exe").exists()]  # a zombie has none


def test_what_says_that_it_is_ready_and_holds_no_lock_is_not(home: Home) -> None:
    """A process that writes that it is ready, but holds no lock, is not ready."""

    def command(action: Action) -> Sequence[str]:
        *python, _program, lock = stand_in(home)(action)
        program = "import time; print('Worker ready: ready', flush=True); time.sleep(600)"
        return [*python, program if action.kind == "ledger.run" else _program, lock]

    start_processes(home, command, lambda _state: None, seconds=0)
    until(lambda: "Worker ready" in log_files(home)["ledger"].read_text(), "its word")
    assert states(start_processes(home, command, lambda _state: None, seconds=0))["ledger"] == "not_ready"


def test_one_start_at_a_time(home: Home) -> None:
    """A second start, or an end, while one is at work is refused."""
    refused = []

    def again(state: ProcessState) -> None:
        if state.name == "station":
            with pytest.raises(AlreadyRunning):
                start_processes(home, stand_in(home), print)
            with pytest.raises(AlreadyRunning):
                stop_processes(home, print)
            refused.append(state.state)

    start_processes(home, stand_in(home), again)
    assert refused == ["started"]


def test_what_ended_while_others_were_waited_for_is_seen(home: Home) -> None:
    """The last look finds that a process has ended, and says so after its earlier state."""
    said: list[ProcessState] = []

    def observe(state: ProcessState) -> None:
        said.append(state)
        if state.name == "ledger" and state.state == "started":
            Detached(home.path / "run" / "station.pid").stop(LIMIT_SECONDS)

    found = start_processes(home, stand_in(home), observe)
    assert states(found) == dict.fromkeys(NAMES, "started") | {"station": "ended"}
    assert [(each.name, each.state) for each in said if each.name == "station"] == [
        ("station", "started"),
        ("station", "ended"),
    ]


def test_nobody_has_to_read_what_is_said(home: Home) -> None:
    """`yizhan up | head -1` starts everything, and `yizhan down | head -1` ends it."""

    def closed(_state: ProcessState) -> None:
        raise BrokenPipeError

    assert states(start_processes(home, stand_in(home), closed)) == dict.fromkeys(NAMES, "started")
    assert running(home) == NAMES
    stop_processes(home, closed)
    assert running(home) == []


def test_a_broker_that_another_command_started_is_left_alone(signed: Path, tmp_path: Path) -> None:
    """An interrupt while somebody else's broker is waited for does not end it."""
    home = Home(shutil.copytree(signed, tmp_path / "home"))
    (home.path / "broker").mkdir()
    shell = ["/bin/sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $!"]
    other = int(subprocess.run(shell, capture_output=True, check=True).stdout)
    record = Detached(home.path / "broker" / "pid")

    class Meanwhile:
        """Another command starts the broker, and then Ctrl-C is pressed here."""

        def advance(self, steps: float = 1) -> None:
            """Take no note."""

        def describe(self, _text: str) -> None:
            record.remember(other)
            raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            start_processes(home, stand_in(home), lambda _state: None, Meanwhile())
        assert record.pid() == other
    finally:
        os.kill(other, signal.SIGKILL)


@pytest.mark.usefixtures("signals_of_before")
def test_an_end_where_nothing_was_started_makes_nothing(tmp_path: Path) -> None:
    """``down`` in a home that is not there makes nothing."""
    assert stop_processes(Home(tmp_path / "none"), lambda _state: None) == ()
    assert list(tmp_path.iterdir()) == []
    assert "没有 yizhan up 启动的进程在运行" in run("--home", str(tmp_path / "none"), "down").out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("signals_of_before")
def test_a_county_that_nobody_can_be_called_in_is_named(home: Home) -> None:
    """`up` names each county without a bell, with the command that makes one; nothing more is wrong."""
    start_processes(home, stand_in(home), lambda _state: None)
    (home.county_folder(QINGYUAN) / "bell.toml").touch()
    words = ("--home", str(home.path), "up")
    said = run(*words).out
    assert f"叫不到任何人；请运行 yizhan bell init --county {SHOUNING}\n" in said
    assert f"--county {QINGYUAN}" not in said
    shown = json.loads(run(*words, "--json").out)
    assert shown["without_bell"] == [SHOUNING]
    assert {each["state"] for each in shown["processes"]} == {"running"}


def test_a_record_of_an_unknown_name_does_not_stop_the_end(home: Home) -> None:
    """A recorded process of an unknown name is ended too, before the others."""
    start_processes(home, stand_in(home), lambda _state: None)
    with subprocess.Popen(["/bin/sleep", "600"]) as old:
        Detached(home.path / "run" / "old.pid").remember(old.pid)
        assert states(stop_processes(home, lambda _state: None)) == dict.fromkeys(["old", *NAMES], "stopped")


def test_what_ends_at_once_is_shown_with_its_last_words(home: Home) -> None:
    """A process that ends at once is shown with the end of its log; the others work."""
    found = start_processes(home, stand_in(home, failing="ledger"), lambda _state: None)
    (bad,) = [each for each in found if each.failed]
    assert (bad.name, bad.state, bad.last_lines) == ("ledger", "ended", ("one", "the key is locked"))
    assert running(home) == [name for name in NAMES if name != "ledger"]


def test_an_interrupted_start_leaves_nothing(home: Home) -> None:
    """Ctrl-C while they are waited for ends what was started, and not what ran before."""
    start_processes(home, stand_in(home), lambda _state: None)
    Detached(home.path / "run" / "station.pid").stop(LIMIT_SECONDS)
    Detached(home.path / "run" / f"cosign-{SHOUNING}.pid").stop(LIMIT_SECONDS)

    def interrupt(state: ProcessState) -> None:
        if state.state == "started":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start_processes(home, stand_in(home), interrupt)
    assert running(home) == NAMES[1:-1]
    assert not (home.path / "run" / "station.pid").exists()


def test_without_a_broker_nothing_is_started(home: Home) -> None:
    """A broker elsewhere that does not answer is named before anything is started."""
    (home.path / "yizhan.toml").write_text('bootstrap_servers = "127.0.0.1:9"\nkafka_security = "plaintext"\n')
    with pytest.raises(ServiceError, match=r"127\.0\.0\.1:9"):
        start_processes(Home(home.path), stand_in(home), lambda _state: None)
    assert running(home) == []


def test_a_home_without_keys_has_nothing_to_start(tmp_path: Path) -> None:
    """A home without keys is refused, and the error says how to make one."""
    with pytest.raises(ServiceError) as caught:
        start_processes(Home(tmp_path), lambda _action: [], lambda _state: None)
    assert caught.value.hint == Action.to("sample.init")


def test_logs_are_read_from_their_end(home: Home) -> None:
    """The last lines come first; what is written later is read from there; an unknown name is refused."""
    start_processes(home, stand_in(home, failing="ledger"), lambda _state: None)
    path = log_files(home, "ledger")["ledger"]
    lines, end = last_lines(path, 1)
    assert lines == ("the key is locked",)
    with path.open("a") as file:
        file.write("later\n")
    assert new_text(path, end) == ("later\n", end + 6)
    assert set(log_files(home)) == set(NAMES)
    shown = run("--home", str(home.path), "logs", "--lines", "2").out
    assert shown.count("ledger | ") == 2
    assert "station | Worker ready" in shown
    assert run("--home", str(home.path), "logs", "ledger", "--lines", "1").out == "later\n"


def test_a_log_is_followed_line_by_line(tmp_path: Path) -> None:
    """A character that is written in two parts is not broken, and the last words of a dead process are shown."""
    path, text = tmp_path / "log", "一行\n收到报警"
    whole = text.encode()
    path.write_bytes(whole[:-2])
    assert new_text(path, 0) == ("一行\n", 7)
    lines, end = last_lines(path, 5)
    assert (lines[0], lines[1].startswith("收到报"), end) == ("一行", True, 7)
    path.write_bytes(whole + b"\n")
    assert new_text(path, end) == ("收到报警\n", len(whole) + 1)
    path.write_bytes(b"new\n")
    assert new_text(path, end) == ("new\n", 4)


def test_an_unknown_log_is_refused(home: Home) -> None:
    """The names that there are are said; `up` is offered where it is what starts the processes."""
    with pytest.raises(NotFound) as caught:
        log_files(home, "nobody")
    assert caught.value.hint == Action.to("home.start")
    home_processes(home)[0].lock.touch()  # it ran, and `up` has not started it
    with pytest.raises(NotFound) as caught:
        log_files(home, "nobody")
    assert caught.value.hint is None
