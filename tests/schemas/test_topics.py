"""The one declaration says who writes, who reads, how long and how large."""

from __future__ import annotations

import pytest

from yizhan.schemas import topics
from yizhan.schemas.admit import MAX_KAFKA_HEADER_BYTES
from yizhan.schemas.envelope import MAX_BYTES
from yizhan.schemas.topics import Topic

SIX = ("350924", "350982", "350722", "331126", "330327", "331181")
DAY_MS = 86_400_000
ME = "350924"
OTHERS = {f"county-{code}" for code in SIX} - {f"county-{ME}"}
EVERYBODY = {*(f"county-{code}" for code in SIX), "station", "ledger", "auditor"}


@pytest.fixture
def declared() -> dict[str, Topic]:
    """Return the alliance's topics by name."""
    return {topic.name: topic for topic in topics.declare(SIX)}


@pytest.mark.parametrize(
    ("name", "writers", "readers", "days"),
    [
        ("yizhan.events.350924", {"county-350924"}, {"station", "auditor"}, None),
        ("yizhan.alerts.350924", {"station"}, {"county-350924"}, 400),
        ("yizhan.pending.350924", {"station"}, {"station"}, 800),
        ("yizhan.digests.350924", {"station"}, {"county-350924", "station"}, 800),
        ("yizhan.postings.350924", {"station"}, {"county-350924"}, 400),
        ("yizhan.attachments.350924", {"county-350924"}, OTHERS, 120),
        ("yizhan.quarantine", {"station"}, {"station", "auditor"}, 400),
        ("yizhan.audit", {"station"}, {"station", "ledger", "auditor"}, None),
        ("yizhan.checkpoints", {"ledger"}, EVERYBODY, None),
        ("yizhan.cosignatures.350924", {"county-350924"}, EVERYBODY, None),
        ("yizhan.charter", {"station"}, EVERYBODY, None),
        ("yizhan.followups", {"station"}, {"station"}, None),
        ("yizhan.ticks", {"station"}, {"station"}, 1),
    ],
)
def test_writers_readers_and_retention(
    declared: dict[str, Topic], name: str, writers: set[str], readers: set[str], days: int | None
) -> None:
    """Each topic has the writers, readers and retention of the design's table."""
    topic = declared[name]
    assert set(topic.writers) == writers
    assert set(topic.readers) == readers
    assert topic.retention_ms == (-1 if days is None else days * DAY_MS)


def test_nothing_else_is_declared(declared: dict[str, Topic]) -> None:
    """Seven topics a member and six for all: not one more."""
    assert len(declared) == 7 * len(SIX) + 6


def test_every_topic_is_uncompressed_with_one_partition_and_the_brokers_time(
    declared: dict[str, Topic],
) -> None:
    """One order a county, no clock but the broker's; the broker never decompresses what a county wrote."""
    for topic in declared.values():
        config = topic.config()
        assert topic.partitions == 1
        by_a_county = topic.writers[0].startswith("county-")
        assert config["compression.type"] == ("producer" if by_a_county else "uncompressed")
        assert config["message.timestamp.type"] == "LogAppendTime"


def test_only_charter_and_followups_are_compacted(declared: dict[str, Topic]) -> None:
    """What is compacted forgets; only the two that are tables may."""
    compacted = {name for name, topic in declared.items() if topic.cleanup == "compact"}
    assert compacted == {topics.CHARTER, topics.FOLLOWUPS}


def test_the_largest_event_fits_and_can_always_be_forwarded(declared: dict[str, Topic]) -> None:
    """Envelope and headers fit an events topic; what the station forwards or stamps may be larger."""
    events = declared[topics.events(ME)].max_message_bytes
    assert events > MAX_BYTES + MAX_KAFKA_HEADER_BYTES + 4096
    for topic in declared.values():
        if topic.writers == ("station",) and topic.name not in {topics.TICKS, topics.FOLLOWUPS}:
            assert topic.max_message_bytes >= 2 * events


@pytest.mark.parametrize(
    "members",
    [(), ("35092",), ("3509240",), ("35092a",), ("３５０９２４",), ("350924", "350924"), ("",)],
)
def test_members_that_are_no_members(members: tuple[str, ...]) -> None:
    """None, wrong length, letters, full-width digits, one twice: refused before a broker sees it."""
    with pytest.raises(ValueError, match="expected"):
        topics.declare(members)


@pytest.mark.parametrize(
    "name",
    ["yizhan.events.", "yizhan.events.35092", "yizhan.events.350924x", "xyizhan.events.350924",
     "yizhan.alerts.350924", "yizhan.events.350924\n", "yizhan-events.350924"],
)  # fmt: skip
def test_only_events_topics_have_a_member(name: str) -> None:
    """Nothing but the exact form of an events topic names a member."""
    assert topics.member_of_events(topics.events(ME)) == ME
    assert topics.member_of_events(name) is None


def test_no_group_prefix_begins_another() -> None:
    """A principal's right to its groups never reaches into another's."""
    prefixes = [topics.group_prefix(name) for name in topics.principals(SIX)]
    for one in prefixes:
        assert [other for other in prefixes if other.startswith(one)] == [one]


def test_everyone_but_the_administrator_has_a_quota() -> None:
    """Nobody can flood the broker; the administrator must still get in when somebody tries."""
    named = {quota.principal for quota in topics.quotas(SIX)}
    assert named == set(topics.principals(SIX)) - {topics.ADMIN}
    bounded = {quota.principal for quota in topics.quotas(SIX) if quota.thread_percent is not None}
    assert bounded == {topics.county(code) for code in SIX}
