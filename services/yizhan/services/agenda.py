"""What stands in a county's calendar beside its obligations, and the events that those are about.

Rule 1: what is returned of an event came from its content: the access log has it before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from yizhan.schemas.matters import MatterEvent
from yizhan.schemas.payloads.letters import headline
from yizhan.schemas.payloads.table import PATROL_PLAN
from yizhan.schemas.timestamps import instant
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.home import Home
from yizhan.services.matter_events import matter_event
from yizhan.services.stores import read_inbox, read_outbox

MOST_EVENTS: Final = 200
"""Events that are looked up for one list of obligations."""
MOST_PLANS: Final = 100
"""The newest patrol plans of a side that are looked through."""
_TEXT: Final = 60


@dataclass(frozen=True, slots=True)
class AboutEvent:
    """An event in one line: ``text`` is the beginning of what its sender wrote; empty where it has no text."""

    id: str
    type: str
    county: str
    time: datetime
    text: str


@dataclass(frozen=True, slots=True)
class PlannedPatrol:
    """A patrol that somebody planned, and nobody took back; ``first`` and ``last`` are days of it."""

    id: str
    county: str
    first: date
    last: date


def events_about(home: Home, county: str, ids: Iterable[str], actor: Actor) -> dict[str, AboutEvent]:
    """Return the first ``MOST_EVENTS`` of some events in one line each, by id; those that are not here are left out."""
    found = _found(home, county, list(dict.fromkeys(ids))[:MOST_EVENTS])
    if found:
        record(home, county, actor, "listed", sorted(found))
    return {
        event_id: AboutEvent(
            event_id,
            each.header.type,
            each.header.county,
            instant(each.header.time),
            headline(None if each.contents is None else each.contents.raw, _TEXT),
        )
        for event_id, each in found.items()
    }


def planned_patrols(home: Home, county: str, actor: Actor) -> tuple[PlannedPatrol, ...]:
    """Return the patrols of the newest plans of both sides, by their first day; of answers to a plan none."""
    with read_inbox(home, county) as inbox, read_outbox(home, county) as outbox:
        ids = [
            each for store in (inbox, outbox) if store is not None for each in store.ids_of(PATROL_PLAN)[-MOST_PLANS:]
        ]
        events = [event for each in ids if (event := matter_event(each, county, inbox, outbox)) is not None]
    # An answer to a plan is the same plan, countersigned.
    plans = [each for each in events if each.header.reply_to is None and each.header.withdraws is None]
    gone = {ref.id for each in events for ref in (each.header.withdraws, each.header.supersedes) if ref is not None}
    patrols = [patrol for each in plans if each.header.id not in gone and (patrol := _patrol(each)) is not None]
    if patrols:
        record(home, county, actor, "listed", sorted(each.id for each in patrols))
    return tuple(sorted(patrols, key=lambda each: (each.first, each.id)))


def _found(home: Home, county: str, ids: Iterable[str]) -> dict[str, MatterEvent]:
    with read_inbox(home, county) as inbox, read_outbox(home, county) as outbox:
        found = {each: matter_event(each, county, inbox, outbox) for each in ids}
    return {event_id: event for event_id, event in found.items() if event is not None}


def _patrol(event: MatterEvent) -> PlannedPatrol | None:
    raw = {} if event.contents is None else event.contents.raw
    days = [raw.get("starts_on"), raw.get("ends_on")]
    try:
        first, last = (date.fromisoformat(str(each)) for each in days)
    except ValueError:
        return None
    return PlannedPatrol(event.header.id, event.header.county, first, last)
