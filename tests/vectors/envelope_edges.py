"""The envelope's vectors at the edges: limits just met, instants just reached, two faults at once, odd keys.

Rule 1: where a limit is met exactly, its neighbour stands beside it, so that one off is noticed either way.
Rule 2: a vector whose name begins with ``order-`` has two faults; the first of the specification's 8.2 is the reason.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tests.vectors.by_hand import IDENTITY, IDENTITY_AGAIN, ORDER_8, signature_with, wrap_with
from tests.vectors.maker import (
    EXPIRED,
    FUTURE,
    KEYRING,
    PARTNER,
    RETIRED,
    REVOKED,
    SENDER,
    STRANGER,
    STRANGERS_SEAL,
    THIRD,
    of_source,
)
from tests.world.forge import Letter, changed, forge
from tests.world.simulator import BOOK, FIRE, INTELLIGENCE, NOW, START, seed
from yizhan.schemas import topics
from yizhan.schemas.envelope import pad
from yizhan.schemas.header import RECEIPT
from yizhan.schemas.timestamps import instant, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.vectors.maker import Maker
    from yizhan.schemas.keys import SigningKey

DISASTER: Final = "yizhan.incident.natural_disaster.v1"
HOTSPOT: Final = "yizhan.incident.hotspot.v1"
CRIME: Final = "yizhan.incident.eco_crime.v1"
ONE: Final = timedelta(milliseconds=1)
LANE: Final = {"lane": "prompt", "n": 1}
MANY: Final = [str(100_000 + n) for n in range(65)]


def flipped(data: bytes) -> bytes:
    """Spoil the signature of an envelope."""
    return data[:-1] + bytes([data[-1] ^ 1])


def limits(make: Maker) -> None:
    """Lengths and counts that are just allowed, and the next ones."""
    good = Letter.of(make.good())
    data = good.data()
    make.add("limit-kafka-headers", "64 KiB of Kafka headers.", data, kafka_header_bytes=64 * 1024)
    make.add(
        "malformed-record-of-900000",
        "900,000 bytes are not too many; zeros follow the signature.",
        data,
        zeros_after=900_000 - len(data),
    )
    header = make.header().to_bytes().ljust(16 * 1024)
    make.add("limit-header", "A header of 16 KiB, white space at its end.", make.forged(header))
    kids = sorted([good.kids[0], *(n.to_bytes(32, "big") for n in range(63))])
    many = replace(good, kids=tuple(kids), wraps=good.wraps * 64).signed_by(make.key())
    make.add("bad-audience-64-kids", "64 kids are framed well; 63 of them are nobody's.", many.data())
    for count in (64, 65):
        codes, names = MANY[:count], dict.fromkeys(MANY[:count], LANE)
        reason, word = ("malformed", "too many") if count > 64 else ("", "not too many")
        make.add(
            f"{reason or 'not-a-member'}-to-{count}",
            f"{count} members in to are {word}.",
            make.forged(changed(make.header(), to=codes, lanes=dict.fromkeys(codes[:64], LANE))),
        )
        make.add(
            f"{reason or 'bad-audience'}-lanes-{count}",
            f"{count} lanes are {word}.",
            make.forged(changed(make.header(), lanes={PARTNER: LANE} | dict(list(names.items())[1:]))),
        )
        make.add(
            f"{reason or 'limit'}-touches-{count}",
            f"{count} codes in touches are {word}.",
            make.forged(changed(make.header(), touches=codes)),
        )
        lane = {"stage": "delivered", "source": PARTNER, "book": BOOK, "lane": "prompt", "up_to": 0}
        beyond = list(range(2, 2 + count))
        make.add(
            f"{reason or 'limit'}-beyond-{count}",
            f"{count} numbers beyond a gap are {word}.",
            make.forged(changed(make.header(type=INTELLIGENCE), type=RECEIPT, receipt=lane | {"beyond": beyond})),
        )
    largest = 2**53 - 1
    make.add(
        "limit-integer",
        "2^53 - 1 is an integer.",
        make.forged(changed(make.header(), lanes={PARTNER: {"lane": "prompt", "n": largest}})),
    )


def instants(make: Maker) -> None:
    """Keys at the very instants at which they begin and end to hold."""

    def event(key: SigningKey, received: datetime) -> bytes:
        header = changed(make.header(KEYRING), kid=key.kid, time=written(received))
        return forge(header, make.seals(PARTNER), key)

    edges: tuple[tuple[str, str, SigningKey, str], ...] = (
        ("not-after", "key-not-valid", EXPIRED, "2026-10-01T00:00:00.000Z"),
        ("revoked", "key-revoked", REVOKED, "2026-11-01T00:00:00.000Z"),
        ("not-before", "", FUTURE, "2027-01-01T00:00:00.000Z"),
    )
    topic = topics.events(KEYRING)
    for name, reason, key, at in edges:
        for before, which in ((False, "at"), (True, "a millisecond before")):
            moment = instant(at) - ONE * before
            holds = before if reason else not before
            first = "instant" if holds else reason or "key-not-valid"
            label = f"{first}-{'before' if before else 'at'}-{name}"
            verb = "holds" if holds else "does not hold"
            sentence = f"Received {which} {name.replace('-', '_')}: the key {verb}."
            make.add(label, sentence, event(key, moment), topic=topic, received=moment)
    end = instant("2026-10-01T00:00:00.000Z")
    for moment, name, sentence in (
        (end, "bad-audience-at-not-after", "Received at not_after of the sealing key, which does not hold."),
        (end - ONE, "instant-before-not-after-of-a-seal", "Received a millisecond before not_after: it holds."),
    ):
        header = changed(make.header(), time=written(moment))
        data = forge(header, [RETIRED.public], make.key())
        make.add(name, sentence, data, received=moment, opened_by={PARTNER: RETIRED})
    for moment, name, sentence in (
        (START, "instant-at-not-before-of-all", "Received at not_before of every key: they hold."),
        (START - ONE, "key-not-valid-before-all", "Received a millisecond before not_before of every key."),
    ):
        make.add(name, sentence, make.forged(changed(make.header(), time=written(moment))), received=moment)


def clocks(make: Maker) -> None:
    """Clocks that run ahead, and charters that the station does not have."""
    ahead = written(NOW + timedelta(hours=9))
    make.add(
        "clock-ahead-disaster", "A disaster from a clock ahead comes in, marked.", make.good(type=DISASTER, time=ahead)
    )
    make.add(
        "future-dated-hotspot", "A hotspot from a clock that runs ahead does not.", make.good(type=HOTSPOT, time=ahead)
    )
    edge = written(NOW + timedelta(minutes=5))
    make.add("clock-just-within-fire", "A fire five minutes ahead is not marked.", make.good(time=edge))
    late = written(NOW + timedelta(minutes=5) + ONE)
    make.add("clock-just-ahead-fire", "A fire a millisecond further ahead is.", make.good(time=late))
    make.add("clock-behind", "What was learnt long ago comes in.", make.good(time="2000-01-01T00:00:00.000Z"))
    last = "2199-12-31T23:59:59.999Z"
    make.add("instant-last-of-all", "The last instant of the year 2199.", make.good(expires=last))
    for number, word in ((1, "same"), (2, "next"), (999_999_999, "last")):
        name = f"{number}-{'0' * 16}"
        sentence = f"The sender's charter has the {word} number, and another hash."
        make.add(f"charter-number-{number}", sentence, make.good(charter=name))


def two_of_framing(make: Maker) -> None:
    """Two faults at once, one of them of the framing or the header: the first of 8.2 is the reason."""
    good = make.good()
    make.add(
        "order-headers-before-value", "Too long Kafka headers, and no value.", None, kafka_header_bytes=64 * 1024 + 1
    )
    make.add(
        "order-length-before-magic",
        "Too long, and of another magic.",
        b"YZE2" + good[4:],
        zeros_after=900_001 - len(good),
    )
    make.add(
        "order-magic-before-suite",
        "Another magic and another suite.",
        replace(Letter.of(good), magic=b"YZE2", suite=2).data(),
    )
    make.add(
        "order-suite-before-header",
        "Suite 2, and too long a header.",
        replace(Letter.of(good), suite=2, header=bytes(16385)).data(),
    )
    make.add(
        "order-header-length-before-kids",
        "Too long a header, and no recipient.",
        replace(Letter.of(good), header=bytes(16385), kids=()).data(),
    )
    make.add(
        "order-header-before-member",
        "A bad header of a stranger.",
        forge(changed(make.header(), source="110101", grade=9), make.seals(PARTNER), STRANGER),
    )


def two_of_author(make: Maker) -> None:
    """Two faults at once, one of them of the author: the first of 8.2 is the reason."""
    keyring = topics.events(KEYRING)
    stranger = changed(make.header(), source="110101", id=f"110101-{BOOK}-1", kid=STRANGER.kid)
    make.add(
        "order-member-before-signature",
        "No member, and a signature that does not hold.",
        flipped(forge(stranger, make.seals(PARTNER), STRANGER)),
    )
    make.add(
        "order-key-before-signature",
        "An unknown key, and a signature that does not hold.",
        flipped(forge(changed(make.header(), kid=STRANGER.kid), make.seals(PARTNER), STRANGER)),
    )
    revoked = forge(changed(make.header(KEYRING), kid=REVOKED.kid), make.seals(PARTNER), REVOKED)
    make.add(
        "order-signature-before-revoked",
        "A revoked key, and a signature that does not hold.",
        flipped(revoked),
        topic=keyring,
    )
    make.add(
        "order-revoked-before-audience",
        "A revoked key, sealed to a stranger.",
        forge(changed(make.header(KEYRING), kid=REVOKED.kid), [STRANGERS_SEAL.public], REVOKED),
        topic=keyring,
    )
    nobody = changed(make.header(KEYRING), kid=EXPIRED.kid, to=["999999"], lanes={"999999": LANE})
    make.add(
        "order-validity-before-recipient",
        "A key that expired, and a recipient that is no member.",
        forge(nobody, make.seals(PARTNER), EXPIRED),
        topic=keyring,
    )
    make.add(
        "order-signature-before-recipient",
        "A recipient that is no member, and a signature that does not hold.",
        flipped(make.forged(changed(make.header(), to=["999999"], lanes={"999999": LANE}))),
    )


def two_of_audience(make: Maker) -> None:
    """Two faults at once, of audience, references, place and time: the first of 8.2 is the reason."""
    theirs, later = of_source(PARTNER, 7), written(NOW + timedelta(hours=1))
    make.add(
        "order-recipient-before-audience",
        "A recipient that is no member, and to out of order.",
        make.forged(changed(make.header(), to=["999999", PARTNER], lanes={PARTNER: LANE, "999999": LANE})),
    )
    make.add(
        "order-audience-before-reference",
        "One lane too many, and another county's event withdrawn.",
        make.forged(changed(make.header(), lanes={PARTNER: LANE, THIRD: LANE}, withdraws=theirs)),
    )
    make.add(
        "order-reference-before-topic",
        "Another county's event withdrawn, on another's topic.",
        make.forged(changed(make.header(), withdraws=theirs)),
        topic=topics.events(PARTNER),
    )
    make.add(
        "order-topic-before-clock",
        "On another's topic, and dated in the future.",
        make.good(type=INTELLIGENCE, time=later),
        topic=topics.events(PARTNER),
    )
    make.add(
        "order-audience-before-clock",
        "Sealed to nobody addressed, and dated in the future.",
        forge(changed(make.header(type=INTELLIGENCE), time=later), make.seals(THIRD), make.key()),
    )


def crypto(make: Maker) -> None:
    """What libraries judge differently."""
    letter = Letter.of(make.good())
    own = seed(f"sign {SENDER} 1")
    for name, r, sentence in (
        ("signature-r-is-neutral", IDENTITY, "R is the neutral point, and the equation holds: so does the signature."),
        ("bad-signature-r-of-order-8", ORDER_8, "It holds only for who multiplies by the cofactor."),
        ("bad-signature-r-not-reduced", IDENTITY_AGAIN, "R is the neutral point in another spelling."),
    ):
        make.add(name, sentence, replace(letter, signature=signature_with(own, r, letter.signed)).data())
    header = make.header().to_bytes()
    partner = make.seals(PARTNER)[0]
    draft = Letter.sealed_to(header, [partner], pad(b"{}"))
    info = b"yizhan/wrap/v1\0" + draft.context + draft.kids[0]
    wrap = wrap_with(partner.raw, bytes(32), bytes(32), info, bytes(32))
    make.add(
        "unopenable-wrap-all-zero",
        "The X25519 share is 0, and so is the secret.",
        replace(draft, wraps=(wrap,)).signed_by(make.key()).data(),
    )
    short = Letter.sealed_to(header, [partner], pad(b"{}"))
    wrong = wrap_with(partner.raw, short.wraps[0][1088:1120], bytes(32), info, bytes(32))
    make.add(
        "unopenable-wrap-other-secret",
        "The X25519 secret is left out.",
        replace(short, wraps=(wrong,)).signed_by(make.key()).data(),
    )
    two = Letter.of(make.good())
    flipped_commit = replace(two, commit=bytes([two.commit[0] ^ 1]) + two.commit[1:])
    make.add(
        "unopenable-commit-flipped",
        "One bit of the commitment; the ciphertext opens.",
        flipped_commit.signed_by(make.key()).data(),
    )
    september = instant("2026-09-15T00:00:00.000Z")
    both = changed(make.header(), time=written(september))
    make.add(
        "bad-audience-two-keys-of-one",
        "Sealed to both keys of one member.",
        forge(both, [RETIRED.public, partner], make.key()),
        received=september,
    )
    sent = changed(make.header(), to=[PARTNER, SENDER], lanes={PARTNER: LANE, SENDER: LANE})
    sentence = "The sender is a recipient, key and all."
    make.add("bad-audience-sealed-to-the-sender", sentence, make.forged(sent, PARTNER, SENDER))
    pair = changed(make.header(to=(THIRD, PARTNER)), time=written(september))
    make.add(
        "bad-audience-two-of-one-none-of-another",
        "Two members, and both keys of one.",
        forge(pair, [RETIRED.public, partner], make.key()),
        received=september,
    )
    make.add(
        "wrong-topic-of-a-unit",
        "Units write on their county's topic.",
        make.good(type=FIRE),
        topic=f"yizhan.events.{SENDER}.forest",
    )


STEPS: Final[tuple[Callable[[Maker], None], ...]] = (
    limits,
    instants,
    clocks,
    two_of_framing,
    two_of_author,
    two_of_audience,
    crypto,
)
