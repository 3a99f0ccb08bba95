"""The processes of a county: commands of officers, the outbox's, the inbox's with its bell."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from kafka import KafkaProducer

from tests.simulation.kafka import Admin, Consumer
from tests.simulation.world import CONNECTION, SETTINGS, World, alliance
from yizhan.consumers.bell.bell_file import BellChannels
from yizhan.consumers.bell.channels import ReadyChannel
from yizhan.consumers.bell.delivery import Delivery
from yizhan.consumers.bell.message import Message
from yizhan.consumers.bell.planning import RingPlanner
from yizhan.consumers.bell.ringer import Ringer
from yizhan.consumers.bell.rings import Ring, RingObserver, RingOutcome
from yizhan.consumers.bell.settings import BellSettings, Channel
from yizhan.consumers.errors import ChannelFailed
from yizhan.consumers.inbox import Inbox
from yizhan.consumers.notifier import OutcomeNotifier
from yizhan.consumers.reader import NO_LISTENERS, InboxReader
from yizhan.producers.outbox import Outbox, OutboxOptions
from yizhan.producers.publisher import Publisher
from yizhan.producers.reply_reader import ReplyReader
from yizhan.runtime import clients
from yizhan.runtime.process import StopSignal

BELL: Final = BellSettings(
    quiet_hours="",
    channels={name: Channel(command=("siren",), tells="summary") for name in ("first", "other")},
    rungs={"duty": ("first", "other"), "leader": ("other",)},
)


class Process:
    """A process that lives, or does not."""

    def __init__(self, world: World, name: str, machine: str) -> None:
        """Name it; it is not started yet."""
        self.world, self.name, self.machine = world, name, machine
        self.alive = False
        self.stopped_until = 0
        """Number of the step before which it gets no turn."""
        self.memory = contextlib.ExitStack()
        """What is let go of at its death."""

    def start(self) -> None:
        """Start it."""

    def step(self) -> None:
        """Do a little."""

    def session(self) -> None:
        """Begin a session with the broker, after the first one broke."""

    def end(self) -> None:
        """Let go of everything in memory."""
        self.memory.close()


class County:
    """A county's files, and what its officers heard."""

    def __init__(self, world: World, code: str) -> None:
        """Make the machine's folder."""
        self.world, self.code = world, code
        self.folder = world.folder / code
        self.heard: Counter[tuple[str, str, str]] = Counter()
        """Subject, step and rung of each ring that was heard."""
        self.unheard: set[tuple[str, str, str]] = set()
        """Those of which was said that no channel carried them."""

    def outbox(self) -> Outbox:
        """Open the outbox, as a process does."""
        signer, options = alliance().counties[self.code].signing, OutboxOptions(random_bytes=self.world.chance.bytes)
        path = self.folder / "outbox.sqlite3"
        return Outbox(path, self.code, signer, alliance().charters, self.world.clock(self.code), options)


class OutboxProcess(Process):
    """``yizhan outbox run``: publisher and reader of replies, a step each in turn."""

    def __init__(self, world: World, county: County) -> None:
        """Name it."""
        super().__init__(world, f"{county.code} outbox", county.code)
        self._county = county

    def start(self) -> None:
        """Open the outbox and begin a session."""
        stop = StopSignal()
        self._outbox = self._county.outbox()
        self.memory.callback(self._outbox.close)
        self._dispatch = self._outbox.dispatch(share=self.world.chance.share)
        self.memory.callback(self._dispatch.close)
        self._replies = self._outbox.dispatch(share=self.world.chance.share, checkpoint_pages=500)
        self.memory.callback(self._replies.close)
        self._session = self.memory.enter_context(contextlib.ExitStack())
        self._reader = ReplyReader(self._outbox, SETTINGS, CONNECTION, stop)
        self._publisher = Publisher(self._outbox, self._dispatch, SETTINGS, CONNECTION, stop, self._reader)
        self.session()

    def session(self) -> None:
        """Begin a session with the broker."""
        self._session.close()
        self._consumer: Any = Consumer(self.world, None)
        self._admin: Any = Admin(self.world)
        self._reader.begin(self._replies, self._admin, self._consumer)
        self._producer: Any = clients.client(KafkaProducer, CONNECTION, "outbox")
        self._session.callback(self._producer.close)
        self._publisher.begin()

    def step(self) -> None:
        """Send, or read what the station answered."""
        self._publisher.step(self._producer)
        self._reader.step(self._replies, self._admin, self._consumer)


class SimulatedChannel(ReadyChannel):
    """A channel that carries a message to nobody but the account."""

    def __init__(self, name: str, county: County) -> None:
        """Take the county whose officers hear it."""
        super().__init__(name, BELL.channels[name])
        self._county = county
        self.carries: Sequence[Ring] = ()

    def send(self, message: Message) -> None:  # noqa: ARG002 -- the rings say more
        """Let it be heard, or not."""
        world = self._county.world
        if world.chance.fault(0.1):
            world.say(f"channel {self.name} fails")
            raise ChannelFailed("refused")
        world.point("before a ring is heard")
        for each in self.carries:
            self._county.heard[each.plan.subject, each.plan.step, each.plan.rung] += 1
            world.say(f"HEARD {each.plan.step} of {each.plan.subject} on {self.name}")
        world.point("after a ring was heard")


class SimulatedRinger(Ringer):
    """The bell, whose messages are sent at once instead of in threads."""

    def _start(self, delivery: Delivery, planner: RingPlanner, rings: tuple[Ring, ...]) -> None:
        self._busy |= dict.fromkeys((each.seq for each in rings), threading.current_thread())
        self._deliver(delivery, planner, rings)


class InboxProcess(Process):
    """``yizhan inbox run``: the reader, the receipts, the bell."""

    def __init__(self, world: World, county: County) -> None:
        """Name it."""
        super().__init__(world, f"{county.code} inbox", county.code)
        self._county = county

    def start(self) -> None:
        """Open inbox, outbox and bell, and begin a session."""
        code, clock = self._county.code, self.world.clock(self._county.code)
        path, charters = self._county.folder / "inbox.sqlite3", alliance().charters
        outbox = self._county.outbox()
        self.memory.callback(outbox.close)
        self.inbox = Inbox(path, code, [alliance().counties[code].sealing], charters, clock, outbox)
        self.memory.callback(self.inbox.close)
        self._channels = {name: SimulatedChannel(name, self._county) for name in BELL.channels}
        observer = RingObserver(self._told, self._before)
        self._ringer = SimulatedRinger(path, code, BellChannels(BELL, self._channels), charters, clock, observer)
        self.memory.callback(self._ringer.store.close)
        notifier = OutcomeNotifier(None)
        self._reader = InboxReader(self.inbox, SETTINGS, StopSignal(), CONNECTION, lambda: None, notifier, NO_LISTENERS)
        self.session()

    def _before(self, channel: str, rings: Sequence[Ring]) -> None:
        self._channels[channel].carries = rings

    def _told(self, outcome: RingOutcome) -> None:
        if outcome.channel is None:
            for each in outcome.rings:
                self._county.unheard.add((each.plan.subject, each.plan.step, each.plan.rung))

    def session(self) -> None:
        """Begin a session with the broker."""
        self._consumer: Any = Consumer(self.world, f"county-{self._county.code}-inbox")
        self._reader.look()
        self._reader.begin(self._consumer)

    def step(self) -> None:
        """Store what came; ring."""
        self._reader.step(self._consumer)
        self._ringer.step()
