"""What a sending process does, told from its outbox, beside it.

Rule 1: nothing waits for whoever looks: the outbox is read, and the sending process knows nothing of it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from yizhan.producers.queries import EventRow, Figures, OutboxQuery, State
from yizhan.runtime.errors import StoreError
from yizhan.runtime.process import StopSignal
from yizhan.schemas.payloads.table import SYSTEM_TYPES
from yizhan.services.home import Home
from yizhan.services.stores import read_outbox

log = logging.getLogger(__name__)

MOST_LOOKED_AT: Final = 200
"""Newest events that are looked at for a change."""
LOOK_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class SendingNews:
    """What changed in an outbox since it was last looked at: events in their new state, the newest last."""

    events: tuple[EventRow, ...]
    system: int
    """How many of the changes were receipts and the system's own notices, which ``events`` leaves out."""
    figures: Figures


class SendingMonitor:
    """Tells what a sending process does by looking at its outbox, beside it: nothing waits for whoever looks."""

    def __init__(self, home: Home, county: str) -> None:
        """Begin now: what was done before is no news."""
        self._home, self._county = home, county
        self._known: dict[str, State] = {}
        self.look()

    def look(self) -> SendingNews | None:
        """Return what changed; None where nothing did (``StoreError``)."""
        with read_outbox(self._home, self._county) as outbox:
            if outbox is None:
                return None
            rows = outbox.rows(OutboxQuery(limit=MOST_LOOKED_AT))
            figures = outbox.figures(self._home.settings.receipt_overdue_seconds)
        changed = [row for row in rows if self._known.get(row.id, "queued") != row.state]
        if not changed:
            return None
        self._known = {row.id: row.state for row in rows}
        people = tuple(row for row in changed if row.type not in SYSTEM_TYPES)
        return SendingNews(people, len(changed) - len(people), figures)

    @contextlib.contextmanager
    def telling(self, observe: Callable[[SendingNews], None], stop: StopSignal) -> Iterator[None]:
        """Look once a second while the block runs, and hand each news to ``observe``, in a thread of its own."""

        def watch() -> None:
            while not stop.wait(LOOK_SECONDS):
                try:
                    if (news := self.look()) is not None:
                        observe(news)
                except StoreError:
                    pass  # the sending process says it itself
                except Exception:
                    log.exception("what is sent cannot be told now; it is tried again")

        watching = threading.Thread(target=watch, name="outbox-monitor", daemon=True)
        watching.start()
        try:
            yield
        finally:
            watching.join(LOOK_SECONDS * 5 if stop.is_set() else 0)
