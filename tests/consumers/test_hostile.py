"""No record, however made, stops the inbox or becomes a row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.world.forge import Letter
from tests.world.receiver import ME, PARTNER, Listener
from tests.world.simulator import World
from yizhan.consumers.arrivals import Arrived, Kind
from yizhan.consumers.items import InboxQuery
from yizhan.schemas import manifest as manifests
from yizhan.schemas.envelope import MAX_BYTES
from yizhan.schemas.errors import Reason
from yizhan.schemas.postmark import KAFKA_HEADER

USUAL = settings().max_examples
"""Examples of a test that does not say how many; fewer in ``make unit``."""

ODD = settings(
    max_examples=3 * USUAL // 2, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
NAMES = st.sampled_from([KAFKA_HEADER, manifests.KAFKA_HEADER, "ce_id", "", "\ud800", "驿"]) | st.text(max_size=20)
HEADERS = st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=200)), max_size=4)


@pytest.fixture
def wide(tmp_path: Path) -> Iterator[Listener]:
    """Open an inbox that a whole test shares."""
    made = Listener(World((ME, PARTNER)), tmp_path / "inbox.sqlite3")
    yield made
    made.inbox.close()


def receive(listener: Listener, record: Arrived) -> None:
    """Receive something that cannot verify."""
    outcome = listener.inbox.receive(record)
    assert outcome.became == "aside"
    assert outcome.reason in {*Reason, "unopenable"}
    assert listener.inbox.items(InboxQuery(system=True)) == ()


@ODD
@given(
    kind=st.sampled_from(["alert", "digest"]),
    offset=st.integers(0, 2**63 - 1),
    timestamp=st.integers(-(2**63), 2**63 - 1),
    value=st.none() | st.binary(max_size=400) | st.binary(max_size=200).map(lambda tail: b"YZE1\x01" + tail),
    headers=HEADERS,
)
@example(kind="alert", offset=0, timestamp=-1, value=None, headers=[])
@example(kind="digest", offset=0, timestamp=2**63 - 1, value=b"", headers=[(KAFKA_HEADER, b"{}")])
@example(kind="digest", offset=0, timestamp=0, value=b"[" * 100_000, headers=[(manifests.KAFKA_HEADER, b"1")])
@example(kind="alert", offset=0, timestamp=0, value=bytes(MAX_BYTES + 1), headers=[])
def test_arbitrary_bytes_and_headers_stay_aside(
    wide: Listener,
    kind: Kind,
    offset: int,
    timestamp: int,
    value: bytes | None,
    headers: list[tuple[str, bytes | None]],
) -> None:
    """Nothing raises, nothing becomes a row, everything has a reason."""
    receive(wide, Arrived(kind, 0, offset, timestamp, value, tuple(headers)))


@ODD
@given(place=st.integers(0, 10**6), cut=st.booleans(), flip=st.integers(1, 255))
def test_a_lawful_event_with_anything_changed_stays_aside(wide: Listener, place: int, cut: bool, flip: int) -> None:  # noqa: FBT001
    """A byte changed anywhere, or cut off anywhere, and it is not the county's word any more."""
    good = wide.world.event(PARTNER, (ME,))
    at = place % len(good)
    bad = good[:at] if cut else good[:at] + bytes([good[at] ^ flip]) + good[at + 1 :]
    receive(wide, wide.arrived(bad, wide.world.postmark(good)))


@ODD
@given(stamp=st.binary(max_size=300), headers=HEADERS)
def test_whatever_stands_beside_it_a_lawful_fire_rings(
    wide: Listener, stamp: bytes, headers: list[tuple[str, bytes | None]]
) -> None:
    """Headers are hints: none of them can hide a fire."""
    record = wide.arrived(wide.world.event(PARTNER, (ME,)))
    beside = ((KAFKA_HEADER, stamp), *headers)
    assert wide.inbox.receive(Arrived("alert", 0, 0, record.timestamp, record.value, beside)).rings


@ODD
@given(payload=st.binary(max_size=300), type_=st.sampled_from(["incident.forest_fire", "notice", "weather"]))
def test_whatever_was_sealed_it_is_one_row(wide: Listener, payload: bytes, type_: str) -> None:
    """A member's event with any payload at all is shown."""
    header = wide.world.header(PARTNER, (ME,), type=f"yizhan.{type_}.v1")
    outcome = wide.deliver(wide.world.seal(header, payload))
    assert outcome.became == "stored"
    assert outcome.item is not None
    assert outcome.item.payload == payload
    assert (outcome.item.header.id, outcome.item.contents is None) == (header.id, False)


def test_recipients_who_are_given_other_contents_learn_it(wide: Listener, world: World) -> None:
    """A wrap that holds another key than the committed one: shown, not opened, said in one word."""
    header = world.header(PARTNER, (ME,))
    ours = world.counties[ME].sealing.public
    letter = Letter.sealed_to(header.to_bytes(), [ours], b"{}" + b"\x80" + bytes(253), keys={ours.kid: b"x" * 32})
    outcome = wide.inbox.receive(wide.arrived(letter.signed_by(world.counties[PARTNER].signing).data()))
    assert outcome.item is not None
    assert (outcome.item.unopenable, outcome.rings) == ("commit", True)
