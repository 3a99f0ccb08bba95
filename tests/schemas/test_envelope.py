"""The envelope: what verifies is the original, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world.forge import Letter, changed, forge
from tests.world.simulator import NOW, World
from yizhan.schemas.admit import verify
from yizhan.schemas.envelope import (
    MAX_BYTES,
    open_verified,
    pad,
    padded_length,
    parse_envelope,
    seal,
    unpad,
    verify_envelope,
)
from yizhan.schemas.errors import (
    BadSignature,
    Malformed,
    Oversize,
    Refused,
    UnknownKey,
    UnknownSuite,
    Unopenable,
    YizhanError,
)
from yizhan.schemas.suites import SUITE_1

USUAL = settings().max_examples
"""Examples of a test that does not say how many; fewer in ``make unit``."""

THE_ONE, THIRD, SENDER = "331126", "330327", "350924"
L = 2**252 + 27742317777372353535851937790883648493


@pytest.fixture(scope="module")
def world() -> World:
    """Return six counties."""
    return World()


def opened(world: World, data: bytes, by: str = THE_ONE) -> bytes:
    """Verify and open as one recipient."""
    return open_verified(verify(data, world.charter, NOW), [world.counties[by].sealing])


def test_what_was_sealed_is_what_opens(world: World) -> None:
    """Every recipient reads the same payload, and nobody else any."""
    data = world.seal(world.header(to=(THIRD, THE_ONE)), b"payload")
    assert opened(world, data) == opened(world, data, THIRD) == b"payload"
    with pytest.raises(Unopenable) as error:
        opened(world, data, SENDER)
    assert error.value.cause == "not_addressed"


@settings(max_examples=60)
@given(payload=st.binary(max_size=3000))
def test_any_bytes_survive(payload: bytes) -> None:
    """A payload of any bytes and any length comes out as it went in; its length is only roughly seen."""
    world = World(("331126", "350924"))
    data = world.seal(world.header(), payload)
    assert opened(world, data) == payload
    assert len(parse_envelope(data).ciphertext) == padded_length(len(payload) + 1) + 16


@pytest.mark.exhaustive
def test_no_flipped_bit_is_accepted(world: World) -> None:
    """Every single-bit flip of an envelope is refused, by name."""
    data = world.event()
    for at in range(len(data)):
        for bit in range(8):
            flipped = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            with pytest.raises(Refused):
                verify(flipped, world.charter, NOW)


def test_no_truncation_is_accepted(world: World) -> None:
    """Cut at any byte, from the back or from the front, an envelope is malformed."""
    data = world.event()
    for at in range(len(data)):
        with pytest.raises(Malformed):
            verify(data[:at], world.charter, NOW)
        with pytest.raises(Malformed):
            verify(data[at + 1 :], world.charter, NOW)


@pytest.mark.parametrize("tail", [b"\0", b"YZE1", bytes(1000)])
def test_nothing_may_follow(world: World, tail: bytes) -> None:
    """One byte after the signature is one too many."""
    with pytest.raises(Malformed, match="after the signature"):
        verify(world.event() + tail, world.charter, NOW)


@pytest.mark.parametrize("field", ["header", "wraps", "commit", "ciphertext", "signature", "kids"])
def test_no_part_can_be_swapped(world: World, field: str) -> None:
    """A part of another letter by the same sender to the same recipients breaks the signature."""
    mine, other = Letter.of(world.event(to=(THE_ONE,))), Letter.of(world.event(to=(THE_ONE,)))
    if field == "kids":
        other = Letter.of(world.event(to=(THIRD,)))
    with pytest.raises(BadSignature):
        verify(replace(mine, **{field: getattr(other, field)}).data(), world.charter, NOW)


@pytest.mark.parametrize("field", ["wraps", "commit", "ciphertext"])
def test_swapped_by_its_own_sender_it_does_not_open(world: World, field: str) -> None:
    """Even signed again by the sender, another letter's part opens as nothing: all is bound to the head."""
    mine, other = Letter.of(world.event()), Letter.of(world.event())
    mixed = replace(mine, **{field: getattr(other, field)}).signed_by(world.counties[SENDER].signing)
    with pytest.raises(Unopenable) as error:
        opened(world, mixed.data())
    assert error.value.cause == {"wraps": "wrap"}.get(field, field)


