"""Findings of an audit: omissions, late answers, contradictions and broken chains in log and books.

Law 5: a finding names its event, its place in the log, and the limit that was exceeded.

Rule 1: "now" is the instant at which the checkpoint was signed: the same log and books give the same findings.
Rule 2: exercises give no findings; an event that its sender withdrew is owed nothing any more.
Rule 3: the station's own statements about an obligation take precedence over what is measured here; an obligation
        without such statements is measured here.
Rule 4: what no book can show is not found missing: a county whose book was not given is named instead.
Rule 5: limits are those of the policy that was in force when the station received the event. What that policy does
        not limit is not measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from yizhan.ledger.audit.books import hash_reference
from yizhan.ledger.audit.evidence import EventRecord, Evidence
from yizhan.ledger.audit.obligations import ended, rule_of
from yizhan.runtime import access_log
from yizhan.schemas import topics
from yizhan.schemas.header import Header, Ref
from yizhan.schemas.obligation_events import Event
from yizhan.schemas.obligation_steps import NOT_OWED, OVERDUE
from yizhan.schemas.payloads.table import ASSISTANCE_REQUEST, HOTSPOT, INTELLIGENCE_REPORT, LIFE_AT_STAKE
from yizhan.schemas.policy import Policy, Way, decide
from yizhan.schemas.timestamps import instant, written

if TYPE_CHECKING:
    from yizhan.ledger.audit.logged import Marked
    from yizhan.schemas.charter import Charters
    from yizhan.schemas.policy_facts import Words

_MEASURED: Final = {
    "final-report": "follow-up", "feedback-flash": "feedback", "identity-request": "other-assistance",
    "identity-far": "other-assistance", "assistance-interim": "other-assistance",
    "assistance-answer": "other-assistance",
}  # fmt: skip
"""Obligations of the sample policy → the corresponding measurement here."""
_PERSONS: Final = frozenset({"acknowledged", "acted", "declined"})
_KEYS: Final = frozenset({"unknown_key", "key_not_valid", "key_revoked", "bad_signature"})


class FindingKind(StrEnum):
    """Kinds of findings."""

    LATE = "late"
    UNACKNOWLEDGED = "unacknowledged"
    OVERDUE = "overdue"
    NO_FEEDBACK = "no_feedback"
    MISSING_REPORT = "missing_report"
    REFUSED = "refused"
    DOUBTFUL_KEY = "doubtful_key"
    DECISION_DIFFERS = "decision_differs"
    CONTRADICTION = "contradiction"
    ASIDE = "aside"
    JOURNAL_BROKEN = "journal_broken"


_UNMET: Final = {
    "acknowledge": FindingKind.UNACKNOWLEDGED,
    "feedback": FindingKind.NO_FEEDBACK,
    "feedback-flash": FindingKind.NO_FEEDBACK,
}
"""Obligations whose kind of finding is not OVERDUE while they are still owed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    ``county`` is the county that owed it, ``id`` the event's, ``at`` when the time began to run, ``took`` the
    seconds until it was done (until now where it is still owed), ``limit`` the seconds allowed, ``rule`` the
    obligation's name.
    """

    kind: FindingKind
    county: str
    at: str
    id: str | None = None
    place: int | None = None
    rule: str | None = None
    took: float | None = None
    limit: float | None = None
    detail: str = ""
    what: Words | None = None
    """What was owed, as the charter says it; only where the station's own statements tell."""


@dataclass(frozen=True, slots=True)
class ReportableHotspot:
    """A satellite detection that a county had to report: its reference, overpass, position."""

    county: str
    ref: str
    at: datetime
    longitude: float
    latitude: float
    former_ref: str | None = None
    """How earlier versions named it."""


