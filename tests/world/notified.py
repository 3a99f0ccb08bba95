"""The socket that systemd gives a process of ``Type=notify``, for a test that is systemd."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.runtime.heartbeat import silence_seconds

ALIVE = "WATCHDOG=1"
SILENT_SECONDS = 2.5
"""Longer than two beats of a process that lives."""


class Notifications:
    """What a process has said, in order."""

    def __init__(self, path: Path) -> None:
        """Listen on a socket of that path."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)  # noqa: FBT003 -- the library's own
        self.env = {"NOTIFY_SOCKET": str(path)}
        self._said: list[str] = []

    def hear(self) -> list[str]:
        """Return what was said and not yet heard, one assignment each."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._said += self._socket.recv(4096).decode().split("\n")
        heard, self._said = self._said, []
        return heard

    def wait_for(self, words: str, lives: Callable[[], bool] = lambda: True) -> list[str]:
        """Wait until an assignment begins with these words; return what was heard up to it.

        Raises:
            AssertionError: it does not come, or who is heard no longer ``lives``.
        """
        heard: list[str] = []

        def found() -> bool:
            alive = lives()
            heard.extend(self.hear())
            said = any(each.startswith(words) for each in heard)
            assert said or alive, f"ended without {words!r}: {heard}"
            return said

        until(found, lambda: f"{words!r} in {heard}")
        place = next(number for number, each in enumerate(heard) if each.startswith(words))
        self._said = heard[place + 1 :]
        return heard[: place + 1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._socket.close()


class Supervised:
    """A process that says how it stands; ended with the block."""

    def __init__(self, argv: Sequence[str], folder: Path, lock: Path, env: Mapping[str, str] | None = None) -> None:
        """Start it, with socket and log in ``folder``; ``lock`` is what it holds while it runs."""
        self.lock, self._log = lock, folder / f"{lock.name}.log"
        self.heard = Notifications(folder / f"{lock.name}.notify")
        with self._log.open("wb") as out:
            together = {**os.environ, **self.heard.env, **(env or {})}
            self.process = subprocess.Popen(argv, stdout=out, stderr=out, env=together)

    def gets_ready(self) -> list[str]:
        """Wait until it is ready and alive; return what it said until then."""
        try:
            return [each for words in ("READY=1", "STATUS=", ALIVE) for each in self.heard.wait_for(words, self._lives)]
        except AssertionError as error:
            raise AssertionError(self._log.read_text("utf-8", "replace")[-3000:]) from error

    def _lives(self) -> bool:
        return self.process.poll() is None

    def stop_working(self) -> None:
        """Stop it where it stands; it holds its lock."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)
        self.heard.hear()

    def must_be_silent(self) -> None:
        """Wait until it has not advanced for longer than two beats, and see that it did not say so."""
        until(lambda: (silence_seconds(self.lock) or 0) > SILENT_SECONDS, "a silence")
        assert ALIVE not in self.heard.hear()

    def goes_on(self) -> None:
        """Let it work again, and see that it says so."""
        self.process.send_signal(signal.SIGCONT)
        self.heard.wait_for(ALIVE)

    def ends_in_order(self, *, status: tuple[int, ...] = (0,)) -> None:
        """Ask it to end, as systemd does; it says so, and ends with status 0, or another one that is allowed."""
        self.process.terminate()
        self.heard.wait_for("STOPPING=1")
        ended = self.process.wait(LIMIT_SECONDS)
        assert ended in status, f"it ended with status {ended}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.heard.__exit__()