def test_another_county_cannot_sign_it_again(world: World) -> None:
    """Under the sender's header a stranger's signature is bad."""
    letter = Letter.of(world.event()).signed_by(world.counties[THIRD].signing)
    with pytest.raises(BadSignature):
        verify(letter.data(), world.charter, NOW)


def test_another_county_cannot_claim_it(world: World) -> None:
    """With its own header on somebody's content a thief gets past the blind station, and nobody reads it."""
    thief = world.header(THIRD, to=(THE_ONE,))
    letter = replace(Letter.of(world.event()), header=thief.to_bytes()).signed_by(world.counties[THIRD].signing)
    admitted = world.admit(letter.data(), THIRD)
    with pytest.raises(Unopenable) as error:
        open_verified(admitted.verified, [world.counties[THE_ONE].sealing])
    assert error.value.cause == "wrap"


@pytest.mark.parametrize("kid", ["sign", "seal"])
def test_the_key_of_another_is_unknown(world: World, kid: str) -> None:
    """A header that names another member's key, or one of another role, names none of this source."""
    other = world.counties[THIRD]
    name = other.signing.kid if kid == "sign" else world.counties[SENDER].sealing.kid
    data = forge(changed(world.header(), kid=name), [world.counties[THE_ONE].sealing.public], other.signing)
    with pytest.raises(UnknownKey):
        verify(data, world.charter, NOW)


def test_a_signature_has_one_spelling(world: World) -> None:
    """S + L solves the same equation and is refused (RFC 8032 §5.1.7): nobody makes a second letter of one."""
    letter = Letter.of(world.event())
    s = int.from_bytes(letter.signature[32:], "little")
    for multiple in range(1, 8):
        again = letter.signature[:32] + (s + multiple * L).to_bytes(32, "little")
        with pytest.raises(BadSignature):
            verify(replace(letter, signature=again).data(), world.charter, NOW)


def test_recipients_cannot_be_given_different_contents(world: World) -> None:
    """Whoever unwraps another content key than the one committed to opens nothing, and knows why."""
    header = world.header(to=(THIRD, THE_ONE))
    both = [world.counties[code].sealing.public for code in header.to]
    letter = Letter.sealed_to(header.to_bytes(), both, pad(b"for both"), keys={both[1].kid: b"\x07" * 32})
    data = letter.signed_by(world.counties[SENDER].signing).data()
    assert opened(world, data, THIRD) == b"for both"
    with pytest.raises(Unopenable) as error:
        opened(world, data, THE_ONE)
    assert error.value.cause == "commit"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"magic": b"YZE2"}, Malformed),
        ({"magic": b"yze1"}, Malformed),
        ({"suite": 0}, UnknownSuite),
        ({"suite": 2}, UnknownSuite),
        ({"suite": 255}, UnknownSuite),
        ({"header": bytes(16 * 1024 + 1)}, Oversize),
        ({"kids": (), "wraps": ()}, Malformed),
        ({"kids": tuple(n.to_bytes(32, "big") for n in range(65))}, Malformed),
        ({"wraps": (bytes(1167),)}, Malformed),
        ({"wraps": (bytes(1169),)}, Malformed),
        ({"wraps": (b"",)}, Malformed),
        ({"wraps": ()}, Malformed),
        ({"wraps": (bytes(1168), bytes(1168))}, Malformed),
        ({"commit": bytes(31)}, Malformed),
        ({"commit": bytes(33)}, Malformed),
        ({"ciphertext": b""}, Malformed),
        ({"ciphertext": bytes(16)}, Malformed),
        ({"ciphertext": bytes(271)}, Malformed),
        ({"ciphertext": bytes(273)}, Malformed),
        ({"signature": b""}, Malformed),
        ({"signature": bytes(63)}, Malformed),
        ({"signature": bytes(65)}, Malformed),
    ],
    ids=str,
)
def test_the_frame_is_exact(world: World, change: dict[str, object], error: type[Refused]) -> None:
    """Another magic, suite, count or length is refused by name, whoever signed it."""
    letter = replace(Letter.of(world.event()), **change)  # type: ignore[arg-type] # any field, any value
    if "signature" not in change:
        letter = letter.signed_by(world.counties[SENDER].signing)
    with pytest.raises(error):
        parse_envelope(letter.data(), SUITE_1)


