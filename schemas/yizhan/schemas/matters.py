"""One matter from several counties' events: what belongs together, and how far joint work has come.

Rule 1: events belong together that name each other: by ``subject``, by a reference, or both through a third.
        A link is itself a signed event: its ``subject`` is one thread, its ``reply_to`` an event of another.
        Linked threads are one matter, and every event keeps its author.
Rule 2: a joint patrol plan is countersigned by the same plan in answer to it from each other county with a crew;
        one that says something else is named. Then each county with a crew reports, in the thread of the plan or in
        answer to it.
Rule 3: a dispute moves along ``dispute_case.MOVES``; a move that the table does not have is named, not hidden.
Rule 4: a decision of a consultation is done once who owes it says so: a notice that answers the minutes, by id and
        hash, and names the decision by its number.
Rule 5: nothing here reads a clock or a disk; what was corrected or withdrawn by its own county counts no more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from yizhan.schemas.header import Header, split_id
from yizhan.schemas.payloads import ReadPayload
from yizhan.schemas.payloads.dispute_case import DisputeCase, may_move
from yizhan.schemas.payloads.liaison_consultation import DecisionDue, decisions_due
from yizhan.schemas.payloads.notice import Notice
from yizhan.schemas.payloads.patrol_plan import PatrolPlan
from yizhan.schemas.payloads.table import (
    ASSISTANCE_REQUEST,
    ASSISTANCE_RESPONSE,
    PATROL_PLAN,
    PATROL_REPORT,
)

_REFERENCES: Final = ("withdraws", "supersedes", "reply_to")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an officer of a recipient answered to an event, and when (written instant)."""

    stage: str
    name: str
    badge: str
    note: str | None
    at: str


@dataclass(frozen=True, slots=True)
class CountyAnswer(Answer):
    """An answer, and the county that gave it."""

    county: str


@dataclass(frozen=True)
class MatterEvent:
    """One event of a matter with what people answered to it; ``contents`` is None where it could not be opened."""

    header: Header
    hash: str
    contents: ReadPayload | None
    answers: tuple[CountyAnswer, ...] = ()

    @cached_property
    def thread(self) -> str:
        """The thread that it says it belongs to."""
        return self.header.subject or self.header.id


class EventRole(StrEnum):
    """What an event is in its matter."""

    FIRST = "first"
    UPDATE = "update"
    FINAL = "final"
    REPORT = "report"
    """Without a stage."""
    CORRECTION = "correction"
    WITHDRAWAL = "withdrawal"
    REPLY = "reply"
    LINK = "link"


class JointWorkState(StrEnum):
    """How far a piece of joint work has come."""

    COUNTERSIGNED = "countersigned"
    AWAITS_COUNTERSIGN = "awaits_countersign"
    OTHER_PLAN = "other_plan"
    """It answered the plan by another one."""
    REPORTED = "reported"
    AWAITS_REPORT = "awaits_report"
    ANSWERED = "answered"
    AWAITS_ANSWER = "awaits_answer"
    DISPUTE = "dispute"
    WRONG_MOVE = "wrong_move"
    DECISION = "decision"
    DECISION_DONE = "decision_done"


@dataclass(frozen=True, slots=True)
class JointWork:
    """One piece of a county's joint work on an event; ``said`` is a dispute's state or a decision, ``due`` a day."""

    stand: JointWorkState
    id: str
    county: str
    said: str = ""
    due: str | None = None


@dataclass(frozen=True, slots=True)
class ConsultationDecision:
    """A decision, and the minutes that say it; ``by`` is the event that says that it is done, if one does."""

    minutes: MatterEvent
    due: DecisionDue
    by: str | None


def referenced_ids(header: Header) -> tuple[str, ...]:
    """Return the ids of other events that a header names as belonging to its matter."""
    references = [getattr(header, name) for name in _REFERENCES]
    found = [header.subject, *(each.id for each in references if each is not None)]
    return tuple(dict.fromkeys(each for each in found if each is not None and each != header.id))


def matter_ids(start: str, neighbours: Callable[[str], Iterable[str]]) -> frozenset[str]:
    """Return the ids of all events of the matter that one event belongs to, its own included.

    Args:
        start: an event id.
        neighbours: gives the ids that an event names, and of those that name it.
    """
    found, waiting = {start}, [start]
    while waiting:
        new = set(neighbours(waiting.pop())) - found
        found |= new
        waiting += new
    return frozenset(found)


def event_role(event: MatterEvent, threads: Mapping[str, str]) -> EventRole:
    """Tell what an event is in its matter; ``threads`` are those of its events by id."""
    header = event.header
    if header.withdraws is not None:
        return EventRole.WITHDRAWAL
    if header.supersedes is not None:
        return EventRole.CORRECTION
    if header.reply_to is not None:
        if event.thread != header.id and header.stage in {"update", "final"} and _own_matter(event, threads):
            return EventRole(header.stage)
        # Who answers within the other's thread, or opens one by answering, links nothing.
        other = threads.get(header.reply_to.id, header.reply_to.id)
        return EventRole.LINK if event.thread not in {header.id, other, header.reply_to.id} else EventRole.REPLY
    return EventRole(header.stage) if header.stage else EventRole.REPORT


def _own_matter(event: MatterEvent, threads: Mapping[str, str]) -> bool:
    """Tell whether a county goes on with what it reported itself."""
    before = event.header.reply_to
    if before is None or split_id(before.id)[0] != event.header.source:
        return False
    return threads.get(before.id, before.id) == event.thread


def in_order(events: Iterable[MatterEvent]) -> tuple[MatterEvent, ...]:
    """Sort events by when their senders learnt of them; those of one instant by id."""
    return tuple(sorted(events, key=lambda event: (event.header.time, event.header.id)))


