"""Obligations that the station cannot track: consultation decisions, and its own manifest deadline.

Rule 1: the station cannot read minutes, so the decisions of a consultation are read here, from the minutes in inbox
        and outbox. Only a signed notice of the county that owes a decision, which answers the minutes and names the
        decision, discharges it.
Rule 2: the station owes a manifest of every quarter, also of an empty one; one under its label discharges it.
Rule 3: ``due`` and the metrics list them with the others; nobody but this county is reminded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from yizhan.consumers.followups import Obligation
from yizhan.consumers.labels import ManifestVerdict
from yizhan.consumers.view import InboxView
from yizhan.producers.outbox_view import OutboxView
from yizhan.schemas.deadlines import midnight
from yizhan.schemas.matters import ConsultationDecision, decisions
from yizhan.schemas.obligation_steps import DISCHARGED
from yizhan.schemas.payloads.liaison_consultation import DecisionDue
from yizhan.schemas.payloads.table import CONSULTATION
from yizhan.schemas.quarters import Quarter
from yizhan.schemas.timestamps import instant
from yizhan.services.home import Home
from yizhan.services.matter_events import matter_event

STATION_DEBTOR: Final = "station"
"""The code under which the station owes; no member has it."""
MANIFEST_DAYS: Final = 5
"""After the quarter's end (联享; the figure is a sample, the agreement sets none)."""
_QUARTERS: Final = 8
"""For how many past quarters manifests are looked for."""
_CACHE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class OwnObligation(Obligation):
    """An obligation that no statement of the station mentions.

    ``decision`` is the decision of a consultation (``about`` are its minutes); None: the station's manifest.
    """

    decision: DecisionDue | None


def own_obligations(
    home: Home, county: str, inbox: InboxView | None, outbox: OutboxView | None, now: datetime
) -> tuple[OwnObligation, ...]:
    """Return every such obligation, ended or not, ordered by due date."""
    found = [_decided(home, each) for each in consultation_decisions(county, inbox, outbox)]
    if inbox is not None:
        found += _manifests(home, county, inbox, now)
    return tuple(sorted(found, key=lambda each: (each.due, each.id)))


def own_obligation_counts(
    home: Home, county: str, outbox: OutboxView
) -> Callable[[InboxView, datetime], Iterator[tuple[str, str, bool]]]:
    """Return a function that yields (rule, side, overdue) of each for the metrics; it reads at most once a minute."""
    cache: list[tuple[datetime, tuple[OwnObligation, ...]]] = []

    def count(inbox: InboxView, now: datetime) -> Iterator[tuple[str, str, bool]]:
        if not cache or (now - cache[0][0]).total_seconds() >= _CACHE_SECONDS:
            cache[:] = [(now, own_obligations(home, county, inbox, outbox, now))]
        for each in cache[0][1]:
            if each.ended is None:
                yield each.rule, "ours" if county in each.owes else "theirs", each.overdue(now)

    return count


def consultation_decisions(
    county: str, inbox: InboxView | None, outbox: OutboxView | None
) -> Iterator[ConsultationDecision]:
    """Yield the decisions of every consultation that a county knows, each once."""
    stores = [store for store in (outbox, inbox) if store is not None]
    for each in [event_id for store in stores for event_id in store.ids_of(CONSULTATION)]:
        related = {each, *(other for store in stores for other in store.related_ids(each))}
        found = (matter_event(other, county, inbox, outbox) for other in sorted(related))
        events = [event for event in found if event is not None]
        yield from (decision for decision in decisions(events) if decision.minutes.header.id == each)


def _decided(home: Home, decision: ConsultationDecision) -> OwnObligation:
    minutes, due = decision.minutes.header, decision.due
    return OwnObligation(
        id=f"decision/{minutes.id}/{due.number}/{due.who}",
        rule="decision",
        owes=(due.who,),
        owed=tuple(sorted({minutes.county, *minutes.to} - {due.who})),
        about=minutes.id,
        period=None,
        opened=instant(minutes.time),
        due=midnight(due.due + timedelta(days=1), ZoneInfo(home.charter.time_zone)),
        ended=None if decision.by is None else DISCHARGED,
        by=decision.by,
        steps=(),
        decision=due,
    )


def _manifests(home: Home, county: str, inbox: InboxView, now: datetime) -> Iterator[OwnObligation]:
    zone = home.charter.time_zone
    first = home.charters.in_force(datetime.min.replace(tzinfo=UTC)).holds_from
    received = {
        each.label
        for each in inbox.digests()
        if not each.manifest.interim and each.verdict != ManifestVerdict.WRONG_COUNTY
    }
    quarter, found = Quarter.containing(now, zone).previous(), list[Quarter]()
    while quarter.end(zone) > first and len(found) < _QUARTERS:
        found.append(quarter)
        quarter = quarter.previous()
    for each in found:
        end, label = each.end(zone), str(each)
        yield OwnObligation(
            id=f"manifest/{label}/{county}",
            rule="manifest",
            owes=(STATION_DEBTOR,),
            owed=(county,),
            about=None,
            period=label,
            opened=end,
            due=end + timedelta(days=MANIFEST_DAYS),
            ended=DISCHARGED if label in received else None,
            by=None,
            steps=(),
            decision=None,
        )
