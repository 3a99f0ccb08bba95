"""Delivers rings to an officer: the stages from a due ring to a delivered message.

1. ``ChannelOrder``: the channels of the rung; one that failed recently is last.
2. ``RingStore.begin``: drops rings that are no longer needed, and records that the others are being sent.
3. ``Notifier``: writes as much as the channel may carry, and sends it.
4. The outcome is recorded, counted, and passed to the observer. If the channel failed, the next one is tried at once.
5. If no channel is left, an urgent ring goes to the next rung that has a channel at once; the ring itself is tried
   again later, with growing pauses, until it is acknowledged or too old.
6. A rung that has no channel at all: the nearest rung that has one is rung instead, the lower rungs first.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from yizhan.consumers import metrics
from yizhan.consumers.bell.channels import DELIVERED, FAULT, ReadyChannel, attempt
from yizhan.consumers.bell.consoles import rings_on_pages
from yizhan.consumers.bell.message import Message, Names, compose, wordless
from yizhan.consumers.bell.planning import RingPlanner
from yizhan.consumers.bell.ring_store import RingStore, Unless
from yizhan.consumers.bell.rings import NO_CHANNEL, URGENT, Ring, RingObserver, RingOutcome
from yizhan.consumers.bell.settings import BellSettings, Tells
from yizhan.runtime.errors import StoreError
from yizhan.schemas.obligation_steps import RUNGS, Rung

SHUN_SECONDS: Final = 300.0
"""How long a channel that failed is tried last."""
LONGEST_PAUSE_SECONDS: Final = 3600.0
AGAIN_SECONDS: Final = 1.0
"""Pause before a failure of this machine (its disk, a fault) is tried again."""

log = logging.getLogger(__name__)


class Notifier(Protocol):
    """Sends rings on one channel."""

    tells: Tells

    def notify(self, rings: Sequence[Ring]) -> str:
        """Return ``delivered``, or a code for the reason. Never raises."""


class ChannelNotifier:
    """Sends rings on a channel of ``bell.toml``."""

    def __init__(self, channel: ReadyChannel, county: str, names: Callable[[], Names], observer: RingObserver) -> None:
        """Take the channel and the data for its messages; ``county`` is our member code."""
        self.tells = channel.channel.tells
        self._channel, self._county, self._names, self._observer = channel, county, names, observer

    def notify(self, rings: Sequence[Ring]) -> str:
        """Send; content whose access cannot be logged is not sent, and the channel counts as failed."""
        if self.tells == "summary":
            try:
                self._observer.before_content(self._channel.name, rings)
            except Exception:
                log.exception("channel %s: the access could not be logged; nothing is sent", self._channel.name)
                return FAULT
        return attempt(self._channel, self._message(rings))

    def _message(self, rings: Sequence[Ring]) -> Message:
        try:
            return compose(rings, self.tells, self._county, self._names())
        except Exception:
            log.exception("a fault of this program; the message has no content")
            metrics.FAULTS.inc()
            return wordless(self._county)


class ChannelOrder:
    """The channels of each rung, in the order of trying; for several threads."""

    def __init__(self, settings: BellSettings) -> None:
        """Take the order of ``bell.toml``."""
        self._rungs: dict[str, tuple[str, ...]] = {str(rung): names for rung, names in settings.rungs.items()}
        self._failed_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def channels(self, rung: str) -> list[str]:
        """Return a rung's channels; one that failed recently is last."""
        now = time.monotonic()
        with self._lock:
            shunned = {name for name, at in self._failed_at.items() if now - at < SHUN_SECONDS}
        return sorted(self._rungs.get(rung, ()), key=shunned.__contains__)

    def nearest(self, rung: Rung) -> Rung | None:
        """Return the rung that is rung instead of one without a channel: the lower rungs first, then the higher."""
        place = RUNGS.index(rung)
        return next((each for each in (*reversed(RUNGS[:place]), *RUNGS[place + 1 :]) if each in self._rungs), None)

    def next_above(self, rung: Rung) -> Rung | None:
        """Return the next higher rung that has a channel, or None."""
        return next((each for each in RUNGS[RUNGS.index(rung) + 1 :] if each in self._rungs), None)

    def mark_failed(self, name: str) -> None:
        """Try a channel last for a while."""
        with self._lock:
            self._failed_at[name] = time.monotonic()

    def mark_working(self, name: str) -> None:
        """Try a channel in its own place again."""
        with self._lock:
            self._failed_at.pop(name, None)


