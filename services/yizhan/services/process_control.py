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
from pathlib import Path
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
    RUN_FOLDER,
    HomeProcess,
    ProcessState,
    State,
    broker_nodes,
    has_broker,
    home_processes,
    is_running,
    last_lines,
    log_path,
    new_text,
    was_started_by_up,
)
from yizhan.services.progress import SILENT, Progress

READY_SECONDS: Final = 120.0
"""How long all may take until they work: seconds; more when the machine is busy."""
STOP_SECONDS: Final = 30.0
"""How long an orderly end may take before a process is killed."""
_LOOK_SECONDS: Final = 0.05
_LAST_LINES: Final = 12
_ORDER: Final = ("cosign", "ledger", "outbox", "inbox", topics.STATION, BROKER)
"""The order of their ends, by the first part of the name: who sends before who forwards; unknown names are first."""
Command = Callable[[Action], Sequence[str]]
"""Makes the command line that carries out an action in this home."""
Observe = Callable[[ProcessState], None]


def start_processes(
    home: Home, command: Command, observe: Observe, progress: Progress = SILENT, seconds: float = READY_SECONDS
) -> tuple[ProcessState, ...]:
    """Start what this home has keys for and what does not run, and wait until each works.

    A process that an earlier call started, and that was not ready in time, is waited for again.

    Args:
        home: of the installation.
        command: how this program is started.
        observe: gets the state of each process as soon as it is known; a second time if it has changed at the end.
        progress: takes what is being done.
        seconds: how long all may take until they work.

    Returns:
        The last state of each, in the order of the start.

    Raises:
        ServiceError: there are no keys, or no broker answers; nothing runs that did not run before.
        AlreadyRunning: another process starts or ends them.
        DeployError: the broker does not start.
        BaseException: whatever interrupts it; what was started has ended again.
    """
    wanted = home_processes(home)
    if not wanted:
        if any(home.path.glob("counties/*/charter")):  # restored from a backup, which has no keys unless asked
            raise ServiceError(
                marked("{home} 里有数据而没有密钥，没有进程可以启动；请先放回密钥和证书"), home=home.path
            )
        sentence = marked("{home} 里没有县、驿站或账本的密钥，没有进程可以启动")
        raise ServiceError(sentence, home=home.path, hint=Action.to("sample.init"))
    found: dict[str, ProcessState] = {}
    say = _saying(found, observe)
    with _locked(home), _undone(home) as started:
        _require_broker(home, wanted[0], started, say, progress)
        waiting = [each for each in wanted if _start_missing(home, each, started, command, say)]
        deadline = time.monotonic() + seconds
        for each in waiting:
            progress.describe(each.name)
            say(_wait_ready(home, each, deadline))
        for each in wanted:  # one may have ended while another was waited for
            if not found[each.name].failed and not is_running(each):
                say(_failed(home, each.name, "ended"))
        for name, node in broker_nodes(home).items():
            if name in found and node.pid() is None:
                say(_failed(home, name, "ended"))
    return tuple(found.values())


def stop_processes(home: Home, observe: Observe) -> tuple[ProcessState, ...]:
    """End what ``start_processes`` started, and wait until each has ended.

    Returns:
        What was ended, in the order of its end, and then what goes on because somebody else started it.

    Raises:
        AlreadyRunning: another process starts or ends them.
        ProcessError: one does not end when it is killed.
    """
    found: dict[str, ProcessState] = {}
    say = _saying(found, observe)
    if was_started_by_up(home):
        with _locked(home):
            for name in _end(home, [path.stem for path in (home.path / RUN_FOLDER).glob("*.pid")]):
                say(ProcessState(name, "stopped", log_path(home, name)))
    names = [each.name for each in home_processes(home) if is_running(each)]
    for name in [*names, *(name for name, each in broker_nodes(home).items() if each.pid() is not None)]:
        say(ProcessState(name, "running", log_path(home, name)))
    return tuple(found.values())


def _saying(found: dict[str, ProcessState], observe: Observe) -> Observe:
    def say(state: ProcessState) -> None:
        found[state.name] = state
        with contextlib.suppress(OSError):  # nobody reads on (`yizhan up | head -1`): the work goes on
            observe(state)

    return say


