"""Admission: references, receipts and times; and whatever comes, a decision or a refusal."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.schemas.admit_cases import LANE, MOMENT, OLD, PARTNER, SENDER, THIRD, forged, put, refused
from tests.world.forge import Letter, changed, forge
from tests.world.simulator import BOOK, FIRE, INTELLIGENCE, NOW, World, seed
from yizhan.schemas import topics
from yizhan.schemas.admit import CLOCK_TOLERANCE, Record, admit, check_receipt
from yizhan.schemas.charter import Charter
from yizhan.schemas.errors import (
    BadAudience,
    BadReference,
    BadSignature,
    FutureDated,
    KeyNotValid,
    Malformed,
    NotAMember,
    Refused,
    WrongTopic,
)
from yizhan.schemas.header import NOTICE, RECEIPT
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.timestamps import written

USUAL = settings().max_examples
"""Examples of a test that does not say how many; fewer in ``make unit``."""

HASH = "0" * 64


OWN: Any


THEIRS: Any


UNITS: Any


OWN, THEIRS = {"id": f"{SENDER}-{BOOK}-9000", "hash": HASH}, {"id": f"{PARTNER}-{BOOK}-7", "hash": HASH}


UNITS = {"id": f"{SENDER}.forest-{BOOK}-7", "hash": HASH}


@pytest.mark.parametrize("name", ["withdraws", "supersedes"])
def test_only_the_sender_takes_back_or_corrects(world: World, name: str) -> None:
    """Another county's event is not one's own to withdraw or supersede; a unit's is its county's."""
    refused(world, forged(world, **{name: THEIRS}), BadReference)
    refused(world, forged(world, **{name: THEIRS | {"id": f"{PARTNER}.forest-{BOOK}-7"}}), BadReference)
    for ref in (OWN, UNITS):
        admit(put(world, forged(world, **{name: ref})), world.charter)


def test_anyone_may_answer(world: World) -> None:
    """A reply may be to anybody's event."""
    admit(put(world, forged(world, reply_to=THEIRS)), world.charter)


@pytest.mark.parametrize("name", ["reply_to", "withdraws", "supersedes"])
def test_nothing_refers_to_itself(world: World, name: str) -> None:
    """An event that withdraws, supersedes or answers itself is refused."""
    header = world.header()
    data = changed(header, **{name: {"id": header.id, "hash": HASH}})
    value = forge(data, [world.counties[PARTNER].sealing.public], world.counties[SENDER].signing)
    refused(world, value, BadReference, "itself")


DELIVERED: dict[str, Any] = {"stage": "delivered", "source": PARTNER, "book": BOOK, "lane": "digest", "up_to": 3}


@pytest.mark.parametrize(
    "receipt", [DELIVERED, DELIVERED | {"source": f"{PARTNER}.forest"}, {"stage": "acted", "event": THEIRS}]
)
def test_a_receipt_goes_to_whom_it_concerns(world: World, receipt: dict[str, Any]) -> None:
    """It is addressed to the county of what it confirms, and to nobody else."""
    good: dict[str, Any] = {"type": RECEIPT, "receipt": receipt}
    admit(put(world, forged(world, **good)), world.charter)
    both: dict[str, Any] = {"to": [THIRD, PARTNER], "lanes": {THIRD: LANE, PARTNER: LANE}}
    refused(world, forged(world, sealed_to=(THIRD, PARTNER), **good, **both), BadReference)
    alone: dict[str, Any] = {"to": [THIRD], "lanes": {THIRD: LANE}}
    refused(world, forged(world, sealed_to=(THIRD,), **good, **alone), BadReference)


def test_nobody_confirms_its_own(world: World) -> None:
    """A receipt for one's own event would have to go to oneself."""
    refused(world, forged(world, type=RECEIPT, receipt={"stage": "acted", "event": OWN}), BadReference)


