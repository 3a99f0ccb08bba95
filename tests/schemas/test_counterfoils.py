"""What stays of an envelope still proves who signed what."""

from __future__ import annotations

import pytest

from tests.world.simulator import World
from yizhan.schemas.counterfoils import counterfoil_of, verify_counterfoil
from yizhan.schemas.dsse import pae
from yizhan.schemas.envelope import parse_envelope
from yizhan.schemas.errors import Malformed, Refused
from yizhan.schemas.header import Header
from yizhan.schemas.keys import SigningPublicKey
from yizhan.schemas.suites import SUITE_1

WORLD = World()


def key_of(header: Header) -> SigningPublicKey:
    """Return the key that the charter has."""
    return WORLD.charter.signing[header.county][header.kid].key


def test_a_counterfoil_has_the_envelopes_header_and_hash_and_none_of_its_content() -> None:
    """Header and hash are those of the envelope; wraps, commitment and ciphertext are gone."""
    envelope = WORLD.event(to=("330327", "331126"))
    parsed = parse_envelope(envelope)
    cut = counterfoil_of(envelope)
    found = verify_counterfoil(cut, key_of)
    assert (found.hash, found.header.to) == (parsed.hash, ("330327", "331126"))
    for gone in (parsed.ciphertext, parsed.commit, *parsed.wraps):
        assert gone[:32] not in cut


def test_a_flipped_bit_anywhere_is_refused() -> None:
    """No byte of a counterfoil can be changed."""
    cut = counterfoil_of(WORLD.event())
    for place in range(len(cut)):
        changed = bytearray(cut)
        changed[place] ^= 1
        with pytest.raises((Refused, KeyError)):
            verify_counterfoil(bytes(changed), key_of)


@pytest.mark.parametrize("wrong", [b"", b"YZC1", b"YZE1"])
def test_nothing_shorter_or_longer_is_a_counterfoil(wrong: bytes) -> None:
    """Exactly framed, or malformed."""
    cut = counterfoil_of(WORLD.event())
    for data in (wrong, cut[:-1], cut + b"\0", wrong + cut[4:] if wrong != b"YZC1" else cut[:40]):
        with pytest.raises(Malformed):
            verify_counterfoil(data, key_of)


@pytest.mark.parametrize("order", [(1, 0), (0, 0)], ids=["falling", "doubled"])
def test_kids_rise_as_those_of_an_envelope_must(order: tuple[int, int]) -> None:
    """Signed as they stand, and still no counterfoil: no envelope has such a head."""
    cut = counterfoil_of(WORLD.event(to=("330327", "331126")))
    length = int.from_bytes(cut[9:13], "big")
    begin = 13 + length + 1
    kids = [cut[begin : begin + 32], cut[begin + 32 : begin + 64]]
    head = cut[4:begin] + kids[order[0]] + kids[order[1]]
    sealed = cut[-(32 + 2 + 64) : -(2 + 64)]
    signature = WORLD.counties["350924"].signing.sign(pae(SUITE_1.content_type, head + sealed))
    with pytest.raises(Malformed):
        verify_counterfoil(cut[:4] + head + sealed + (64).to_bytes(2, "big") + signature, key_of)
