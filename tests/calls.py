"""Counts work instead of measuring time: what a loaded machine makes slow costs the same calls."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def calls(work: Callable[[], object]) -> int:
    """Count the calls of functions that a piece of work makes."""
    made = 0

    def count(_frame: object, kind: str, _argument: object) -> None:
        nonlocal made
        made += kind in {"call", "c_call"}

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return made
