"""A clock that stands until a test moves it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.world.simulator import NOW


@dataclass
class Clock:
    """Call it for the time; set ``now`` or let time pass."""

    now: datetime = NOW + timedelta(seconds=1)
    """A moment after what the simulator's station stamps."""

    def __call__(self) -> datetime:
        """Return the instant it shows."""
        return self.now

    def forward(self, seconds: float) -> None:
        """Move it."""
        self.now += timedelta(seconds=seconds)

    @property
    def milliseconds(self) -> int:
        """What Kafka has for the time."""
        return round(self.now.timestamp() * 1000)