def find(evidence: Evidence, charters: Charters, hotspots: Iterable[ReportableHotspot] = ()) -> list[Finding]:
    """Find everything, ordered by time.

    Args:
        evidence: log and books.
        charters: versions with keys and rules.
        hotspots: detections of a satellite file that each county had to report.
    """
    now, stated = evidence.logged.checkpoint.at, set(_stated(evidence))
    found = list[Finding]()
    for event in evidence.human_events():
        measured = _timely(evidence, event, charters, now)
        found += [each for each in measured if (each.id, each.county, each.rule) not in stated]
        found += _keys(event, charters)
    for event in evidence.events.values():
        marks = evidence.logged.marks.get(event.id, ()) if event.header is not None else ()
        for marked in marks:
            if marked.mark.hash == event.hash:
                found += [*_decisions(event, marked, charters), *_unfounded(event, marked, charters)]
    found += _owed(evidence, charters, now)
    found += [*_refused(evidence), *_contradictions(evidence), *_asides(evidence), *_journals(evidence)]
    found += _missing(evidence, hotspots)
    return sorted(found, key=lambda each: (each.at, each.kind, each.county, each.id or ""))


def missing_books(evidence: Evidence, members: Iterable[str]) -> list[tuple[str, str]]:
    """List the books (county, kind) that were not given."""
    wanted = [(county, kind) for county in sorted(members) for kind in ("outbox", "inbox")]
    return [each for each in wanted if each not in evidence.books]


# -- in time --


def _limit(policy: Policy, rule: str) -> timedelta:
    """Return the time that a rule of the policy allows; no limit without such a rule, or if it counts working days."""
    due = policy.obligations[rule].due if rule in policy.obligations else None
    if due is None or due.working_days is not None:
        return timedelta.max
    return timedelta(days=due.days or 0, hours=due.hours or 0, minutes=due.minutes or 0)


def _timely(evidence: Evidence, event: EventRecord, charters: Charters, now: datetime) -> Iterator[Finding]:
    header, marked = event.header, event.marked
    if header is None or marked is None or header.status != "Actual":
        return
    received = marked.mark.made
    policy = charters.in_force(received).policy
    ringing = [code for code, each in (marked.mark.decisions or {}).items() if each.way is Way.ALARM]
    took = received - instant(header.time)
    limit = _limit(policy, "tell")
    if ringing and took > limit:
        yield _finding(FindingKind.LATE, event.county, event, instant(header.time), took, limit, "tell")
    if _withdrawn(evidence, event):
        return
    for recipient in ringing:
        yield from _acknowledged(evidence, event, recipient, policy, now)
    yield from _followed_up(evidence, event, header, policy, now, rang=bool(ringing))
    for recipient in header.to:
        yield from _answered(evidence, event, header, recipient, policy, now)


def _finding(
    kind: FindingKind, county: str, event: EventRecord, since: datetime, took: timedelta, limit: timedelta, rule: str
) -> Finding:
    place = None if event.marked is None else event.marked.place
    seconds = (took.total_seconds(), limit.total_seconds())
    return Finding(kind, county, written(since), event.id, place, rule, *seconds)


def _withdrawn(evidence: Evidence, event: EventRecord) -> bool:
    return any(
        each.county == event.county
        and each.header is not None
        and each.header.withdraws is not None
        and (each.header.withdraws.id, each.header.withdraws.hash) == (event.id, event.hash)
        for each in evidence.answers(event)
    )


def _acknowledged(
    evidence: Evidence, event: EventRecord, recipient: str, policy: Policy, now: datetime
) -> Iterator[Finding]:
    if evidence.book(recipient, "outbox") is None and evidence.book(event.county, "inbox") is None:
        return
    received = event.received or now
    receipts = [each for each in evidence.receipts(event) if each.county == recipient and each.stage in _PERSONS]
    took = (instant(receipts[0].at) if receipts else now) - received
    limit = _limit(policy, "acknowledge")
    if took > limit:
        kind = FindingKind.OVERDUE if receipts else FindingKind.UNACKNOWLEDGED
        yield _finding(kind, recipient, event, received, took, limit, "acknowledge")


def _followed_up(
    evidence: Evidence, event: EventRecord, header: Header, policy: Policy, now: datetime, *, rang: bool
) -> Iterator[Finding]:
    """Yield fires without a next or final report, and hotspots that nobody verified."""
    opens = header.subject is None and header.refers == "none"
    own = [each.header for each in evidence.answers(event) if each.county == event.county and each.header is not None]
    if header.type in LIFE_AT_STAKE and opens:
        reports = sorted([header, *own], key=lambda each: each.time)
        last = reports[-1]
        took, limit = now - instant(last.time), _limit(policy, "follow-up")
        if not any(each.stage == "final" for each in reports) and took > limit:
            yield _finding(FindingKind.OVERDUE, event.county, event, instant(last.time), took, limit, "follow-up")
    if header.type == HOTSPOT and rang and opens:
        since, limit = instant(header.time), _limit(policy, "verify-hotspot")
        took = (instant(min(each.time for each in own)) if own else now) - since
        if took > limit:
            yield _finding(FindingKind.OVERDUE, event.county, event, since, took, limit, "verify-hotspot")


