"""Rings the bell beside the inbox: plans from its rows, sends on the channels, keeps the book.

Rule 1: the inbox never waits for it: connection and threads are its own.
Rule 2: an alarm waits for no other ring: each has a thread, notices have one a rung.
Rule 3: a channel that fails is passed over for the next of the rung at once, and for a while tried last; where all
        of a rung fail, or it has none, an alarm goes to the next rung at once. What nobody got is tried again, ever
        more rarely, until it is acknowledged or old.
Rule 4: an orderly end waits for what is being sent, so that it is recorded.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from yizhan.consumers import metrics
from yizhan.consumers.bell.channels import DELIVERED, FAULT, ReadyChannel, attempt
from yizhan.consumers.bell.message import Message, Names, compose, wordless
from yizhan.consumers.bell.planning import Bell
from yizhan.consumers.bell.ring_store import RingStore, Unless
from yizhan.consumers.bell.rings import NOBODY, URGENT, Heard, Plan, Ring, Witness
from yizhan.consumers.bell.settings import BellSettings, Tells
from yizhan.runtime.errors import StoreError
from yizhan.runtime.worker_thread import WorkerThread
from yizhan.schemas.charter import Charters
from yizhan.schemas.followups import RUNGS
from yizhan.schemas.i18n import get_language
from yizhan.schemas.policy_facts import Words

LOOK_SECONDS: Final = 0.1
"""How long a stored alarm waits for the bell. Short: the disk's cache is asked more often."""
MEASURE_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = 1.0
MOST_AT_ONCE: Final = 16
"""Rings that are sent at once."""
SHUN_SECONDS: Final = 300.0
"""How long a channel that failed is tried last."""
LONGEST_PAUSE_SECONDS: Final = 3600.0
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
        settings: BellSettings,
        lines: Mapping[str, ReadyChannel],
        charters: Charters,
        clock: Callable[[], datetime],
        witness: Witness = NOBODY,
    ) -> None:
        """Prepare it.

        Args:
            path: of the inbox's database.
            county: our member code.
            settings: of ``bell.toml``.
            lines: its channels, see ``channels.lines_of``.
            charters: adopted versions: who owes what, what counties and rules are called.
            clock: gives the current instant, aware.
            witness: is told of what leaves, and of what came of it.
        """
        super().__init__("bell", "nobody is rung")
        self.book = RingStore(path, county)
        self._county, self._settings, self._lines, self._charters = county, settings, lines, charters
        self._clock, self._witness = clock, witness
        self._place: tuple[int, int] | None = None
        self._busy: dict[int, threading.Thread] = {}
        self._alarms: set[int] = set()
        self._rungs: set[str] = set()
        self._failed_at: dict[str, float] = {}
        self._lock = threading.Lock()
        self._measure_due = 0.0

    def work(self) -> None:
        """Look, plan and ring until told to end."""
        while not self._over.is_set():
            self.step()
            self.went_well()
            self._over.wait(LOOK_SECONDS)

    def step(self) -> None:
        """Do what is to be done now; what is sent is sent in other threads."""
        now = self._clock()
        bell = self._bell(now)
        self._plan(bell, now)
        self._start(bell, now)

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
        """End, after what is being sent; see rule 4."""
        super().end()
        self.settle()
        self.book.close()

    def names(self) -> Names:
        """Return how counties and rules are called, by the newest charter."""
        charter = self._charters.latest()
        members, rules = charter.members, charter.policy.obligations
        return Names(
            lambda code: _said(members[code].name) if code in members else code,
            lambda rule: _said(rules[rule].what) if rule in rules else rule,
        )

    def _bell(self, now: datetime) -> Bell:
        charter = self._charters.in_force(now)
        return Bell(self._county, self._settings, charter.policy.obligations, ZoneInfo(charter.time_zone))

    def _plan(self, bell: Bell, now: datetime) -> None:
        if self._place is None:
            self._place = self.book.place()
            # What nobody rang for yet, by a bell that is new: alarms only.
            waiting = [plan for each in self.book.waiting() for plan in _planned(bell.of_item, each, now)]
            self.book.plan(waiting, now, self._place)
        items, steps = self.book.new_items(self._place[0]), self.book.new_steps(self._place[1])
        if items or steps:
            plans = [plan for each in items for plan in _planned(bell.of_item, each, now)]
            plans += [plan for each in steps for plan in _planned(bell.of_step, each, now)]
            place = items[-1].seq if items else self._place[0], steps[-1].seq if steps else self._place[1]
            self.book.plan(plans, now, place)
            self._place = place
        if time.monotonic() >= self._measure_due:
            self._measure_due = time.monotonic() + MEASURE_SECONDS
            self._measure()

    def _measure(self) -> None:
        """Tell what the book says: another process may have tested a channel."""
        metrics.BELL_UNHEARD.set(self.book.unheard())
        for name in self._lines:
            last = self.book.last(name)
            metrics.BELL_DEAD.labels(name).set(last is not None and last.outcome != DELIVERED)
            if last is not None and last.outcome == DELIVERED:
                with self._lock:
                    self._failed_at.pop(name, None)

    def _start(self, bell: Bell, now: datetime) -> None:
        quiet = bell.quiet(now) > now
        for ring in self.book.pending(now):
            rung = ring.plan.rung
            if ring.seq in self._busy or self._over.is_set():
                continue
            if ring.plan.urgency in URGENT:
                if len(self._alarms) < MOST_AT_ONCE:
                    self._alarms.add(ring.seq)
                    self._send_beside(bell, (ring,))
            # In the quiet hours only what was planned for just then.
            elif rung not in self._rungs and not (quiet and bell.quiet(ring.plan.due) == ring.plan.due):
                together = [ring] if quiet else self.book.beside(rung)
                self._rungs.add(rung)
                self._send_beside(bell, tuple(together))

    def _send_beside(self, bell: Bell, rings: tuple[Ring, ...]) -> None:
        thread = threading.Thread(target=self._carry, args=(bell, rings), name="bell-ring", daemon=True)
        with self._lock:
            self._busy |= dict.fromkeys((each.seq for each in rings), thread)
        thread.start()

    def _carry(self, bell: Bell, rings: tuple[Ring, ...]) -> None:
        try:
            self._ring(bell, rings)
        except Exception:
            log.exception("a ring did not go; it is tried again")
            self._over.wait(_AGAIN_SECONDS)
        finally:
            with self._lock:
                for each in rings:
                    self._busy.pop(each.seq, None)
                    self._alarms.discard(each.seq)
                if rings[0].plan.urgency not in URGENT:
                    self._rungs.discard(rings[0].plan.rung)

    def _ring(self, bell: Bell, rings: tuple[Ring, ...]) -> None:
        """Try the channels of the rung in order; rings are all for one rung."""
        unless = Unless(timedelta(hours=self._settings.oldest_hours), bell.answering())
        for name in self._order(rings[0].plan.rung):
            if self._over.is_set():
                return
            tells = self._lines[name].channel.tells
            begun = self.book.begin(rings, name, tells, self._clock(), unless)
            if not begun:
                return
            told = tuple(ring for ring, _number in begun)
            outcome = self._sent(name, told, tells)
            good = outcome == DELIVERED
            self._record(partial(self.book.end, begun, name, outcome, self._clock(), good=good))
            metrics.BELL_TRIES.labels(name, DELIVERED if good else "failed").inc()
            self._tell(Heard(told, name, outcome))
            if good:
                self._count_delivered(told)
                return
            with self._lock:
                self._failed_at[name] = time.monotonic()
            rings = told
        self._nobody(bell, rings, unless)

    def _sent(self, name: str, rings: Sequence[Ring], tells: Tells) -> str:
        """Send, and return what came of it; content that may not be shown stays in, and the next channel is tried."""
        if tells == "summary":
            try:
                self._witness.shows(name, rings)
            except Exception:
                log.exception("channel %s: what leaves could not be written down first; it stays in", name)
                return FAULT
        return attempt(self._lines[name], self._message(rings, tells))

    def _message(self, rings: Sequence[Ring], tells: Tells) -> Message:
        try:
            return compose(rings, tells, self._county, self.names())
        except Exception:
            log.exception("a fault of this program; what is rung says as good as nothing")
            metrics.FAULTS.inc()
            return wordless(self._county)

    def _record(self, write: Callable[[], None]) -> None:
        """Write what came of a sending; while the disk fails it is not sent again, but written again."""
        while True:
            try:
                write()
            except StoreError as error:
                log.critical("what was rung cannot be recorded: %s", error)
                if self._over.wait(_AGAIN_SECONDS):
                    return
            else:
                return

    def _nobody(self, bell: Bell, rings: Sequence[Ring], unless: Unless) -> None:
        """No channel of the rung is left: for what is urgent the next rung at once; this one later, if it has any."""
        now, plan = self._clock(), rings[0].plan
        again: datetime | None = None
        if self._order(plan.rung):
            pause = min(self._settings.again_seconds * (1 << min(rings[0].rounds, 16)), LONGEST_PAUSE_SECONDS)
            again = now + timedelta(seconds=pause)
        others = []
        if plan.urgency not in URGENT:
            # What is rung in the quiet hours cannot wait for their end.
            again = again and (again if bell.quiet(now) > now else bell.quiet(again))
        elif plan.rung != RUNGS[-1]:
            others = [replace(plan, rung=RUNGS[RUNGS.index(plan.rung) + 1], due=now)]
        wanted = self.book.failed(rings, now, again, others, unless)
        for each in wanted if again is not None else ():
            metrics.BELL_RINGS.labels(each.plan.urgency, "failed").inc()
        if wanted:
            level = logging.WARNING if again is None else logging.CRITICAL
            log.log(level, "no channel of %s carries anything; again: %s", plan.rung, again or "never, it has none")
            self._tell(Heard(tuple(wanted), None, "dead"))

    def _order(self, rung: str) -> list[str]:
        """Return the rung's channels in the order of trying: what failed a moment ago last."""
        names = next((list(found) for place, found in self._settings.rungs.items() if place == rung), [])
        now = time.monotonic()
        with self._lock:
            shunned = {name for name, at in self._failed_at.items() if now - at < SHUN_SECONDS}
        return sorted(names, key=shunned.__contains__)

    def _count_delivered(self, rings: Sequence[Ring]) -> None:
        now = self._clock()
        for each in rings:
            metrics.BELL_RINGS.labels(each.plan.urgency, DELIVERED).inc()
            if each.plan.urgency in URGENT:
                metrics.BELL_SECONDS.observe(max(0.0, (now - each.made).total_seconds()))

    def _tell(self, heard: Heard) -> None:
        try:
            self._witness.heard(heard)
        except Exception:
            log.exception("whoever is told of rings failed")


def _planned(make: Callable[[_New, datetime], list[Plan]], new: _New, now: datetime) -> list[Plan]:
    """Plan what follows from a row; a fault of ours in one must not silence the others."""
    try:
        return make(new, now)
    except Exception:
        log.exception("a fault of this program; nothing is rung for a row")
        metrics.FAULTS.inc()
        return []


def _said(words: Words) -> str:
    """Return a text of the charter's in the language chosen."""
    return words.en if get_language() == "en" else words.zh
