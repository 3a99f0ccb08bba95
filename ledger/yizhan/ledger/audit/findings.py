"""What an auditor looks for, found in log and books.

Law 5: a finding names its event, its place in the log, and the limit that was exceeded.

Rule 1: "now" is the instant that the checkpoint was signed: the same log and books give the same findings.
Rule 2: an exercise is nobody's omission; what its sender withdrew is owed nothing any more.
Rule 3: what the station's statements say of an obligation goes before what is measured here of the same; what they
        keep silent about is measured all the same.
Rule 4: what no book can show is not found missing: a county whose book was not brought is named instead.
Rule 5: how long is too long is said by the policy that was in force when the station had the event. What that policy
        does not limit is not measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from yizhan.ledger.audit.books import hidden_ref
from yizhan.ledger.audit.evidence import EventRecord, Evidence
from yizhan.ledger.audit.obligations import ended, rule_of
from yizhan.runtime import access_log
from yizhan.schemas import topics
from yizhan.schemas.header import Header
from yizhan.schemas.obligation_steps import NOT_OWED, OVERDUE
from yizhan.schemas.payloads.table import ASSISTANCE_REQUEST, HOTSPOT, INTELLIGENCE_REPORT, LIFE_AT_STAKE
from yizhan.schemas.policy import Policy, Way, decide
from yizhan.schemas.timestamps import instant, written

if TYPE_CHECKING:
    from yizhan.schemas.charter import Charters
    from yizhan.schemas.policy_facts import Words

_MEASURED: Final = {
    "final-report": "follow-up", "feedback-flash": "feedback", "identity-request": "other-assistance",
    "identity-far": "other-assistance", "assistance-interim": "other-assistance",
    "assistance-answer": "other-assistance",
}  # fmt: skip
"""Obligations of the sample policy → what is measured here of the same."""
_PERSONS: Final = frozenset({"acknowledged", "acted", "declined"})
_KEYS: Final = frozenset({"unknown_key", "key_not_valid", "key_revoked", "bad_signature"})


class FindingKind(StrEnum):
    """What can be found."""

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
"""What is called otherwise than overdue while it is still owed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    ``county`` is who owed it, ``id`` the event's, ``at`` from when time ran, ``took`` the seconds that it
    took (until now where it is still owed), ``limit`` those allowed, ``rule`` the obligation's name.
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
    """Find everything, in the order of time.

    Args:
        evidence: log and books.
        charters: whose keys and rules count.
        hotspots: what a satellite file says that each county had to report.
    """
    now = evidence.logged.checkpoint.at
    found = [
        finding
        for matter in evidence.shown()
        for finding in (
            *_timely(evidence, matter, charters, now),
            *_keys(matter, charters),
            *_decided(matter, charters),
        )
    ]
    told = set(_told(evidence))
    found = [each for each in found if (each.id, each.county, each.rule) not in told]
    found += _owed(evidence, charters, now)
    found += [*_refused(evidence), *_contradictions(evidence), *_asides(evidence), *_journals(evidence)]
    found += _missing(evidence, hotspots)
    return sorted(found, key=lambda each: (each.at, each.kind, each.county, each.id or ""))


def missing_books(evidence: Evidence, members: Iterable[str]) -> list[tuple[str, str]]:
    """List the books (county, kind) that were not brought."""
    wanted = [(county, kind) for county in sorted(members) for kind in ("outbox", "inbox")]
    return [each for each in wanted if each not in evidence.books]


# -- in time --


def _limit(policy: Policy, rule: str) -> timedelta:
    """Return how long a rule of the policy allows; no limit where it has no such rule, or counts working days."""
    due = policy.obligations[rule].due if rule in policy.obligations else None
    if due is None or due.working_days is not None:
        return timedelta.max
    return timedelta(days=due.days or 0, hours=due.hours or 0, minutes=due.minutes or 0)


def _timely(evidence: Evidence, matter: EventRecord, charters: Charters, now: datetime) -> Iterator[Finding]:
    header, marked = matter.header, matter.marked
    if header is None or marked is None or header.status != "Actual":
        return
    received = marked.mark.made
    policy = charters.in_force(received).policy
    ringing = [code for code, each in (marked.mark.decisions or {}).items() if each.way is Way.ALARM]
    took = received - instant(header.time)
    limit = _limit(policy, "tell")
    if ringing and took > limit:
        yield _finding(FindingKind.LATE, matter.county, matter, instant(header.time), took, limit, "tell")
    if _withdrawn(evidence, matter):
        return
    for recipient in ringing:
        yield from _acknowledged(evidence, matter, recipient, policy, now)
    yield from _followed_up(evidence, matter, header, policy, now, rang=bool(ringing))
    for recipient in header.to:
        yield from _answered(evidence, matter, header, recipient, policy, now)


