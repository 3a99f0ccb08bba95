"""Two counties whose events and instants are given one after the other."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.world.simulator import World
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import Header, Ref
from yizhan.schemas.obligation_engine import ObligationEngine
from yizhan.schemas.obligation_events import Event
from yizhan.schemas.policy import decide
from yizhan.schemas.postmark_steps import MOST, Ends, EventStamp, Opens, postmark_entries

A, B = "331126", "350924"


ZONE = ZoneInfo("Asia/Shanghai")


WORLD = World((A, B))


NOON = datetime(2026, 11, 24, 12, tzinfo=ZONE)
"""A Tuesday."""


def local(month: int, day: int, hour: int = 0, minute: int = 0, year: int = 2026) -> datetime:
    """Return an instant on the wall clock of the counties."""
    return datetime(year, month, day, hour, minute, tzinfo=ZONE)


class Play:
    """A book, and events and ticks given to it, as the station does."""

    def __init__(self) -> None:
        self.book, self.said = ObligationEngine(), list[Followup]()
        self.heard: list[tuple[Header, bytes, datetime]] = []

    def event(self, at: datetime, source: str = B, to: str = A, **attributes: Any) -> Header:  # noqa: ANN401 -- of any attribute
        """Send an event."""
        header = WORLD.header(source, (to,), **({"touches": (to,)} | attributes))
        self.heard.append((header, header.id.encode().ljust(32, b"."), at))
        self.again(-1)
        return header

    def again(self, which: int) -> list[Followup]:
        """Read an event again."""
        header, digest, at = self.heard[which]
        ways = {each: decide(header, each, WORLD.charter.policy).way.value for each in header.to}
        said = self.book.observe(header, digest, ways, at, WORLD.charter)
        ride(Event(header, Ref(id=header.id, hash=digest.hex()), ways, at, WORLD.charter), said)
        self.said += said
        return said

    def sent_again(self, which: int, at: datetime) -> list[Followup]:
        """Send the same bytes once more: another record."""
        header, digest, _ = self.heard[which]
        self.heard.append((header, digest, at))
        return self.again(-1)

    def tick(self, now: datetime) -> list[str]:
        """Let time come; return what was said of events, ``rule step``, without the calendar's."""
        said = self.book.tick(now, WORLD.charters)
        self.said += said
        return [f"{each.rule} {each.step}" for each in said if each.about is not None]

    def steps(self, rule: str) -> list[str]:
        """Return what was said under a rule, in order."""
        return [each.step for each in self.said if each.rule == rule]

    def open(self) -> set[str]:
        """Return the rules under which an event is owed something."""
        return {each.rule for each in self.book if each.ended is None and each.about is not None}


def ride(event: Event, said: list[Followup]) -> None:
    """Whatever an event opens and ends: its postmark says the very same steps, and rule and policy give each."""
    stamp = EventStamp(event.ref, event.at, event.charter.name)
    opens, ends = postmark_entries(said, stamp)
    read: list[Opens | Ends] = [Ends.model_validate(each.model_dump(exclude_none=True)) for each in ends]
    read += [Opens.model_validate(each.model_dump(exclude_none=True)) for each in opens]
    steps = {(step.obligation, step.step): step for each in read for step in each.followups(stamp)}
    wanted = {(step.obligation, step.step): step for step in said}
    assert steps == wanted or len(wanted) > MOST
    assert [step.signed_hash() for step in steps.values()] == [wanted[name].signed_hash() for name in steps]
    assert [name for name, step in steps.items() if not event.gives(step)] == []


def ref(header: Header) -> dict[str, str]:
    """Name an event as a reply does."""
    return {"id": header.id, "hash": header.id.encode().ljust(32, b".").hex()}


def receipt(header: Header, stage: str = "acknowledged") -> dict[str, Any]:
    """Return the attributes of a receipt."""
    return {"type": "yizhan.receipt.v1", "receipt": {"stage": stage, "event": ref(header)}, "touches": None}


FIRE: dict[str, Any] = {"type": "yizhan.incident.forest_fire.v1", "stage": "first", "priority": "flash"}


REQUEST: dict[str, Any] = {"type": "yizhan.assistance.request.v1", "priority": "urgent", "stage": "first"}


RESPONSE: dict[str, Any] = {"type": "yizhan.assistance.response.v1", "priority": "urgent"}


def year(play: Play, days: int = 366) -> None:
    """Tick each hour of a year's office days from New Year on."""
    for hour in range(24 * days):
        play.tick(local(1, 1) + timedelta(hours=hour))
