"""A bell on a real inbox with phones that are real servers."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from tests.world.phones import Phone, channels, ring, ringer_of, settings_of
from tests.world.receiver import ME, PARTNER, Listener
from tests.world.simulator import BOOK, NOW
from yizhan.consumers.bell.ringer import Ringer
from yizhan.consumers.bell.rings import RingOutcome

FIRE_ID = f"{PARTNER}-{BOOK}-1"


ALARM = "【驿站】报警：森林火灾"


PAYLOAD = '{"summary":"大安乡后坑村起火","place":{"name":"后坑","county":"331126"},"contact":{"name":"林海"}}'.encode()


class Bell:
    """A listener with a bell of one channel a rung: ``duty``, ``second`` and so on."""

    def __init__(self, listener: Listener, folder: Path, made: list[Phone], more: str = "") -> None:
        names = ("duty", "second", "liaison", "leader")[: len(made)]
        self.listener, self.told = listener, list[RingOutcome]()
        rungs = "[rungs]\n" + "".join(f'{name} = ["{name}"]\n' for name in names)
        urls = {name: phone.url for name, phone in zip(names, made, strict=True)}
        self.settings = settings_of(folder, more + channels(**urls) + rungs)
        self.ringer = self.opened()

    def opened(self) -> Ringer:
        """Make the bell, as a process does at its start."""
        return ringer_of(self.listener, self.settings, self.told)

    def restart(self) -> None:
        """End inbox and bell, and begin again."""
        self.ringer.store.close()
        self.listener.restart()
        self.ringer = self.opened()

    def ring(self, after: timedelta = timedelta()) -> None:
        """Let time go by, then let the bell do what is to be done."""
        self.listener.clock.now += after
        ring(self.ringer)

    def states(self) -> list[tuple[str, str, str, str | None]]:
        """Return (step, rung, state, why) of every ring."""
        return [(each.plan.step, each.plan.rung, each.state, each.why) for each, _tries in self.ringer.store.rings()]


class Receiving(Protocol):
    """What a fire arrives at."""

    listener: Listener


def fire(bell: Receiving, received: datetime | None = None, **attributes: object) -> str:
    """Let a fire arrive; its id."""
    world = bell.listener.world
    header = world.header(PARTNER, (ME,), **attributes)
    value = world.seal(header, PAYLOAD)
    stamp = world.postmark(value, PARTNER, received or NOW)
    bell.listener.inbox.receive(bell.listener.arrived(value, stamp))
    return header.id