def _answered(
    evidence: Evidence, event: EventRecord, header: Header, recipient: str, policy: Policy, now: datetime
) -> Iterator[Finding]:
    """Yield intelligence without feedback, and requests without an answer."""
    if header.type == INTELLIGENCE_REPORT:
        limit = _limit(policy, "feedback-flash" if header.priority == "flash" else "feedback")
        rule, missing = "feedback", FindingKind.NO_FEEDBACK
    elif header.type == ASSISTANCE_REQUEST:
        limit, rule, missing = _limit(policy, "assistance-interim"), "other-assistance", FindingKind.OVERDUE
    else:
        return
    if evidence.book(recipient, "outbox") is None and evidence.book(event.county, "inbox") is None:
        return
    received = event.received or now
    answers = [each.header.time for each in evidence.answers(event) if each.county == recipient and each.header]
    took = (instant(min(answers)) if answers else now) - received
    if took > limit:
        yield _finding(FindingKind.OVERDUE if answers else missing, recipient, event, received, took, limit, rule)


def _stated(evidence: Evidence) -> Iterator[tuple[str, str, str]]:
    """Return what the station's statements cover: event, county that owes, and kind of finding measured here."""
    for steps in evidence.logged.owed.by_name.values():
        followup = steps[0].followup
        if followup.about is not None and followup.step != NOT_OWED:
            yield from (
                (followup.about.id, county, _MEASURED.get(followup.rule, followup.rule)) for county in followup.owes
            )


def _owed(evidence: Evidence, charters: Charters, now: datetime) -> Iterator[Finding]:
    """Yield obligations that the station itself stated and that were not met in time."""
    for name, steps in evidence.logged.owed.by_name.items():
        first, met = steps[0].followup, ended(steps, now)
        if met is None or met <= instant(first.due):
            continue
        rule, kind = (
            rule_of(first, charters),
            _UNMET.get(first.rule, FindingKind.OVERDUE) if met == now else FindingKind.OVERDUE,
        )
        place = next((each.place for each in steps if each.followup.step == OVERDUE), steps[0].place)
        opened, id = instant(first.opened), None if first.about is None else first.about.id
        took, limit = met - opened, instant(first.due) - opened
        for county in first.owes:
            yield Finding(
                kind, county, first.opened, id, place, first.rule, took.total_seconds(), limit.total_seconds(), name,
                None if rule is None else rule.what,
            )  # fmt: skip


# -- keys, decisions, refusals --


def _keys(event: EventRecord, charters: Charters) -> Iterator[Finding]:
    header = event.header
    if header is None:
        return
    place = None if event.marked is None else event.marked.place
    key = charters.latest().signing.get(header.county, {}).get(header.kid)
    why = None
    if key is None:
        why = f"{header.kid[:16]}…: not registered any more"
    elif key.revoked is not None:
        why = f"{header.kid[:16]}…: revoked {written(key.revoked)}"
    if why is not None:
        yield Finding(FindingKind.DOUBTFUL_KEY, event.county, header.time, event.id, place, detail=why)
    for entry in (event.sent, *event.arrivals.values()):
        if entry is not None and entry.problem is not None and entry.mark is not None:
            yield Finding(FindingKind.DOUBTFUL_KEY, event.county, header.time, event.id, place, detail=entry.problem)


def _decisions(event: EventRecord, marked: Marked, charters: Charters) -> Iterator[Finding]:
    """Yield what a postmark decided otherwise than the policy, and where it decided for others than the recipients."""
    header, decisions = event.header, marked.mark.decisions or {}
    if header is None:
        return
    policy = charters.in_force(marked.mark.made).policy
    for recipient in sorted({*decisions, *header.to}):
        made = decisions.get(recipient)
        again = decide(header, recipient, policy) if recipient in header.to else None
        said, right = (f"{each.way.value} {each.rule}" if each is not None else "-" for each in (made, again))
        if said != right:
            detail = f"{recipient}: {said} ≠ {right}"
            rule = next(each.rule for each in (made, again) if each is not None)
            at, place = marked.mark.received, marked.place
            yield Finding(FindingKind.DECISION_DIFFERS, event.county, at, event.id, place, rule, detail=detail)


