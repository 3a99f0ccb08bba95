"""Rings the bell beside the inbox: plans from its rows, and has what is due delivered in threads.

Rule 1: the inbox never waits for it: connection and threads are its own.
Rule 2: an alarm waits for no other ring: each has a thread; the notices and reminders of a rung share one.
Rule 3: ``end`` waits for what is being sent, so that its outcome is recorded.
Rule 4: a ``bell.toml`` that appears or changes is used within a second; one that cannot be used changes nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from yizhan.consumers import metrics
from yizhan.consumers.bell.bell_file import BellChannels
from yizhan.consumers.bell.channels import DELIVERED, ReadyChannel
from yizhan.consumers.bell.consoles import FILE as CONSOLES
from yizhan.consumers.bell.consoles import NOT_OPEN, ConsoleNotifier, console_trouble
from yizhan.consumers.bell.delivery import AGAIN_SECONDS, ChannelNotifier, Delivery, Notifier
from yizhan.consumers.bell.message import Names
from yizhan.consumers.bell.planning import RingPlanner
from yizhan.consumers.bell.ring_store import RingStore
from yizhan.consumers.bell.rings import NO_OBSERVER, URGENT, Plan, Ring, RingObserver
from yizhan.runtime.errors import StoreError
from yizhan.runtime.worker_thread import WorkerThread
from yizhan.schemas.charter import Charters
from yizhan.schemas.i18n import get_language
from yizhan.schemas.policy_facts import Words

LOOK_SECONDS: Final = 0.5
"""How late a reminder may be; a stored alarm wakes the bell at once (``Ringer.wake``)."""
MEASURE_SECONDS: Final = 1.0
MOST_AT_ONCE: Final = 16
"""Alarms that are sent at once."""
_LAST_SECONDS: Final = 25.0

_New = TypeVar("_New")

log = logging.getLogger(__name__)


class Ringer(WorkerThread):
    """A county's bell. Use it as a context, once no other process reads this inbox."""

    expected = (StoreError, OSError)

    def __init__(
        self,
        path: Path,
        county: str,
        bell: BellChannels | None,
        charters: Charters,
        clock: Callable[[], datetime],
        observer: RingObserver = NO_OBSERVER,
        changed: Callable[[], BellChannels | None] = lambda: None,
    ) -> None:
        """Prepare it.

        Args:
            path: of the inbox's database.
            county: our member code.
            bell: settings and channels of ``bell.toml``; None: nobody is rung until ``changed`` gives some.
            charters: adopted versions: who owes what, what counties and rules are called.
            clock: gives the current instant, aware.
            observer: gets what leaves, before, and every outcome.
            changed: asked each second for a ``bell.toml`` that appeared or changed, see ``BellFile``.
        """
        super().__init__("bell", "nobody is rung")
        self.store = RingStore(path, county)
        self._county, self._charters, self._clock = county, charters, clock
        self._observer, self._changed = observer, changed
        self._consoles = path.with_name(CONSOLES)
        self._delivery: Delivery | None = None
        if bell is not None:
            self._use(bell)
        self._place: tuple[int, int] | None = None
        self._busy: dict[int, threading.Thread] = {}
        self._alarms: set[int] = set()
        self._rungs: set[str] = set()
        self._lock = threading.Lock()
        self._measure_due = 0.0
        self._woken = threading.Event()

    def work(self) -> None:
        """Plan and ring until asked to stop."""
        while not self._over.is_set():
            self.step()
            self.went_well()
            self._woken.wait(LOOK_SECONDS)
            self._woken.clear()

    def wake(self) -> None:
        """Look at once for what is to be rung; from any thread."""
        self._woken.set()

    def step(self) -> None:
        """Plan and start what is due now; messages are sent in other threads."""
        now, measures = self._clock(), time.monotonic() >= self._measure_due
        if measures:
            self._measure_due = time.monotonic() + MEASURE_SECONDS
            if (bell := self._changed()) is not None:
                self._use(bell)
        if (delivery := self._delivery) is None:
            return
        charter = self._charters.in_force(now)
        rules, zone = charter.policy.obligations, ZoneInfo(charter.time_zone)
        planner = RingPlanner(self._county, delivery.settings, rules, zone)
        self._plan(planner, now)
        if measures:
            self.measure()
            self._plan_absence(planner, now)
        self._dispatch(delivery, planner, now)

    def _use(self, bell: BellChannels) -> None:
        """Ring by these settings from now on; what is being sent ends on the channels that it began with."""
        notifiers = {name: self._notifier(channel) for name, channel in bell.channels.items()}
        metrics.BELL_DEAD.clear()
        self._delivery = Delivery(self.store, bell.settings, notifiers, self._clock, self._observer, self._over)

    def _notifier(self, channel: ReadyChannel) -> Notifier:
        if channel.channel.console:
            return ConsoleNotifier(self._consoles, channel.channel, self._clock, self._over)
        return ChannelNotifier(channel, self._county, self.names, self._observer)

    def settle(self, seconds: float = _LAST_SECONDS) -> None:
        """Wait until nothing is being sent."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with self._lock:
                thread = next(iter(self._busy.values()), None)
            if thread is None:
                return
            thread.join(LOOK_SECONDS)

    def end(self) -> None:
        """Stop after the messages that are being sent; see rule 3."""
        self._over.set()
        self.wake()
        super().end()
        self.settle()
        self.store.close()

    def names(self) -> Names:
        """Return how counties and rules are called, by the newest charter."""
        charter = self._charters.latest()
        members, rules = charter.members, charter.policy.obligations
        return Names(
            lambda code: _in_language(members[code].name) if code in members else code,
            lambda rule: _in_language(rules[rule].what) if rule in rules else rule,
            ZoneInfo(charter.time_zone),
        )

    def measure(self) -> None:
        """Set the metrics from the store: another process may have tested a channel."""
        metrics.BELL_UNHEARD.set(self.store.unheard())
        if self._delivery is None:
            return
        for name, channel in self._delivery.settings.channels.items():
            last = self.store.last(name)
            dead = last is not None and last.outcome != DELIVERED
            if channel.console:  # it works again when a page is open, without a test
                trouble = console_trouble(self._consoles, self._clock())
                dead = trouble is not None or (last is not None and last.outcome not in (DELIVERED, *NOT_OPEN))
            metrics.BELL_DEAD.labels(name).set(dead)
            if last is not None and not dead:
                self._delivery.order.mark_working(name)

    def _plan(self, planner: RingPlanner, now: datetime) -> None:
        if self._place is None:
            self._place = self.store.place()
            # What nobody rang for yet, by a bell that is new: alarms only.
            waiting = [plan for each in self.store.waiting() for plan in _planned(planner.plan_item, each, now)]
            self.store.plan(waiting, now, self._place)
        items, steps = self.store.new_items(self._place[0]), self.store.new_steps(self._place[1])
        if items or steps:
            plans = [plan for each in items for plan in _planned(planner.plan_item, each, now)]
            plans += [plan for each in steps for plan in _planned(planner.plan_step, each, now)]
            place = items[-1].seq if items else self._place[0], steps[-1].seq if steps else self._place[1]
            self.store.plan(plans, now, place)
            self._place = place

    def _plan_absence(self, planner: RingPlanner, now: datetime) -> None:
        """Plan one ring for the alarms that arrived while nobody could be rung, or that no channel delivered."""
        older = timedelta(hours=planner.settings.oldest_hours)
        missed = self.store.missed(now, older)
        metrics.BELL_MISSED.set(0 if missed is None else missed.count)
        if missed is not None and not self.store.absence_told(now, older) and self._place is not None:
            self.store.plan([planner.plan_absence(now)], now, self._place)

    def _dispatch(self, delivery: Delivery, planner: RingPlanner, now: datetime) -> None:
        """Start threads for due rings; those that are being sent or wait for a thread are left for a later round."""
        quiet = planner.quiet(now) > now
        for ring in self.store.pending(now):
            rung = ring.plan.rung
            if ring.seq in self._busy or self._over.is_set():
                continue
            if ring.plan.urgency in URGENT:
                if len(self._alarms) < MOST_AT_ONCE:
                    self._alarms.add(ring.seq)
                    self._start(delivery, planner, (ring,))
            # In the quiet hours only what was planned for just then.
            elif rung not in self._rungs and not (quiet and planner.quiet(ring.plan.due) == ring.plan.due):
                together = [ring] if quiet else self.store.waiting_for(rung)
                self._rungs.add(rung)
                self._start(delivery, planner, tuple(together))

    def _start(self, delivery: Delivery, planner: RingPlanner, rings: tuple[Ring, ...]) -> None:
        thread = threading.Thread(target=self._deliver, args=(delivery, planner, rings), name="bell-ring", daemon=True)
        with self._lock:
            self._busy |= dict.fromkeys((each.seq for each in rings), thread)
        thread.start()

    def _deliver(self, delivery: Delivery, planner: RingPlanner, rings: tuple[Ring, ...]) -> None:
        try:
            delivery.deliver(planner, rings)
        except Exception:
            log.exception("a ring was not sent; it is tried again")
            self._over.wait(AGAIN_SECONDS)
        finally:
            with self._lock:
                for each in rings:
                    self._busy.pop(each.seq, None)
                    self._alarms.discard(each.seq)
                if rings[0].plan.urgency not in URGENT:
                    self._rungs.discard(rings[0].plan.rung)


def _planned(make: Callable[[_New, datetime], list[Plan]], new: _New, now: datetime) -> list[Plan]:
    """Plan what follows from a row; a fault of ours in one must not silence the others."""
    try:
        return make(new, now)
    except Exception:
        log.exception("a fault of this program; nothing is rung for a row")
        metrics.FAULTS.inc()
        return []


def _in_language(words: Words) -> str:
    """Return a text of the charter in the language chosen."""
    return words.en if get_language() == "en" else words.zh
