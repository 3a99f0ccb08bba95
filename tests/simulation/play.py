"""One run: faults first, then quiet until nothing moves any more; then the laws are looked at."""

from __future__ import annotations

import contextlib
import functools
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from kafka.errors import KafkaError

from tests.simulation import disk, laws
from tests.simulation.chance import Killed
from tests.simulation.counties import County, InboxProcess, OutboxProcess, Process
from tests.simulation.kafka import Send
from tests.simulation.station import ClosingProcess, LedgerProcess, Loop, StationProcess
from tests.simulation.values import Plan, Result, Sent
from tests.simulation.world import MEMBERS, World, entered
from tests.world.simulator import FIRE, INTELLIGENCE
from yizhan.consumers.store import MIGRATIONS as INBOX
from yizhan.ledger import checkpoint_store, statements
from yizhan.ledger.kafka_io import WireFailed
from yizhan.producers.drafts import Draft
from yizhan.producers.store import MIGRATIONS as OUTBOX
from yizhan.runtime.store import open_store
from yizhan.streams import closing_kafka

MEMORY: Final = Path("/dev/shm")  # noqa: S108 -- a folder of its own in it
ROUNDS: Final = 60
"""Rounds of quiet after which nothing may move any more."""


@functools.cache
def _templates() -> Path:
    """Make the empty databases of all processes, once."""
    folder = Path(tempfile.mkdtemp(prefix="yizhan-simulated-", dir=MEMORY if MEMORY.is_dir() else None))
    shapes = {
        "outbox": OUTBOX,
        "inbox": INBOX,
        "closing": closing_kafka.MIGRATIONS,
        "statements": statements.MIGRATIONS,
        "checkpoint": checkpoint_store.MIGRATIONS,
    }
    for name, migrations in shapes.items():
        open_store(folder / f"{name}.sqlite3", migrations).close()
    return folder


@functools.cache
def _loop() -> Loop:
    return Loop()


