"""Log and books laid side by side: one letter an event, with all that is known of it.

Law 2: a header counts where its counterfoil verified; everything else here is a county's own word.

Rule 1: the hash that the log has first for an id stands; a letter with another hash is a rival.
Rule 2: a receipt or a reference is about the very hash that it names, or about nothing here.
Rule 3: who confirmed what is told from the receipts' own signed headers, wherever a book has them.
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
    """What a county confirmed: stage, when it said so, and the receipt's own id and place in the log."""

    county: str
    stage: str
    at: str
    id: str
    place: int | None


@dataclass(frozen=True)
class EventRecord:
    """One event: its header as signed, the log's word, the books' lines.

    ``header`` is None where no book has a counterfoil that holds; ``sent`` is its sender's line, ``came``
    the recipients' by county.
    """

    id: str
    header: Header | None
    hash: str
    marked: Marked | None
    sent: BookEvent | None
    came: Mapping[str, BookEvent] = field(default_factory=dict)

    @property
    def county(self) -> str:
        """Who sent it."""
        return split_id(self.id)[0][:6]

    @property
    def received(self) -> datetime | None:
        """When the station had it, by the log."""
        return None if self.marked is None else self.marked.mark.made

    @property
    def sent_row(self) -> OutboxRow | None:
        """Its sender's line."""
        return self.sent.row if self.sent is not None and isinstance(self.sent.row, OutboxRow) else None


class Evidence:
    """Everything that was brought to an audit. ``books`` may have any number of either kind."""

    def __init__(self, logged: Logged, books: Iterable[Book]) -> None:
        """Lay it out; a later book of a county and kind stands in for an earlier one."""
        self.logged = logged
        self.books: dict[tuple[str, str], Book] = {}
        self.openings = []
        for book in sorted(books, key=lambda each: each.opening.at):
            self.books[book.county, book.opening.kind] = book
            self.openings.append(book.opening)

    def book(self, county: str, kind: str) -> Book | None:
        """Return a county's book of a kind, None where none was brought."""
        return self.books.get((county, kind))

    @cached_property
    def matters(self) -> Mapping[str, EventRecord]:
        """Every event by id, those of the log first, in its order."""
        letters: dict[str, list[tuple[str, BookEvent]]] = defaultdict(list)
        for (county, _kind), book in self.books.items():
            for letter in book.letters.values():
                letters[letter.id].append((county, letter))
        return {id: self._matter(id, letters.get(id, [])) for id in dict.fromkeys([*self.logged.marks, *letters])}

    def _matter(self, id: str, letters: list[tuple[str, BookEvent]]) -> EventRecord:
        marked = self.logged.first(id)
        sent = next((each for _county, each in letters if isinstance(each.row, OutboxRow)), None)
        came = {county: each for county, each in letters if isinstance(each.row, InboxRow)}
        held = [each for _county, each in letters]
        if marked is not None and marked.mark.hash is not None:
            standing = marked.mark.hash
        else:
            standing = (sent or held[0]).row.hash
        header = next((each.header for each in held if each.header is not None and each.row.hash == standing), None)
        return EventRecord(id, header, standing, marked, sent, came)

    @cached_property
    def _receipts(
        self,
    ) -> tuple[dict[tuple[str, str], list[ReceiptRecord]], dict[_LaneKey, list[tuple[ReceiptRef, ReceiptRecord]]]]:
        """Receipts by (event id, hash), and cumulative ones by (recipient, source, book, lane)."""
        single: dict[tuple[str, str], list[ReceiptRecord]] = defaultdict(list)
        lanes: dict[_LaneKey, list[tuple[ReceiptRef, ReceiptRecord]]] = defaultdict(list)
        for matter in self.matters.values():
            if matter.header is None or (ref := matter.header.receipt) is None:
                continue
            place = None if matter.marked is None else matter.marked.place
            said = ReceiptRecord(matter.county, ref.stage, matter.header.time, matter.id, place)
            if ref.event is not None:
                single[ref.event.id, ref.event.hash].append(said)
            elif ref.source is not None and ref.book is not None and ref.lane is not None:
                lanes[matter.county, ref.source, ref.book, ref.lane].append((ref, said))
        return single, lanes

    def receipts(self, matter: EventRecord) -> list[ReceiptRecord]:
        """Tell who confirmed what about an event, the earliest first; only its recipients count."""
        if matter.header is None:
            return []
        single, lanes = self._receipts
        found = [each for each in single.get((matter.id, matter.hash), ()) if each.county in matter.header.to]
        for county, lane in matter.header.lanes.items():
            key = (county, matter.header.source, matter.header.epoch, lane.lane)
            covering = [
                said for ref, said in lanes.get(key, ()) if lane.n <= (ref.up_to or 0) or lane.n in (ref.beyond or ())
            ]
            found += sorted(covering, key=lambda each: each.at)[:1]
        return sorted(found, key=lambda each: each.at)

    def answers(self, matter: EventRecord) -> list[EventRecord]:
        """List the events that refer to this one: replies, corrections, withdrawals, later reports."""
        return self._referring.get(matter.id, [])

    @cached_property
    def _referring(self) -> dict[str, list[EventRecord]]:
        found: dict[str, list[EventRecord]] = defaultdict(list)
        for each in self.matters.values():
            if each.header is not None:
                refs = (each.header.reply_to, each.header.supersedes, each.header.withdraws)
                named = {ref.id for ref in refs if ref is not None and self._is(ref)} | {each.header.subject or each.id}
                for id in named - {each.id}:
                    found[id].append(each)
        return found

    def _is(self, ref: Ref) -> bool:
        """Whether a reference names the very event that stands under its id."""
        return ref.id in self.matters and self.matters[ref.id].hash == ref.hash

    def shown(self) -> Iterator[EventRecord]:
        """Yield the events that people wrote: all but receipts, notices and those whose header is not known."""
        for matter in self.matters.values():
            if matter.header is not None and matter.header.type not in SYSTEM_TYPES:
                yield matter