def _finding(
    kind: FindingKind, county: str, matter: EventRecord, since: datetime, took: timedelta, limit: timedelta, rule: str
) -> Finding:
    place = None if matter.marked is None else matter.marked.place
    seconds = (took.total_seconds(), limit.total_seconds())
    return Finding(kind, county, written(since), matter.id, place, rule, *seconds)


def _withdrawn(evidence: Evidence, matter: EventRecord) -> bool:
    return any(
        each.county == matter.county
        and each.header is not None
        and each.header.withdraws is not None
        and (each.header.withdraws.id, each.header.withdraws.hash) == (matter.id, matter.hash)
        for each in evidence.answers(matter)
    )


def _acknowledged(
    evidence: Evidence, matter: EventRecord, recipient: str, policy: Policy, now: datetime
) -> Iterator[Finding]:
    if evidence.book(recipient, "outbox") is None and evidence.book(matter.county, "inbox") is None:
        return
    received = matter.received or now
    said = [each for each in evidence.receipts(matter) if each.county == recipient and each.stage in _PERSONS]
    took = (instant(said[0].at) if said else now) - received
    limit = _limit(policy, "acknowledge")
    if took > limit:
        kind = FindingKind.OVERDUE if said else FindingKind.UNACKNOWLEDGED
        yield _finding(kind, recipient, matter, received, took, limit, "acknowledge")


def _followed_up(
    evidence: Evidence, matter: EventRecord, header: Header, policy: Policy, now: datetime, *, rang: bool
) -> Iterator[Finding]:
    """Tell of a fire without a next or final report, of a hotspot that nobody verified."""
    opens = header.subject is None and header.refers == "none"
    own = [each.header for each in evidence.answers(matter) if each.county == matter.county and each.header is not None]
    if header.type in LIFE_AT_STAKE and opens:
        reports = sorted([header, *own], key=lambda each: each.time)
        last = reports[-1]
        took, limit = now - instant(last.time), _limit(policy, "follow-up")
        if not any(each.stage == "final" for each in reports) and took > limit:
            yield _finding(FindingKind.OVERDUE, matter.county, matter, instant(last.time), took, limit, "follow-up")
    if header.type == HOTSPOT and rang and opens:
        since, limit = instant(header.time), _limit(policy, "verify-hotspot")
        took = (instant(min(each.time for each in own)) if own else now) - since
        if took > limit:
            yield _finding(FindingKind.OVERDUE, matter.county, matter, since, took, limit, "verify-hotspot")


def _answered(
    evidence: Evidence, matter: EventRecord, header: Header, recipient: str, policy: Policy, now: datetime
) -> Iterator[Finding]:
    """Tell of intelligence without feedback, of a request without an answer."""
    if header.type == INTELLIGENCE_REPORT:
        limit = _limit(policy, "feedback-flash" if header.priority == "flash" else "feedback")
        rule, missing = "feedback", FindingKind.NO_FEEDBACK
    elif header.type == ASSISTANCE_REQUEST:
        limit, rule, missing = _limit(policy, "assistance-interim"), "other-assistance", FindingKind.OVERDUE
    else:
        return
    if evidence.book(recipient, "outbox") is None and evidence.book(matter.county, "inbox") is None:
        return
    received = matter.received or now
    answers = [each.header.time for each in evidence.answers(matter) if each.county == recipient and each.header]
    took = (instant(min(answers)) if answers else now) - received
    if took > limit:
        yield _finding(FindingKind.OVERDUE if answers else missing, recipient, matter, received, took, limit, rule)


def _told(evidence: Evidence) -> Iterator[tuple[str, str, str]]:
    """Name what the station's statements speak of: event, who owes, and as what it is measured here."""
    for steps in evidence.logged.owed.by_name.values():
        said = steps[0].said
        if said.about is not None and said.step != NOT_OWED:
            yield from ((said.about.id, county, _MEASURED.get(said.rule, said.rule)) for county in said.owes)