def _record(home: Home, name: str) -> Detached:
    return Detached(home.path / RUN_FOLDER / f"{name}.pid")


def _begin(home: Home, name: str) -> Path:
    """Return the file that says from which byte of its log on a process writes; it is there until it was ready."""
    return home.path / RUN_FOLDER / f"{name}.begin"


@contextlib.contextmanager
def _locked(home: Home) -> Iterator[None]:
    for folder in (home.path / RUN_FOLDER, home.path / "logs"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with exclusive(home.path / RUN_FOLDER / "lock", _("在启动或停止这些进程")):
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


def _start_missing(home: Home, process: HomeProcess, started: list[str], command: Command, say: Observe) -> bool:
    """Start a process if it does not run; return whether it has to be waited for."""
    name, log = process.name, log_path(home, process.name)
    record, begin = _record(home, name), _begin(home, name)
    if record.pid() is not None:
        if begin.exists():  # an earlier call started it, and has not seen it ready
            return True
    elif not is_running(process):
        begin.write_text(str(log.stat().st_size if log.exists() else 0))
        started.append(name)
        record.start(command(process.action), log)
        return True
    say(ProcessState(name, "running", log))
    return False


def _require_broker(home: Home, first: HomeProcess, started: list[str], say: Observe, progress: Progress) -> None:
    """Start the broker of this home, or see that the one elsewhere answers."""
    if not has_broker(home):
        principal = first.name if first.county is None else topics.county(first.county)
        if not home.settings.connection(principal).speaks():
            sentence = marked("连不上 Kafka（{where}），没有启动任何进程；请先启动它，或改正 yizhan.toml 里的地址")
            raise ServiceError(sentence, where=home.settings.bootstrap_servers)
        return
    ran = {name for name, node in broker_nodes(home).items() if node.pid() is not None}
    missing = [name for name in broker_nodes(home) if name not in ran]
    if missing:
        started += missing
        start_broker(home, progress)
    for name, node in broker_nodes(home).items():
        ours = name not in ran and node.is_child()  # else another command has started it meanwhile
        if ours and (pid := node.pid()) is not None:
            _record(home, name).remember(pid)
        say(ProcessState(name, "started" if ours else "running", log_path(home, name)))


def _wait_ready(home: Home, process: HomeProcess, deadline: float) -> ProcessState:
    """Wait until a process says that it is ready and holds its lock, or ends."""
    record, log, begin = _record(home, process.name), log_path(home, process.name), _begin(home, process.name)
    first = int(begin.read_text() or 0)
    while True:
        if record.ended_within(_LOOK_SECONDS):
            state = _failed(home, process.name, "ended", first)
            break
        if process.ready in new_text(log, first)[0] and is_running(process):
            state = ProcessState(process.name, "started", log)
            break
        if time.monotonic() >= deadline:
            return _failed(home, process.name, "not_ready", first)
    begin.unlink()
    if state.failed:
        record.path.unlink(missing_ok=True)
    return state


def _failed(home: Home, name: str, state: State, first: int = 0) -> ProcessState:
    log = log_path(home, name)
    return ProcessState(name, state, log, last_lines(log, _LAST_LINES, first)[0])


def _end(home: Home, names: Sequence[str]) -> Iterator[str]:
    """End recorded processes, kind after kind, and yield the names of those that ran."""

    def kind(name: str) -> int:
        first = name.partition("-")[0]
        return _ORDER.index(first) if first in _ORDER else -1

    for _kind, group in groupby(sorted(names, key=lambda name: (kind(name), name)), kind):
        these = list(group)
        with ThreadPoolExecutor(len(these)) as pool:
            ended = pool.map(partial(_end_one, home), these)
        yield from (name for name, ran in zip(these, ended, strict=True) if ran)


def _end_one(home: Home, name: str) -> bool:
    ran = _record(home, name).stop(STOP_SECONDS)
    node = broker_nodes(home).get(name)
    if node is not None and not ran and node.is_child():  # its start was interrupted
        ran = node.stop(STOP_SECONDS)
    _begin(home, name).unlink(missing_ok=True)
    return ran
