"""How the demonstration ends: once, and wholly.

Rule 1: the first SIGINT, SIGTERM or SIGHUP ends the work; later ones cannot cut the cleaning up short.
Rule 2: what was ignored at the start stays ignored (``nohup``).
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from types import FrameType

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked for the end. Nothing but the outermost caller catches it."""

    def __init__(self, number: int) -> None:
        """Keep the signal's number."""
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def cleaning_up(clean: Callable[[], None]) -> Iterator[None]:
    """Run the block and then ``clean``, whatever happened, without an interruption. Main thread only.

    Raises:
        Stopped: in the block, when a signal asks for the end.
    """
    before = {each: signal.getsignal(each) for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN}

    def deaf() -> None:
        for each in before:
            signal.signal(each, _nothing)  # not SIG_IGN, which children would inherit

    def caught(number: int, _frame: FrameType | None) -> NoReturn:
        deaf()
        raise Stopped(number)

    try:
        try:
            for each in before:
                signal.signal(each, caught)
            yield
        finally:
            deaf()
    finally:
        clean()
        for each, handler in before.items():
            signal.signal(each, handler)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Hear a signal, and go on."""
