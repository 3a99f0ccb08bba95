"""A process that outlives the command that started it: recorded in a file, found again, ended.

Rule 1: only a process whose id *and* start time were recorded is ever signalled: ids are reused.
Rule 2: a start that is interrupted leaves no process that no file names.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from yizhan.runtime.errors import ProcessError
from yizhan.schemas.i18n import marked

_KILLED_SECONDS = 10.0
"""How long a killed process may take to be gone."""


class Detached:
    """A background process as a file records it."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is read."""
        self.path = path
        self._child: int | None = None

    def pid(self) -> int | None:
        """Return its process id if that very process is alive, else None."""
        try:
            kept = json.loads(self.path.read_text())
            pid, started = int(kept["pid"]), str(kept["started"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if pid == self._child:  # started by this object: nobody else waits for it
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        return pid if _start_time(pid) == started else None

    def remember(self, pid: int) -> None:
        """Record a process that is alive."""
        part = self.path.with_name(self.path.name + ".part")
        part.write_text(json.dumps({"pid": pid, "started": _start_time(pid)}))
        part.replace(self.path)

    def start(self, argv: Sequence[str], log: Path, *, empty: bool = False) -> int:
        """Start it in a session of its own, so that Ctrl-C of this terminal does not reach it.

        Args:
            argv: its command line; the first word is a path.
            log: gets what it writes.
            empty: empty the log first.

        Returns:
            Its process id.

        Raises:
            ProcessError: the program cannot be started, or it cannot be recorded: then it is killed.
        """
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if empty else os.O_APPEND)
        # A signal in between would leave a process that no file names.
        was = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        try:
            pid = os.posix_spawn(
                argv[0],
                list(argv),
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o600),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
                setsid=True,
                setsigmask=was,
                setsigdef=[signal.SIGPIPE, signal.SIGINT],
            )
            self._remember_child(pid)
        except OSError as error:
            raise ProcessError(f"{argv[0]}: {error.strerror}; is it installed?") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, was)
        return pid

    def _remember_child(self, pid: int) -> None:
        try:
            self.remember(pid)
        except OSError as error:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            sentence = marked("{path} 写不进去（{why}），刚启动的进程已经停止；请看磁盘是否已满、目录能否写入")
            raise ProcessError(sentence, path=self.path, why=error.strerror) from error
        self._child = pid

    def is_child(self) -> bool:
        """Return whether it is alive and this process started it."""
        if (pid := self.pid()) is None:
            return False
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            return True
        return False

    def ended_within(self, seconds: float) -> bool:
        """Wait for its end, at most so long; return whether it has ended."""
        if (pid := self.pid()) is None:
            return True
        with contextlib.suppress(ProcessLookupError), _handle(pid) as handle:
            if self.pid() == pid and not select.select([handle], [], [], seconds)[0]:
                return False
        return self.pid() != pid

    def stop(self, seconds: float) -> bool:
        """Stop it: SIGTERM, after so many seconds SIGKILL; return False if it did not run.

        Raises:
            ProcessError: it does not end when it is killed.
        """
        if (pid := self.pid()) is None:
            self.path.unlink(missing_ok=True)
            return False
        for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, _KILLED_SECONDS)):
            with contextlib.suppress(ProcessLookupError), _handle(pid) as handle:
                if self.pid() == pid:  # the handle is that process's, whatever becomes of its number
                    signal.pidfd_send_signal(handle, number)
            if self.ended_within(patience):
                self.path.unlink(missing_ok=True)
                return True
        raise ProcessError(f"process {pid}: expected it to end when killed; see {self.path}")


@contextlib.contextmanager
def _handle(pid: int) -> Iterator[int]:
    handle = os.pidfd_open(pid)
    try:
        yield handle
    finally:
        os.close(handle)


def _start_time(pid: int) -> str | None:
    """Return what distinguishes a process from a later one with the same id; None for a dead one.

    A killed broker is a zombie at once, but holds its port until the last of its threads has ended.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
    over = state in "ZX" and int(fields[16]) <= 1  # num_threads, field 20 of proc(5)
    return None if over else f"{boot}/{fields[18]}"  # starttime, field 22
