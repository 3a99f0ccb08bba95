"""Processes: an orderly end on request, and supervision of child processes.

Rule 1: the first SIGINT or SIGTERM asks for an orderly end, the second ends at once.
Rule 2: a supervisor touches only processes that it started itself, by their own handle, never by
name.
Rule 3: a child that ends with an error is restarted after a pause that grows while it keeps failing; systemd
does the same for a real installation (``deploy/systemd``).
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Self

from yizhan.runtime.errors import ProcessError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import FrameType

BACKOFF_FIRST_SECONDS = 0.2
BACKOFF_MAX_SECONDS = 10.0
STEADY_SECONDS = 30.0
"""A child that lived this long starts again at the shortest pause."""

log = logging.getLogger(__name__)


class StopSignal:
    """A flag that SIGINT and SIGTERM set; loops check it between two steps of work.

    Not a ``threading.Event``: a waiting thread holds its lock for a moment, and a signal that arrives in
    that moment, in the same thread, would wait for it for ever. ``SimpleQueue.put`` is reentrant.
    """

    def __init__(self) -> None:
        """Create it unset; signals are not touched before :meth:`install`."""
        self._asked = False
        self._wake: SimpleQueue[None] = SimpleQueue()

    def install(self) -> StopSignal:
        """Catch SIGINT and SIGTERM from now on; only the main thread may call it."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._caught)
        return self

    def set(self) -> None:
        """Ask for the end, as a signal does."""
        self._asked = True
        self._wake.put(None)

    def is_set(self) -> bool:
        """Return whether the end was asked for."""
        return self._asked

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Sleep until asked to end, at most ``timeout_seconds``; return whether the end was asked for."""
        if not self._asked:
            with contextlib.suppress(Empty):
                self._wake.get(timeout=timeout_seconds)
                self._wake.put(None)  # wake the next waiter
        return self._asked

    def _caught(self, number: int, _frame: FrameType | None) -> None:
        if self._asked:
            os._exit(128 + number)
        self.set()


@dataclass(frozen=True, slots=True)
class Child:
    """A child to run: ``name`` (also of its log), ``argv``, additions to the environment."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Running:
    child: Child
    process: subprocess.Popen[bytes]
    started: float
    starts: int = 1
    pause: float = BACKOFF_FIRST_SECONDS
    due: float | None = None  # monotonic time of the next start; None while it runs


class Supervisor:
    """Starts children, restarts those that fail, and stops them in reverse order.

    Every child writes to ``<logs>/<name>.log`` and is killed by the kernel should this process die
    (Linux). A child that ends with status 0 is finished and not restarted.
    """

    def __init__(self, logs: Path) -> None:
        """Write the children's logs into ``logs``, created if absent."""
        self._logs = logs
        logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._children: dict[str, _Running] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        # The kernel ties a child to the *thread* that forked it: so one thread starts them all, and
        # outlives them.
        self._spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> int:
        """Start a child and keep it alive; return its process id.

        Raises :class:`ProcessError`: the name is taken, or the program cannot be started at all.
        """
        child = Child(name, tuple(argv), dict(env or {}))
        with self._lock:
            if name in self._children:
                raise ProcessError(f"{name}: expected a name not in use; stop that child first")
            process = self._spawner.submit(self._spawn, child).result()
            self._children[name] = _Running(child, process, time.monotonic())
        if not self._thread.is_alive() and not self._stopping.is_set():
            with contextlib.suppress(RuntimeError):
                self._thread.start()
        return process.pid

    def pid(self, name: str) -> int | None:
        """Return the process id of a child that is running, else None."""
        with self._lock:
            running = self._children.get(name)
            return running.process.pid if running and running.process.poll() is None else None

    def starts(self, name: str) -> int:
        """Return how often this child was started: 1 if it never failed."""
        with self._lock:
            return self._children[name].starts

    def names(self) -> list[str]:
        """Return the names of the children, in the order of their start."""
        with self._lock:
            return list(self._children)

    def stop(self, name: str, timeout_seconds: float = 10.0) -> int | None:
        """Stop one child for good: SIGTERM, after ``timeout_seconds`` SIGKILL; return its exit status."""
        with self._lock:
            running = self._children.pop(name, None)
        return None if running is None else _end(running.process, timeout_seconds)

    def stop_all(self, timeout_seconds: float = 10.0) -> dict[str, int | None]:
        """Stop every child, the last started first; return name → exit status."""
        self._stopping.set()
        statuses = {name: self.stop(name, timeout_seconds) for name in reversed(self.names())}
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)
        self._spawner.shutdown()
        return statuses

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop_all()

    def _watch(self) -> None:
        while not self._stopping.wait(0.05):
            with self._lock:
                for running in self._children.values():
                    self._revive(running, time.monotonic())

    def _revive(self, running: _Running, now: float) -> None:
        if running.due is None:
            status = running.process.poll()
            if status is None or status == 0:
                return
            if now - running.started >= STEADY_SECONDS:
                running.pause = BACKOFF_FIRST_SECONDS
            running.due = now + running.pause
            log.warning(
                "%s ended with status %d; again in %.1f s",
                running.child.name,
                status,
                running.pause,
            )
            running.pause = min(running.pause * 2, BACKOFF_MAX_SECONDS)
        elif now >= running.due:
            try:
                running.process = self._spawner.submit(self._spawn, running.child).result()
            except ProcessError:
                log.exception("%s cannot be started", running.child.name)
                running.due = now + running.pause
                return
            running.started, running.due, running.starts = now, None, running.starts + 1

    def _spawn(self, child: Child) -> subprocess.Popen[bytes]:
        path = self._logs / f"{child.name}.log"
        try:
            with path.open("ab") as out:
                return subprocess.Popen(
                    child.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **child.env},
                    start_new_session=True,  # Ctrl-C reaches only this process, which stops the children in order
                    preexec_fn=_die_with_parent,  # noqa: PLW1509  one system call, see there
                )
        except OSError as error:
            raise ProcessError(
                f"{child.name}: cannot start {child.argv[0]}: {error.strerror}; is it installed?"
            ) from error


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Run in the child between fork and exec: one system call, looked up beforehand, no lock."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes], timeout_seconds: float) -> int | None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout_seconds)
    return process.returncode
