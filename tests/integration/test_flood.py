"""One member sends as much as it may: another's fire still arrives at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from kafka import TopicPartition

from tests.integration import hostile
from tests.world.alliance import Alliance, Station, now_text, running_station, settle
from tests.world.simulator import INTELLIGENCE
from tests.world.waiting import LIMIT_SECONDS, until
from yizhan.schemas import topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.world.cluster import Cluster
    from yizhan.schemas.postmark import Postmark

FLOODS, LAWFUL, SOURCE, PARTNER = "331181", "330327", "350924", "331126"
WITHIN_SECONDS = 3.0
"""Without turns it was two minutes; with a load of 8 on two cores 1.05 s. Or ten times as long as without a flood."""


@pytest.fixture(scope="module")
def alliance(cluster: Cluster) -> Alliance:
    """Keys and charter in the broker's home."""
    return settle(cluster)


@pytest.fixture(scope="module")
def station(alliance: Alliance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """One running station for this module."""
    with running_station(alliance, tmp_path_factory.mktemp("station") / "log") as running:
        yield running


def fires(alliance: Alliance, count: int) -> list[float]:
    """Send fires one after another as another county; seconds until each stands in its partner's topic."""
    took = []
    start = alliance.end(topics.alerts(PARTNER))
    partition = TopicPartition(topics.alerts(PARTNER), 0)
    with (
        alliance.cluster.producer(topics.county(SOURCE)) as producer,
        alliance.cluster.consumer(topics.county(PARTNER)) as consumer,
    ):
        consumer.assign([partition])
        consumer.seek(partition, start)
        for _ in range(count):
            value = alliance.world.event(SOURCE, (PARTNER,), time=now_text())
            producer.send(topics.events(SOURCE), value).get(timeout=LIMIT_SECONDS)
            sent = time.monotonic()
            until(
                lambda value=value: any(  # type: ignore[misc]
                    each.value == value for found in consumer.poll(timeout_ms=500).values() for each in found
                ),
                "the fire",
            )
            took.append(time.monotonic() - sent)
    return took


def limit_of(alliance: Alliance) -> float:
    """Send some fires before the flood; return how long one may take in it."""
    fires(alliance, 1)
    return max(WITHIN_SECONDS, 10 * max(fires(alliance, 3)))


def test_ninety_thousand_records_in_one_batch_hold_nobody_up(alliance: Alliance, station: Station) -> None:
    """1.8 MB of records of one byte: every fire of another county arrives meanwhile, as it would without."""
    limit = limit_of(alliance)
    topic, start = topics.events(FLOODS), alliance.end(topics.postings(FLOODS))
    data = b"".join(hostile.record(b"x", number) for number in range(90_000))
    assert hostile.produce(alliance.cluster, topics.county(FLOODS), topic, hostile.batch(data, 90_000)) == 0
    alliance.postings(start, 1, FLOODS)
    took = fires(alliance, 10)
    assert max(took) < limit
    assert station.running()

    def answered() -> set[int]:
        answers = alliance.postings(start, source=FLOODS)
        return {n for said in answers for n in range(first_of(said), said.origin.offset + 1)}

    until(lambda: len(answered()) >= 20_000, "answers to 20,000 records")
    answers, told = alliance.postings(start, source=FLOODS), answered()
    assert {said.refused for said in answers} == {"malformed"}
    assert told == set(range(min(told), max(told) + 1))
    assert len(answers) < 200


def first_of(said: Postmark) -> int:
    """Offset of the first record that a postmark speaks of."""
    return said.origin.offset if said.first is None else said.first


def test_lawful_events_at_the_quota_hold_nobody_up(alliance: Alliance, station: Station) -> None:
    """A county that writes lawful events as fast as it may waits for itself alone, and its order stays."""
    start = alliance.end(topics.postings(LAWFUL))
    world, others = alliance.world, tuple(code for code in alliance.world.counties if code != LAWFUL)
    headers = [
        world.header(LAWFUL, others, type=INTELLIGENCE, priority="routine", stage=None, touches=None, time=now_text())
        for _ in range(400)
    ]
    limit = limit_of(alliance)
    values = [world.seal(header, b"x" * (800_000 if n % 40 == 0 else 3000)) for n, header in enumerate(headers)]
    alliance.publish(*values, source=LAWFUL, max_request_size=1024 * 1024)
    took = fires(alliance, 10)
    assert max(took) < limit
    ids = [said.id for said in alliance.postings(start, len(headers), LAWFUL)]
    assert ids == [header.id for header in headers]
    assert station.running()
