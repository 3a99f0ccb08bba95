"""The one source of randomness of a run, and the faults that it brings about.

Faults are numbered in the order in which the dice decide on them; ``without`` leaves some out, to find those that
matter.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")


class Killed(BaseException):
    """The process that is running dies here; ``power``: its whole machine does, and what was not synced is lost.

    Not an ``Exception``: no handler of ours may catch a death.
    """

    def __init__(self, where: str, *, power: bool) -> None:
        """Say where."""
        super().__init__(where)
        self.where, self.power = where, power


class Chance:
    """Dice of one seed."""

    def __init__(self, seed: int, without: Collection[int] = ()) -> None:
        """Begin."""
        self._dice = random.Random(seed)
        self._without = frozenset(without)
        self.faults = 0
        """How many faults the dice decided on."""
        self.calm = False
        """Whether faults are over."""
        self.rate = self._dice.choice((0.0, 0.002, 0.005, 0.01, 0.02))
        """How likely a process dies at a place where it may."""

    def happens(self, likely: float) -> bool:
        """Tell whether something happens that is no fault."""
        return self._dice.random() < likely

    def fault(self, likely: float) -> bool:
        """Tell whether a fault happens."""
        if self.calm or self._dice.random() >= likely:
            return False
        self.faults += 1
        return self.faults - 1 not in self._without

    def below(self, number: int) -> int:
        """Return a number from 0 to before one."""
        return int(self._dice.random() * number)

    def one(self, items: Sequence[_Item]) -> _Item:
        """Choose one."""
        return items[self.below(len(items))]

    def share(self) -> float:
        """Return a number in [0, 1)."""
        return self._dice.random()

    def bytes(self, count: int) -> bytes:
        """Return bytes."""
        return self._dice.randbytes(count)
