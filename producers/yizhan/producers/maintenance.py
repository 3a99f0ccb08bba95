"""A publisher's periodic tasks besides sending, once a second: no Kafka here.

Rule 1: overdue events are queued again only after all waiting answers were read: a publisher that
        was offline must not take its own absence for the station's.
Rule 2: a failing task never stops the sending; it is logged, and tried again a minute later.
Rule 3: lane heads are announced daily, and soon after a number became void.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from yizhan.producers import metrics
from yizhan.producers.dispatch import Dispatch
from yizhan.producers.outbox import Outbox
from yizhan.runtime.settings import Settings
from yizhan.schemas.errors import YizhanError

EVERY_SECONDS: Final = 1.0
VOID_PAUSE: Final = timedelta(seconds=60)
"""The shortest time between two announcements of lane heads."""
_AFTER_FAILURE_SECONDS: Final = 60.0

log = logging.getLogger(__name__)


class Maintenance:
    """The periodic tasks of one publisher; ``monotonic`` is a clock in seconds."""

    def __init__(
        self,
        outbox: Outbox,
        dispatch: Dispatch,
        settings: Settings,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with every task due."""
        self._outbox, self._dispatch, self._settings = outbox, dispatch, settings
        self._monotonic = monotonic
        self._next: dict[str, float] = {}

    def tick(self, *, answers_read: bool) -> None:
        """Run the due tasks. ``answers_read``: every posting that was there a moment ago was entered."""
        if answers_read:
            self._do("resend", EVERY_SECONDS, self._resend)
        self._do("reissue", EVERY_SECONDS, self._reissue)
        self._do("charter", self._settings.charter_reload_seconds, self._refresh)
        self._do("lane heads", EVERY_SECONDS, self._announce)
        self._do("figures", EVERY_SECONDS, self._measure)

    def _do(self, name: str, every_seconds: float, chore: Callable[[], None]) -> None:
        now = self._monotonic()
        if now < self._next.get(name, now):
            return
        self._next[name] = now + every_seconds
        try:
            chore()
        except YizhanError as error:
            self._next[name] = now + max(every_seconds, _AFTER_FAILURE_SECONDS)
            log.error("%s: %s", name, error)  # noqa: TRY400 -- the sentence says it all

    def _resend(self) -> None:
        if again := self._dispatch.requeue_overdue():
            log.warning("%d events are sent again: an answer or a receipt is overdue", again)

    def _reissue(self) -> None:
        if self._dispatch.has_conflicts():
            self._outbox.reissue()

    def _refresh(self) -> None:
        for charter in self._outbox.charters.refresh():
            log.info("charter %s adopted; it holds from %s", charter.name, charter.holds_from.isoformat())

    def _announce(self) -> None:
        since = self._outbox.clock() - self._outbox.lane_heads_announced()
        # An announcement in the future was made while the clock was ahead.
        daily = not timedelta(0) <= since < timedelta(seconds=self._settings.lane_head_interval_seconds)
        if daily or (since >= VOID_PAUSE and self._dispatch.voids_untold()):
            self._outbox.announce_lane_heads()

    def _measure(self) -> None:
        found = self._dispatch.figures(self._settings.receipt_overdue_seconds)
        metrics.DEPTH.set(found.depth)
        metrics.OLDEST.set(found.oldest_seconds)
        metrics.AWAITED.set(found.awaited)
        metrics.OVERDUE.set(found.receipts_overdue)