def test_recipients_stand_in_one_order(world: World) -> None:
    """Kids out of order or twice are malformed: one audience has one spelling."""
    letter = Letter.of(world.event(to=(THIRD, THE_ONE)))
    backwards = replace(letter, kids=letter.kids[::-1], wraps=letter.wraps[::-1])
    twice = replace(letter, kids=letter.kids[:1] * 2)
    for wrong in (backwards, twice):
        with pytest.raises(Malformed, match="sorted and unique"):
            parse_envelope(wrong.signed_by(world.counties[SENDER].signing).data())


def test_a_count_that_lies_does_not_shift_the_frame(world: World) -> None:
    """A length field that claims more or less than there is runs out, or leaves something over."""
    data = world.event()
    header_length = int.from_bytes(data[5:9], "big")
    for lie in (0, 1, header_length - 1, header_length + 1, 16 * 1024):
        with pytest.raises(Malformed):
            parse_envelope(data[:5] + lie.to_bytes(4, "big") + data[9:])
    for lie in (16 * 1024 + 1, 2**31, 2**32 - 1):
        with pytest.raises(Oversize):
            parse_envelope(data[:5] + lie.to_bytes(4, "big") + data[9:])


def test_too_long_is_told_before_anything_is_read() -> None:
    """900,001 bytes are oversize whatever they are; 900,000 are read."""
    with pytest.raises(Oversize):
        parse_envelope(bytes(MAX_BYTES + 1))
    with pytest.raises(Malformed):
        parse_envelope(bytes(MAX_BYTES))


def test_the_sender_learns_that_it_is_too_long(world: World) -> None:
    """What does not fit is refused when it is sealed, and the longest that fits goes."""
    header = world.header()
    with pytest.raises(Oversize, match="shorten"):
        world.seal(header, bytes(900_000))
    data = world.seal(header, bytes(850_000))
    assert len(data) <= MAX_BYTES
    assert opened(world, data) == bytes(850_000)


def test_the_senders_slips_are_errors_of_the_caller(world: World) -> None:
    """No recipient, one twice, or a header that names another signer: ValueError before anything is sealed."""
    header, sender = world.header(), world.counties[SENDER].signing
    partner = world.counties[THE_ONE].sealing.public
    for recipients, signer in (([], sender), ([partner, partner], sender), ([partner], world.counties[THIRD].signing)):
        with pytest.raises(ValueError, match=r"expected|names"):
            seal(header, b"", recipients, signer)


def test_the_hash_names_the_event_without_its_signature(world: World) -> None:
    """Two signatures would be two spellings of one event: the hash leaves the signature out."""
    letter = Letter.of(world.event())
    other = replace(letter, signature=bytes(64))
    assert parse_envelope(letter.data()).hash == parse_envelope(other.data()).hash
    changed_content = replace(letter, commit=bytes(32))
    assert parse_envelope(letter.data()).hash != parse_envelope(changed_content.data()).hash


def test_sealing_twice_gives_two_letters(world: World) -> None:
    """Sealing is randomised: the same header and payload never give the same content twice."""
    header = world.header()
    first, second = world.seal(header), world.seal(header)
    assert parse_envelope(first).hash != parse_envelope(second).hash


