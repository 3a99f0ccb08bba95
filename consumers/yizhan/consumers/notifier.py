"""Delivers outcomes to the observer on a separate thread.

Rule 1: a slow or stopped screen never keeps the next alarm from being stored; what arrives meanwhile is delivered
        together.
Rule 2: every outcome is in the database already; if a screen falls too far behind, the oldest outcome is dropped.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Self

from yizhan.consumers.arrivals import ReceiveOutcome

LONGEST: Final = 10_000
"""Outcomes that may wait for the observer."""
_LAST_WORDS_SECONDS: Final = 5.0

log = logging.getLogger(__name__)


class OutcomeNotifier:
    """Calls the observer with all outcomes since the last call, in order, from one thread."""

    def __init__(self, tell: Callable[[Sequence[ReceiveOutcome]], None] | None) -> None:
        """Take the observer, None for none. Use it as a context."""
        self._tell = tell
        self._waiting: deque[ReceiveOutcome] = deque(maxlen=LONGEST)
        self._changed = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="teller", daemon=True)

    def __enter__(self) -> Self:
        if self._tell is not None:
            self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        with self._changed:
            self._over = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(_LAST_WORDS_SECONDS)

    def put(self, outcomes: Iterable[ReceiveOutcome]) -> None:
        """Hand outcomes over; never blocks."""
        if self._tell is not None:
            with self._changed:
                self._waiting.extend(told for outcome in outcomes for told in outcome.told())
                self._changed.notify()

    def _run(self) -> None:
        while outcomes := self._next():
            try:
                self._tell(outcomes)  # type: ignore[misc]  # the thread runs only where there is one
            except Exception:
                log.exception("whoever is told of arrivals failed; the events are stored")

    def _next(self) -> list[ReceiveOutcome]:
        """Wait for outcomes and take them all; nothing at the end."""
        with self._changed:
            while not self._waiting and not self._over:
                self._changed.wait()
            found = list(self._waiting)
            self._waiting.clear()
            return found