def test_a_receipt_binds_from_a_recipient_only(world: World) -> None:
    """The target's sender, who knows its audience, refuses a receipt from anyone else."""
    receipt = world.header(PARTNER, to=(SENDER,), type=RECEIPT, receipt={"stage": "acknowledged", "event": OWN})
    check_receipt(receipt, (THIRD, PARTNER))
    for audience in ((), (THIRD,), (SENDER,)):
        with pytest.raises(BadReference, match="not addressed"):
            check_receipt(receipt, audience)


@pytest.mark.parametrize("kind", [INTELLIGENCE, "yizhan.incident.hotspot.v1", NOTICE, "yizhan.weather.report.v1"])
def test_the_future_is_refused(world: World, kind: str) -> None:
    """Five minutes ahead of the broker's clock are forgiven, a millisecond more is not."""
    admit(put(world, forged(world, type=kind, time=written(NOW + CLOCK_TOLERANCE))), world.charter)
    refused(world, forged(world, type=kind, time=written(NOW + CLOCK_TOLERANCE + MOMENT)), FutureDated, "clock")


@pytest.mark.parametrize("kind", [FIRE, "yizhan.incident.natural_disaster.v1"])
def test_a_fire_from_a_clock_that_runs_ahead_rings(world: World, kind: str) -> None:
    """Life goes before tidiness: it comes in, marked, and rings as ever."""
    for ahead in (MOMENT, timedelta(hours=8), timedelta(days=365 * 170)):
        value = forged(world, type=kind, time=written(NOW + CLOCK_TOLERANCE + ahead))
        admitted = admit(put(world, value), world.charter)
        assert admitted.clock_suspect
        assert admitted.decisions[PARTNER].way == "alarm"
    assert not admit(put(world, forged(world, type=kind)), world.charter).clock_suspect


@pytest.mark.parametrize("kind", [FIRE, INTELLIGENCE])
@pytest.mark.parametrize("attribute", ["time", "expires"])
@pytest.mark.parametrize("said", ["9999-12-31T23:59:59.999Z", "2200-01-01T00:00:00.000Z", "1999-12-31T23:59:59.999Z"])
def test_an_instant_at_which_calendars_end_is_malformed(world: World, kind: str, attribute: str, said: str) -> None:
    """Even a fire's: no reader's arithmetic on it may leave the calendar."""
    header = changed(world.header(), type=kind, **{attribute: said})
    seals = [world.counties[PARTNER].sealing.public]
    refused(world, forge(header, seals, world.counties[SENDER].signing), Malformed, "a year from 2000 to 2199")


def test_the_past_is_never_refused(world: World) -> None:
    """Weeks without a network are no fault; nor is a clock that stands at its beginning."""
    admit(put(world, forged(world, time="2000-01-01T00:00:00.000Z")), world.charter)


def test_one_fault_hides_the_next(world: World) -> None:
    """Faults are told in the order of work: each one mended shows the one behind it."""
    stranger = SigningKey.from_seed(seed("stranger"))
    future = written(NOW + timedelta(days=1))
    faults: dict[str, Any] = {
        "type": INTELLIGENCE, "time": future, "withdraws": THEIRS, "to": [THIRD], "lanes": {PARTNER: LANE},
        "kid": OLD.kid, "source": "110101", "id": f"110101-{BOOK}-1", "urgency": 1,
    }  # fmt: skip
    elsewhere: dict[str, Any] = {"topic": topics.events(THIRD)}
    steps: list[tuple[type[Refused], tuple[str, ...]]] = [
        (Malformed, ("urgency",)),
        (NotAMember, ("source", "id")),
        (BadSignature, ()),
        (KeyNotValid, ("kid",)),
        (BadAudience, ("to", "lanes")),
        (BadReference, ("withdraws",)),
    ]
    signer = stranger
    for error, mended in steps:
        refused(world, forged(world, signer, **faults), error, **elsewhere)
        faults = {name: value for name, value in faults.items() if name not in mended}
        if error is BadSignature:
            signer = OLD
        if error is KeyNotValid:
            signer = world.counties[SENDER].signing
    refused(world, forged(world, **faults), WrongTopic, **elsewhere)
    refused(world, forged(world, **faults), FutureDated)
    admit(put(world, forged(world, **faults | {"time": written(NOW)})), world.charter)


