"""Two counties' books compared with the log at one checkpoint, lane by lane, in both directions.

Law 1: every event sent is in the sender's book, in the log and in the recipient's book, or is named here.

Rule 1: of two hashes for one id the first in the log counts; a county that has another is named.
Rule 2: a number that nobody has is a gap, unless its sender says that it was refused or void.
Rule 3: what may still be on its way is counted, but is no discrepancy: a digest whose quarter is open, what
        arrived after the checkpoint, what is younger than the recipient's book.
Rule 4: a missing line that its county confirmed, or whose number it remembers, was removed from the book
        and is reported as removed. A sender's book that only ends early may be a restored backup.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Final

from yizhan.ledger.audit.books import Book
from yizhan.ledger.audit.evidence import EventRecord, Evidence
from yizhan.ledger.errors import BookInvalid
from yizhan.schemas.actions import Action
from yizhan.schemas.header import split_id
from yizhan.schemas.timestamps import instant, written

PATIENCE: Final = timedelta(minutes=1)
"""How long before the checkpoint a postmark may have been made and not be in the log yet."""


class DiscrepancyKind(StrEnum):
    """Kinds of discrepancies between two books."""

    DELETED_BY_RECIPIENT = "deleted_by_recipient"
    SENT_NOT_RECEIVED = "sent_not_received"
    DELETED_BY_SENDER = "deleted_by_sender"
    RECEIVED_NOT_SENT = "received_not_sent"
    IN_NO_BOOK = "in_no_book"
    HASH_DIFFERS = "hash_differs"
    NOT_IN_LOG = "not_in_log"
    GAP = "gap"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One discrepancy.

    ``lane`` and numbers are None where no signed header gives them; ``place`` is that of the postmark in the
    log. ``detail`` is words of the contract: a hash, a receipt's id, what did not verify.
    """

    odd: DiscrepancyKind
    sender: str
    recipient: str
    id: str | None
    book: str | None
    lane: str | None
    first: int | None
    last: int | None
    place: int | None
    detail: str


@dataclass
class LaneCount:
    """One lane of one direction: numbers of events sent, logged, received, never to arrive, and on their way."""

    sender: str
    recipient: str
    book: str
    lane: str
    head: int = 0
    sent: int = 0
    logged: int = 0
    came: int = 0
    void: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class Reconciliation:
    """The result of a reconciliation."""

    pair: tuple[str, str]
    size: int
    root: bytes
    final: bool
    lanes: tuple[LaneCount, ...]
    discrepancies: tuple[Discrepancy, ...]
    missing_books: tuple[tuple[str, str], ...] = ()

    @property
    def clean(self) -> bool:
        """Whether everything agrees, and nothing needed for the comparison is missing."""
        return not self.discrepancies and not self.missing_books


def reconcile(evidence: Evidence, a: str, b: str) -> Reconciliation:
    """Compare the books of two counties with each other and with the log.

    Raises:
        BookInvalid: neither an outbox nor an inbox book of one of the two is there.
    """
    if a == b:
        raise BookInvalid(f"expected two different counties, got {a} twice")
    for county in (a, b):
        if not any(evidence.book(county, kind) for kind in ("outbox", "inbox")):
            raise BookInvalid(
                f"no book of {county}: export its two books there", hint=Action.to("outbox.export", county=county)
            )
    lanes: list[LaneCount] = []
    odd: list[Discrepancy] = []
    missing = []
    for sender, recipient in ((a, b), (b, a)):
        out, into = evidence.book(sender, "outbox"), evidence.book(recipient, "inbox")
        missing += [
            (county, kind)
            for county, kind, book in ((sender, "outbox", out), (recipient, "inbox", into))
            if book is None
        ]
        if out is not None and into is not None:
            direction = _Direction(evidence, sender, recipient, out, into)
            odd += direction.run()
            lanes += direction.lanes.values()
    log = evidence.logged.checkpoint
    return Reconciliation(
        (a, b), log.checkpoint.size, log.checkpoint.root, log.final, tuple(lanes), tuple(odd), tuple(missing)
    )


