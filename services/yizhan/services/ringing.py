"""What rings, for a screen that may show no content: kind, county, age.

Rule 1: what is returned stands in the header, which the station reads too; so nothing is written into the access log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from yizhan.consumers.items import InboxQuery
from yizhan.consumers.labels import State
from yizhan.schemas.timestamps import instant
from yizhan.services.home import Home
from yizhan.services.stores import read_inbox

MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Outline:
    """An alarm from outside: its event's id and type, its county, when the station had it, whether it is a drill."""

    id: str
    type: str
    county: str
    received: datetime
    drill: bool


@dataclass(frozen=True, slots=True)
class Ringing:
    """How many alarms wait for a person, and the newest of them, those that ring longest first."""

    count: int = 0
    alarms: tuple[Outline, ...] = ()


def ringing_outline(home: Home, county: str) -> Ringing:
    """Return what rings at a county, without its content."""
    with read_inbox(home, county) as inbox:
        if inbox is None:
            return Ringing()
        count, _ids = inbox.still_ringing(0)
        found = inbox.items(InboxQuery(state=State.RINGING, limit=MOST))
    outlines = [
        Outline(each.id, each.type, each.county, instant(each.received), each.status != "Actual") for each in found
    ]
    return Ringing(count, tuple(sorted(outlines, key=lambda each: each.received)))
