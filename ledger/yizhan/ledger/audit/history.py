"""One event's history, ordered by time: each step says who vouches for it.

Law 5: the routing decision is computed here again from the signed header and the charter's table.

Rule 1: ``signed`` is the sender's or a recipient's signature; ``logged`` the station's statement in the log,
        with its place; ``said`` a county's own book, which nobody else vouches for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from yizhan.ledger.audit.books import Book, InboxRow, manifest_of
from yizhan.ledger.audit.evidence import EventRecord, Evidence
from yizhan.ledger.audit.logged import Marked
from yizhan.ledger.audit.obligations import LoggedStep, rule_of
from yizhan.ledger.errors import NoSuchStatement
from yizhan.runtime import access_log
from yizhan.schemas import merkle
from yizhan.schemas.actions import Action
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.policy import decide
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    from yizhan.schemas.charter import Charters

Vouch = Literal["signed", "logged", "said"]


class HistoryStepKind(StrEnum):
    """Kinds of steps."""

    LEARNT = "learnt"
    ACCEPTED = "accepted"
    SENT = "sent"
    RECEIVED = "received"
    REFUSED = "refused"
    DECIDED = "decided"
    STORED = "stored"
    DELIVERED = "delivered"
    UNOPENABLE = "unopenable"
    FETCHED = "fetched"
    UNFETCHED = "unfetched"
    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    ACTED = "acted"
    DECLINED = "declined"
    DIGESTED = "digested"
    ANSWERED = "answered"
    DESTROYED = "destroyed"
    OWED = "owed"
    RIVAL = "rival"


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """One step.

    ``county`` is the county that acted, ``place`` its place in the log, ``by`` the account that an access log names,
    ``people`` are the officers who said it.
    """

    what: HistoryStepKind
    at: str
    county: str
    vouch: Vouch
    place: int | None = None
    by: str | None = None
    said: Mapping[str, Any] = field(default_factory=dict)
    people: tuple[Person, ...] = ()


@dataclass(frozen=True)
class Life:
    """One event's history. ``header`` is its signed header; empty where no book proves it."""

    id: str
    hash: str
    header: Mapping[str, Any]
    steps: tuple[HistoryStep, ...]
    problems: tuple[str, ...]

    @property
    def places(self) -> tuple[int, ...]:
        """Places of the log that the history is read from."""
        return tuple(sorted({step.place for step in self.steps if step.place is not None}))


People = Mapping[tuple[str, str], tuple[Person, ...]]
"""(county, stage) → the officers who said it, where the county's own stores are at hand."""


def life(evidence: Evidence, event_id: str, charters: Charters, people: People) -> Life:
    """Return an event's history; for an obligation's name, its opening and its end.

    Raises:
        NoSuchStatement: neither log nor books have such an event.
    """
    event = evidence.events.get(event_id)
    if owed := evidence.logged.owed.steps(event_id):
        return Life(event_id, "", {}, tuple(_owed(owed, charters)), ())
    if event is None:
        message = f"{event_id[:80]}: neither the log nor a book has such an event"
        raise NoSuchStatement(message, hint=Action.to("outbox.list"))
    steps = [
        *_sending(evidence, event, charters),
        *_arriving(evidence, event),
        *_confirmed(evidence, event, people),
        *_digested(evidence, event, charters),
        *_after(evidence, event),
        *_owed(evidence.logged.owed.of(event.id), charters),
    ]
    order = list(HistoryStepKind)
    steps.sort(key=lambda step: (step.at, order.index(step.what), step.county))
    entries = [each for each in (event.sent, *event.arrivals.values()) if each is not None]
    problems = [each.problem for each in entries if each.problem]
    problems += ["no book has its signed header"] if event.header is None else []
    header = {} if event.header is None else event.header.model_dump(mode="json", exclude_none=True)
    return Life(event_id, event.hash, header, tuple(steps), tuple(dict.fromkeys(problems)))


def _sending(evidence: Evidence, event: EventRecord, charters: Charters) -> Iterator[HistoryStep]:
    row, marked = event.sent_row, event.marked
    if event.header is not None:
        yield HistoryStep(HistoryStepKind.LEARNT, event.header.time, event.county, "signed")
    if row is not None:
        yield HistoryStep(HistoryStepKind.ACCEPTED, row.accepted, event.county, "said")
        if row.first_sent is not None:
            yield HistoryStep(HistoryStepKind.SENT, row.first_sent, event.county, "said")
    if marked is None:
        yield from _refused(evidence, event)
        return
    mark = marked.mark
    origin = {"cluster": mark.origin.cluster, "record": str(mark.origin), "charter": mark.charter}
    suspect = {"clock_suspect": True} if mark.clock_suspect else {}
    yield HistoryStep(
        HistoryStepKind.RECEIVED, mark.received, event.county, "logged", marked.place, said=origin | suspect
    )
    yield from _decisions(event, marked, charters)
    for rival in evidence.logged.marks[event.id][1:]:
        if rival.mark.hash != mark.hash:
            other = {"hash": rival.mark.hash}
            yield HistoryStep(
                HistoryStepKind.RIVAL, rival.mark.received, event.county, "logged", rival.place, said=other
            )


