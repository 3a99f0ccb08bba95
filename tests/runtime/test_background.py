"""Work beside a process's own."""

from __future__ import annotations

import threading

from yizhan.runtime.worker_thread import WorkerThread


class Stubborn(WorkerThread):
    """Fails twice, then works until it is asked to end."""

    def __init__(self) -> None:
        """Prepare it."""
        super().__init__("stubborn", "nothing is done")
        self.tries, self.works = 0, threading.Event()

    def work(self) -> None:
        """Fail, unexpectedly and as expected, then work."""
        self.tries += 1
        if self.tries == 1:
            raise ValueError("a fault of ours")
        if self.tries == 2:
            raise OSError("the disk fails")
        self.went_well()
        self.works.set()
        self._over.wait()


def test_what_fails_is_tried_again_until_the_owner_ends_it() -> None:
    """Failures of either kind do not stop the thread; the end of the block does."""
    with Stubborn() as stubborn:
        assert stubborn.works.wait(10)
        assert stubborn.is_alive()
    assert stubborn.tries == 3
    assert not stubborn.is_alive()
