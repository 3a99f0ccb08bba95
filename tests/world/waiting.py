"""Waiting for what must happen.

Rule 1: a test waits for the event itself, never for a time in which it should have happened.
Rule 2: who waits sleeps at least as long as the question took: what is waited for needs the processor too.
Rule 3: there is one limit for all, so generous that only what hangs reaches it, also on a loaded machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

LIMIT_SECONDS = 120.0
"""How long anything may take. pytest ends a test after twice this time and more (``timeout`` in pyproject.toml)."""
_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5

Found = TypeVar("Found")


def until(find: Callable[[], Found | None], what: str | Callable[[], str] = "") -> Found:
    """Ask until the answer is true, and return it.

    Args:
        find: what is asked, at least once.
        what: the words for a failure, or a function that is called for them.

    Raises:
        AssertionError: the limit is over.

    >>> numbers = iter([0, 0, 7])
    >>> until(lambda: next(numbers))
    7
    """
    deadline = time.monotonic() + LIMIT_SECONDS
    asked = time.monotonic()
    while not (found := find()):
        answered = time.monotonic()
        if answered > deadline:
            raise AssertionError(f"did not happen in {LIMIT_SECONDS:.0f} s: {what() if callable(what) else what}")
        time.sleep(min(max(answered - asked, _PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS))
        asked = time.monotonic()
    return found
