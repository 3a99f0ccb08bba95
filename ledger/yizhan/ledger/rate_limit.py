"""How much of what members write is looked at: one that floods its topic holds up nobody else.

Rule 1: each topic has its own allowance; what goes beyond it is passed over, not kept. Whoever had
        something to say says it again.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MOST: Final = 200
"""Records of one topic in one while: a cosignature is 3 ms of work, and one a second is usual."""
WHILE_SECONDS: Final = 5.0


class Allowance:
    """Counts records by topic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Count by a clock in seconds that never goes back."""
        self._clock, self._since = clock, clock()
        self._taken: Counter[str] = Counter()

    def takes(self, topic: str) -> bool:
        """Tell whether one more record of this topic may be looked at now."""
        now = self._clock()
        if now - self._since >= WHILE_SECONDS:
            self._since = now
            self._taken.clear()
        self._taken[topic] += 1
        return self._taken[topic] <= MOST
