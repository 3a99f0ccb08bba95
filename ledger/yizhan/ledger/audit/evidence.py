"""Log and books joined: one record an event, with everything that is known of it.

Law 2: a header counts where its counterfoil verified; everything else here is a county's own account.

Rule 1: the first hash that the log has for an id stands; an event with another hash is a rival.
Rule 2: a receipt or a reference counts only for the exact hash that it names.
Rule 3: confirmations are read from the receipts' own signed headers, wherever a book has them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from yizhan.ledger.audit.books import Book, BookEvent, InboxRow, OutboxRow
from yizhan.ledger.audit.logged import Logged, Marked
from yizhan.schemas.header import Header, ReceiptRef, Ref, split_id
from yizhan.schemas.payloads.table import SYSTEM_TYPES

_LaneKey = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class ReceiptRecord:
    """One confirmation by a county: stage, time, and the receipt's own id and place in the log."""

    county: str
    stage: str
    at: str
    id: str
    place: int | None


@dataclass(frozen=True)
class EventRecord:
    """One event: its signed header, its postmark in the log, its lines in the books.

    ``header`` is None where no book has a counterfoil that verifies. ``sent`` is the sender's line, ``arrivals``
    the recipients' lines by county.
    """

    id: str
    header: Header | None
    hash: str
    marked: Marked | None
    sent: BookEvent | None
    arrivals: Mapping[str, BookEvent] = field(default_factory=dict)

    @property
    def county(self) -> str:
        """The county that sent it."""
        return split_id(self.id)[0][:6]

    @property
    def received(self) -> datetime | None:
        """When the station received it, by the log."""
        return None if self.marked is None else self.marked.mark.made

    @property
    def sent_row(self) -> OutboxRow | None:
        """The line in the sender's book."""
        return self.sent.row if self.sent is not None and isinstance(self.sent.row, OutboxRow) else None


class Evidence:
    """Everything that was given to an audit. ``books`` may have any number of either kind."""

    def __init__(self, logged: Logged, books: Iterable[Book]) -> None:
        """Index log and books; a later book of a county and kind replaces an earlier one."""
        self.logged = logged
        self.books: dict[tuple[str, str], Book] = {}
        self.openings = []
        for book in sorted(books, key=lambda each: each.opening.at):
            self.books[book.county, book.opening.kind] = book
            self.openings.append(book.opening)

    def book(self, county: str, kind: str) -> Book | None:
        """Return a county's book of a kind, None if it was not given."""
        return self.books.get((county, kind))

    @cached_property
    def events(self) -> Mapping[str, EventRecord]:
        """Every event by id, those of the log first, in its order."""
        entries: dict[str, list[tuple[str, BookEvent]]] = defaultdict(list)
        for (county, _kind), book in self.books.items():
            for entry in book.events.values():
                entries[entry.id].append((county, entry))
        return {id: self._event(id, entries.get(id, [])) for id in dict.fromkeys([*self.logged.marks, *entries])}

    def _event(self, id: str, entries: list[tuple[str, BookEvent]]) -> EventRecord:
        marked = self.logged.first(id)
        sent = next((each for _county, each in entries if isinstance(each.row, OutboxRow)), None)
        arrivals = {county: each for county, each in entries if isinstance(each.row, InboxRow)}
        held = [each for _county, each in entries]
        if marked is not None and marked.mark.hash is not None:
            standing = marked.mark.hash
        else:
            standing = (sent or held[0]).row.hash
        header = next((each.header for each in held if each.header is not None and each.row.hash == standing), None)
        return EventRecord(id, header, standing, marked, sent, arrivals)

    @cached_property
    def _receipts(
        self,
    ) -> tuple[dict[tuple[str, str], list[ReceiptRecord]], dict[_LaneKey, list[tuple[ReceiptRef, ReceiptRecord]]]]:
        """Receipts by (event id, hash), and cumulative ones by (recipient, source, book, lane)."""
        single: dict[tuple[str, str], list[ReceiptRecord]] = defaultdict(list)
        lanes: dict[_LaneKey, list[tuple[ReceiptRef, ReceiptRecord]]] = defaultdict(list)
        for event in self.events.values():
            if event.header is None or (ref := event.header.receipt) is None:
                continue
            place = None if event.marked is None else event.marked.place
            receipt = ReceiptRecord(event.county, ref.stage, event.header.time, event.id, place)
            if ref.event is not None:
                single[ref.event.id, ref.event.hash].append(receipt)
            elif ref.source is not None and ref.book is not None and ref.lane is not None:
                lanes[event.county, ref.source, ref.book, ref.lane].append((ref, receipt))
        return single, lanes

    def receipts(self, event: EventRecord) -> list[ReceiptRecord]:
        """Return the receipts of an event's recipients, the earliest first; others' receipts do not count."""
        if event.header is None:
            return []
        single, lanes = self._receipts
        found = [each for each in single.get((event.id, event.hash), ()) if each.county in event.header.to]
        for county, lane in event.header.lanes.items():
            key = (county, event.header.source, event.header.epoch, lane.lane)
            covering = [
                receipt
                for ref, receipt in lanes.get(key, ())
                if lane.n <= (ref.up_to or 0) or lane.n in (ref.beyond or ())
            ]
            found += sorted(covering, key=lambda each: each.at)[:1]
        return sorted(found, key=lambda each: each.at)

    def answers(self, event: EventRecord) -> list[EventRecord]:
        """Return the events that refer to this one: replies, corrections, withdrawals, later reports."""
        return self._referring.get(event.id, [])

    @cached_property
    def _referring(self) -> dict[str, list[EventRecord]]:
        found: dict[str, list[EventRecord]] = defaultdict(list)
        for each in self.events.values():
            if each.header is not None:
                refs = (each.header.reply_to, each.header.supersedes, each.header.withdraws)
                targets = {ref.id for ref in refs if ref is not None and self._is_exact(ref)} | {
                    each.header.subject or each.id
                }
                for id in targets - {each.id}:
                    found[id].append(each)
        return found

    def _is_exact(self, ref: Ref) -> bool:
        """Whether a reference names the very event that is stored under its id."""
        return ref.id in self.events and self.events[ref.id].hash == ref.hash

    def human_events(self) -> Iterator[EventRecord]:
        """Yield the events that people wrote: all but receipts, notices and those whose header is not known."""
        for event in self.events.values():
            if event.header is not None and event.header.type not in SYSTEM_TYPES:
                yield event