@settings(max_examples=3 * USUAL)
@given(data=st.binary(max_size=400) | st.binary(max_size=400).map(lambda tail: b"YZE1\x01" + tail))
def test_the_parser_refuses_rubbish_by_name(data: bytes) -> None:
    """Any bytes at all: a Refused, or nothing."""
    with pytest.raises(Refused):
        parse_envelope(data)


WORLD = World(("331126", "350924"))
GOOD = WORLD.event()


@settings(max_examples=3 * USUAL)
@given(at=st.integers(0, len(GOOD) - 1), length=st.integers(0, 80), piece=st.binary(max_size=80))
def test_no_splice_is_accepted(at: int, length: int, piece: bytes) -> None:
    """Bytes replaced, removed or put in anywhere: refused, unless nothing changed."""
    data = GOOD[:at] + piece + GOOD[at + length :]
    if data == GOOD:
        return
    with pytest.raises(Refused):
        verify(data, WORLD.charter, NOW)


@settings(max_examples=3 * USUAL // 2)
@given(
    wrap=st.binary(min_size=1168, max_size=1168),
    commit=st.binary(min_size=32, max_size=32),
    rest=st.binary(min_size=272, max_size=272),
)
def test_a_senders_rubbish_is_unopenable(wrap: bytes, commit: bytes, rest: bytes) -> None:
    """Whatever a member seals and signs, opening it raises Unopenable and nothing else."""
    letter = replace(Letter.of(GOOD), wraps=(wrap,), commit=commit, ciphertext=rest)
    data = letter.signed_by(WORLD.counties[SENDER].signing).data()
    verified = verify(data, WORLD.charter, NOW)
    with pytest.raises(Unopenable):
        open_verified(verified, [WORLD.counties[THE_ONE].sealing])


@pytest.mark.parametrize("point", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, 2**256 - 1])
def test_an_ephemeral_point_of_small_order_is_unopenable(world: World, point: int) -> None:
    """A wrap whose X25519 share gives an all-zero secret, or is spelled otherwise, does not open."""
    letter = Letter.of(world.event())
    wrap = letter.wraps[0][:1088] + point.to_bytes(32, "little") + letter.wraps[0][1120:]
    with pytest.raises(Unopenable):
        opened(world, replace(letter, wraps=(wrap,)).signed_by(world.counties[SENDER].signing).data())


@given(payload=st.binary(max_size=2000))
def test_padding_comes_off_as_it_went_on(payload: bytes) -> None:
    """Padding is undone exactly, and is never less than 256 bytes nor more than one part in nine."""
    padded = pad(payload)
    assert unpad(padded) == payload
    assert 256 <= len(padded) <= max(256, (len(payload) + 1) * 10 // 9)


@pytest.mark.parametrize(
    "padded",
    [
        b"",
        bytes(256),
        b"\x80" + bytes(254),
        b"\x80" + bytes(256),
        b"\x80" + bytes(271),
        b"a\x80" + bytes(253) + b"\x01",
        b"\x81" + bytes(255),
    ],
    ids=["empty", "no-marker", "short", "not-a-padded-length", "too-long", "byte-after", "other-marker"],
)
def test_padding_has_one_spelling(padded: bytes) -> None:
    """What pad would not have written is unopenable."""
    with pytest.raises(Unopenable) as error:
        unpad(padded)
    assert error.value.cause == "padding"


@given(length=st.integers(1, 10**7))
def test_a_padded_length_is_its_own(length: int) -> None:
    """Padmé lengths are fixed points, so a parser can tell them without the key."""
    assert padded_length(padded_length(length)) == padded_length(length) >= length


def test_nothing_outside_the_tree_is_raised_by_the_key_lookup(world: World) -> None:
    """verify_envelope raises what its key lookup raises, and that is a Refused."""
    with pytest.raises(YizhanError):
        verify_envelope(GOOD, lambda _: (_ for _ in ()).throw(UnknownKey("expected a key")))
