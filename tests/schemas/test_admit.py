"""Admission: each reason for its own fault, in one order of work."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.forge import Letter, changed, forge, register
from tests.simulator import BOOK, FIRE, INTELLIGENCE, NOW, START, World, load, seed
from yizhan.schemas import topics
from yizhan.schemas.admit import CLOCK_TOLERANCE, MAX_KAFKA_HEADER_BYTES, Record, admit, check_receipt
from yizhan.schemas.charter import Charter
from yizhan.schemas.errors import (
    BadAudience,
    BadReference,
    BadSignature,
    FutureDated,
    KeyNotValid,
    KeyRevoked,
    Malformed,
    NotAMember,
    Oversize,
    Refused,
    UnknownKey,
    WrongTopic,
)
from yizhan.schemas.header import NOTICE, RECEIPT
from yizhan.schemas.keys import SealingKey, SigningKey
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.timestamps import written

SENDER, PARTNER, THIRD = "350924", "331126", "330327"
HASH = "0" * 64
LANE = {"lane": "prompt", "n": 1}
TURN = datetime(2026, 10, 1, tzinfo=UTC)
OLD, NEW, REVOKED = (SigningKey.from_seed(seed(f"sign 350924 {word}")) for word in ("old", "new", "revoked"))
OLD_SEAL, NEW_SEAL, REVOKED_SEAL = (
    SealingKey.from_seed(seed(f"seal 331126 {word}", 96)) for word in ("old", "new", "revoked")
)


@pytest.fixture(scope="module")
def world() -> World:
    """Return six counties, two of which have keys that began, ended or were revoked on 1 October."""
    world = World()
    files = world.files
    start, turn = written(START), written(TURN)
    keys: dict[str, tuple[SigningKey | SealingKey, ...]] = {
        SENDER: (OLD, NEW, REVOKED),
        PARTNER: (OLD_SEAL, NEW_SEAL, REVOKED_SEAL),
    }
    for county, (old, new, revoked) in keys.items():
        files = register(files, county, old, not_before=start, not_after=turn)
        files = register(files, county, new, not_before=turn)
        files = register(files, county, revoked, not_before=start, revoked=turn)
    world.charter = load(files)
    return world


def put(world: World, value: bytes | None, *, received: datetime = NOW, **record: Any) -> Record:  # noqa: ANN401 -- of any field
    """Make a record of the sender's topic."""
    facts: dict[str, Any] = {
        "topic": topics.events(SENDER),
        "partition": 0,
        "offset": 0,
        "received": received,
        "value": value,
    }
    return Record(**(facts | record))


def forged(
    world: World,
    signer: SigningKey | None = None,
    sealed_to: tuple[str, ...] = (PARTNER,),
    **attributes: Any,  # noqa: ANN401 -- of any attribute
) -> bytes:
    """Seal a header that ``Header`` may not take."""
    seals = [world.counties[code].sealing.public for code in sealed_to]
    return forge(changed(world.header(), **attributes), seals, signer or world.counties[SENDER].signing)


def refused(world: World, value: bytes | None, error: type[Refused], said: str = ".", **record: Any) -> None:  # noqa: ANN401 -- of any field
    """Expect one refusal, with a sentence short enough for a postmark."""
    with pytest.raises(error, match=said) as caught:
        admit(put(world, value, **record), world.charter)
    assert type(caught.value) is error
    assert len(str(caught.value)) <= 1000


def test_a_good_record_comes_in(world: World) -> None:
    """With its verified header, and a decision for each recipient."""
    admitted = admit(put(world, world.event(to=(THIRD, PARTNER))), world.charter)
    assert admitted.decisions.keys() == {THIRD, PARTNER}
    assert not admitted.clock_suspect


def test_records_without_an_envelope_are_malformed(world: World) -> None:
    """No value, an empty one, or text."""
    for value in (None, b"", b"{}", "火".encode()):
        refused(world, value, Malformed)


def test_kafka_headers_are_bounded(world: World) -> None:
    """64 KiB of record headers are taken, one byte more is oversize, whatever the value is."""
    admit(put(world, world.event(), header_bytes=MAX_KAFKA_HEADER_BYTES), world.charter)
    refused(world, world.event(), Oversize, "record headers", header_bytes=MAX_KAFKA_HEADER_BYTES + 1)
    refused(world, None, Oversize, header_bytes=MAX_KAFKA_HEADER_BYTES + 1)


@pytest.mark.parametrize(
    "topic", ["yizhan.events.331126", "yizhan.alerts.350924", "yizhan.events.350924 ", "", "x" * 249]
)
def test_an_event_belongs_on_its_senders_topic(world: World, topic: str) -> None:
    """The signature says whose it is; where it was found is compared with that."""
    refused(world, world.event(), WrongTopic, topic=topic)


def test_a_unit_speaks_on_its_countys_topic(world: World) -> None:
    """A source with a unit has its county's key and topic."""
    value = forged(world, source=f"{SENDER}.forest", id=f"{SENDER}.forest-{BOOK}-1")
    assert admit(put(world, value), world.charter).header.county == SENDER


def test_strangers_are_not_members(world: World) -> None:
    """A source or a recipient that the charter does not know is named."""
    stranger = SigningKey.from_seed(seed("stranger"))
    source: dict[str, Any] = {"source": "110101", "id": f"110101-{BOOK}-1", "kid": stranger.kid}
    refused(world, forged(world, stranger, **source), NotAMember, "110101")
    refused(world, forged(world, to=[PARTNER, "999999"], lanes={PARTNER: LANE, "999999": LANE}), NotAMember, "999999")


