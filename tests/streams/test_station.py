"""The station's pure core, as tables."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from tests.world.simulator import CLUSTER, FIRE, INTELLIGENCE, NOW, World
from yizhan.schemas import topics
from yizhan.schemas.errors import CharterInvalid, Reason
from yizhan.schemas.postmark import KAFKA_HEADER, Postmark
from yizhan.schemas.statements import read_statement
from yizhan.streams.station import QUARANTINED_BYTES, Handled, handle, postmark_key

if TYPE_CHECKING:
    from yizhan.schemas.admit import Record

SOURCE, PARTNER, THIRD = "350924", "331126", "330327"


@pytest.fixture
def world() -> World:
    """Six counties and a station."""
    return World()


def station(world: World, record: Record) -> Handled:
    """Handle a record as the running worker does."""
    return handle(record, world.charter, world.station, CLUSTER)


def test_a_fault_of_ours_is_a_refusal_of_one_record(world: World) -> None:
    """What this program trips over goes to quarantine, audit and its sender; the next record is handled."""
    lame = dataclasses.replace(world.charter, policy=None)  # type: ignore[arg-type] # the fault
    handled = handle(world.record(world.event()), lame, world.station, CLUSTER)
    assert handled.refused is not None
    assert (handled.refused.reason, "fault of its own" in str(handled.refused)) == ("malformed", True)
    assert [output.topic for output in handled.outputs] == [
        topics.QUARANTINE, topics.AUDIT, topics.postings("350924"),
    ]  # fmt: skip


def test_an_alarm_goes_to_alerts_and_as_a_reference_to_the_book(world: World) -> None:
    """An alarm is forwarded untouched with its postmark; the book refers to it without a copy."""
    value = world.event(SOURCE, (PARTNER,))
    outputs = station(world, world.record(value)).outputs
    assert [output.topic for output in outputs] == [
        topics.alerts(PARTNER),
        topics.pending(PARTNER),
        topics.postings(SOURCE),
        topics.AUDIT,
    ]
    alert, reference, posting, audit = outputs
    assert alert.value == value
    assert reference.value == b""
    assert alert.header == reference.header == (KAFKA_HEADER, posting.value)
    assert posting.value == audit.value


def test_what_is_routine_waits_in_the_book(world: World) -> None:
    """A routine event goes to the recipient's book with its envelope, and nowhere else but to postings and audit."""
    value = world.event(SOURCE, (PARTNER,), type=INTELLIGENCE, priority="routine", stage=None, touches=None)
    outputs = station(world, world.record(value)).outputs
    assert [output.topic for output in outputs] == [topics.pending(PARTNER), topics.postings(SOURCE), topics.AUDIT]
    assert outputs[0].value == value


def test_each_recipient_has_its_own_decision(world: World) -> None:
    """One event rings where it touches and waits where it does not, and the postmark says both."""
    value = world.event(SOURCE, (THIRD, PARTNER), touches=(PARTNER,))
    handled = station(world, world.record(value))
    postmark, _ = read_statement(Postmark, handled.outputs[-1].value, world.charter)
    assert postmark.decisions is not None
    assert {code: (made.way, made.rule) for code, made in postmark.decisions.items()} == {
        PARTNER: ("alarm", "fire"),
        THIRD: ("digest", "rest"),
    }
    assert {output.topic for output in handled.outputs} >= {topics.alerts(PARTNER), topics.pending(THIRD)}
    assert topics.alerts(THIRD) not in {output.topic for output in handled.outputs}


def test_the_same_record_gives_the_same_bytes(world: World) -> None:
    """A record that is read again after a crash leads to the very same outputs."""
    record = world.record(world.event())
    assert station(world, record).outputs == station(world, record).outputs


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.MALFORMED),
        (b"", Reason.MALFORMED),
        (b"x" * 900_001, Reason.OVERSIZE),
        (b"YZE1\x02", Reason.UNKNOWN_SUITE),
    ],
)
def test_a_refusal_is_kept_and_told(world: World, value: bytes | None, reason: Reason) -> None:
    """A refused record is quarantined by its place, audited, and told to the county whose topic it stood on."""
    record = world.record(value)
    handled = station(world, record)
    assert handled.refused is not None
    assert handled.refused.reason is reason
    quarantine, audit, posting = handled.outputs
    assert (quarantine.topic, audit.topic, posting.topic) == (topics.QUARANTINE, topics.AUDIT, topics.postings(SOURCE))
    place = f"{record.topic}/0/{record.offset}".encode()
    assert quarantine.key == audit.key == posting.key == place
    assert quarantine.value == (value or b"")[:QUARANTINED_BYTES]
    postmark, _ = read_statement(Postmark, posting.value, world.charter)
    assert (postmark.refused, postmark.id, postmark.decisions) == (reason, None, None)


