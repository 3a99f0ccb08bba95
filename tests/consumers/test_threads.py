"""What goes on beside the reader: telling, and checkpoints."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from tests.world.receiver import Listener
from tests.world.waiting import until
from yizhan.consumers import checkpoints
from yizhan.consumers.arrivals import ReceiveOutcome
from yizhan.consumers.checkpoints import Checkpointer
from yizhan.consumers.notifier import LONGEST, OutcomeNotifier


def test_a_stopped_screen_keeps_nothing_waiting() -> None:
    """Outcomes are handed over at once, told together in order, and the oldest dropped when there are too many."""
    going, told = threading.Event(), list[list[str | None]]()

    def slow(outcomes: Sequence[ReceiveOutcome]) -> None:
        going.wait(10)
        told.append([outcome.reason for outcome in outcomes])
        if told == [["0"]]:
            raise RuntimeError("the screen is broken")

    with OutcomeNotifier(slow) as teller:
        teller.put([ReceiveOutcome("aside", reason="0")])
        until(lambda: not teller._waiting)  # noqa: SLF001 -- it is being told
        started = time.monotonic()
        teller.put(ReceiveOutcome("aside", reason=str(n)) for n in range(1, 4))
        assert time.monotonic() - started < 1
        going.set()
    assert told == [["0"], ["1", "2", "3"]]
    assert LONGEST >= 1000


def test_nobody_need_be_told() -> None:
    """Without an observer no thread is started."""
    with OutcomeNotifier(None) as teller:
        teller.put([ReceiveOutcome("aside")])
    assert threading.active_count() >= 1


def test_checkpoints_are_made_beside_the_writer(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is copied while the writer goes on, and starts over; the rows are all there."""
    listener.inbox.leave_checkpoints()
    log = listener.path.with_name(listener.path.name + "-wal")
    monkeypatch.setattr(checkpoints, "EVERY_SECONDS", 0.05)
    with Checkpointer(listener.path):
        for _ in range(60):
            listener.deliver(listener.event())
            time.sleep(0.005)
    assert len(listener.inbox.items()) == 60
    assert log.stat().st_size < 60 * 50_000
