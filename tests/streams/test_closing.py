"""What a period holds, as tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.world.simulator import CLUSTER, INTELLIGENCE, NOW, World
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.merkle import EMPTY_ROOT, leaf_hash, root
from yizhan.schemas.statements import read_dated
from yizhan.schemas.timestamps import written
from yizhan.streams.closing import BookRecord, CloseRequest, Period, due
from yizhan.streams.station import handle

PARTNER = "331126"
SHANGHAI = "Asia/Shanghai"
REQUEST = CloseRequest(label="2026Q4", closed=written(NOW))


class Book:
    """A county's book, as the station fills it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.records: list[BookRecord] = []

    def add(self, value: bytes) -> None:
        """Let the station handle an event, and keep what goes into the book."""
        record = self.world.record(value)
        for output in handle(record, self.world.charter, self.world.station, CLUSTER).outputs:
            if output.topic == f"yizhan.pending.{PARTNER}" and output.header:
                self.put(BookRecord(len(self.records), output.key, output.value, output.header[1]))

    def put(self, record: BookRecord) -> None:
        """Append a record as it is."""
        self.records.append(record)

    def routine(self) -> bytes:
        """Add one routine event."""
        value = self.world.event("350924", (PARTNER,), type=INTELLIGENCE, priority="routine", stage=None, touches=None)
        self.add(value)
        return value


@pytest.fixture
def book() -> Book:
    """An empty book."""
    return Book(World())


def period(book: Book, held: set[bytes] | None = None) -> Period:
    """Begin a period that remembers hashes in a set."""
    known = set() if held is None else held

    def first_time(event_hash: bytes) -> bool:
        new = event_hash not in known
        known.add(event_hash)
        return new

    return Period(PARTNER, book.world.charters, first_time)


def manifest(found: Period, end: int) -> Manifest:
    """Write the manifest of a period that began at 0."""
    return found.manifest(REQUEST, interim=False, start=0, end=end, cluster=CLUSTER, previous=None)


def test_a_period_holds_each_event_once_in_order(book: Book) -> None:
    """Events count once, in the order of first appearance; a repetition is left out and counted."""
    first = book.routine()
    book.add(book.world.event("350924", (PARTNER,)))
    book.add(first)
    found = period(book)
    assert [found.take(record) for record in book.records] == [True, True, False]
    assert (found.count, found.prompt, found.repeated) == (2, 1, 1)


def test_the_root_is_over_the_event_hashes(book: Book) -> None:
    """The manifest's root is RFC 9162's over the leaf hashes of the event hashes."""
    values = [book.routine() for _ in range(5)]
    found = period(book)
    for record in book.records:
        found.take(record)
    hashes = [book.world.admit(value).verified.hash for value in values]
    assert manifest(found, 5).root == root(leaf_hash(event_hash) for event_hash in hashes).hex()


def test_an_event_of_an_earlier_period_is_not_held_again(book: Book) -> None:
    """What an earlier period held is left out, although it came again."""
    value = book.routine()
    held: set[bytes] = set()
    earlier = period(book, held)
    assert earlier.take(book.records[0])
    book.add(value)
    later = period(book, held)
    assert not later.take(book.records[1])
    assert (later.count, later.repeated) == (0, 1)


def test_an_empty_period_has_a_manifest(book: Book) -> None:
    """零报告: nothing happened, and the station says so."""
    made = manifest(period(book), 1)
    assert (made.count, made.prompt, made.root) == (0, 0, EMPTY_ROOT.hex())


def test_what_the_station_did_not_stamp_is_left_out_by_name(book: Book) -> None:
    """A record without a postmark, with another's, or swapped is named and left out; the rest counts."""
    book.routine()
    book.routine()
    good, other = book.records
    strange = [
        BookRecord(10, b"k", b"value", None),
        BookRecord(11, b"k", other.value, good.stamp),
        BookRecord(12, b"k", good.value[:-1] + bytes([good.value[-1] ^ 1]), good.stamp),
        BookRecord(13, b"k", good.value, b"not a postmark"),
    ]
    found = period(book)
    assert [found.take(record) for record in [*strange, good]] == [False] * 4 + [True]
    assert [offset for offset, _ in found.strange] == [10, 11, 12, 13]


def test_a_manifest_reads_back_only_from_the_station(book: Book) -> None:
    """A signed manifest verifies under the charter that was in force when it was made."""
    made = manifest(period(book), 1)
    read, _, charter = read_dated(Manifest, made.signed(book.world.station), book.world.charters)
    assert (read, charter) == (made, book.world.charter)


@pytest.mark.parametrize(
    ("now", "last", "expected"),
    [
        ("2026-10-01T00:00:00+08:00", None, "2026Q3"),
        ("2026-09-30T23:59:59+08:00", None, None),
        ("2026-10-02T00:00:00+08:00", "2026-08-15T00:00:00+08:00", "2026Q3"),
        ("2026-10-02T00:00:00+08:00", "2026-10-01T00:00:00+08:00", None),
        ("2027-01-01T00:00:00+08:00", "2026-10-01T00:00:00+08:00", "2026Q4"),
    ],
)
def test_the_clock_asks_for_the_quarter_that_ended(now: str, last: str | None, expected: str | None) -> None:
    """A quarter is due once it has ended and was not closed since; none is due from before the alliance."""
    since = datetime(2026, 7, 1, tzinfo=UTC)
    found = due(datetime.fromisoformat(now), SHANGHAI, None if last is None else datetime.fromisoformat(last), since)
    assert (None if found is None else str(found)) == expected
