"""Limits how many records of each member are processed, so that a flooded topic delays nobody else.

Rule 1: each topic has its own limit; records beyond it are skipped, not stored. Senders repeat their records.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MOST: Final = 200
"""Records of one topic in ``WHILE_SECONDS``: a cosignature is 3 ms of work, and one a second is usual."""
WHILE_SECONDS: Final = 5.0


class RateLimit:
    """Counts records by topic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Count by a monotonic clock in seconds."""
        self._clock, self._since = clock, clock()
        self._taken: Counter[str] = Counter()

    def allows(self, topic: str) -> bool:
        """Return whether one more record of this topic may be processed now."""
        now = self._clock()
        if now - self._since >= WHILE_SECONDS:
            self._since = now
            self._taken.clear()
        self._taken[topic] += 1
        return self._taken[topic] <= MOST
