"""What a county owes and is owed, and how an obligation is discharged.

Rule 1: what is due, and whether it ended, is stated and signed by the station; nothing here decides it.
Rule 2: how it is discharged follows from the charter's own row, whatever rules a charter has: no rule is named here,
        but for the one whose last step is a telephone call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from yizhan.consumers.followups import Obligation
from yizhan.consumers.receipts import ANSWERS
from yizhan.producers.drafts import draft_content, parse_draft
from yizhan.producers.numbering import Accepted
from yizhan.schemas.actions import Action
from yizhan.schemas.errors import NotFound
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import NOTICE
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.matters import ConsultationDecision, CountyAnswer
from yizhan.schemas.obligation_rules import ObligationRule
from yizhan.schemas.payloads.table import BULLETIN, PATROL_PLAN, middle_name
from yizhan.services.access_log import record
from yizhan.services.actor import Actor, signed_by
from yizhan.services.errors import ServiceError
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource
from yizhan.services.matter_events import matter_event
from yizhan.services.own_obligations import OwnObligation, consultation_decisions, own_obligations
from yizhan.services.stores import INBOX_FILE, open_outbox, read_inbox, read_outbox

MOST_ANSWERED: Final = 200
"""Events whose answers are looked up for one list of obligations."""


def list_obligations(
    home: Home, county: str, actor: Actor, now: datetime, *, ended: bool = False
) -> tuple[Obligation, ...]:
    """Return the obligations between a county and the others, ordered by due date; ``ended`` ones too if asked for."""
    found, minutes = find_obligations(home, county, now, ended=ended)
    if minutes:
        # The words of a decision come from minutes that a partner sealed.
        record(home, county, actor, "listed", minutes)
    return found


def find_obligations(
    home: Home, county: str, now: datetime, *, ended: bool = False
) -> tuple[tuple[Obligation, ...], list[str]]:
    """Return the obligations, and the ids of the minutes whose words they show, which the caller writes down."""
    with read_inbox(home, county) as inbox, read_outbox(home, county) as outbox:
        found: list[Obligation] = [] if inbox is None else [*inbox.obligations(everything=ended)]
        own = own_obligations(home, county, inbox, outbox, now)
    own = tuple(each for each in own if ended or each.ended is None)
    minutes = sorted({each.about for each in own if each.about is not None})
    return tuple(sorted([*found, *own], key=lambda each: (each.due, each.id))), minutes


@dataclass(frozen=True, slots=True)
class OfficersAnswers:
    """What officers of other counties answered to own events, by event id; of how many events it was not looked up."""

    by_event: dict[str, tuple[CountyAnswer, ...]]
    not_looked_up: int


def officers_answers(home: Home, county: str, ids: Iterable[str], actor: Actor) -> OfficersAnswers:
    """Return what officers of other counties answered to the first ``MOST_ANSWERED`` of some events."""
    about = list(dict.fromkeys(ids))
    found = {}
    with read_outbox(home, county) as outbox:
        for event_id in about[:MOST_ANSWERED] if outbox is not None else ():
            event = matter_event(event_id, county, None, outbox)
            if event is not None and (answers := tuple(each for each in event.answers if each.stage in ANSWERS)):
                found[event_id] = answers
    if found:
        record(home, county, actor, "listed", sorted(found))
    return OfficersAnswers(found, max(0, len(about) - MOST_ANSWERED))


def counties_with_inbox(home: Home) -> list[str]:
    """Return the codes of the counties that have an inbox in this home."""
    return [path.parent.name for path in sorted((home.path / "counties").glob(f"*/{INBOX_FILE}"))]


def discharge_action(home: Home, obligation: Obligation, county: str) -> Action | None:
    """Return what a county does to discharge an obligation; None where another one owes it, or nothing can be done."""
    if county not in obligation.owes:
        return None
    if isinstance(obligation, OwnObligation):
        number = None if obligation.decision is None else obligation.decision.number
        return Action.to("decision.complete", id=obligation.about, n=number, county=county)
    rule = home.charter.policy.obligations.get(obligation.rule)
    return None if rule is None else rule_action(rule, obligation, county)


def rule_action(rule: ObligationRule, obligation: Obligation, county: str) -> Action | None:
    """Return what discharges an obligation of a rule, with what it is about filled in."""
    if asks_receipt(rule):
        return Action.to("inbox.acknowledge", id=obligation.about, county=county)
    types = discharging_types(rule)
    if not types:
        return None
    # A bulletin is made from the quarter's figures, not asked for by a form.
    if types[0] == BULLETIN and obligation.period is not None:
        partner = next(code for code in (*obligation.owed, *obligation.owes) if code != county)
        return Action.to("bulletin.make", label=obligation.period, county=county, partner=partner)
    if types[0] == PATROL_PLAN and rule.discharged.by == "answers":
        return Action.to("plan.countersign", id=obligation.about, county=county)
    # A county goes on with what it reported itself: that is no answer.
    goes_on = rule.discharged.by == "thread" and types[0] in _types(rule.opens.when or ())
    kind = middle_name(types[0])
    about = {"updates" if goes_on else "reply_to": obligation.about}
    return Action.to("draft.new", type=kind, county=county, **about)


def asks_receipt(rule: ObligationRule) -> bool:
    """Tell whether a person's receipt discharges what a rule asks for."""
    return any("receipt" in row for row in rule.discharged.when)