def _refused(evidence: Evidence, event: EventRecord) -> Iterator[HistoryStep]:
    """Yield the first refusal of the record that the sender's outbox has."""
    row = event.sent_row
    for each in evidence.logged.refusals:
        if row is not None and each.mark.record_sha256 == row.record:
            said = {"reason": each.mark.refused, "detail": each.mark.detail, "charter": each.mark.charter}
            yield HistoryStep(
                HistoryStepKind.REFUSED, each.mark.received, event.county, "logged", each.place, said=said
            )
            return


def _decisions(event: EventRecord, marked: Marked, charters: Charters) -> Iterator[HistoryStep]:
    mark = marked.mark
    policy = charters.in_force(mark.made).policy
    because = {route.id: route.because for route in policy.routes}
    for recipient, decided in (mark.decisions or {}).items():
        said: dict[str, Any] = {"way": decided.way.value, "rule": decided.rule, "charter": mark.charter}
        if decided.rule in because:
            said["because"] = because[decided.rule]
        if event.header is not None:
            again = decide(event.header, recipient, policy)
            said["recomputed"] = (again.way, again.rule) == (decided.way, decided.rule)
        yield HistoryStep(HistoryStepKind.DECIDED, mark.received, recipient, "logged", marked.place, said=said)


def _arriving(evidence: Evidence, event: EventRecord) -> Iterator[HistoryStep]:
    for county, entry in event.arrivals.items():
        row = entry.row
        if not isinstance(row, InboxRow):
            continue
        said = {"way": row.way.value, "rule": row.rule, "state": row.state, "warnings": list(row.warnings)}
        yield HistoryStep(HistoryStepKind.STORED, row.stored, county, "said", said=said)
        if row.destroyed is not None:
            notice = evidence.logged.first(row.destroyed.notice or "")
            place = None if notice is None else notice.place
            gone = {"retention": row.destroyed.retention, "notice": row.destroyed.notice}
            yield HistoryStep(
                HistoryStepKind.DESTROYED,
                row.destroyed.at,
                county,
                "said" if place is None else "logged",
                place,
                said=gone,
            )
        book = evidence.book(county, "inbox")
        accesses = [] if book is None else [each for each in content_accesses(book) if event.id in each.what]
        for access in accesses[:1]:
            yield HistoryStep(
                HistoryStepKind.OPENED,
                access.at,
                county,
                "said",
                by=access.who,
                said={"command": access.command, "times": len(accesses)},
            )


def content_accesses(book: Book) -> list[access_log.AccessEntry]:
    """List the accesses to content that a county's access log has."""
    return [each for each in access_log.check(book.accesses)[0] if each.how in {"opened", "listed", "printed"}]


def _confirmed(evidence: Evidence, event: EventRecord, people: People) -> Iterator[HistoryStep]:
    for each in evidence.receipts(event):
        vouch: Vouch = "signed" if each.place is None else "logged"
        officers = people.get((each.county, each.stage), ())
        said = {"receipt": each.id}
        yield HistoryStep(
            HistoryStepKind(each.stage), each.at, each.county, vouch, each.place, said=said, people=officers
        )


def _digested(evidence: Evidence, event: EventRecord, charters: Charters) -> Iterator[HistoryStep]:
    for (county, kind), book in evidence.books.items():
        for digest in book.digests if kind == "inbox" else ():
            if event.hash not in digest.members:
                continue
            manifest = manifest_of(digest, charters)
            leaves = [merkle.leaf_hash(bytes.fromhex(each)) for each in digest.members]
            holds = manifest is not None and merkle.root(leaves).hex() == manifest.root
            place = evidence.logged.place_of(digest.manifest.encode())
            said = {"label": digest.label, "position": digest.members.index(event.hash), "proven": holds}
            closed = digest.stored if manifest is None else manifest.closed
            yield HistoryStep(
                HistoryStepKind.DIGESTED, closed, county, "said" if place is None else "logged", place, said=said
            )


def _owed(steps: Iterable[LoggedStep], charters: Charters) -> Iterator[HistoryStep]:
    """Yield obligations, step by step, with the rule and the clause of the charter that they name."""
    for each in steps:
        followup, rule = each.followup, rule_of(each.followup, charters)
        details: dict[str, Any] = followup.model_dump(mode="json", exclude_none=True)
        if rule is not None:
            details |= {"what": rule.what, "because": rule.because}
        yield HistoryStep(HistoryStepKind.OWED, followup.at, followup.owes[0], "logged", each.place, said=details)


def _after(evidence: Evidence, event: EventRecord) -> Iterator[HistoryStep]:
    for each in evidence.answers(event):
        header = each.header
        if header is None or header.receipt is not None:
            continue
        at = header.time if each.received is None else written(each.received)
        place = None if each.marked is None else each.marked.place
        refers = header.refers if header.refers != "none" else "subject"
        said = {"id": each.id, "type": header.type, "refers": refers, "stage": header.stage}
        yield HistoryStep(
            HistoryStepKind.ANSWERED, at, each.county, "signed" if place is None else "logged", place, said=said
        )
