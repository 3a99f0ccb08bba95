"""The state of one obligation: what the station stores of it, its future steps, and the statement of each.

Rule 1: a name says all: what is owed again by a withdrawal has the withdrawal at its end.
Rule 2: what is not done stays owed; ``LAPSES`` after its term it is closed as cancelled.
Rule 3: what ended stays known ``KEPT`` longer, so that what opened it cannot open it twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from yizhan.schemas.followups import Followup
from yizhan.schemas.header import CharterName, ContractModel, EventId, MemberCode, Period, Ref, is_event_id
from yizhan.schemas.obligation_rules import ObligationRule
from yizhan.schemas.obligation_steps import CANCELLED, DISCHARGED, ENDS, OVERDUE, Rung
from yizhan.schemas.terms import schedule
from yizhan.schemas.timestamps import Timestamp, instant, written

KEPT: Final = timedelta(days=40)
LAPSES: Final = timedelta(days=400)


class ScheduledStep(NamedTuple):
    """A future step of an obligation: RFC 3339 instant, name, for whom."""

    at: str
    step: str
    to_whom: Rung | None


class ObligationState(ContractModel):
    """One obligation, open or ended: what the station keeps of it, under its id.

    ``steps`` are still to come, in order. ``ended`` is set once it was discharged or cancelled, with ``by``, the event
    that did it, if one did; ``discharged`` while it would be owed again without that event.
    """

    obligation: str
    rule: str
    owes: tuple[MemberCode, ...]
    owed: tuple[MemberCode, ...]
    about: Ref | None = None
    thread: EventId | None = None
    period: Period | None = None
    opened: Timestamp
    due: Timestamp
    charter: CharterName
    steps: tuple[ScheduledStep, ...]
    overdue: bool = False
    ended: Timestamp | None = None
    by: Ref | None = None
    discharged: bool = False

    @classmethod
    def of(cls, step: Followup, steps: tuple[ScheduledStep, ...] = ()) -> ObligationState:
        """Return an obligation as the statement of one of its steps describes it, with the steps still to come."""
        return cls(
            obligation=step.obligation, rule=step.rule, owes=step.owes, owed=step.owed, about=step.about,
            thread=step.thread, period=step.period, opened=step.opened, due=step.due, charter=step.charter, steps=steps,
        )  # fmt: skip

    @property
    def again(self) -> EventId | None:
        """The withdrawal that opened it again, if one did."""
        last = self.obligation.rpartition("/")[2]
        return last if is_event_id(last) else None

    @property
    def first(self) -> str:
        """Its name before anything opened it again: names do not grow with every withdrawal."""
        return self.obligation if self.again is None else self.obligation.rpartition("/")[0]

    def statement(
        self, step: str, at: str, charter: str, to_whom: Rung | None = None, by: Ref | None = None
    ) -> Followup:
        """Return the statement of one step."""
        return Followup(
            obligation=self.obligation, rule=self.rule, step=step, owes=self.owes, owed=self.owed, about=self.about,
            thread=self.thread, period=self.period, opened=self.opened, due=self.due, at=at, to_whom=to_whom, by=by,
            charter=charter,
        )  # fmt: skip

    def after(self, followup: Followup) -> ObligationState:
        """Return the obligation after one of its steps was stated."""
        if followup.step in ENDS:
            discharged = followup.step == DISCHARGED
            return self.model_copy(
                update={"steps": (), "ended": followup.at, "by": followup.by, "discharged": discharged}
            )
        steps = tuple(each for each in self.steps if each.step != followup.step)
        return self.model_copy(update={"steps": steps, "overdue": self.overdue or followup.step == OVERDUE})


def planned(rule: ObligationRule, opened: datetime, due: datetime, zone: ZoneInfo) -> tuple[ScheduledStep, ...]:
    """Plan the steps; what is opened again after its term is overdue at once, and nobody is reminded of it."""
    reminders = schedule(rule.reminders, opened, due, zone) if due >= opened else ()
    steps = [ScheduledStep(written(at), each.id, each.to) for each, at in reminders]
    steps += [
        ScheduledStep(written(max(due, opened)), OVERDUE, None),
        ScheduledStep(written(due + LAPSES), CANCELLED, None),
    ]
    return tuple(sorted(steps, key=lambda each: (each.at, each.step != OVERDUE, each.step)))


def forget_at(obligation: ObligationState) -> str:
    """Return when an ended obligation may be deleted."""
    return written(instant(max(obligation.ended or obligation.due, obligation.due)) + KEPT)