def _owed(evidence: Evidence, charters: Charters, now: datetime) -> Iterator[Finding]:
    """Tell of what the station itself said was owed, and was not met in its term."""
    for name, steps in evidence.logged.owed.by_name.items():
        first, met = steps[0].said, ended(steps, now)
        if met is None or met <= instant(first.due):
            continue
        rule, kind = (
            rule_of(first, charters),
            _UNMET.get(first.rule, FindingKind.OVERDUE) if met == now else FindingKind.OVERDUE,
        )
        place = next((each.place for each in steps if each.said.step == OVERDUE), steps[0].place)
        opened, id = instant(first.opened), None if first.about is None else first.about.id
        took, limit = met - opened, instant(first.due) - opened
        for county in first.owes:
            yield Finding(
                kind, county, first.opened, id, place, first.rule, took.total_seconds(), limit.total_seconds(), name,
                None if rule is None else rule.what,
            )  # fmt: skip


# -- keys, decisions, refusals --


def _keys(matter: EventRecord, charters: Charters) -> Iterator[Finding]:
    header = matter.header
    if header is None:
        return
    place = None if matter.marked is None else matter.marked.place
    key = charters.latest().signing.get(header.county, {}).get(header.kid)
    why = None
    if key is None:
        why = f"{header.kid[:16]}…: not registered any more"
    elif key.revoked is not None:
        why = f"{header.kid[:16]}…: revoked {written(key.revoked)}"
    if why is not None:
        yield Finding(FindingKind.DOUBTFUL_KEY, matter.county, header.time, matter.id, place, detail=why)
    for letter in (matter.sent, *matter.came.values()):
        if letter is not None and letter.problem is not None and letter.mark is not None:
            yield Finding(FindingKind.DOUBTFUL_KEY, matter.county, header.time, matter.id, place, detail=letter.problem)


def _decided(matter: EventRecord, charters: Charters) -> Iterator[Finding]:
    header, marked = matter.header, matter.marked
    if header is None or marked is None:
        return
    policy = charters.in_force(marked.mark.made).policy
    for recipient, said in (marked.mark.decisions or {}).items():
        again = decide(header, recipient, policy)
        if (again.way, again.rule) != (said.way, said.rule):
            detail = f"{recipient}: {said.way.value} {said.rule} ≠ {again.way.value} {again.rule}"
            at, place = marked.mark.received, marked.place
            yield Finding(FindingKind.DECISION_DIFFERS, matter.county, at, matter.id, place, said.rule, detail=detail)


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


def _asides(evidence: Evidence) -> Iterator[Finding]:
    """Tell of what reached an inbox and was not let in, and of a second event under an id that it had."""
    for (county, kind), book in evidence.books.items():
        for rival in book.rivals if kind == "inbox" else ():
            detail = f"{county}: {rival.hash}"
            yield Finding(FindingKind.CONTRADICTION, rival.id[:6], rival.stored, rival.id, detail=detail)
        for aside in book.asides if kind == "inbox" else ():
            yield Finding(FindingKind.ASIDE, county, aside.stored, rule=aside.reason, detail=aside.place)


def _journals(evidence: Evidence) -> Iterator[Finding]:
    """Check every county's journal of accesses, against every head that a book of it names."""
    for (county, kind), book in evidence.books.items():
        if kind != "inbox":
            continue
        known = [each.journal for each in evidence.openings if each.county == county and each.at <= book.opening.at]
        for broken in access_log.check(book.accesses, known)[1]:
            detail = f"{access_log.FILE}:{broken.line} {broken.why}"
            yield Finding(FindingKind.JOURNAL_BROKEN, county, book.opening.at, detail=detail)


# -- what satellites saw --


def _missing(evidence: Evidence, hotspots: Iterable[ReportableHotspot]) -> Iterator[Finding]:
    """Tell of detections that a county had to report and that no event of its in the log is about."""
    reported = {
        matter.sent_row.ref
        for matter in evidence.matters.values()
        if matter.sent_row is not None and matter.sent_row.ref is not None and matter.marked is not None
    }
    for each in hotspots:
        if evidence.book(each.county, "outbox") is None:
            continue
        refs = filter(None, (each.ref, each.former_ref))
        if reported.isdisjoint(hidden_ref(each.county, ref) for ref in refs):
            yield Finding(
                FindingKind.MISSING_REPORT, each.county, written(each.at), rule="verify-hotspot", detail=each.ref
            )
