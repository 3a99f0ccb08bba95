"""A quarter's report: figures, findings, reconciliations. ``pages`` renders it.

Rule 1: every figure is counted from log and books up to one named checkpoint: counting again gives the same.
Rule 2: what could not be checked because a book is missing is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Final

from yizhan.ledger.audit.evidence import EventRecord, Evidence
from yizhan.ledger.audit.findings import Finding, find, missing_books
from yizhan.ledger.audit.reconcile import Reconciliation, reconcile
from yizhan.ledger.errors import BookInvalid
from yizhan.runtime import access_log
from yizhan.schemas import topics
from yizhan.schemas.policy import Way
from yizhan.schemas.quarters import Quarter
from yizhan.schemas.timestamps import instant

if TYPE_CHECKING:
    from yizhan.schemas.charter import Charter, Charters
    from yizhan.schemas.checkpoints import OpenedCheckpoint

_PERSONS: Final = frozenset({"acknowledged", "acted", "declined"})


@dataclass(frozen=True, slots=True)
class Traffic:
    """One county's events of the quarter, each counted by its loudest way; times in seconds, None for none."""

    county: str
    alarms: int
    notices: int
    digests: int
    refused: int
    told_median: float | None
    told_longest: float | None
    rang: int
    """Alarms that it got from others,"""
    answered: int
    """and those of them that an officer of its acknowledged,"""
    answered_median: float | None
    """after so long."""


@dataclass(frozen=True, slots=True)
class ClosedDigest:
    """One county's closed digest: how many events it holds, and where the log has its manifest."""

    county: str
    count: int
    prompt: int
    place: int


@dataclass(frozen=True, slots=True)
class AccessCounts:
    """Accesses that one county's access log has for the quarter, and whether its chain is unbroken."""

    county: str
    by_how: tuple[tuple[str, int], ...]
    whole: bool


@dataclass(frozen=True)
class QuarterReport:
    """One quarter."""

    quarter: str
    checkpoint: OpenedCheckpoint
    charter: Charter
    traffic: tuple[Traffic, ...]
    digests: tuple[ClosedDigest, ...]
    findings: tuple[Finding, ...]
    pairs: tuple[Reconciliation, ...]
    looks: tuple[AccessCounts, ...]
    missing_books: tuple[tuple[str, str], ...]


def report(evidence: Evidence, charters: Charters, quarter: Quarter) -> QuarterReport:
    """Count a quarter, by the calendar of the alliance's time zone."""
    charter = charters.latest()
    start, end = quarter.start(charter.time_zone), quarter.end(charter.time_zone)

    def within(at: datetime) -> bool:
        return start <= at < end

    findings = tuple(each for each in find(evidence, charters) if within(instant(each.at)))
    pairs = []
    for a, b in charter.alliance.pairs:
        try:
            pairs.append(reconcile(evidence, a, b))
        except BookInvalid:
            continue  # listed below, among the missing books
    return QuarterReport(
        str(quarter),
        evidence.logged.checkpoint,
        charter,
        tuple(_traffic(evidence, county, within) for county in sorted(charter.members)),
        tuple(
            ClosedDigest(each.manifest.county, each.manifest.count, each.manifest.prompt, each.place)
            for each in evidence.logged.manifests
            if each.manifest.label == str(quarter) and not each.manifest.interim
        ),
        findings,
        tuple(pairs),
        tuple(
            _access_counts(evidence, county, within)
            for county in sorted(charter.members)
            if evidence.book(county, "inbox")
        ),
        tuple(missing_books(evidence, charter.members)),
    )


def _traffic(evidence: Evidence, county: str, within: Callable[[datetime], bool]) -> Traffic:
    ways: Counter[Way] = Counter()
    delays, answered = [], []
    rang = 0
    for event in evidence.human_events():
        received, decisions = event.received, _decisions(event)
        if received is None or not within(received) or event.header is None:
            continue
        if event.county == county:
            way = next(way for way in (Way.ALARM, Way.NOTICE, Way.DIGEST) if way in decisions.values())
            ways[way] += 1
            if way is Way.ALARM:
                delays.append((received - instant(event.header.time)).total_seconds())
        if decisions.get(county) is Way.ALARM:
            rang += 1
            answered_at = [
                each.at for each in evidence.receipts(event) if each.county == county and each.stage in _PERSONS
            ]
            answered += [(instant(at) - received).total_seconds() for at in answered_at[:1]]
    refused = sum(
        topics.member_of_events(each.mark.origin.topic) == county and within(each.mark.made)
        for each in evidence.logged.refusals
    )
    return Traffic(
        county,
        ways[Way.ALARM],
        ways[Way.NOTICE],
        ways[Way.DIGEST],
        refused,
        median(delays) if delays else None,
        max(delays, default=None),
        rang,
        len(answered),
        median(answered) if answered else None,
    )


def _decisions(event: EventRecord) -> dict[str, Way]:
    decided = {} if event.marked is None else event.marked.mark.decisions or {}
    return {recipient: each.way for recipient, each in decided.items()}


def _access_counts(evidence: Evidence, county: str, within: Callable[[datetime], bool]) -> AccessCounts:
    book = evidence.book(county, "inbox")
    entries, breaks = access_log.check(() if book is None else book.accesses)
    hows = Counter(each.how for each in entries if within(instant(each.at)))
    return AccessCounts(county, tuple(sorted(hows.items())), not breaks)
