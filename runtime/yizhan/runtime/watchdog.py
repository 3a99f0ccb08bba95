"""A watchdog that ends a process without progress.

Rule 1: only the code that does the work calls :meth:`Watchdog.beat`.
Rule 2: when no beat arrives for too long, every thread's stack is logged and the process ends
at once, with status 70 (EX_SOFTWARE): its supervisor starts it again and what was not acknowledged is
read again.
Rule 3: sleeping is not hanging: after SIGSTOP or a suspended machine it waits one more
interval.
Rule 4: it passes beats on, about once a second, to systemd's watchdog and to the file that ``yizhan status`` reads;
without a new beat it says nothing.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from yizhan.runtime.supervision import tell_alive, tell_timeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from yizhan.runtime.heartbeat import Heartbeat

EXIT_STALLED = 70
"""Exit status of a process that its watchdog ended (sysexits.h EX_SOFTWARE)."""

log = logging.getLogger(__name__)


def end_process() -> None:
    """Write every thread's stack to standard error and end the process with status 70."""
    faulthandler.dump_traceback(file=sys.__stderr__ or sys.stderr, all_threads=True)
    os._exit(EXIT_STALLED)


class Watchdog:
    """Calls ``on_stall`` when :meth:`beat` has not been called for ``timeout_seconds``.

    ``timeout_seconds`` too short ends healthy processes under load; too long leaves a stuck one
    silent for as long. It must be well above the longest legitimate step, such as a broker's
    restart.
    """

    def __init__(
        self,
        timeout_seconds: float,
        on_stall: Callable[[], None] = end_process,
        *,
        heart: Heartbeat | None = None,
    ) -> None:
        """Prepare it; :meth:`start` begins. Raises ``ValueError`` unless the time is > 0.

        ``heart`` is beaten for each new beat, for a process whose working loop does not do so itself.
        """
        if timeout_seconds <= 0:
            raise ValueError(f"timeout_seconds: expected > 0, got {timeout_seconds}")
        self.timeout_seconds = timeout_seconds
        self._on_stall, self._heart = on_stall, heart
        self._last = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> Watchdog:
        """Start watching, counting from now."""
        self.beat()
        tell_timeout(self.timeout_seconds)
        self._thread.start()
        return self

    def beat(self) -> None:
        """Report progress. Cheap, and safe from any thread."""
        self._last = time.monotonic()

    def silence_seconds(self) -> float:
        """Seconds since the last beat; the gauge ``yizhan_watchdog_silence_seconds``."""
        return time.monotonic() - self._last

    def stop(self) -> None:
        """Stop watching; call it before an orderly end."""
        self._stopped.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout=5.0)

    def _watch(self) -> None:
        interval = min(1.0, self.timeout_seconds / 4)
        before = time.monotonic()
        told = 0.0
        while not self._stopped.wait(interval):
            if (last := self._last) != told:
                told = last
                tell_alive()
                if self._heart is not None:
                    self._heart.beat()
            now = time.monotonic()
            if now - before > 2 * interval + 1.0:  # this thread did not run either: the machine was suspended
                self._last = now
            before = now
            if self.silence_seconds() > self.timeout_seconds:
                log.critical("no progress for %.1f s: ending", self.silence_seconds())
                self._on_stall()
                return
