"""The topic of the table of obligations: a start reads little of it, and misses no row, wherever the station died."""

from __future__ import annotations

import logging
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yizhan.schemas.obligation_state import ObligationState
from yizhan.streams import obligation_table
from yizhan.streams.obligation_table import (
    PROGRESS_KEY,
    ObligationTable,
    Progress,
    TableRecord,
    TableWriter,
    where_to_begin,
)

Change = tuple[bytes, bytes | None]


class Topic:
    """The topic in memory, and a station that writes it: acknowledgements arrive some records later."""

    def __init__(self) -> None:
        """Begin with an empty topic."""
        self.records: list[TableRecord] = []
        self.under_way: deque[TableRecord] = deque()
        self.writer = TableWriter({}, 0)

    def write(self, *changes: Change, late: int = 0) -> None:
        """Write changes and progress; all but ``late`` records are acknowledged."""
        for key, value in self.writer.records(changes, Progress(audit=len(self.records))):
            self.under_way.append(self.append(key, value))
        while len(self.under_way) > late:
            record = self.under_way.popleft()
            self.writer.acknowledged(record.key or b"", record.value, record.offset)

    def append(self, key: bytes, value: bytes | None) -> TableRecord:
        """Put a record at the end."""
        self.records.append(TableRecord(len(self.records), key, value))
        return self.records[-1]

    def start(self) -> int:
        """Start the station again; how many records it read."""
        begin = where_to_begin(self.records[-256:]) or 0
        self.writer = TableWriter(rows(self.records, begin), len(self.records))
        self.under_way.clear()
        return len(self.records) - begin


def rows(records: list[TableRecord], begin: int = 0) -> dict[bytes, TableRecord]:
    """Return the rows that a reader finds."""
    last = {record.key: record for record in records[begin:]}
    found = [record for record in last.values() if record.key not in {None, PROGRESS_KEY} and record.value is not None]
    return {record.key: record for record in sorted(found) if record.key is not None}


changes = st.lists(
    st.tuples(st.sampled_from([b"a", b"b", b"c", b"d", b"e"]), st.sampled_from([b"1", b"2", None])), max_size=3
)


@given(st.lists(st.tuples(changes, st.integers(0, 6)), max_size=40), st.integers(0, 40))
def test_no_row_is_missed_wherever_the_station_died(steps: list[tuple[list[Change], int]], restart: int) -> None:
    """After each record of each run the last progress leads to the very rows that the whole topic has."""
    topic = Topic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(obligation_table, "SLACK_RECORDS", 3)
        patch.setattr(obligation_table, "SLACK_PER_ROW", 0)
        for number, (made, late) in enumerate(steps):
            topic.write(*made, late=late)
            if number == restart:
                topic.start()
    for end in range(len(topic.records) + 1):
        there = topic.records[:end]
        assert rows(there, where_to_begin(there) or 0) == rows(there)


@given(st.lists(st.tuples(changes, st.integers(0, 6), st.booleans()), max_size=30))
def test_records_of_another_station_make_nobody_miss_a_row(steps: list[tuple[list[Change], int, bool]]) -> None:
    """A station that was replaced and still writes may cost the next start time; it takes no row away."""
    topic = Topic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(obligation_table, "SLACK_RECORDS", 3)
        patch.setattr(obligation_table, "SLACK_PER_ROW", 0)
        for made, late, others in steps:
            topic.write(*made, late=late)
            if others:
                topic.append(b"other", b"1")
    assert rows(topic.records, where_to_begin(topic.records) or 0) == rows(topic.records)


def test_a_start_reads_as_much_as_is_open_and_not_as_much_as_there_was() -> None:
    """One alarm stays open while 10,000 come and go: little more than the slack is read, each row is written again."""
    topic = Topic()
    topic.write((b"open", b"1"))
    for number in range(10_000):
        topic.write((b"%d" % number, b"1"))
        topic.write((b"%d" % number, None))
    assert topic.start() < obligation_table.SLACK_RECORDS + 50
    assert rows(topic.records, where_to_begin(topic.records[-256:]) or 0).keys() == {b"open"}
    assert len(topic.records) < 40_000 + 200, "writing rows again is rare while few are open"


def test_many_open_rows_are_written_again_once_in_a_while() -> None:
    """With 2,000 open rows a start reads at most the slack for them, and at most every second record is extra."""
    topic = Topic()
    for number in range(2000):
        topic.write((b"open%d" % number, b"1"))
    before = len(topic.records)
    for number in range(20_000):
        topic.write((b"tick", b"%d" % number), late=50)
    assert topic.start() <= obligation_table.SLACK_RECORDS + obligation_table.SLACK_PER_ROW * 2001 + 10
    assert len(topic.records) - before <= 2 * 40_000


@pytest.mark.parametrize("damaged", [b"", b"{}x", b'{"first":-1}', b'{"first":99}', b'{"first":"0"}'])
def test_damaged_progress_is_reported_and_nothing_of_it_is_used(
    damaged: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Progress that cannot be read, or was written to another topic, leads nowhere: all is read and rebuilt."""
    topic = Topic()
    topic.write((b"a", b"1"))
    topic.append(PROGRESS_KEY, damaged)
    assert where_to_begin(topic.records) is None
    with caplog.at_level(logging.ERROR):
        table = ObligationTable.read(topic.records)
    assert table.progress == Progress()
    assert table.obligations == dict[str, ObligationState]()
    assert table.rows.keys() == {b"a"}
    assert "rebuilt from the audit" in caplog.text