def discharging_types(rule: ObligationRule) -> list[str]:
    """Return the event types that discharge what a rule asks for."""
    return _types(rule.discharged.when)


def _types(rows: Iterable[Mapping[str, tuple[str, ...]]]) -> list[str]:
    return list(dict.fromkeys(each for row in rows for each in row.get("type", ())))


def needs_telephone(obligation: Followup | Obligation, county: str) -> bool:
    """Tell whether an alarm of this county reached the last step of the ladder and nobody acknowledged it."""
    if obligation.rule != "acknowledge" or county not in obligation.owed:
        return False
    if isinstance(obligation, Obligation):
        return "leader" in obligation.steps
    return "leader" in {obligation.step, obligation.to_whom}


def complete_decision(
    home: Home,
    county: str,
    minutes_id: str,
    number: int,
    note: str | None,
    actor: Actor,
    passphrases: PassphraseSource,
) -> Accepted:
    """Publish a notice that a decision of a consultation is carried out, to everybody who was there.

    Raises:
        NotFound: the minutes have no such decision.
        ServiceError: another county owes it, or it is already done.
    """
    draft = parse_draft(compose_completion(home, county, minutes_id, number, note, actor))
    with open_outbox(home, county, passphrases) as outbox:
        return outbox.publish(draft)


def compose_completion(
    home: Home, county: str, minutes_id: str, number: int, note: str | None, actor: Actor
) -> dict[str, Any]:
    """Return that notice as a draft's content, for ``queue_content``. Raises as ``complete_decision``."""
    with read_inbox(home, county) as inbox, read_outbox(home, county) as outbox:
        decided = consultation_decisions(county, inbox, outbox)
        found = {each.due.number: each for each in decided if each.minutes.header.id == minutes_id}
    if found:
        record(home, county, actor, "opened", [minutes_id])
    decision = _open_decision(home, county, minutes_id, number, found)
    header = decision.minutes.header
    draft = parse_draft(
        {
            "type": NOTICE,
            "status": header.status,
            "subject": decision.minutes.thread,
            "reply_to": {"id": minutes_id, "hash": decision.minutes.hash},
            "to": sorted({header.county, *header.to} - {county}),
            "payload": {
                "kind": "text",
                "text": note or _("已办结：{what}").format(what=decision.due.what),
                "decisions": [number],
                **signed_by(actor),
            },
        }
    )
    return draft_content(draft)


def _open_decision(
    home: Home, county: str, minutes_id: str, number: int, found: Mapping[int, ConsultationDecision]
) -> ConsultationDecision:
    decision = found.get(number)
    if decision is None:
        sentence = marked("{id} 没有第 {n} 项议定事项（有 {count} 项）")
        hint = Action.to("due.list", county=county)
        raise NotFound(sentence, id=minutes_id, n=number, count=len(found), hint=hint)
    if decision.due.who != county:
        sentence = marked("第 {n} 项“{what}”由 {who} 负责，不是本县的，没有发出")
        raise ServiceError(sentence, n=number, what=decision.due.what, who=home.member_name(decision.due.who))
    if decision.by is not None:
        raise ServiceError(marked("第 {n} 项已由 {by} 告知办结，没有再发"), n=number, by=decision.by)
    return decision