def joint_work(events: Sequence[MatterEvent]) -> tuple[JointWork, ...]:
    """Tell how far the joint work of a matter has come."""
    live = _live(events)
    return (*_patrols(live), *_requests(live), *_disputes(live), *_decided(live))


def _live(events: Iterable[MatterEvent]) -> list[MatterEvent]:
    """Leave out what its own county corrected or withdrew, and the withdrawals.

    Only a reference by id and hash takes back; an exercise takes back no real event.
    """
    known = in_order(events)
    gone = {
        (event.header.county, reference.id, reference.hash, event.header.status == "Actual")
        for event in known
        for reference in (event.header.withdraws, event.header.supersedes)
        if reference is not None
    }
    return [event for event in known if event.header.withdraws is None and not gone & _taken_back_by(event)]


def _taken_back_by(event: MatterEvent) -> set[tuple[str, str, str, bool]]:
    header = event.header
    by = {(header.county, header.id, event.hash, True)}
    return by if header.status == "Actual" else by | {(header.county, header.id, event.hash, False)}


class _Answers:
    """Who answered what, by one pass over the events: what one event more costs does not grow with the others."""

    def __init__(self, events: Iterable[MatterEvent]) -> None:
        self._replied: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        self._threads: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        for each in events:
            header = each.header
            for kind in (header.type, f"{header.type} {header.stage}"):
                if header.reply_to is not None:
                    self._replied[kind, header.reply_to.id][header.county] = None
                if header.subject is not None:
                    self._threads[kind, header.subject][header.county] = None

    def counties(self, to: MatterEvent, type: str, stage: str | None = None) -> set[str]:
        """Return the counties that answered an event, or spoke in its thread, by events of a type and stage."""
        kind = type if stage is None else f"{type} {stage}"
        return {*self._replied.get((kind, to.header.id), ()), *self._threads.get((kind, to.thread), ())}


def _patrols(events: Sequence[MatterEvent]) -> Iterator[JointWork]:
    answers, back = _Answers(events), defaultdict[str, list[MatterEvent]](list)
    for event in events:
        if event.header.type == PATROL_PLAN and event.header.reply_to is not None:
            for each in referenced_ids(event.header):
                back[each].append(event)
    for event in events:
        plan = None if event.contents is None else event.contents.model
        if not isinstance(plan, PatrolPlan) or event.header.reply_to is not None:
            continue
        counties = list(dict.fromkeys(crew.county for crew in plan.crews))
        answered = back.get(event.header.id, [])
        signed = {each.header.county for each in answered if _same_plan(each, plan)}
        other = {each.header.county for each in answered} - signed
        for county in counties:
            if county != event.header.county:
                state = JointWorkState.OTHER_PLAN if county in other else JointWorkState.AWAITS_COUNTERSIGN
                yield JointWork(JointWorkState.COUNTERSIGNED if county in signed else state, event.header.id, county)
        if signed >= set(counties) - {event.header.county}:
            reported = answers.counties(event, PATROL_REPORT)
            for county in counties:
                state = JointWorkState.REPORTED if county in reported else JointWorkState.AWAITS_REPORT
                yield JointWork(state, event.header.id, county)


def _same_plan(answer: MatterEvent, plan: PatrolPlan) -> bool:
    """Tell whether an answer is the plan that it answers; one that cannot be opened is taken for it."""
    theirs = None if answer.contents is None else answer.contents.model
    return not isinstance(theirs, PatrolPlan) or theirs.terms() == plan.terms()


def _requests(events: Sequence[MatterEvent]) -> Iterator[JointWork]:
    answers = _Answers(events)
    for event in events:
        if event.header.type == ASSISTANCE_REQUEST and event.header.stage in {None, "first"}:
            final = answers.counties(event, ASSISTANCE_RESPONSE, "final")
            for county in event.header.to:
                yield JointWork(
                    JointWorkState.ANSWERED if county in final else JointWorkState.AWAITS_ANSWER,
                    event.header.id,
                    county,
                )


def _disputes(events: Sequence[MatterEvent]) -> Iterator[JointWork]:
    before: DisputeCase | None = None
    last: MatterEvent | None = None
    for event in events:
        case = None if event.contents is None else event.contents.model
        if isinstance(case, DisputeCase):
            if before is not None and not may_move(before.state, case.state):
                move = f"{before.state} → {case.state}"
                yield JointWork(JointWorkState.WRONG_MOVE, event.header.id, event.header.county, move)
            before, last = case, event
    if before is not None and last is not None:
        yield JointWork(JointWorkState.DISPUTE, last.header.id, last.header.county, before.state.value)


def decisions(events: Iterable[MatterEvent]) -> Iterator[ConsultationDecision]:
    """Tell of the decisions that stand among events, and which of them are done."""
    live = _live(events)
    done: dict[tuple[str, str, str, int], str] = {}
    for each in live:
        notice, answered = None if each.contents is None else each.contents.model, each.header.reply_to
        if isinstance(notice, Notice) and answered is not None:
            for number in notice.decisions or ():
                done.setdefault((answered.id, answered.hash, each.header.county, number), each.header.id)
    for minutes in live:
        if minutes.contents is not None and minutes.contents.model is not None:
            for due in decisions_due(minutes.contents.model):
                by = done.get((minutes.header.id, minutes.hash, due.who, due.number))
                yield ConsultationDecision(minutes, due, by)


def _decided(events: Sequence[MatterEvent]) -> Iterator[JointWork]:
    for each in decisions(events):
        state = JointWorkState.DECISION if each.by is None else JointWorkState.DECISION_DONE
        yield JointWork(state, each.minutes.header.id, each.due.who, each.due.what, each.due.due.isoformat())