def test_keys_are_looked_up_by_source(world: World) -> None:
    """A key that nobody registered, another member's, or one of another role, is unknown here."""
    other = world.counties[THIRD].signing
    for signer in (SigningKey.from_seed(seed("stranger")), other):
        refused(world, forged(world, signer, kid=signer.kid), UnknownKey)
    refused(world, forged(world, kid=world.counties[SENDER].sealing.kid), UnknownKey)


MOMENT = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("signer", "received", "error"),
    [
        (OLD, START - MOMENT, KeyNotValid),
        (OLD, START, None),
        (OLD, TURN - MOMENT, None),
        (OLD, TURN, KeyNotValid),
        (NEW, TURN - MOMENT, KeyNotValid),
        (NEW, TURN, None),
        (REVOKED, TURN - MOMENT, None),
        (REVOKED, TURN, KeyRevoked),
        (REVOKED, NOW, KeyRevoked),
    ],
)
def test_a_signing_key_holds_from_until(
    world: World, signer: SigningKey, received: datetime, error: type[Refused] | None
) -> None:
    """Its first instant is in, its last is out, by the broker's clock and not the sender's."""
    value = forged(world, signer, kid=signer.kid, time=written(START))
    if error is None:
        admit(put(world, value, received=received), world.charter)
    else:
        refused(world, value, error, received=received)


def test_the_signature_is_checked_before_the_keys_age(world: World) -> None:
    """Who does not hold an expired key learns nothing of it but bad_signature."""
    value = forged(world, SigningKey.from_seed(seed("stranger")), kid=OLD.kid)
    refused(world, value, BadSignature)


@pytest.mark.parametrize(
    ("key", "received", "good"),
    [
        (OLD_SEAL, TURN - MOMENT, True),
        (OLD_SEAL, TURN, False),
        (NEW_SEAL, TURN - MOMENT, False),
        (NEW_SEAL, TURN, True),
        (REVOKED_SEAL, TURN - MOMENT, True),
        (REVOKED_SEAL, TURN, False),
    ],
)
def test_a_sealing_key_holds_from_until(world: World, key: SealingKey, received: datetime, good: bool) -> None:  # noqa: FBT001
    """Sealed to a key that holds no longer, or not yet, the audience is bad."""
    value = forge(changed(world.header(), time=written(START)), [key.public], world.counties[SENDER].signing)
    if good:
        admit(put(world, value, received=received), world.charter)
    else:
        refused(world, value, BadAudience, received=received)


@pytest.mark.parametrize(
    ("to", "lanes", "sealed_to"),
    [
        ([PARTNER, THIRD], [THIRD, PARTNER], (THIRD, PARTNER)),
        ([PARTNER, PARTNER], [PARTNER], (PARTNER,)),
        ([PARTNER, PARTNER], [PARTNER], (THIRD, PARTNER)),
        ([], [], (PARTNER,)),
        ([SENDER], [SENDER], (SENDER,)),
        ([PARTNER, SENDER], [PARTNER, SENDER], (PARTNER, SENDER)),
        ([THIRD, PARTNER], [PARTNER], (THIRD, PARTNER)),
        ([THIRD, PARTNER], [], (THIRD, PARTNER)),
        ([PARTNER], [THIRD, PARTNER], (PARTNER,)),
        ([PARTNER], [THIRD], (PARTNER,)),
        ([PARTNER], [PARTNER], (THIRD,)),
        ([PARTNER], [PARTNER], (THIRD, PARTNER)),
        ([PARTNER], [PARTNER], (SENDER, PARTNER)),
        ([THIRD, PARTNER], [THIRD, PARTNER], (PARTNER,)),
        ([THIRD, PARTNER], [THIRD, PARTNER], ("331181", PARTNER)),
    ],
)
def test_to_lanes_and_keys_name_the_same(
    world: World, to: list[str], lanes: list[str], sealed_to: tuple[str, ...]
) -> None:
    """Sorted, each once, without the sender, not empty, a lane and a key for each and no other."""
    value = forged(world, sealed_to=sealed_to, to=to, lanes=dict.fromkeys(lanes, LANE))
    refused(world, value, BadAudience)


def test_two_keys_of_one_member_are_one_too_many(world: World) -> None:
    """One key each: a second valid key of a recipient cannot hide a missing one of another."""
    both = [NEW_SEAL.public, world.counties[PARTNER].sealing.public]
    signer = world.counties[SENDER].signing
    refused(world, forge(world.header(), both, signer), BadAudience)
    refused(world, forge(world.header(to=(THIRD, PARTNER)), both, signer), BadAudience)


def test_a_refusal_stays_short_with_sixty_members() -> None:
    """However many are addressed, the sentence fits into a postmark."""
    codes = [f"{code:06}" for code in range(110_000, 110_064)]
    world = World()
    value = forge(
        changed(world.header(), to=codes, lanes=dict.fromkeys(codes, LANE)),
        [county.sealing.public for county in world.counties.values()],
        world.counties[SENDER].signing,
    )
    refused(world, value, NotAMember)
    members = dict.fromkeys(codes, world.charter.members[PARTNER]) | dict(world.charter.members)
    sealing = dict.fromkeys(codes, world.charter.sealing[PARTNER]) | dict(world.charter.sealing)
    world.charter = replace(world.charter, members=members, sealing=sealing)
    refused(world, value, BadAudience)
    value = forged(world, to=codes, lanes={PARTNER: LANE})
    refused(world, value, BadAudience)


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


@settings(max_examples=200, deadline=None)
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


@settings(max_examples=150, deadline=None)
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
