"""Decides which refused records get a postmark of their own, and which share one.

A postmark stays in the audit for ever. Without a bound, a member that writes junk fills it: 138 MB from one batch of
90,000 records of one byte.

Rule 1: of each topic ``OWN_RECORDS`` refused records get a postmark of their own, and one more every
        ``OWN_EVERY_SECONDS``. Those beyond are held and share one postmark, that of the last of them, which
        names the ``first``.
Rule 2: records that are held are not acknowledged: after a crash they are read again.
Rule 3: the shared postmark is written before anything else about that topic, and after ``HOLD_SECONDS`` at the latest.
Rule 4: pure; time is an argument, in seconds of a monotonic clock.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yizhan.schemas.admit import Record

T = TypeVar("T")
OWN_RECORDS: Final = 100
OWN_EVERY_SECONDS: Final = 10.0
HOLD_SECONDS: Final = 10.0
HOLD_RECORDS: Final = 10_000
HOLD_BYTES: Final = 16 * 1024 * 1024


@dataclass(slots=True)
class Held(Generic[T]):
    """Refused records of one topic, from offset ``first`` to ``last``, with the reader's items to acknowledge."""

    first: int
    last: Record
    since: float
    items: list[T] = field(default_factory=list)
    size: int = 0


@dataclass(slots=True)
class _TokenBucket:
    """Token bucket: how many records may have a postmark of their own."""

    left: float = OWN_RECORDS
    at: float = 0.0

    def take(self, now: float) -> bool:
        self.left = min(OWN_RECORDS, self.left + (now - self.at) / OWN_EVERY_SECONDS)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Refusals(Generic[T]):
    """The token bucket of each topic, and its held records."""

    def __init__(self) -> None:
        """Start with full buckets, and nothing held."""
        self._allowances: defaultdict[str, _TokenBucket] = defaultdict(_TokenBucket)
        self._held: dict[str, Held[T]] = {}

    def hold(self, record: Record, item: T, now: float) -> bool:
        """Hold a refused record; False if it gets a postmark of its own."""
        held = self._held.get(record.topic)
        if held is None:
            if self._allowances[record.topic].take(now):
                return False
            held = self._held[record.topic] = Held(record.offset, record, now)
        held.last = record
        held.items.append(item)
        held.size += len(record.value or b"")
        return True

    def take(self, topic: str) -> Iterator[Held[T]]:
        """Release the held records of a topic, if any."""
        if topic in self._held:
            yield self._held.pop(topic)

    def due(self, now: float) -> Iterator[Held[T]]:
        """Release records that were held long enough, or have become too many."""
        for topic, held in list(self._held.items()):
            if now - held.since >= HOLD_SECONDS or len(held.items) >= HOLD_RECORDS or held.size >= HOLD_BYTES:
                yield self._held.pop(topic)
