"""Groups events into matters: one case, fire or report, however many events report it.

Rule 1: a matter is all events of one type on one thread, and events of one county under one external_ref.
Rule 2: its state is that of its latest event that was neither withdrawn nor superseded. A matter without
        such an event is withdrawn: counted as withdrawn, and nowhere else.
Rule 3: superseding and withdrawing work only from the same county and for the exact hash, and an exercise
        withdraws no real event.
Rule 4: exercises and tests are not matters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yizhan.bulletin.quarter_events import QuarterEvent
from yizhan.schemas.payloads.table import NEVER_COUNTED, Counted, counted_as


@dataclass(frozen=True, slots=True)
class Matter:
    """One matter: its events of the quarter in order, and the one with its current state (None: withdrawn)."""

    events: tuple[QuarterEvent, ...]
    latest: QuarterEvent | None

    @property
    def first(self) -> QuarterEvent:
        """The event that reported it first in this quarter."""
        return self.events[0]

    @property
    def type(self) -> str:
        """Its event type."""
        return self.first.type

    @property
    def counted(self) -> Counted:
        """The group of figures that counts it."""
        return counted_as(self.type)

    @property
    def source(self) -> str:
        """The county that reported it first."""
        return self.first.source

    @property
    def raw(self) -> Mapping[str, Any]:
        """The payload of its latest event; empty for one withdrawn or never opened."""
        return {} if self.latest is None else self.latest.raw

    def grade(self) -> int | None:
        """Return the grade of its latest event, 1 the gravest."""
        return None if self.latest is None else self.latest.grade


@dataclass(frozen=True, slots=True)
class Replacements:
    """Ids of the events by which others were superseded or withdrawn."""

    superseded: Mapping[tuple[str, str], str]
    withdrawn: Mapping[tuple[str, str], str]

    def holds(self, event: QuarterEvent) -> bool:
        """Return whether an event is still valid."""
        gone = event.key in self.superseded or event.key in self.withdrawn
        return not gone and event.withdraws is None and event.opened


def ordered(events: Iterable[QuarterEvent]) -> tuple[QuarterEvent, ...]:
    """Return each event once, in an order that is the same everywhere; ids repeated with another hash stay."""
    return tuple(sorted({event.key: event for event in events}.values(), key=lambda each: each.order))


def standing(events: Sequence[QuarterEvent]) -> Replacements:
    """Return which events were superseded and withdrawn by events of this quarter; the last one counts."""
    about = {event.key: event for event in events}
    found: dict[str, dict[tuple[str, str], str]] = {"supersedes": {}, "withdraws": {}}
    for each in events:
        for name, gone in found.items():
            ref = getattr(each, name)
            if ref is None or ref[0][:6] != each.source:
                continue
            old = about.get(ref)
            if old is None or each.status == "Actual" or old.status != "Actual":
                gone[ref] = each.id
    return Replacements(found["supersedes"], found["withdraws"])


def matters(events: Sequence[QuarterEvent], known: Replacements) -> tuple[Matter, ...]:
    """Group ordered events into matters, in the order in which they began."""
    real = [each for each in events if each.status == "Actual" and each.type not in NEVER_COUNTED and not each.missing]
    parents: dict[object, object] = {}

    def root(name: object) -> object:
        while (above := parents.setdefault(name, name)) != name:
            parents[name] = name = parents.get(above, above)
        return name

    for each in real:
        thread = (each.type, each.thread)
        names = [(each.type, each.id)]
        names += [(each.type, ref[0]) for ref in (each.supersedes, each.withdraws) if ref is not None]
        outer = each.raw.get("external_ref")
        names += [(each.type, each.source, outer)] if isinstance(outer, str) else []  # type: ignore[list-item] # any name does
        for name in names:
            parents[root(name)] = root(thread)
    groups: dict[object, list[QuarterEvent]] = defaultdict(list)
    for each in real:
        groups[root((each.type, each.thread))].append(each)
    made = []
    for group in groups.values():
        alive = [each for each in group if known.holds(each)]
        made.append(Matter(tuple(group), alive[-1] if alive else None))
    return tuple(sorted(made, key=lambda each: each.first.order))
