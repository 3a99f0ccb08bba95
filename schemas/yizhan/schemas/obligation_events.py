"""An event with what the rules of obligations ask of it: what it answers, and which obligation it discharges.

Law 2: it is seen by its signed header and by the way that was decided for it, and by nothing else.

Rule 1: an answer counts that names what it answers by hash, and came after it.
Rule 2: a reader who has the event finds out whether rule and policy give a step that its postmark says (``gives``).
        What depends on earlier events, such as whether something was owed at all, only the station's order tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from yizhan.schemas.charter import Charter
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import Header, Ref, split_id
from yizhan.schemas.obligation_index import partner_of
from yizhan.schemas.obligation_rules import ObligationRule, matches, obligation_facts
from yizhan.schemas.obligation_state import KEPT, ObligationState
from yizhan.schemas.obligation_steps import CANCELLED, NOT_OWED, OPENED
from yizhan.schemas.terms import term
from yizhan.schemas.timestamps import instant, written


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

    @property
    def forgotten(self) -> bool:
        """Whether it was learnt so long before that what it opened may have ended and been forgotten."""
        return instant(self.header.time) + KEPT < self.received

    def openings(self) -> Iterator[tuple[ObligationRule, tuple[str, ...]]]:
        """Yield each rule by which it opens something, with the recipients for whom a row matches."""
        facts = {each: self.facts(each) for each in self.ways}
        for rule in self.rules.values():
            if not rule.audit and (concerned := _concerned(rule, facts)):
                yield rule, concerned

    def due(self, rule: ObligationRule) -> str:
        """Return the term of what it opens by a rule, as written."""
        return written(term(rule.due, self.received, self.header, self.zone))

    def gives(self, step: Followup) -> bool:
        """Tell whether rule and policy give a step that its postmark says (rule 2)."""
        rule, header = self.rules.get(step.rule), self.header
        if rule is None or rule.audit or header.status != "Actual":
            return False
        if step.step == OPENED:
            return self._gives_opening(step, rule)
        if step.step == CANCELLED:
            named = header.withdraws or header.supersedes
            return named is not None and step.about == named and split_id(named.id)[0] == header.source
        if header.withdraws is not None or header.county not in step.owes:
            return False
        if step.step == NOT_OWED:
            return step.about is not None and self.answers is not None and step.about.id == self.answers.id
        obligation = ObligationState.of(step)
        return self.fits(obligation, rule) and self.binds(obligation, rule)

    def _gives_opening(self, step: Followup, rule: ObligationRule) -> bool:
        county, receipt = self.header.county, self.header.receipt
        if self.header.withdraws is not None:
            return step.obligation.endswith(f"/{self.header.id}")
        if self.forgotten or step.due != self.due(rule):
            return False
        if rule.opens.refused is not None:
            declined = receipt is not None and receipt.stage == "declined" and step.about == receipt.event
            return declined and step.owes == (county,)
        concerned = _concerned(rule, {each: self.facts(each) for each in self.ways})
        if step.about != self.ref or not concerned:
            return False
        if step.owes == (county,) and rule.owes in {"sender", "both"}:
            return set(step.owed) <= set(concerned) and (rule.owes == "both" or len(step.owed) == len(concerned))
        return rule.owes != "sender" and step.owes[0] in concerned and step.owed == (county,)

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

    def discharges(self, obligation: ObligationState) -> bool:
        """Tell whether it discharges an obligation, if that is open."""
        rule = self.rules.get(obligation.rule)
        return (
            rule is not None
            and self.header.county in obligation.owes
            and self.fits(obligation, rule)
            and self.binds(obligation, rule)
        )

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


def _concerned(rule: ObligationRule, facts: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """Return the recipients, by their facts, for whom a row of a rule's opening matches."""
    return tuple(each for each, compared in facts.items() if matches(rule.opens.when or (), compared))


def of_type(rule: ObligationRule, kind: str) -> bool:
    """Tell whether events of a type may discharge a rule's obligations at all."""
    return any(kind in row.get("type", (kind,)) for row in rule.discharged.when)