@dataclass
class _Direction:
    """What one county sent to another."""

    evidence: Evidence
    sender: str
    recipient: str
    out: Book
    into: Book
    lanes: dict[tuple[str, str], LaneCount] = field(default_factory=dict)
    seen: dict[tuple[str, str], set[int]] = field(default_factory=dict)

    def run(self) -> Iterator[Discrepancy]:
        """Yield the discrepancies."""
        for event in self.evidence.events.values():
            if event.county == self.sender and self._to_recipient(event):
                yield from self._compare(event)
        yield from self._gaps()

    @cached_property
    def _last(self) -> dict[tuple[str, str], int]:
        """The last number that the sender's book still has, of each source and epoch: a restored backup ends early."""
        last: dict[tuple[str, str], int] = {}
        for source, epoch, n in map(split_id, self.out.events):
            last[source, epoch] = max(n, last.get((source, epoch), 0))
        return last

    def _to_recipient(self, event: EventRecord) -> bool:
        if event.header is not None:
            return self.recipient in event.header.to
        if event.marked is not None:
            return self.recipient in (event.marked.mark.decisions or {})
        return self.recipient in event.arrivals or event.sent is not None

    def _compare(self, event: EventRecord) -> Iterator[Discrepancy]:
        lane = self._counted(event)
        here, there = event.sent, event.arrivals.get(self.recipient)
        for entry, county in ((here, self.sender), (there, self.recipient)):
            if entry is not None and entry.problem is not None and not self._is_refused(event):
                yield self._odd(DiscrepancyKind.UNPROVEN, event, f"{county}: {entry.problem}")
            if entry is not None and entry.row.hash != event.hash:
                yield self._odd(DiscrepancyKind.HASH_DIFFERS, event, f"{county}: {entry.row.hash}; {event.hash}")
        if self._is_refused(event) or (event.sent_row is not None and event.sent_row.replaced_by):
            lane.void += 1
            return
        if event.marked is None:
            yield from self._unlogged(event, lane)
            return
        if here is None and there is None:
            yield self._odd(DiscrepancyKind.IN_NO_BOOK, event, "")
        elif here is None:
            source, epoch, n = split_id(event.id)
            taken_out = n < self._last.get((source, epoch), 0)
            yield self._odd(
                DiscrepancyKind.DELETED_BY_SENDER if taken_out else DiscrepancyKind.RECEIVED_NOT_SENT, event, ""
            )
        elif there is None:
            yield from self._not_there(event, lane)

    def _counted(self, event: EventRecord) -> LaneCount:
        header = event.header
        place = None if header is None else header.lanes.get(self.recipient)
        book, name = split_id(event.id)[1], "?" if place is None else place.lane
        lane = self.lanes.setdefault((book, name), LaneCount(self.sender, self.recipient, book, name))
        if place is not None:
            lane.head = max(lane.head, place.n)
            self.seen.setdefault((book, name), set()).add(place.n)
        lane.sent += event.sent is not None
        lane.logged += event.marked is not None
        lane.came += self.recipient in event.arrivals
        return lane

    def _is_refused(self, event: EventRecord) -> bool:
        row = event.sent_row
        return row is not None and event.marked is None and (row.refused is not None or row.void)

    def _unlogged(self, event: EventRecord, lane: LaneCount) -> Iterator[Discrepancy]:
        """Yield events that a county has and the log does not, unless the log may not have them yet."""
        entries = [each for each in (event.sent, event.arrivals.get(self.recipient)) if each is not None]
        made = min((each.mark.made for each in entries if each.mark is not None), default=None)
        settled = self.evidence.logged.checkpoint.at - PATIENCE
        if self.recipient in event.arrivals if made is None else made <= settled:
            yield self._odd(DiscrepancyKind.NOT_IN_LOG, event, "" if made is None else written(made))
            return
        lane.waiting += 1

    def _not_there(self, event: EventRecord, lane: LaneCount) -> Iterator[Discrepancy]:
        """Yield events that the recipient does not have: removed, lost, or still on their way."""
        confirmed = [each for each in self.evidence.receipts(event) if each.county == self.recipient]
        place = None if event.header is None else event.header.lanes.get(self.recipient)
        if confirmed:
            yield self._odd(
                DiscrepancyKind.DELETED_BY_RECIPIENT,
                event,
                f"{confirmed[0].stage} {confirmed[0].at} {confirmed[0].id}",
            )
        elif place is not None and self._remembered(event, place.lane, place.n):
            yield self._odd(DiscrepancyKind.DELETED_BY_RECIPIENT, event, f"{place.lane} {place.n}")
        elif self._on_its_way(event):
            lane.waiting += 1
        else:
            yield self._odd(DiscrepancyKind.SENT_NOT_RECEIVED, event, "")

    def _remembered(self, event: EventRecord, lane: str, n: int) -> bool:
        source, book, _n = split_id(event.id)
        for each in self.into.lanes:
            if (each.source, each.book, each.lane) == (source, book, lane):
                return any(first <= n <= last for first, last in each.spans)
        return False

    def _on_its_way(self, event: EventRecord) -> bool:
        """Whether the recipient could not have it yet: its digest is not closed, or its book is older."""
        mark = event.marked
        if mark is None:
            return True
        exported = instant(self.into.opening.at)
        if mark.mark.made > exported:
            return True
        decided = (mark.mark.decisions or {}).get(self.recipient)
        if decided is None or decided.way.value != "digest":
            return False
        return not any(
            closed.manifest.county == self.recipient
            and not closed.manifest.interim
            and mark.mark.made <= closed.manifest.made <= exported
            for closed in self.evidence.logged.manifests
        )

    def _gaps(self) -> Iterator[Discrepancy]:
        for (book, name), lane in sorted(self.lanes.items()):
            seen = self.seen.get((book, name), set())
            expected = max(lane.head, self._announced(book, name))
            missing = [n for n in range(1, expected + 1) if n not in seen]
            for first, last in _runs(missing):
                yield Discrepancy(
                    DiscrepancyKind.GAP, self.sender, self.recipient, None, book, name, first, last, None, ""
                )

    def _announced(self, book: str, lane: str) -> int:
        heads = [
            each.head for each in self.into.lanes
            if (each.source[:6], each.book, each.lane) == (self.sender, book, lane)
        ]  # fmt: skip
        return max(heads, default=0)

    def _odd(self, odd: DiscrepancyKind, event: EventRecord, detail: str) -> Discrepancy:
        place = None if event.header is None else event.header.lanes.get(self.recipient)
        n = None if place is None else place.n
        return Discrepancy(
            odd,
            self.sender,
            self.recipient,
            event.id,
            split_id(event.id)[1],
            None if place is None else place.lane,
            n,
            n,
            None if event.marked is None else event.marked.place,
            detail,
        )


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Join consecutive numbers into (first, last).

    >>> list(_runs([1, 2, 5]))
    [(1, 2), (5, 5)]
    """
    first = last = None
    for n in numbers:
        if last is not None and n != last + 1:
            yield first or n, last
            first = None
        first, last = first or n, n
    if first is not None and last is not None:
        yield first, last
