"""Computes when the same bytes are sent again. Pure, tested as a table.

Rule 1: refused or settled events are never sent again.
Rule 2: pauses double, up to 120 times the first, so that a partner that is away for weeks costs little.
Rule 3: pauses are spread by a tenth, so that events sent together are not repeated together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LONGEST: Final = 120.0
"""The longest pause, in first pauses: an hour for 30 s, four hours for 120 s."""
_SPREAD: Final = 0.1
_MAX_DOUBLINGS: Final = 10


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait before the same bytes are sent again: for the station, for a receipt."""

    answer_seconds: float
    receipt_seconds: float


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """The state of one event. ``attempts`` counts how often a broker acknowledged it."""

    attempts: int
    answered: bool = False
    refused: bool = False
    receipt_missing: bool = False


def due(now: float, state: DeliveryState, patience: Patience, share: float) -> float | None:
    """Return when to send again: seconds on the clock of ``now``, or None for never.

    ``share`` is a random number in [0, 1).

    >>> due(100.0, DeliveryState(attempts=1), Patience(30.0, 120.0), share=0.5)
    130.0
    """
    if state.refused:
        return None
    if not state.answered:
        return now + pause(patience.answer_seconds, state.attempts, share)
    if state.receipt_missing:
        return now + pause(patience.receipt_seconds, state.attempts, share)
    return None


def pause(first_seconds: float, attempts: int, share: float) -> float:
    """Return the seconds to wait after ``attempts`` (1 or more): doubled each time, bounded, spread.

    >>> [pause(30.0, attempts, 0.5) for attempts in (1, 2, 3, 100)]
    [30.0, 60.0, 120.0, 3600.0]
    """
    doubled = first_seconds * 2.0 ** min(max(attempts, 1) - 1, _MAX_DOUBLINGS)
    return min(doubled, first_seconds * LONGEST) * (1 - _SPREAD + 2 * _SPREAD * share)
