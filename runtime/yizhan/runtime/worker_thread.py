"""Repeated work on a separate thread, which only its owner can stop.

Rule 1: an error is logged and the work is tried again, after a pause that doubles.
Rule 2: it ends soon after it is asked to; its owner does not wait for it for ever.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from typing import ClassVar, Final, Self

log = logging.getLogger(__name__)
_BACKOFF_SECONDS: Final = (0.5, 30.0)
_LAST_SECONDS: Final = 5.0


class WorkerThread(threading.Thread, ABC):
    """Repeats its work until ``end`` is called, or the end of a ``with``."""

    expected: ClassVar[tuple[type[Exception], ...]] = (OSError,)
    """What may well fail: told in a line, without a traceback."""

    def __init__(self, name: str, waits: str) -> None:
        """Prepare it; ``waits`` describes, in the log, the work that is waiting while it fails."""
        super().__init__(name=name, daemon=True)
        self._waits = waits
        self._over = threading.Event()
        self._backoff = _BACKOFF_SECONDS[0]

    @abstractmethod
    def work(self) -> None:
        """Work until ``_over`` is set; an exception is logged and the work repeated."""

    def went_well(self) -> None:
        """Reset the pause to the shortest."""
        self._backoff = _BACKOFF_SECONDS[0]

    def run(self) -> None:
        """Run the work as rule 1 says."""
        while not self._over.is_set():
            try:
                self.work()
            except self.expected as error:
                log.info("%s: %s; again in %.1f s", self._waits, str(error), self._backoff)
            except Exception:
                log.exception("%s; trying again", self._waits)
            self._over.wait(self._backoff)
            self._backoff = min(self._backoff * 2, _BACKOFF_SECONDS[1])

    def end(self) -> None:
        """Ask it to end, and wait a moment."""
        self._over.set()
        self.join(timeout=_LAST_SECONDS)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.end()