def _unfounded(event: EventRecord, marked: Marked, charters: Charters) -> Iterator[Finding]:
    """Yield what a postmark says that its event opens or ends, and that rule and policy do not give."""
    header, mark = event.header, marked.mark
    if header is None or not (mark.opens or mark.ends):
        return
    ways = {code: decided.way.value for code, decided in (mark.decisions or {}).items()}
    observed = Event(header, Ref(id=event.id, hash=event.hash), ways, mark.made, charters.in_force(mark.made))
    for each in mark.steps():
        if not observed.gives(each):
            detail = f"{each.obligation}: {each.step}"
            kind, at = FindingKind.DECISION_DIFFERS, mark.received
            yield Finding(kind, event.county, at, event.id, marked.place, each.rule, detail=detail)


def _refused(evidence: Evidence) -> Iterator[Finding]:
    for each in evidence.logged.refusals:
        mark = each.mark
        county = topics.member_of_events(mark.origin.topic) or ""
        kind = FindingKind.DOUBTFUL_KEY if mark.refused in _KEYS else FindingKind.REFUSED
        since = "" if mark.first is None else f"{mark.first} … "
        detail = f"{mark.detail or ''} ({since}{mark.origin})"
        yield Finding(kind, county, mark.received, None, each.place, mark.refused, detail=detail)


def _contradictions(evidence: Evidence) -> Iterator[Finding]:
    for id, marks in evidence.logged.marks.items():
        for other in marks[1:]:
            if other.mark.hash != marks[0].mark.hash:
                detail = f"{other.mark.hash} ≠ {marks[0].mark.hash} ({marks[0].place})"
                county = id[:6]
                yield Finding(FindingKind.CONTRADICTION, county, other.mark.received, id, other.place, detail=detail)
    for first, second in evidence.logged.owed.contradictions:
        said = second.followup
        detail = f"{said.obligation}: {said.step} ({first.place})"
        yield Finding(FindingKind.CONTRADICTION, said.owes[0], said.at, None, second.place, said.rule, detail=detail)


def _asides(evidence: Evidence) -> Iterator[Finding]:
    """Yield records that an inbox refused, and second events under an id that it already had."""
    for (county, kind), book in evidence.books.items():
        for rival in book.rivals if kind == "inbox" else ():
            detail = f"{county}: {rival.hash}"
            yield Finding(FindingKind.CONTRADICTION, rival.id[:6], rival.stored, rival.id, detail=detail)
        for aside in book.asides if kind == "inbox" else ():
            yield Finding(FindingKind.ASIDE, county, aside.stored, rule=aside.reason, detail=aside.place)


def _journals(evidence: Evidence) -> Iterator[Finding]:
    """Check every county's access log against every head that a book of it names."""
    for (county, kind), book in evidence.books.items():
        if kind != "inbox":
            continue
        known = [each.journal for each in evidence.openings if each.county == county and each.at <= book.opening.at]
        for broken in access_log.check(book.accesses, known)[1]:
            detail = f"{access_log.FILE}:{broken.line} {broken.why}"
            yield Finding(FindingKind.JOURNAL_BROKEN, county, book.opening.at, detail=detail)


# -- what satellites saw --


def _missing(evidence: Evidence, hotspots: Iterable[ReportableHotspot]) -> Iterator[Finding]:
    """Yield detections that a county had to report and that none of its events in the log is about."""
    reported = {
        event.sent_row.ref
        for event in evidence.events.values()
        if event.sent_row is not None and event.sent_row.ref is not None and event.marked is not None
    }
    for each in hotspots:
        if evidence.book(each.county, "outbox") is None:
            continue
        refs = filter(None, (each.ref, each.former_ref))
        if reported.isdisjoint(hash_reference(each.county, ref) for ref in refs):
            yield Finding(
                FindingKind.MISSING_REPORT, each.county, written(each.at), rule="verify-hotspot", detail=each.ref
            )
