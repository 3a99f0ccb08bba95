"""The open obligations of threads, found without looking at those that an event cannot discharge.

One county may hang ten thousand events on one thread. What the next one costs must not grow with that.

Rule 1: an entry is found by its thread and rule, by who owes it, by the partner whose facts decide whether an event
        discharges it, and by the book of what opened it, ordered by number.
Rule 2: what is looked at and not discharged came in the same millisecond, so in one batch: a few hundred at most.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator

from yizhan.schemas.header import split_id
from yizhan.schemas.obligation_state import ObligationState

_Group = tuple[str | None, str, str]
_Book = tuple[str, str]


class ThreadIndex:
    """Names of obligations that are open, by thread."""

    def __init__(self) -> None:
        """Begin with none."""
        self._groups: dict[_Group, dict[str, dict[_Book, list[tuple[int, str]]]]] = {}

    def add(self, obligation: ObligationState) -> None:
        """Enter one, unless it stands there."""
        for group, partner, book, entry in _places(obligation):
            entries = self._groups.setdefault(group, {}).setdefault(partner, {}).setdefault(book, [])
            at = bisect.bisect_left(entries, entry)
            if entries[at : at + 1] != [entry]:
                entries.insert(at, entry)

    def remove(self, obligation: ObligationState) -> None:
        """Take one out, if it stands there, and what it leaves empty."""
        for group, partner, book, entry in _places(obligation):
            partners = self._groups.get(group, {})
            books = partners.get(partner, {})
            entries = books.get(book, [])
            at = bisect.bisect_left(entries, entry)
            if entries[at : at + 1] == [entry]:
                del entries[at]
            if book in books and not entries:
                del books[book]
            if partner in partners and not books:
                del partners[partner]
            if group in self._groups and not partners:
                del self._groups[group]

    def before(self, event_id: str, thread: str, rule: str, owes: str, fits: Callable[[str], bool]) -> Iterator[str]:
        """Yield what an event of ``owes`` may discharge: opened by a lower number of its book, or in another book.

        ``fits`` tells for a partner whether the event is of the kind that discharges the rule.
        """
        source, own, number = split_id(event_id)
        for partner, books in self._groups.get((thread, rule, owes), {}).items():
            if fits(partner):
                for book, entries in books.items():
                    end = bisect.bisect_left(entries, (number, "")) if book == (source, own) else len(entries)
                    yield from (name for _number, name in entries[:end])


def partner_of(obligation: ObligationState, county: str) -> str:
    """Return whose facts decide whether an event of a county discharges an obligation."""
    return next((each for each in (*obligation.owed, *obligation.owes) if each != county), county)


def _places(obligation: ObligationState) -> Iterator[tuple[_Group, str, _Book, tuple[int, str]]]:
    opened_by = obligation.again or (None if obligation.about is None else obligation.about.id)
    if opened_by is not None:
        source, book, number = split_id(opened_by)
        for county in obligation.owes:
            yield (
                (obligation.thread, obligation.rule, county),
                partner_of(obligation, county),
                (source, book),
                (number, obligation.obligation),
            )
