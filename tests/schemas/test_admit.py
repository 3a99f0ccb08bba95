"""Admission: envelope, topic, membership, keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.schemas.admit_cases import (
    LANE,
    MOMENT,
    NEW,
    NEW_SEAL,
    OLD,
    OLD_SEAL,
    PARTNER,
    REVOKED,
    REVOKED_SEAL,
    SENDER,
    THIRD,
    TURN,
    forged,
    put,
    refused,
)
from tests.world.forge import changed, forge
from tests.world.simulator import BOOK, NOW, START, World, seed
from yizhan.schemas.admit import MAX_KAFKA_HEADER_BYTES, admit
from yizhan.schemas.errors import (
    BadAudience,
    BadSignature,
    KeyNotValid,
    KeyRevoked,
    Malformed,
    NotAMember,
    Oversize,
    Refused,
    UnknownKey,
    WrongTopic,
)
from yizhan.schemas.keys import SealingKey, SigningKey
from yizhan.schemas.timestamps import written


def test_a_good_record_comes_in(world: World) -> None:
    """With its verified header, and a decision for each recipient."""
    admitted = admit(put(world, world.event(to=(THIRD, PARTNER))), world.charter)
    assert admitted.decisions.keys() == {THIRD, PARTNER}
    assert not admitted.clock_suspect


def test_records_without_an_envelope_are_malformed(world: World) -> None:
    """A record without a value, with an empty one or with text is malformed."""
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