class Play:
    """A run under way."""

    def __init__(self, world: World) -> None:
        """Set everything up."""
        self.world, self.chance = world, world.chance
        codes = MEMBERS[: 2 if self.chance.happens(0.8) else 3]
        self.counties = {code: County(world, code) for code in codes}
        self._lay_out(codes)
        self.station = StationProcess(world, MEMBERS, _loop())
        self.closing = ClosingProcess(world, MEMBERS)
        self.ledger = LedgerProcess(world, MEMBERS)
        self.outboxes = {code: OutboxProcess(world, county) for code, county in self.counties.items()}
        self.inboxes = {code: InboxProcess(world, county) for code, county in self.counties.items()}
        self.processes: list[Process] = [
            self.station, self.ledger, *self.outboxes.values(), *self.inboxes.values(),
        ]  # fmt: skip
        self.number = 0
        self.plans = [self._plan() for _ in range(3 + self.chance.below(6))]
        self.mutated: list[bytes] = []

    def _lay_out(self, codes: tuple[str, ...]) -> None:
        made = _templates()
        for code in codes:
            (self.world.folder / code).mkdir()
            for name in ("outbox", "inbox"):
                disk.copy_template(made / f"{name}.sqlite3", self.world.folder / code / f"{name}.sqlite3")
        for folder, names in (("station", ("closing",)), ("ledger", ("statements", "checkpoint"))):
            (self.world.folder / folder).mkdir()
            for name in names:
                disk.copy_template(made / f"{name}.sqlite3", self.world.folder / folder / f"{name}.sqlite3")

    # -- what officers do --

    def _plan(self) -> Plan:
        codes = list(self.counties)
        county = self.chance.one(codes)
        to = tuple(sorted(each for each in codes if each != county))
        if len(to) > 1 and self.chance.happens(0.5):
            to = (self.chance.one(to),)
        self.number += 1
        reference = f"no {self.number}"
        kind = self.chance.below(10)
        values: dict[str, Any]
        if kind < 6:
            touches = tuple(sorted((county, *to)))
            values = {"type": FIRE, "priority": "flash", "stage": "first", "touches": touches}
            payload: dict[str, Any] = {"summary": "山火"}
        else:
            values, payload = {"type": INTELLIGENCE}, {"title": "动态"}
        draft = Draft.model_validate(values | {"to": to, "payload": payload, "external_ref": reference})
        return Plan(county, draft)

    def officer(self) -> None:
        """Let an officer send what is planned next."""
        waiting = [each for each in self.plans if each.done is None]
        if not waiting:
            return
        plan = waiting[0]
        self._as(f"{plan.county} officer", plan.county, lambda: self._publish(plan))

    def _publish(self, plan: Plan) -> None:
        with contextlib.closing(self.counties[plan.county].outbox()) as outbox:
            made = outbox.publish(plan.draft)
        plan.done = Sent(made.id, made.hash.hex(), made.to, plan.county)
        self.world.say(f"ACCEPTED {made.id} {plan.draft.type.split('.')[2]} to {','.join(made.to)}")

    def answer(self) -> None:
        """Let an officer acknowledge an alarm, or take an own event back."""
        process = self.chance.one(list(self.inboxes.values()))
        if not process.alive:
            return
        ringing = [item.id for item in process.inbox.ringing()]
        if ringing:
            chosen = self.chance.one(ringing)
            self._turn(process, lambda: self._acknowledge(process, chosen))

    def _acknowledge(self, process: InboxProcess, item: str) -> None:
        process.inbox.acknowledge(item, "周某", "331005")
        self.world.say(f"acknowledged {item}")

    # -- processes --

    def _as(self, name: str, machine: str, work: Callable[[], None]) -> bool:
        """Do something as a process that may die."""
        self.world.running, before = name, self.world.running
        try:
            work()
        except Killed as death:
            if death.power:
                self._power_cut(machine)
            return False
        finally:
            self.world.running = before
        return True

    def _turn(self, process: Process, work: Callable[[], None]) -> None:
        """Do a step of a process; if it dies, it is dead."""
        self.world.running = process.name
        try:
            work()
        except Killed as death:
            self._kill(process)
            if death.power:
                self._power_cut(process.machine)
        except (KafkaError, WireFailed) as error:
            self.world.say(f"session over: {error}")
            self._again(process)
        finally:
            self.world.running = ""

    def _again(self, process: Process) -> None:
        if process is self.station or process is self.closing:
            self._kill(process)
            return
        try:
            process.session()
        except (Killed, KafkaError, WireFailed):
            self._kill(process)

    def _kill(self, process: Process) -> None:
        process.alive = False
        with self._without_points():
            process.end()

    @contextlib.contextmanager
    def _without_points(self) -> Iterator[None]:
        running, self.world.running = self.world.running, ""
        try:
            yield
        finally:
            self.world.running = running

    def _power_cut(self, machine: str) -> None:
        with self._without_points():
            self.world.disk.power_cut(self.world.folder / machine, self.chance.below)
        for each in self.processes:
            if each.machine == machine and each.alive:
                self._kill(each)
        if machine == self.closing.machine:
            self._kill(self.closing)

    def _start(self, process: Process) -> None:
        self.world.running = process.name
        try:
            process.start()
        except Killed as death:
            self._kill(process)
            if death.power:
                self._power_cut(process.machine)
        except (KafkaError, WireFailed) as error:
            self.world.say(f"does not start: {error}")
            self._kill(process)
        else:
            process.alive = True
            self.world.say("started")
        finally:
            self.world.running = ""

    # -- the run --

    def faulty(self) -> None:
        """Let everything happen in any order, with faults."""
        moves = (
            *(self._network,) * 8, *(self._some_process,) * 14, *(self._tick,) * 2, self.officer,
            self.answer, self._close, self._trouble,
        )  # fmt: skip
        for number in range(60 + 20 * len(self.plans)):
            self.number = number
            self.world.seconds += self.chance.share() * (20.0 if self.chance.happens(0.02) else 0.1)
            self.chance.one(moves)()

    def _network(self) -> None:
        for _ in range(3):
            self.world.broker.step()

    def _some_process(self) -> None:
        process = self.chance.one(self.processes)
        if not process.alive:
            self._start(process)
        elif process.stopped_until <= self.number:
            self._turn(process, process.step)

    def _tick(self) -> None:
        if self.station.alive:
            self._turn(self.station, self.station.tick)
            if self.chance.happens(0.15):
                self.world.seconds += 310.0

    def _close(self) -> None:
        if not self.chance.happens(0.3):
            return
        county, interim = self.chance.one(list(self.counties)), self.chance.happens(0.2)
        self._turn(self.closing, lambda: self._closed(county, interim=interim))

    def _closed(self, county: str, *, interim: bool) -> None:
        self.closing.close(county, interim=interim)

    def _trouble(self) -> None:
        """Bring about one of the rarer faults."""
        kind = self.chance.below(6)
        if not self.chance.fault(0.6):
            return
        process = self.chance.one(self.processes)
        if kind == 0 and process.alive:
            self.world.say(f"{process.name} is stopped for a while")
            process.stopped_until = self.number + 40
        elif kind == 1:
            machine = self.chance.one([*self.counties, "station", "ledger"])
            self.world.skew[machine] = self.chance.one((-3600.0, 0.0, 3600.0))
            if self.world.skew[machine] > 0:
                self.world.fast.add(machine)
            self.world.say(f"the clock of {machine} is {self.world.skew[machine]:+.0f} s wrong")
        elif kind == 2:
            machine = self.chance.one([*self.counties, "station", "ledger"])
            self.world.say(f"POWER CUT of {machine}")
            self._power_cut(machine)
        elif kind == 3 and process.alive:
            self.world.say(f"KILLED {process.name}")
            self._kill(process)
        elif kind == 4 and self.station.alive:
            self.world.say("partitions are assigned anew")
            self._turn(self.station, self.station.rebalance)
        elif kind == 5:
            self._mutate()

    def _mutate(self) -> None:
        """Write a record once more, with a byte changed: nothing may be decided by it."""
        made = self.world.broker.topics
        names = [each for each in sorted(made) if made[each] and each.startswith(_WRITTEN_BY_ANYBODY)]
        if not names:
            return
        record = self.chance.one(made[self.chance.one(names)])
        if not record.value:
            return
        place = self.chance.below(len(record.value))
        changed = bytearray(record.value)
        changed[place] ^= 1 << self.chance.below(8)
        value = bytes(changed)
        self.mutated.append(value)
        self.world.say(f"{record.topic}/{record.offset} is written again with byte {place} changed")
        self.world.broker.append(Send(record.topic, record.key, value, record.headers))

    def quiet(self, still_rounds: int) -> bool:
        """Start everything, without faults, until nothing moves for so many rounds; tell whether that came."""
        self.chance.calm = True
        self.world.skew.clear()
        self.world.say("-- no more faults --")
        still = 0
        for number in range(ROUNDS):
            before = self.world.broker.count()
            self.number += 100
            self._round(ticks=number % 4 == 0)
            if all(each.done for each in self.plans):
                still = still + 1 if self.world.broker.count() == before else 0
            if still >= still_rounds:
                return True
            self.world.seconds += 0.4 if still == 0 else 130.0
        return False

    def _round(self, *, ticks: bool) -> None:
        self.officer()
        for process in self.processes:
            if not process.alive:
                self._start(process)
            self._turn(process, process.step)
            while self.world.broker.step():
                pass
        if ticks and self.world.seconds < _LAST_TICK:
            self._tick()

    def close_all(self) -> None:
        """Close the last period of everybody."""
        for county in self.counties:
            self._turn(self.closing, functools.partial(self._closed, county, interim=False))

    def end(self) -> None:
        """End every process."""
        for each in (*self.processes, self.closing):
            self._kill(each)


_LAST_TICK: Final = 3600.0
_WRITTEN_BY_ANYBODY: Final = ("yizhan.events.", "yizhan.alerts.", "yizhan.postings.")


def run(seed: int, without: tuple[int, ...] = ()) -> Result:
    """Play a seed; the simulated world has to be entered (``world.simulated``)."""
    folder = Path(tempfile.mkdtemp(prefix="yizhan-seed-", dir=_templates().parent))
    world = World(seed, folder, without)
    result = Result(seed, account=world.account)
    try:
        with entered(world):
            play = Play(world)
            try:
                play.faulty()
                settled = play.quiet(3)
                play.close_all()
                settled = play.quiet(2) and settled
                result.broken += laws.broken(play, settled=settled)
            except Exception as error:
                logging.getLogger(__name__).debug("", exc_info=error)
                result.broken.append(f"a process failed: {type(error).__name__}: {error}")
                world.say(f"FAILED {error!r}")
                result.error = error
            finally:
                play.end()
            result.faults, result.records = world.chance.faults, world.broker.count()
            result.events = sum(plan.done is not None for plan in play.plans)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return result
