"""What a station reads when it starts: little of a long history, and all that is open, wherever a writer died."""

from __future__ import annotations

import subprocess
import sys
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.world.waiting import until
from yizhan.schemas import topics
from yizhan.streams.cluster import Cluster as Questions
from yizhan.streams.followups_kafka import table_records
from yizhan.streams.obligation_table import PROGRESS_KEY, TableRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.world.cluster import Cluster

ALARMS = 2_000
"""Each is entered, and goes; with both the progress moves: four records."""
OPEN = 100
WRITER = """
import itertools, sys
from collections import deque
from kafka import KafkaProducer
from pathlib import Path
from yizhan.runtime.settings import Settings
from yizhan.streams.obligation_table import Progress, TableWriter

writer, under_way = TableWriter({}, 0), deque()
producer = KafkaProducer(**Settings.load(Path(sys.argv[1])).connection("admin").kafka_python(), acks="all", linger_ms=2)
for number in itertools.count():
    open_row = (b"open/%d" % (number % int(sys.argv[3])), b"%d" % number)
    for changes in ([open_row, (b"%d" % number, b"1")], [(b"%d" % number, None)]):
        for key, value in writer.records(changes, Progress(audit=number)):
            under_way.append((key, value, producer.send(sys.argv[2], key=key, value=value, partition=0)))
    while len(under_way) > 50:
        key, value, sent = under_way.popleft()
        writer.acknowledged(key, value, sent.get(timeout=60).offset)
"""


@dataclass(frozen=True)
class Table:
    """A topic with the settings of the table, which is that of other tests' station, and a way to ask about it."""

    topic: str
    questions: Questions

    def end(self) -> int:
        """Offset after the last record."""
        return self.questions.ends([self.topic])[self.topic]

    def all(self) -> list[TableRecord]:
        """Every record."""
        found = self.questions.read(self.topic, 0, self.end())
        return [TableRecord(each.offset, each.key, each.value) for each in found]

    def read(self) -> list[TableRecord]:
        """The records that a start reads."""
        return table_records(self.questions, self.end(), self.topic)


@pytest.fixture
def table(cluster: Cluster) -> Iterator[Table]:
    """Make an empty topic, and ask as a station does."""
    topic = f"test.table.{uuid.uuid4().hex}"
    (declared,) = (each for each in topics.declare(("350722",)) if each.name == topics.FOLLOWUPS)
    with cluster.admin() as admin:
        admin.create_topics({topic: {"num_partitions": 1, "configs": declared.config()}}, wait_for_metadata=True)
    questions = Questions(cluster.connection("admin"))
    try:
        yield Table(topic, questions)
    finally:
        questions.close()


def rows(records: list[TableRecord]) -> dict[bytes, TableRecord]:
    """Return the rows that a reader finds, progress too."""
    last = {record.key: record for record in records}
    return {key: record for key, record in last.items() if key and record.value is not None}


def test_of_a_long_history_little_is_read_wherever_its_writer_was_killed(cluster: Cluster, table: Table) -> None:
    """A writer dies by kill -9 after thousands of alarms: a start reads a fraction, and finds every open row."""
    argv = [sys.executable, "-c", WRITER, str(cluster.home), table.topic, str(OPEN)]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as writer:
        try:
            until(
                lambda: table.end() > 4 * ALARMS or writer.poll() is not None,
                lambda: f"{4 * ALARMS} records, there are {table.end()}",
            )
        finally:
            writer.kill()
        assert writer.wait() == -9, writer.stderr.read() if writer.stderr else ""
    everything, records = rows(table.all()), table.read()
    assert rows(records) == everything
    assert sum(key.startswith(b"open/") for key in everything) == OPEN
    assert len(records) < table.end() / 2


@pytest.mark.parametrize("damaged", [b"not progress", b'{"first":1000000}'])
def test_where_no_progress_can_be_read_all_is_read_and_the_log_says_so(
    cluster: Cluster, table: Table, damaged: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A progress that is damaged, or of another topic, leads nowhere."""
    with cluster.producer("admin", linger_ms=5) as producer:
        for number in range(300):
            producer.send(table.topic, key=b"open/%d" % number, value=b"1", partition=0)
        producer.send(table.topic, key=PROGRESS_KEY, value=damaged, partition=0)
        producer.flush()
    assert len(table.read()) == 301
    assert "does not say where the table begins" in caplog.text
