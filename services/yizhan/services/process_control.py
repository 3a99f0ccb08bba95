"""Starting the processes of a home in the background, and ending them.

Rule 1: only what is missing is started, and only what was started here is ended: ``run/`` of the home records it.
Rule 2: a start that is interrupted ends what it started.
Rule 3: nothing is restarted when it ends. An installation that is in service uses ``deploy/systemd``.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from typing import Final

from yizhan.runtime.detached import Detached
from yizhan.runtime.file_lock import exclusive
from yizhan.schemas import topics
from yizhan.schemas.actions import Action
from yizhan.schemas.i18n import _, marked
from yizhan.services.broker import start_broker
from yizhan.services.errors import ServiceError
from yizhan.services.home import Home
from yizhan.services.processes import (
    BROKER,
    HomeProcess,
    ProcessState,
    State,
    broker_pid,
    has_broker,
    home_processes,
    is_running,
    log_path,
    new_text,
)
from yizhan.services.progress import SILENT, Progress

READY_SECONDS: Final = 120.0
"""How long all may take until they work: seconds; more when the machine is busy."""
STOP_SECONDS: Final = 30.0
"""How long an orderly end may take before a process is killed."""
_FOLDER: Final = "run"
_LOOK_SECONDS: Final = 0.05
_LAST_LINES: Final = 12
_ORDER: Final = ("cosign", "ledger", "outbox", "inbox", topics.STATION, BROKER)
"""The order of their ends, by the first part of the name: who sends before who forwards."""
Command = Callable[[Action], Sequence[str]]
"""Makes the command line that carries out an action in this home."""
Observe = Callable[[ProcessState], None]


def start_processes(
    home: Home, command: Command, observe: Observe, progress: Progress = SILENT
) -> tuple[ProcessState, ...]:
    """Start what this home has keys for and what does not run, and wait until each works.

    Args:
        home: of the installation.
        command: how this program is started.
        observe: gets the state of each process as soon as it is known.
        progress: takes what is being done.

    Returns:
        The states, in the order of the start.

    Raises:
        ServiceError: there are no keys, or no broker answers; nothing runs that did not run before.
        AlreadyRunning: another process starts or ends them.
        DeployError: the broker does not start.
        BaseException: whatever interrupts it; what was started has ended again.
    """
    wanted = home_processes(home)
    if not wanted:
        sentence = marked("{home} 里没有县、驿站或账本的密钥，没有进程可以启动")
        raise ServiceError(sentence, home=home.path, hint=Action.to("sample.init"))
    found: list[ProcessState] = []

    def say(state: ProcessState) -> None:
        found.append(state)
        observe(state)

    with _locked(home), _undone(home) as started:
        _require_broker(home, wanted[0], started, say, progress)
        waiting = []
        for each in wanted:
            log = log_path(home, each.name)
            if is_running(each):
                say(ProcessState(each.name, "running", log))
                continue
            waiting.append((each, new_text(log, 0)[1]))
            started.append(each.name)
            _record(home, each.name).start(command(each.action), log)
        deadline = time.monotonic() + READY_SECONDS
        for each, begin in waiting:
            progress.describe(each.name)
            say(_wait_ready(home, each, begin, deadline))
    return tuple(found)


def stop_processes(home: Home, observe: Observe) -> tuple[ProcessState, ...]:
    """End what ``start_processes`` started, and wait until each has ended.

    Returns:
        What was ended, in the order of its end, and then what goes on because somebody else started it.

    Raises:
        AlreadyRunning: another process starts or ends them.
        ProcessError: one does not end when it is killed.
    """
    found: list[ProcessState] = []
    with _locked(home):
        for name in _end(home, [path.stem for path in (home.path / _FOLDER).glob("*.pid")]):
            found.append(ProcessState(name, "stopped", log_path(home, name)))
            observe(found[-1])
    names = [each.name for each in home_processes(home) if is_running(each)]
    for name in [*names, BROKER] if broker_pid(home) is not None else names:
        found.append(ProcessState(name, "running", log_path(home, name)))
        observe(found[-1])
    return tuple(found)


def _record(home: Home, name: str) -> Detached:
    return Detached(home.path / _FOLDER / f"{name}.pid")


@contextlib.contextmanager
def _locked(home: Home) -> Iterator[None]:
    for folder in (home.path / _FOLDER, home.path / "logs"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with exclusive(home.path / _FOLDER / "lock", _("在启动或停止这些进程")):
        yield


@contextlib.contextmanager
def _undone(home: Home) -> Iterator[list[str]]:
    """Yield a list of what is started in the block, which is ended again if the block is left by an exception."""
    started: list[str] = []
    try:
        yield started
    except BaseException:
        was = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        try:
            for _name in _end(home, started):
                pass
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, was)
        raise


def _require_broker(home: Home, first: HomeProcess, started: list[str], say: Observe, progress: Progress) -> None:
    """Start the broker of this home, or see that the one elsewhere answers."""
    if not has_broker(home):
        principal = first.name if first.county is None else topics.county(first.county)
        if not home.settings.connection(principal).speaks():
            sentence = marked("连不上 Kafka（{where}），没有启动任何进程；请先启动它，或改正 yizhan.toml 里的地址")
            raise ServiceError(sentence, where=home.settings.bootstrap_servers)
        return
    log = log_path(home, BROKER)
    if broker_pid(home) is not None:
        say(ProcessState(BROKER, "running", log))
        return
    started.append(BROKER)
    status, _changes = start_broker(home, progress)
    if status.pid is not None:
        _record(home, BROKER).remember(status.pid)
    say(ProcessState(BROKER, "started", log))


def _wait_ready(home: Home, process: HomeProcess, begin: int, deadline: float) -> ProcessState:
    """Wait until a process says that it is ready, or ends."""
    record, log = _record(home, process.name), log_path(home, process.name)
    state: State = "not_ready"
    while time.monotonic() < deadline:
        over = record.ended_within(_LOOK_SECONDS)
        if process.ready in new_text(log, begin)[0] and not over:
            return ProcessState(process.name, "started", log)
        if over:
            record.path.unlink(missing_ok=True)
            state = "ended"
            break
    return ProcessState(process.name, state, log, tuple(new_text(log, begin)[0].splitlines()[-_LAST_LINES:]))


def _end(home: Home, names: Sequence[str]) -> Iterator[str]:
    """End recorded processes, kind after kind, and yield the names of those that ran."""

    def kind(name: str) -> int:
        return _ORDER.index(name.partition("-")[0])

    for _kind, group in groupby(sorted(names, key=lambda name: (kind(name), name)), kind):
        these = list(group)
        with ThreadPoolExecutor(len(these)) as pool:
            ended = pool.map(partial(_end_one, home), these)
        yield from (name for name, ran in zip(these, ended, strict=True) if ran)


def _end_one(home: Home, name: str) -> bool:
    if name == BROKER and not _record(home, name).path.exists():
        return Detached(home.path / BROKER / "pid").stop(STOP_SECONDS)  # its start was interrupted
    return _record(home, name).stop(STOP_SECONDS)