def test_every_output_can_be_sent(world: World) -> None:
    """Every output has a key and fits the station's topics, the largest legal record too."""
    big = world.seal(world.header(SOURCE, (PARTNER,)), b"x" * 880_000)
    for value in (big, None, b"", b"x" * 1_000_000):
        for output in station(world, world.record(value)).outputs:
            size = len(output.key) + len(output.value) + len(output.header[1] if output.header else b"")
            assert output.key
            assert size < topics.STATION_MAX_BYTES


def test_a_fire_from_a_clock_that_runs_ahead_still_rings(world: World) -> None:
    """Life before tidiness: the fire comes in, and its postmark says that the clock is suspect."""
    value = world.event(SOURCE, (PARTNER,), time="2026-11-23T09:00:00.000Z")
    handled = station(world, world.record(value))
    postmark, _ = read_statement(Postmark, handled.outputs[0].header[1], world.charter)  # type: ignore[index] # alerts has one
    assert postmark.clock_suspect is True
    assert handled.outputs[0].topic == topics.alerts(PARTNER)


def test_anything_else_from_the_future_is_refused(world: World) -> None:
    """Only fires and disasters are let in from a clock that runs ahead."""
    value = world.event(SOURCE, (PARTNER,), type=INTELLIGENCE, time="2026-11-23T09:00:00.000Z")
    handled = station(world, world.record(value))
    assert handled.refused is not None
    assert handled.refused.reason is Reason.FUTURE_DATED


def test_nothing_of_the_producers_headers_or_key_is_believed(world: World) -> None:
    """Only the value, the place and the broker's time go into the outputs."""
    names = {field.name for field in dataclasses.fields(world.record(b""))}
    assert names == {"topic", "partition", "offset", "received", "value", "header_bytes"}


def test_the_station_stamps_only_with_a_key_that_the_charter_names(world: World) -> None:
    """A station whose key is not in the charter in force does not start to stamp."""
    assert postmark_key(world.charters, {world.station.kid: world.station}, NOW) is world.station
    other: Any = World(("350924", "331126")).counties["350924"].signing
    with pytest.raises(CharterInvalid, match="names no postmark key"):
        postmark_key(world.charters, {other.kid: other}, NOW)


def test_a_receipt_and_a_fire_reach_the_same_topic(world: World) -> None:
    """What is prompt keeps the order in which it came, whatever its way."""
    notice = world.event(SOURCE, (PARTNER,), type="yizhan.notice.v1", priority="routine", stage=None, touches=None)
    for value in (notice, world.event(SOURCE, (PARTNER,), type=FIRE)):
        assert station(world, world.record(value)).outputs[0].topic == topics.alerts(PARTNER)


def test_a_postmark_says_how_the_stations_charter_stands(world: World) -> None:
    """``charter_stale`` on every postmark while it is so; ``charter_behind`` where the sender has a newer one."""
    newer = world.event(charter=f"7-{world.charter.name.split('-')[1]}")
    for value, stale, behind in ((world.event(), None, None), (newer, None, True), (b"", True, None)):
        handled = handle(world.record(value), world.charter, world.station, CLUSTER, stale=bool(stale))
        posting = next(output for output in handled.outputs if output.topic == topics.postings(SOURCE))
        postmark, _ = read_statement(Postmark, posting.value, world.charter)
        assert (postmark.charter_stale, postmark.charter_behind) == (stale, behind)
        assert handled.stamped.postmark.charter_behind is behind
    known = handle(world.record(newer), world.charter, world.station, CLUSTER, newest=7)
    assert known.stamped.postmark.charter_behind is None