class Delivery:
    """Delivers rings; for several threads."""

    def __init__(
        self,
        store: RingStore,
        settings: BellSettings,
        notifiers: Mapping[str, Notifier],
        clock: Callable[[], datetime],
        observer: RingObserver,
        stop: threading.Event,
    ) -> None:
        """Take the stages; once ``stop`` is set, nothing more is begun."""
        self.order = ChannelOrder(settings)
        self.settings = settings
        self._store, self._notifiers = store, notifiers
        self._clock, self._observer, self._stop = clock, observer, stop

    def deliver(self, planner: RingPlanner, rings: Sequence[Ring]) -> None:
        """Try the channels of the rung in order; rings are all for one rung."""
        unless = Unless(timedelta(hours=self.settings.oldest_hours), planner.answering_rules())
        on_pages = rings_on_pages(rings)
        for name in self.order.channels(rings[0].plan.rung):
            if self._stop.is_set():
                return
            if self.settings.channels[name].console and not on_pages:
                continue
            notifier = self._notifiers[name]
            begun = self._store.begin(rings, name, notifier.tells, self._clock(), unless)
            if not begun:
                return
            wanted = tuple(ring for ring, _number in begun)
            outcome = notifier.notify(wanted)
            good = outcome == DELIVERED
            self._record(partial(self._store.end, begun, name, outcome, self._clock(), good=good))
            self._count(name, wanted, good=good)
            self._observe(RingOutcome(wanted, name, outcome))
            if good:
                return
            self.order.mark_failed(name)
            rings = wanted
        self._escalate(planner, rings, unless)

    def _record(self, write: Callable[[], None]) -> None:
        """Record an outcome; while the disk fails, only the recording is repeated, not the ring."""
        while True:
            try:
                write()
            except StoreError as error:
                log.critical("what was rung cannot be recorded: %s", error)
                if self._stop.wait(AGAIN_SECONDS):
                    return
            else:
                return

    def _count(self, name: str, rings: Sequence[Ring], *, good: bool) -> None:
        metrics.BELL_TRIES.labels(name, DELIVERED if good else "failed").inc()
        now = self._clock()
        for each in rings if good else ():
            metrics.BELL_RINGS.labels(each.plan.urgency, DELIVERED).inc()
            if each.plan.urgency in URGENT:
                metrics.BELL_SECONDS.observe(max(0.0, (now - each.made).total_seconds()))

    def _escalate(self, planner: RingPlanner, rings: Sequence[Ring], unless: Unless) -> None:
        """Ring another rung at once: for urgent rings, and where this one has no channel; else try it again later."""
        now, plan = self._clock(), rings[0].plan
        again: datetime | None = None
        has_channel = bool(self.order.channels(plan.rung))
        if has_channel:
            pause = min(self.settings.again_seconds * (1 << min(rings[0].rounds, 16)), LONGEST_PAUSE_SECONDS)
            again = now + timedelta(seconds=pause)
        instead = None if has_channel else self.order.nearest(plan.rung)
        if plan.urgency not in URGENT:
            # A ring in the quiet hours cannot wait for their end.
            again = again and (again if planner.quiet(now) > now else planner.quiet(again))
        elif has_channel:
            instead = self.order.next_above(plan.rung)
        wanted = self._store.failed(rings, now, again, instead, unless)
        for each in wanted if again is not None else ():
            metrics.BELL_RINGS.labels(each.plan.urgency, "failed").inc()
        if wanted:
            level = logging.WARNING if again is None else logging.CRITICAL
            when = again or "never, it has none"
            log.log(level, "no channel of %s carries anything; again: %s; now: %s", plan.rung, when, instead)
            self._observe(RingOutcome(tuple(wanted), None, "dead" if has_channel else NO_CHANNEL, instead))

    def _observe(self, outcome: RingOutcome) -> None:
        try:
            self._observer.on_outcome(outcome)
        except Exception:
            log.exception("the observer of rings failed")
