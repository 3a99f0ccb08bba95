"""A quarter for whoever reviews it: figures, findings, reconciliations. ``pages`` writes it.

Rule 1: every figure is counted from log and books up to one named checkpoint: again is the same.
Rule 2: what could not be looked at, for want of a book, is said.
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
    """What one county sent in the quarter, each event by its loudest way; times in seconds, None for none."""

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
    """Accesses that one county's journal has for the quarter, and whether the chain holds."""

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
            continue  # named below, among the books that were not brought
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
        tuple(_looks(evidence, county, within) for county in sorted(charter.members) if evidence.book(county, "inbox")),
        tuple(missing_books(evidence, charter.members)),
    )


def _traffic(evidence: Evidence, county: str, within: Callable[[datetime], bool]) -> Traffic:
    ways: Counter[Way] = Counter()
    told, answered = [], []
    rang = 0
    for matter in evidence.shown():
        received, decisions = matter.received, _decisions(matter)
        if received is None or not within(received) or matter.header is None:
            continue
        if matter.county == county:
            way = next(way for way in (Way.ALARM, Way.NOTICE, Way.DIGEST) if way in decisions.values())
            ways[way] += 1
            if way is Way.ALARM:
                told.append((received - instant(matter.header.time)).total_seconds())
        if decisions.get(county) is Way.ALARM:
            rang += 1
            said = [each.at for each in evidence.receipts(matter) if each.county == county and each.stage in _PERSONS]
            answered += [(instant(at) - received).total_seconds() for at in said[:1]]
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
        median(told) if told else None,
        max(told, default=None),
        rang,
        len(answered),
        median(answered) if answered else None,
    )


def _decisions(matter: EventRecord) -> dict[str, Way]:
    decided = {} if matter.marked is None else matter.marked.mark.decisions or {}
    return {recipient: each.way for recipient, each in decided.items()}


def _looks(evidence: Evidence, county: str, within: Callable[[datetime], bool]) -> AccessCounts:
    book = evidence.book(county, "inbox")
    entries, breaks = access_log.check(() if book is None else book.accesses)
    hows = Counter(each.how for each in entries if within(instant(each.at)))
    return AccessCounts(county, tuple(sorted(hows.items())), not breaks)
