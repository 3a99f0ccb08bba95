"""Refused records beyond a topic's allowance are spoken of together; nothing is left out, and nobody else waits."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.world.simulator import NOW
from yizhan.schemas.admit import Record
from yizhan.streams import refusals
from yizhan.streams.refusals import Held, Refusals


def record(offset: int, topic: str = "a", value: bytes = b"x") -> Record:
    """Write a record that was refused."""
    return Record(topic, 0, offset, NOW + timedelta(milliseconds=offset), value)


def spent(now: float = 0.0) -> Refusals[int]:
    """Return a topic whose allowance is used up."""
    book = Refusals[int]()
    assert not any(book.hold(record(offset), offset, now) for offset in range(refusals.OWN_RECORDS))
    return book


def test_the_allowance_of_one_topic_is_not_anothers() -> None:
    """A hundred records have their own postmark, those beyond are held; another topic has all of its own."""
    book = spent()
    assert book.hold(record(100), 100, 0.0)
    assert not book.hold(record(0, "b"), 0, 0.0)


def test_what_is_held_is_given_back_whole_and_in_order() -> None:
    """First and last offset and everything to be acknowledged; then nothing is held any more."""
    book = spent()
    for offset in range(100, 110):
        assert book.hold(record(offset), offset, 0.0)
    (held,) = book.take("a")
    assert (held.first, held.last.offset, held.items) == (100, 109, list(range(100, 110)))
    assert not list(book.take("a"))


def test_it_is_said_after_ten_seconds_at_the_latest() -> None:
    """Collected refusals are stated after ten seconds at the latest; a topic without any is silent."""
    book = spent()
    book.hold(record(100), 100, 0.5)
    assert not list(book.due(10.4))
    assert [held.last.offset for held in book.due(10.5)] == [100]
    assert not list(book.due(1000.0))


def test_what_is_held_is_bounded_by_number_and_size() -> None:
    """Ten thousand records, or sixteen MiB, are said at once."""
    book = spent()
    for offset in range(refusals.HOLD_RECORDS):
        book.hold(record(100 + offset), offset, 0.0)
    assert len(next(book.due(0.0)).items) == refusals.HOLD_RECORDS
    book.hold(record(0, value=bytes(refusals.HOLD_BYTES)), 0, 0.0)
    assert len(list(book.due(0.0))) == 1


def test_the_allowance_comes_back() -> None:
    """One record every ten seconds has a postmark of its own again; what is held goes on being held together."""
    book = spent()
    assert not book.hold(record(100), 100, 10.0)
    assert book.hold(record(101), 101, 10.0)
    assert book.hold(record(102), 102, 1000.0)


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), max_size=400))
def test_every_record_is_spoken_of_once(steps: list[tuple[float, bool]]) -> None:
    """Whatever comes when: own postmarks and what is given back together are all records, in order."""
    book, now, told = spent(), 0.0, list[int]()

    def tell(each: Held[int]) -> None:
        assert each.items == list(range(each.first, each.last.offset + 1))
        told.extend(each.items)

    for offset, (pause, refused) in enumerate(steps):
        now += pause
        if not refused or not book.hold(record(offset), offset, now):
            for each in book.take("a"):
                tell(each)
            told.append(offset)
        for each in book.due(now):
            tell(each)
    for each in book.take("a"):
        tell(each)
    assert told == list(range(len(steps)))
