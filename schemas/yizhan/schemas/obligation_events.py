"""An event with what the rules of obligations ask of it: what it answers, and which obligation it discharges.

Law 2: it is seen by its signed header and by the way that was decided for it, and by nothing else.

Rule 1: an answer counts that names what it answers by hash, and came after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from yizhan.schemas.charter import Charter
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import Header, Ref, split_id
from yizhan.schemas.obligation_index import partner_of
from yizhan.schemas.obligation_rules import ObligationRule, matches, obligation_facts
from yizhan.schemas.obligation_state import ObligationState
from yizhan.schemas.obligation_steps import NOT_OWED
from yizhan.schemas.timestamps import written


class Event(NamedTuple):
    """An event, with what the rules ask of it."""

    header: Header
    ref: Ref
    ways: Mapping[str, str]
    received: datetime
    charter: Charter

    @property
    def at(self) -> str:
        """Return when the broker appended it, as written."""
        return written(self.received)

    @property
    def thread(self) -> str:
        """Return the id of what its thread began with."""
        return self.header.subject or self.header.id

    @property
    def answers(self) -> Ref | None:
        """Which event it answers: by reply or receipt."""
        receipt = self.header.receipt
        return self.header.reply_to if receipt is None else receipt.event

    @property
    def rules(self) -> Mapping[str, ObligationRule]:
        """Return the rules that it is judged by."""
        return self.charter.policy.obligations

    @property
    def zone(self) -> ZoneInfo:
        """Return the alliance's time zone."""
        return ZoneInfo(self.charter.time_zone)

    def facts(self, recipient: str) -> dict[str, str]:
        """Return what a row may compare, for one recipient."""
        return obligation_facts(self.header, recipient, self.ways.get(recipient))

    def of_kind(self, rule: ObligationRule, partner: str) -> bool:
        """Tell whether it is of the kind that discharges a rule's obligations towards a partner."""
        return matches(rule.discharged.when, self.facts(partner))

    def fits(self, obligation: ObligationState, rule: ObligationRule) -> bool:
        """Tell whether it is the kind of event that discharges this obligation, whoever sent it."""
        if not self.of_kind(rule, partner_of(obligation, self.header.county)):
            return False
        if rule.discharged.by == "answers":
            return self.answers is not None and obligation.about is not None and self.answers.id == obligation.about.id
        if rule.discharged.by == "thread":
            return (
                obligation.thread == self.thread
                and obligation.about is not None
                and obligation.about.id != self.header.id
            )
        return obligation.period == self.header.period and bool(
            {*obligation.owed, *obligation.owes} & {*self.header.to}
        )

    def binds(self, obligation: ObligationState, rule: ObligationRule) -> bool:
        """Tell whether it names what it answers by hash, and came after that, or after what opened it again."""
        if obligation.again is not None:
            return self.after(obligation.again, obligation.opened) and (
                rule.discharged.by != "answers" or self.answers == obligation.about
            )
        if rule.discharged.by == "answers":
            later = self.at > obligation.opened if rule.opens.refused else self.at >= obligation.opened
            return later and self.answers == obligation.about
        if rule.discharged.by == "thread" and obligation.about is not None:
            return self.after(obligation.about.id, obligation.opened)
        return True

    def after(self, event_id: str, at: str) -> bool:
        """Tell whether it came after another event: by their numbers, where they are of one epoch."""
        source, epoch, number = split_id(event_id)
        if (source, epoch) == (self.header.source, self.header.epoch):
            return split_id(self.header.id)[2] > number
        return self.at > at

    def not_owed(self, obligation: ObligationState) -> Followup:
        """Return the statement that it discharges nothing: another county owes that, or the hash differs."""
        county = self.header.county
        name = f"{obligation.rule}/{self.header.id}/{county}"
        copy = obligation.model_copy(update={"obligation": name, "owes": (county,), "owed": ()})
        return copy.statement(NOT_OWED, self.at, self.charter.name, by=self.ref)


def of_type(rule: ObligationRule, kind: str) -> bool:
    """Tell whether events of a type may discharge a rule's obligations at all."""
    return any(kind in row.get("type", (kind,)) for row in rule.discharged.when)
