"""Long work of the auditor's pages: in a thread, with progress; a page shows its result, or how far it is.

Rule 1: one piece of work at a time; who asks for the same again while it runs gets the one that runs.
Rule 2: a result is kept in memory until the same is asked for anew, or newer ones push it out.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from yizhan.runtime.clock import utc_now
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import marked
from yizhan.services.errors import ServiceError

MOST_KEPT: Final = 40
PATIENCE: Final = 2.5
"""Seconds that a page waits for a result before it shows how far the work is."""

log = logging.getLogger(__name__)


class Run:
    """One piece of work; it is the ``Progress`` that a service reports to."""

    def __init__(self, key: str, by: str) -> None:
        """Name it, and who asked for it."""
        self.key, self.by, self.began = key, by, utc_now()
        self.steps, self.doing = 0, ""
        self.result: Any = None
        self.error: YizhanError | None = None
        self.ended: datetime | None = None
        self._done = threading.Event()

    def advance(self, steps: float = 1) -> None:
        """Take note that so many more steps are done."""
        self.steps += round(steps)

    def describe(self, text: str) -> None:
        """Take note of what is being done."""
        self.doing = text

    @property
    def done(self) -> bool:
        """Whether it ended."""
        return self._done.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; return whether it ended."""
        return self._done.wait(seconds)

    def work(self, function: Callable[[Run], Any], turn: threading.Lock) -> None:
        """Do it when it is its turn."""
        try:
            with turn:
                self.result = function(self)
        except YizhanError as error:
            self.error = error
        except Exception as error:
            log.exception("audit: %s", self.key)
            self.error = ServiceError(marked("程序出错（{fault}），已记入日志"), fault=type(error).__name__)
        self.ended = utc_now()
        self._done.set()


class Runs:
    """The pieces of work of one desk."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._kept: OrderedDict[str, Run] = OrderedDict()

    def find(self, key: str) -> Run | None:
        """Return a piece of work by its key; None where it was not asked for, or is forgotten."""
        with self._lock:
            return self._kept.get(key)

    def start(self, key: str, by: str, function: Callable[[Run], Any]) -> Run:
        """Begin a piece of work, unless it runs already."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None and not found.done:
                return found
            run = self._kept[key] = Run(key, by)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST_KEPT and next(iter(self._kept.values())).done:
                self._kept.popitem(last=False)
        # The language of the request goes along.
        thread = threading.Thread(
            target=contextvars.copy_context().run, args=(run.work, function, self._turn), name="audit", daemon=True
        )
        thread.start()
        return run
