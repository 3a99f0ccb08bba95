"""The steps of an obligation, and the people of a county whom a step is meant for: words of policy and statements."""

from __future__ import annotations

from typing import Final, Literal

OPENED: Final = "opened"
OVERDUE: Final = "overdue"
DISCHARGED: Final = "discharged"
CANCELLED: Final = "cancelled"
"""Steps that every rule has; the others are the ids of its reminders."""
NOT_OWED: Final = "not-owed"
"""Step that tells a sender: this event discharges nothing, you do not owe it (one an event)."""
ENDS: Final = frozenset({DISCHARGED, CANCELLED})

Rung = Literal["duty", "second", "liaison", "leader"]
RUNGS: Final[tuple[Rung, ...]] = ("duty", "second", "liaison", "leader")
"""Whom a step is meant for: the places on a county's contact ladder, in their order."""
