"""Plans rings: for whom and from when, by an item, a step that the station stated, or the county's own clock. Pure.

Law 4: a step of an alarm's ladder has one name, whether our clock or the station states it: it is one ring, at the
       earlier of the two instants.

Rule 1: alarms and the steps of an alarm that nobody acknowledged ignore the quiet hours.
Rule 2: a person's notice that is flash or urgent rings like an alarm, but once, without a ladder. So does the final
        report of a fire or disaster that rang here: whoever was called that night is still at work on it.
        Other notices are grouped, outside the quiet hours. A reminder rings at its minute; in the quiet hours it waits
        for their end, unless its term ends before or is one of hours, such as that of a burning fire.
Rule 3: an alarm older than ``oldest_hours`` does not ring by itself: one ring reports all such alarms.
Rule 4: an event that the station received a while ago waits a moment: an inbox that is read again may be about to
        read its acknowledgement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from yizhan.consumers.bell.rings import (
    ABSENCE_STEP,
    ALARM_STEP,
    FINAL_STEP,
    LETTER_STEP,
    NOTICE_STEP,
    Plan,
    Urgency,
)
from yizhan.consumers.bell.settings import BellSettings, quiet_until
from yizhan.consumers.labels import State
from yizhan.schemas.header import NOTICE, Header, parse_header
from yizhan.schemas.obligation_rules import ObligationRule, matches, obligation_facts
from yizhan.schemas.obligation_steps import ENDS, NOT_OWED, OPENED, OVERDUE, RUNGS, Rung
from yizhan.schemas.payloads.letters import PRESSING
from yizhan.schemas.policy import Way
from yizhan.schemas.timestamps import written

OLD: Final = timedelta(minutes=10)
SETTLES: Final = timedelta(seconds=30)
"""How long an event that the station received ``OLD`` ago waits for an acknowledgement or a discharge."""
HASTY: Final = timedelta(hours=12)
"""A term of so long is about tonight, not about the morning."""
LAST_RUNG: Final = RUNGS[-1]


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item as far as the bell needs it; ``received`` is by the station, ``header`` as signed."""

    seq: int
    id: str
    type: str
    way: str
    state: str
    received: datetime
    stored: datetime
    header: bytes
    letter: bool = True
    """Whether a person wrote it."""
    ends: str | None = None
    """The matter that rang here and that this reports as over, the first time."""


@dataclass(frozen=True, slots=True)
class NewStep:
    """A step of an obligation, as the station signed it; ``about`` is an event's id."""

    seq: int
    obligation: str
    rule: str
    step: str
    owes: tuple[str, ...]
    owed: tuple[str, ...]
    about: str | None
    opened: datetime
    due: datetime
    at: datetime
    to_whom: Rung | None


@dataclass(frozen=True, slots=True)
class RingPlanner:
    """What plans are made by: a county, its settings, the charter's obligations and time zone."""

    county: str
    settings: BellSettings
    rules: Mapping[str, ObligationRule]
    zone: ZoneInfo

    def plan_item(self, item: NewItem, now: datetime) -> list[Plan]:
        """Plan the rings of an item: of a notice, or of an alarm that waits for a person, with its whole ladder."""
        if self._past(item.received, now):
            return []
        if item.state == State.RINGING:
            return [
                Plan(item.id, ALARM_STEP, RUNGS[0], "alarm", _settled(item.received, now), item.id),
                *self._ladder(parse_header(item.header), item.stored),
            ]
        if item.way != Way.NOTICE or item.state != State.QUIET or not item.letter:
            return []
        rung = self.settings.notices
        where = RUNGS[0] if rung == "nobody" else rung
        if item.ends is not None:
            return [Plan(item.ends, FINAL_STEP, where, "alarm", _settled(item.received, now), item.id)]
        if item.type == NOTICE and parse_header(item.header).priority in PRESSING:
            # What somebody writes by hand and calls urgent waits for no other, and for no morning.
            return [Plan(item.id, LETTER_STEP, where, "alarm", _settled(item.received, now), item.id)]
        if rung == "nobody":
            return []
        due = self.quiet(now + timedelta(seconds=self.settings.group_seconds))
        return [Plan(item.id, NOTICE_STEP, rung, "notice", due, item.id)]

    def _ladder(self, header: Header, stored: datetime) -> Iterator[Plan]:
        """Plan the ladder of an alarm by our own clock: the station may be out of reach."""
        facts = obligation_facts(header, self.county, Way.ALARM.value)
        for rule in self.rules.values():
            if answers_alarms(rule) and matches(rule.opens.when or (), facts):
                for each in rule.reminders:
                    if each.after_minutes is not None:
                        due = stored + timedelta(minutes=each.after_minutes)
                        yield Plan(header.id, each.id, each.to, "alarm", due, header.id, rule.id, (header.county,))

    def plan_step(self, step: NewStep, now: datetime) -> list[Plan]:
        """Plan what a step of the station asks for: the next on the ladder of an alarm, a call, a reminder."""
        if step.step in {OPENED, NOT_OWED, *ENDS} or self._past(step.at, now):
            return []
        ours, rule = self.county in step.owes, self.rules.get(step.rule)
        others = tuple(each for each in (*step.owed, *step.owes) if each != self.county)
        if rule is not None and answers_alarms(rule):
            if step.to_whom is None or step.about is None:
                return []
            due = _settled(step.at, now)
            if ours:
                return [Plan(step.about, step.step, step.to_whom, "alarm", due, step.about, step.rule, others)]
            if step.to_whom != LAST_RUNG:
                return []
            # The other side's whole ladder is silent: ours telephones.
            return [Plan(step.obligation, step.step, RUNGS[0], "call", due, step.about, step.rule, others)]
        if not ours and step.step != OVERDUE:
            return []
        soon = _settled(step.at, now)
        quiet = self.quiet(soon)
        due = soon if now < step.due < quiet or step.due - step.opened <= HASTY else quiet
        rung = step.to_whom or _highest(rule)
        kind: Urgency = "reminder" if ours else "notice"
        return [Plan(step.obligation, step.step, rung, kind, due, step.about, step.rule, others)]

    def plan_absence(self, now: datetime) -> Plan:
        """Plan one ring for all alarms that are too old to ring by themselves; more of them may be on their way."""
        return Plan(ABSENCE_STEP, written(now), RUNGS[0], "alarm", now + SETTLES)

    def quiet(self, at: datetime) -> datetime:
        """Return the instant itself, or when the quiet hours end that it falls in."""
        return quiet_until(self.settings.quiet_hours, self.zone, at)

    def answering_rules(self) -> tuple[str, ...]:
        """Return the rules that an acknowledgement of an alarm discharges."""
        return tuple(rule.id for rule in self.rules.values() if answers_alarms(rule))

    def _past(self, at: datetime, now: datetime) -> bool:
        return now - at > timedelta(hours=self.settings.oldest_hours)


def answers_alarms(rule: ObligationRule) -> bool:
    """Return whether a rule asks only for the acknowledgement of an alarm by a person."""
    opens, ends = rule.opens.when or (), rule.discharged.when
    alarms = bool(opens) and all(row.get("way") == (Way.ALARM.value,) for row in opens)
    return alarms and bool(ends) and all(row.keys() == {"receipt"} for row in ends)


def _settled(at: datetime, now: datetime) -> datetime:
    return now + SETTLES if now - at > OLD else now


def _highest(rule: ObligationRule | None) -> Rung:
    """Return the rung that is told that a term is over: the last rung that was reminded of it."""
    if rule is None or not rule.reminders:
        return "liaison"
    return max((each.to for each in rule.reminders), key=RUNGS.index)
