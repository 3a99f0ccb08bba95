"""The browsers that listen to this desk, as each says of itself: what it painted, and whether it can be heard.

Rule 1: a browser that says nothing for a minute is no console any more; one without sound rings nobody.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

ALIVE: Final = timedelta(seconds=60)
"""How long the word of a browser holds; pages say it every 20 seconds."""


@dataclass(frozen=True, slots=True)
class Console:
    """One browser: ``key`` of its session, whose it is, what it said last."""

    key: str
    name: str
    badge: str
    at: datetime
    audible: bool
    locked: bool


class Consoles:
    """Which browsers listen; for several threads."""

    def __init__(self) -> None:
        self._said: dict[str, Console] = {}
        self._lock = threading.Lock()

    def said(self, console: Console) -> None:
        """Keep what a browser says of itself."""
        with self._lock:
            self._said[console.key] = console

    def alive(self, now: datetime) -> tuple[Console, ...]:
        """Return who listens, those that can be heard first; what is too old is forgotten."""
        with self._lock:
            self._said = {key: each for key, each in self._said.items() if now - each.at <= ALIVE}
            return tuple(sorted(self._said.values(), key=lambda each: (not each.audible, each.badge)))
