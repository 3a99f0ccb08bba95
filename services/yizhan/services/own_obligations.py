"""What a county watches itself: what the station cannot see, and what the station owes.

Rule 1: the station is blind, so the decisions of a consultation are read here, from the minutes in inbox and outbox;
        a signed notice of who owes one, in answer to the minutes and naming it, discharges it, and nothing else.
Rule 2: the station owes a manifest of every quarter, an empty one too; one that came under its label discharges it.
Rule 3: they are told with the others by ``due`` and the metrics; nobody but this county is reminded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from yizhan.consumers.followups import Obligation
from yizhan.consumers.items import InboxQuery
from yizhan.consumers.labels import ManifestVerdict
from yizhan.producers.queries import OutboxQuery as OwnQuery
from yizhan.schemas.deadlines import midnight
from yizhan.schemas.followups import DISCHARGED
from yizhan.schemas.i18n import _, with_note
from yizhan.schemas.matters import ConsultationDecision, decisions
from yizhan.schemas.payloads.table import CONSULTATION
from yizhan.schemas.quarters import Quarter
from yizhan.schemas.timestamps import instant
from yizhan.services.matters import matter_event

if TYPE_CHECKING:
    from yizhan.consumers.view import InboxView
    from yizhan.producers.outbox_view import OutboxView
    from yizhan.services.home import Home

STATION: Final = "station"
"""Owes like a member, and is none."""
MANIFEST_DAYS: Final = 5
"""After the quarter's end (联享; the figure is a sample, the agreement sets none)."""
_QUARTERS: Final = 8
"""How far back manifests are looked for."""
_KEPT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class OwnObligation(Obligation):
    """An obligation that no statement of the station speaks of; the words are for officers."""

    what: str
    because: str
    how: tuple[str, str]
    """In words, and the command."""


def own_obligations(
    home: Home, county: str, inbox: InboxView | None, outbox: OutboxView | None, now: datetime
) -> tuple[OwnObligation, ...]:
    """Tell of everything that a county watches itself, ended or not, the one due first first."""
    found = [_decided(home, county, each) for each in consultation_decisions(county, inbox, outbox)]
    if inbox is not None:
        found += _manifests(home, county, inbox, now)
    return tuple(sorted(found, key=lambda each: (each.due, each.id)))


def own_obligation_counts(
    home: Home, county: str, outbox: OutboxView
) -> Callable[[InboxView, datetime], Iterator[tuple[str, str, bool]]]:
    """Return what counts them for the metrics: rule, side, overdue. Books are read again once a minute."""
    kept: list[tuple[datetime, tuple[OwnObligation, ...]]] = []

    def count(inbox: InboxView, now: datetime) -> Iterator[tuple[str, str, bool]]:
        if not kept or (now - kept[0][0]).total_seconds() >= _KEPT_SECONDS:
            kept[:] = [(now, own_obligations(home, county, inbox, outbox, now))]
        for each in kept[0][1]:
            if each.ended is None:
                yield each.rule, "ours" if county in each.owes else "theirs", each.overdue(now)

    return count


def consultation_decisions(
    county: str, inbox: InboxView | None, outbox: OutboxView | None
) -> Iterator[ConsultationDecision]:
    """Tell of the decisions of every consultation that a county knows, each once."""
    ids = [row.id for row in (() if outbox is None else outbox.rows(OwnQuery(type=CONSULTATION)))]
    ids += [item.id for item in (() if inbox is None else inbox.items(InboxQuery(type=CONSULTATION)))]
    books = [book for book in (inbox, outbox) if book is not None]
    for each in ids:
        beside = {each, *(other for book in books for other in book.beside(each))}
        events = [told for other in sorted(beside) if (told := matter_event(other, county, inbox, outbox)) is not None]
        yield from (decision for decision in decisions(events) if decision.minutes.header.id == each)


def _decided(home: Home, county: str, decision: ConsultationDecision) -> OwnObligation:
    minutes, due = decision.minutes.header, decision.due
    what = due.what if due.unit is None else with_note(due.what, due.unit)
    command = f"yizhan done {minutes.id} {due.number} --county {county}"
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
        what=what,
        because=_("会商议定第 {n} 项").format(n=due.number),
        how=(_("办结后告知对方"), command) if due.who == county else ("", ""),
    )


def _manifests(home: Home, county: str, inbox: InboxView, now: datetime) -> Iterator[OwnObligation]:
    zone = home.charter.time_zone
    first = home.charters.in_force(datetime.min.replace(tzinfo=UTC)).holds_from
    came = {
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
            owes=(STATION,),
            owed=(county,),
            about=None,
            period=label,
            opened=end,
            due=end + timedelta(days=MANIFEST_DAYS),
            ended=DISCHARGED if label in came else None,
            by=None,
            steps=(),
            what=_("送达本季度清单（零报告也要）"),
            because=_("联享：每季度定期通报和交流；五日为样例"),
            how=("", ""),
        )
