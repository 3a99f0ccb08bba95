"""What the log says of obligations: opened, reminded, overdue, ended, each with its place.

Law 5: an obligation's rule, and the clause behind it, are those of the charter that the statement names.

Rule 1: the first statement of a step stands; another one is the log's own contradiction, and named there.
Rule 2: nothing here decides what is owed: that the station kept silent is found by measuring (``findings``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from yizhan.schemas.followups import Followup
from yizhan.schemas.obligation_steps import CANCELLED, ENDS, NOT_OWED
from yizhan.schemas.timestamps import instant

if TYPE_CHECKING:
    from yizhan.schemas.charter import Charters
    from yizhan.schemas.obligation_rules import ObligationRule


@dataclass(frozen=True, slots=True)
class LoggedStep:
    """A followup and its place in the log."""

    place: int
    said: Followup


@dataclass
class LoggedObligations:
    """Every followup of a log, found by its obligation and by the events that it names."""

    by_name: dict[str, list[LoggedStep]] = field(default_factory=lambda: defaultdict(list))
    by_event: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, place: int, said: Followup) -> None:
        """Take the next followup of the log."""
        self.by_name[said.obligation].append(LoggedStep(place, said))
        named = {ref.id for ref in (said.about, said.by) if ref is not None}
        for event_id in named | {said.obligation.rpartition("/")[2]}:
            self.by_event[event_id].add(said.obligation)

    def steps(self, name: str) -> list[LoggedStep]:
        """Return the steps of an obligation in the order of the log; none for one that it does not have."""
        return self.by_name.get(name, [])

    def of(self, event_id: str) -> list[LoggedStep]:
        """Return every step of the obligations that an event opened, opened again, ended or failed to end."""
        return [each for name in sorted(self.by_event.get(event_id, ())) for each in self.by_name[name]]


def rule_of(said: Followup, charters: Charters) -> ObligationRule | None:
    """Return the rule that a followup names, as the charter says it that was in force; None where that has none."""
    policy = charters.charter_for(instant(said.at), said.charter).policy
    return policy.obligations.get(said.rule)


def ended(steps: Iterable[LoggedStep], now: datetime) -> datetime | None:
    """Return when an obligation was met; ``now`` where it is still owed; None where it fell away."""
    for each in steps:
        if each.said.step == NOT_OWED:
            return None
        if each.said.step in ENDS:
            fell_away = each.said.step == CANCELLED and each.said.by is not None
            return None if fell_away else instant(each.said.at)
    return now
