"""What a station reads when it starts: compaction takes history out of the topic of its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.world.waiting import until
from yizhan.schemas import topics
from yizhan.streams.cluster import Cluster as Questions
from yizhan.streams.followups import PROGRESS_KEY, ObligationTable, Progress

if TYPE_CHECKING:
    from tests.world.cluster import Cluster

TABLE = "test.table"
"""A topic with the table's settings: the table itself is that of the other tests' station."""
ALARMS = 10_000
"""Each is entered, goes, and moves the progress: three records."""


def test_of_a_long_history_little_is_read(cluster: Cluster) -> None:
    """After 10,000 alarms that are over less than two thirds of their records are left, and they say the same."""
    (declared,) = (topic for topic in topics.declare(("350722",)) if topic.name == topics.FOLLOWUPS)
    with cluster.admin() as admin:
        admin.create_topics({TABLE: {"num_partitions": 1, "configs": declared.config()}}, wait_for_metadata=True)
    with cluster.producer("admin", linger_ms=5) as producer:
        for number in range(ALARMS):
            key = b"acknowledge/350722-20261124aaaaaa-%d/331181" % number
            progress = Progress(next={topics.events("350722"): number + 1}).to_bytes()
            for name, value in ((key, b'{"row":"%s"}' % (b"x" * 400)), (key, None), (PROGRESS_KEY, progress)):
                producer.send(TABLE, key=name, value=value, partition=0)
        producer.flush()
    written = size(cluster)
    until(lambda: size(cluster) < written // 2, lambda: f"compaction: {size(cluster)} of {written} bytes are left")
    questions = Questions(cluster.connection("admin"))
    try:
        records = list(questions.read(TABLE, 0, questions.ends([TABLE])[TABLE]))
    finally:
        questions.close()
    assert len(records) < 2 * ALARMS
    table = ObligationTable.read((record.key, record.value) for record in records)
    assert table.obligations == {}
    assert table.progress.next == {topics.events("350722"): ALARMS}


def size(cluster: Cluster) -> int:
    """Bytes that the broker holds of the topic."""
    return sum(path.stat().st_size for path in cluster.segments(TABLE) if path.exists())
