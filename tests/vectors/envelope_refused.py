"""The envelope's vectors that are refused for their author, audience or references, and those that do not open."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tests.vectors.maker import (
    EXPIRED,
    FUTURE,
    HASH,
    KEYRING,
    PARTNER,
    RETIRED,
    REVOKED,
    SENDER,
    STRANGER,
    STRANGERS_SEAL,
    THIRD,
)
from tests.world.forge import Letter, changed, forge
from tests.world.simulator import BOOK, INTELLIGENCE, NOW
from yizhan.schemas import topics
from yizhan.schemas.envelope import pad
from yizhan.schemas.header import RECEIPT
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    from tests.vectors.maker import Maker
    from yizhan.schemas.keys import SealingPublicKey

ORDER_OF_ED25519: Final = 2**252 + 27742317777372353535851937790883648493


def identity(make: Maker) -> None:
    """What is refused for who signed it."""
    make.add(
        "not-a-member-source",
        "A source that the charter does not know.",
        forge(
            changed(make.header(), source="110101", id=f"110101-{BOOK}-1", kid=STRANGER.kid),
            make.seals(PARTNER),
            STRANGER,
        ),
        topic=topics.events("110101"),
    )
    make.add(
        "unknown-key",
        "A key that the charter does not know.",
        forge(changed(make.header(), kid=STRANGER.kid), make.seals(PARTNER), STRANGER),
    )
    make.add(
        "unknown-key-of-another",
        "Another member's key.",
        forge(changed(make.header(), kid=make.key(THIRD).kid), make.seals(PARTNER), make.key(THIRD)),
    )
    make.add(
        "unknown-key-of-another-role",
        "The kid of the county's own sealing key.",
        make.forged(changed(make.header(), kid=make.seals(SENDER)[0].kid)),
    )
    for name, key, description in (
        ("key-not-valid-expired", EXPIRED, "A key that was valid until October."),
        ("key-not-valid-yet", FUTURE, "A key that is valid from January."),
        ("key-revoked", REVOKED, "A key revoked on 1 November."),
    ):
        make.add(
            name,
            description,
            forge(changed(make.header(KEYRING), kid=key.kid), make.seals(PARTNER), key),
            topic=topics.events(KEYRING),
        )


def signatures(make: Maker) -> None:
    """What is refused for its signature, or where it was found."""
    good = Letter.of(make.good())
    other = Letter.of(make.good())
    s = int.from_bytes(good.signature[32:], "little")
    high = good.signature[:32] + (s + ORDER_OF_ED25519).to_bytes(32, "little")
    make.add(
        "bad-signature-flipped",
        "One bit of the signature.",
        replace(good, signature=bytes([good.signature[0] ^ 1]) + good.signature[1:]).data(),
    )
    make.add(
        "bad-signature-high-s", "S + L: the second spelling of a good signature.", replace(good, signature=high).data()
    )
    make.add(
        "bad-signature-other-county",
        "Signed again by another county under the same header.",
        good.signed_by(make.key(THIRD)).data(),
    )
    make.add(
        "bad-signature-swapped-header",
        "One event's header on another's content.",
        replace(good, header=other.header).data(),
    )
    make.add(
        "bad-signature-swapped-ciphertext",
        "One event's ciphertext in another's place.",
        replace(good, ciphertext=other.ciphertext).data(),
    )
    make.add("wrong-topic", "One county's event on another's topic.", good.data(), topic=topics.events(PARTNER))


def audience(make: Maker) -> None:
    """What is refused for whom it addresses."""
    lane = {"lane": "prompt", "n": 1}
    both = {PARTNER: lane, THIRD: lane}
    make.add(
        "not-a-member-recipient",
        "A recipient that the charter does not know.",
        make.forged(_to(make, [PARTNER, "999999"], {PARTNER: lane, "999999": lane})),
    )
    cases: tuple[tuple[str, str, bytes], ...] = (
        ("unsorted", "to out of order.", _to(make, [PARTNER, THIRD], both)),
        ("twice", "A recipient twice.", _to(make, [PARTNER, PARTNER], {PARTNER: lane})),
        ("nobody", "to is empty.", _to(make, [], {})),
        ("sender", "The sender among the recipients.", _to(make, [PARTNER, SENDER], {PARTNER: lane, SENDER: lane})),
        ("lane-missing", "A recipient without a lane.", _to(make, [THIRD, PARTNER], {PARTNER: lane})),
        ("lane-of-nobody", "A lane without a recipient.", _to(make, [PARTNER], both)),
    )
    for name, description, header in cases:
        make.add(f"bad-audience-{name}", description, make.forged(header, PARTNER, THIRD))
    header = make.header().to_bytes()
    keys: tuple[tuple[str, str, list[SealingPublicKey]], ...] = (
        ("retired-key", "Sealed to a key that holds no longer.", [RETIRED.public]),
        ("key-of-another", "Sealed to a member that is not addressed.", make.seals(THIRD)),
        ("strangers-key", "Sealed to a key that the charter does not know.", [STRANGERS_SEAL.public]),
        ("one-more", "Sealed to one more than is addressed.", make.seals(PARTNER, THIRD)),
    )
    for name, description, recipients in keys:
        make.add(f"bad-audience-{name}", description, forge(header, recipients, make.key()))
    make.add(
        "bad-audience-one-less",
        "Sealed to one fewer than are addressed.",
        make.forged(make.header(to=(THIRD, PARTNER))),
    )


def _to(make: Maker, to: list[str], lanes: dict[str, Any]) -> bytes:
    return changed(make.header(), to=to, lanes=lanes)


def references(make: Maker) -> None:
    """What is refused for what it refers to, or for its time."""
    theirs = {"id": f"{PARTNER}-{BOOK}-7", "hash": HASH}
    make.add("bad-reference-withdraws", "It withdraws what another county sent.", make.good(withdraws=theirs))
    make.add("bad-reference-supersedes", "It supersedes what another county sent.", make.good(supersedes=theirs))
    own = make.header()
    make.add(
        "bad-reference-itself", "A reply to itself.", make.forged(changed(own, reply_to={"id": own.id, "hash": HASH}))
    )
    make.add(
        "bad-reference-receipt",
        "A receipt to one who did not send what it confirms.",
        make.good(type=RECEIPT, receipt={"stage": "acted", "event": theirs | {"id": f"{THIRD}-{BOOK}-7"}}),
    )
    make.add(
        "future-dated",
        "Learnt of five minutes and a millisecond after it was received.",
        make.good(type=INTELLIGENCE, time=written(NOW + timedelta(minutes=5, milliseconds=1))),
    )


def unopenable(make: Maker) -> None:
    """What the station cannot know: it comes in, and does not open."""
    good = Letter.of(make.good())
    header = make.header(to=(THIRD, PARTNER))
    partner = make.seals(PARTNER)[0]
    make.add(
        "unopenable-not-addressed",
        "Opened with a key that it was not sealed to.",
        good.data(),
        opened_by={PARTNER: RETIRED},
    )
    thief = changed(make.header(THIRD), to=[PARTNER])
    make.add(
        "unopenable-wrap",
        "Another county took the content and wrote itself as the sender.",
        replace(good, header=thief).signed_by(make.key(THIRD)).data(),
        topic=topics.events(THIRD),
    )
    two = Letter.of(make.world.seal(header))
    make.add(
        "unopenable-wraps-swapped",
        "The recipients' wraps in each other's place.",
        replace(two, wraps=two.wraps[::-1]).signed_by(make.key()).data(),
    )
    split = Letter.sealed_to(header.to_bytes(), make.seals(THIRD, PARTNER), pad(b"{}"), keys={partner.kid: b"\1" * 32})
    make.add("unopenable-commit", "One recipient is given another content key.", split.signed_by(make.key()).data())
    broken = bytes([good.ciphertext[0] ^ 1]) + good.ciphertext[1:]
    make.add(
        "unopenable-ciphertext",
        "One bit of the ciphertext, signed by its sender.",
        replace(good, ciphertext=broken).signed_by(make.key()).data(),
    )
    pads: tuple[tuple[str, str, bytes], ...] = (
        ("", "No marker in the padding.", bytes(256)),
        ("-byte", "Something else than zeros after the marker.", b"{}\x80" + bytes(252) + b"\1"),
        ("-too-long", "Padded further than to the next padded length.", b"{}\x80" + bytes(269)),
    )
    for name, description, padded in pads:
        letter = Letter.sealed_to(make.header().to_bytes(), [partner], padded)
        make.add(f"unopenable-padding{name}", description, letter.signed_by(make.key()).data())


STEPS = (identity, signatures, audience, references, unopenable)
