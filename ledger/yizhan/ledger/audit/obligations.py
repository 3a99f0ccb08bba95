"""What the log says about obligations: opened, reminded, overdue, ended, each with its place.

Law 5: an obligation's rule, and the clause behind it, are those of the charter that the statement names.

Rule 1: a step is said by an event's postmark, by a statement of its own, or by both alike. The first counts; one that
        says something else is a contradiction.
Rule 2: nothing here decides what is owed: missing statements of the station are found by measuring (``findings``).
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
    """A step and its place in the log: that of the postmark or of the statement that says it."""

    place: int
    followup: Followup


@dataclass
class LoggedObligations:
    """Every step of a log, indexed by its obligation and by the events that it names."""

    by_name: dict[str, list[LoggedStep]] = field(default_factory=lambda: defaultdict(list))
    by_event: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    contradictions: list[tuple[LoggedStep, LoggedStep]] = field(default_factory=list)
    """The first step, and another one that says something else."""

    def add(self, place: int, followup: Followup) -> None:
        """Add the next step of the log."""
        known = self.by_name[followup.obligation]
        for each in known:
            if each.followup.step == followup.step:
                if each.followup != followup and followup.step != NOT_OWED:
                    self.contradictions.append((each, LoggedStep(place, followup)))
                return
        known.append(LoggedStep(place, followup))
        named = {ref.id for ref in (followup.about, followup.by) if ref is not None}
        for event_id in named | {followup.obligation.rpartition("/")[2]}:
            self.by_event[event_id].add(followup.obligation)

    def steps(self, name: str) -> list[LoggedStep]:
        """Return the steps of an obligation in the order of the log; none if the log does not have it."""
        return self.by_name.get(name, [])

    def of(self, event_id: str) -> list[LoggedStep]:
        """Return every step of the obligations that an event opened, reopened, ended or failed to end."""
        return [each for name in sorted(self.by_event.get(event_id, ())) for each in self.by_name[name]]


def rule_of(followup: Followup, charters: Charters) -> ObligationRule | None:
    """Return the rule that a followup names, from the charter then in force; None if that charter has none."""
    policy = charters.charter_for(instant(followup.at), followup.charter).policy
    return policy.obligations.get(followup.rule)


def ended(steps: Iterable[LoggedStep], now: datetime) -> datetime | None:
    """Return when an obligation was met; ``now`` if it is still owed; None if it was cancelled."""
    for each in steps:
        if each.followup.step == NOT_OWED:
            return None
        if each.followup.step in ENDS:
            fell_away = each.followup.step == CANCELLED and each.followup.by is not None
            return None if fell_away else instant(each.followup.at)
    return now