def test_a_record_read_again_is_decided_the_same_way(world: World) -> None:
    """Admission is pure: the same record under the same charter gives equal results."""
    value = world.event()
    first, second = (admit(put(world, value), world.charter) for _ in range(2))
    assert (first.decisions, first.header, first.verified.hash) == (
        second.decisions,
        second.header,
        second.verified.hash,
    )


SMALL = World(("331126", "350924"))


GOOD = SMALL.event()


PIECES = st.sampled_from([GOOD[:200], GOOD[-300:], b"YZE1\x01", b"{}", b"\x00" * 40])


@settings(max_examples=2 * USUAL)
@given(
    value=st.none() | st.binary(max_size=300) | st.lists(PIECES, max_size=6).map(b"".join),
    topic=st.sampled_from([topics.events(SENDER), topics.events(PARTNER), "", "yizhan.audit"]),
    header_bytes=st.integers(0, 10**6),
    received=st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_no_record_however_made_raises_anything_else(
    value: bytes | None, topic: str, header_bytes: int, received: datetime
) -> None:
    """Whatever stands in a record, admission raises Refused."""
    with pytest.raises(Refused):
        admit(Record(topic, 0, 0, received, value, header_bytes), SMALL.charter)


@settings(max_examples=3 * USUAL // 2)
@given(
    attributes=st.fixed_dictionaries(
        {},
        optional={
            "to": st.lists(st.sampled_from([PARTNER, SENDER, THIRD, "110101"]), max_size=3),
            "lanes": st.dictionaries(st.sampled_from([PARTNER, SENDER, THIRD]), st.just({"lane": "prompt", "n": 1})),
            "time": st.sampled_from([written(NOW), "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00.000Z"]),
            "type": st.sampled_from([FIRE, INTELLIGENCE, RECEIPT, NOTICE]),
            "receipt": st.sampled_from([DELIVERED, {"stage": "acted", "event": OWN}]),
            "withdraws": st.sampled_from([OWN, THEIRS]),
            "supersedes": st.sampled_from([OWN, THEIRS]),
            "reply_to": st.sampled_from([OWN, THEIRS]),
            "touches": st.lists(st.sampled_from([PARTNER, "999999"]), max_size=3),
        },
    )
)
def test_whatever_a_member_signs_is_admitted_or_refused(attributes: dict[str, Any]) -> None:
    """A member's own signature opens no way to another exception, and what comes in can be stamped."""
    with contextlib.suppress(Refused):
        admitted = admit(put(SMALL, forged(SMALL, **attributes)), SMALL.charter)
        assert admitted.decisions.keys() == set(admitted.header.to) == {PARTNER}
        Postmark.model_validate(
            {
                "record_sha256": HASH,
                "origin": {"cluster": "c", "topic": "t", "partition": 0, "offset": 0},
                "received": written(NOW),
                "charter": SMALL.charter.name,
                "id": admitted.header.id,
                "hash": admitted.verified.hash.hex(),
                "decisions": {code: {"way": d.way, "rule": d.rule} for code, d in admitted.decisions.items()},
            }
        )


def test_a_flip_is_refused_at_the_door_too(world: World) -> None:
    """One flip in each field of an envelope, through the whole admission."""
    letter = Letter.of(world.event())
    for field in ("header", "commit", "ciphertext", "signature"):
        data = getattr(letter, field)
        flipped = replace(letter, **{field: bytes([data[0] ^ 1]) + data[1:]})
        with pytest.raises(Refused):
            admit(put(world, flipped.data()), world.charter)


def test_admission_knows_only_the_charter_it_is_given(world: World) -> None:
    """Under a charter of other members the same record is refused."""
    two: Charter = World(("330327", "350982")).charter
    with pytest.raises(NotAMember):
        admit(put(world, world.event()), two)
