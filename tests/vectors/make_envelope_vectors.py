"""Make the fixed vectors of the envelope: ``python -m tests.vectors.make_envelope_vectors``.

Rule 1: run once. HPKE is randomised, so running again gives other bytes that mean the same; the
        stored bytes are the vectors, and a change of them is a change of the contract.
Rule 2: whatever can be fixed is fixed: keys come from seeds, times are constants.
Rule 3: each file stands alone but for the charter, and names every private key that it needs.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

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
    Maker,
)
from tests.world.forge import Letter, changed, forge
from tests.world.simulator import BOOK, INTELLIGENCE, NOW, seed
from yizhan.schemas import topics
from yizhan.schemas.envelope import pad
from yizhan.schemas.header import NOTICE, RECEIPT
from yizhan.schemas.sample import SIX
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yizhan.schemas.keys import SealingPublicKey

FOLDER: Final = Path(__file__).parent / "envelope"
ORDER_OF_ED25519: Final = 2**252 + 27742317777372353535851937790883648493
HASH: Final = seed("some event's hash").hex()


def admitted(make: Maker) -> None:
    """What comes in and opens."""
    ref = {"id": f"{PARTNER}-{BOOK}-7", "hash": HASH}
    own = {"id": f"{SENDER}-{BOOK}-1", "hash": HASH}
    make.add("one-recipient", "A forest fire that touches its one recipient rings.", make.good())
    others = tuple(code for code in SIX if code != SENDER)
    make.add(
        "five-recipients",
        "One ciphertext, five wraps: it rings where it touches, and waits elsewhere.",
        make.good(to=others, touches=(PARTNER, THIRD)),
    )
    make.add(
        "minimal-header",
        "Only the required attributes.",
        make.good(type="yizhan.outreach.campaign.v1", stage=None, touches=None, priority="routine"),
    )
    make.add(
        "every-attribute",
        "Every attribute at once but receipt and withdraws.",
        make.good(
            source=SENDER,
            subject=own["id"],
            grade=3,
            certainty="Observed",
            stage="update",
            worse=True,
            reply_to=ref,
            supersedes=own,
            expires=written(NOW + timedelta(hours=6)),
            wants="feedback",
            period="2026Q4",
        ),
    )
    make.add("exercise", "An exercise never rings.", make.good(status="Exercise"))
    make.add(
        "unit",
        "A unit of a county numbers its own book; its county's key signs.",
        make.forged(changed(make.header(), source=f"{SENDER}.forest", id=f"{SENDER}.forest-{BOOK}-1")),
    )
    make.add(
        "unknown-type",
        "A type that the policy does not name goes the last route.",
        make.good(type="yizhan.weather.report.v3", stage=None, touches=None),
    )
    make.add(
        "touches-nobody", "An empty touches tells no more than a missing one: a fire rings.", make.good(touches=())
    )
    make.add("correction", "A correction of a fire arrives quietly.", make.good(supersedes=own))
    make.add("withdrawal", "A withdrawal by the event's own sender arrives quietly.", make.good(withdraws=own))
    make.add(
        "receipt-delivered",
        "A cumulative receipt for a lane, with numbers past a gap.",
        make.good(
            payload=b"{}",
            type=RECEIPT,
            stage=None,
            touches=None,
            priority="routine",
            receipt={
                "stage": "delivered",
                "source": PARTNER,
                "book": BOOK,
                "lane": "prompt",
                "up_to": 5,
                "beyond": [7, 9],
            },
        ),
    )
    make.add(
        "receipt-acknowledged",
        "A person's receipt names one event.",
        make.good(
            payload=b"{}",
            type=RECEIPT,
            stage=None,
            touches=None,
            priority="routine",
            receipt={"stage": "acknowledged", "event": ref},
        ),
    )
    make.add(
        "notice",
        "A notice of the system itself travels quietly, by protocol.",
        make.good(payload=b"{}", type=NOTICE, stage=None, touches=None, priority="flash"),
    )
    make.add(
        "clock-ahead-fire",
        "A fire from a clock that runs ahead comes in, marked.",
        make.good(time=written(NOW + timedelta(hours=9))),
    )
    make.add(
        "clock-within-tolerance",
        "Five minutes ahead are within the tolerance.",
        make.good(type=INTELLIGENCE, time=written(NOW + timedelta(minutes=5))),
    )
    make.add(
        "header-spelled-otherwise",
        "White space, another order and escapes: the bytes that were signed count.",
        make.forged(
            json.dumps(json.loads(make.header().to_bytes()), indent=1).replace("Actual", "\\u0041ctual").encode()
        ),
    )
    make.add(
        "what-is-wanted",
        "A request says in one closed word which answer it wants.",
        make.good(type="yizhan.assistance.request.v1", stage="first", touches=None, wants="identity-far"),
    )
    make.add("payload-empty", "An empty payload is padded to 256 bytes.", make.good(payload=b""))
    make.add("payload-of-255", "255 bytes and the marker fill 256.", make.good(payload=bytes(255)))
    make.add("payload-of-256", "256 bytes and the marker are padded to 272.", make.good(payload=b"\x80" + bytes(255)))


def framing(make: Maker) -> None:
    """What is refused by its framing."""
    good = Letter.of(make.good())
    two = Letter.of(make.good(to=(THIRD, PARTNER)))
    data = good.data()
    make.add("malformed-no-value", "A record without a value.", None)
    make.add("malformed-empty", "An empty value.", b"")
    make.add("malformed-magic", "Another magic.", replace(good, magic=b"YZE2").data())
    make.add("malformed-truncated", "The last byte is missing.", data[:-1])
    make.add("malformed-trailing", "One byte after the signature.", data + b"\0")
    make.add("malformed-no-recipient", "No recipient.", replace(good, kids=(), wraps=()).signed_by(make.key()).data())
    make.add(
        "malformed-65-recipients",
        "65 recipients, one more than there may be.",
        replace(good, kids=tuple(n.to_bytes(32, "big") for n in range(65))).data(),
    )
    make.add(
        "malformed-kids-unsorted",
        "Kids out of order.",
        replace(two, kids=two.kids[::-1], wraps=two.wraps[::-1]).signed_by(make.key()).data(),
    )
    make.add("malformed-kid-twice", "One kid twice.", replace(two, kids=two.kids[:1] * 2).signed_by(make.key()).data())
    make.add(
        "malformed-wrap-length",
        "A wrap of 1,167 bytes.",
        replace(good, wraps=(good.wraps[0][:-1],)).signed_by(make.key()).data(),
    )
    make.add(
        "malformed-ciphertext-length",
        "A ciphertext whose length is no padded length.",
        replace(good, ciphertext=good.ciphertext + b"\0").signed_by(make.key()).data(),
    )
    make.add(
        "malformed-signature-length", "A signature of 63 bytes.", replace(good, signature=good.signature[:-1]).data()
    )
    make.add("oversize-record", "900,001 bytes.", data, zeros_after=900_001 - len(data))
    make.add("oversize-header", "A header of 16 KiB and one byte.", replace(good, header=bytes(16 * 1024 + 1)).data())
    make.add("oversize-kafka-headers", "64 KiB and one byte of Kafka headers.", data, kafka_header_bytes=64 * 1024 + 1)
    make.add("unknown-suite", "Suite 2.", replace(good, suite=2).signed_by(make.key()).data())


def bad_headers(make: Maker) -> Iterator[tuple[str, str, bytes]]:
    """Headers that are malformed, as (name, description, bytes)."""
    header = make.header()
    plain, n = header.to_bytes(), b'"n":%d' % header.lanes[PARTNER].n
    yield "not-json", "Not JSON.", b"fire!"
    yield "not-an-object", "JSON, but no object.", b"[]"
    yield "not-utf-8", "Not UTF-8.", plain.replace(b'"Actual"', b'"Actual\xff"')
    yield "bom", "A byte order mark.", b"\xef\xbb\xbf" + plain
    yield "two-values", "A second value after the first.", plain + b"{}"
    yield (
        "name-twice",
        "One name twice, once escaped.",
        plain.replace(b'{"charter"', b'{"st\\u0061tus":"Test","charter"'),
    )
    yield "nan", "NaN.", plain.replace(n, b'"n":NaN')
    yield "fraction", "A number with a fraction.", plain.replace(n, b'"n":1.0')
    yield "big-integer", "An integer beyond 2^53 - 1.", plain.replace(n, b'"n":9007199254740992')
    yield "depth", "Nested nine deep.", plain.replace(b'{"charter"', b'{"x":' + b"[" * 8 + b"]" * 8 + b',"charter"')
    yield "lone-surrogate", "A lone surrogate.", plain.replace(b'{"charter"', b'{"\\ud800":1,"charter"')
    yield (
        "null",
        "null, where an absent attribute is left out.",
        plain.replace(b'{"charter"', b'{"grade":null,"charter"'),
    )
    yield "unknown-attribute", "An attribute that does not exist.", changed(make.header(), urgency="Immediate")
    yield "no-specversion", "specversion is missing.", changed(make.header(), specversion=None)
    yield "unicode-digits", "A code in full-width digits.", changed(make.header(), touches=["３３１１２６"])
    yield "source", "A source of five digits.", changed(make.header(), source="35092")
    yield "id-of-another", "An id that another source numbered.", changed(make.header(), id=f"{PARTNER}-{BOOK}-1")
    yield "number-zero", "Numbers begin at 1.", changed(make.header(), id=f"{SENDER}-{BOOK}-0")
    yield (
        "time-without-milliseconds",
        "A time in another spelling.",
        changed(make.header(), time="2026-11-23T08:00:00Z"),
    )
    yield "time-that-is-none", "The 31st of November.", changed(make.header(), time="2026-11-31T08:00:00.000Z")
    yield "boolean-for-integer", "true is no grade.", changed(make.header(), grade=True)
    yield "grade", "Grade 5.", changed(make.header(), grade=5)
    yield "wants", "An answer outside the list of those that one can want.", changed(make.header(), wants="money")
    yield "period", "A thirteenth month.", changed(make.header(), period="2026-13")
    yield "status", "A status outside its list.", changed(make.header(), status="actual")
    yield (
        "receipt-of-no-receipt",
        "receipt on another type.",
        changed(make.header(), receipt={"stage": "acted", "event": {"id": f"{PARTNER}-{BOOK}-7", "hash": HASH}}),
    )
    yield "receipt-missing", "The type receipt without what it confirms.", changed(make.header(), type=RECEIPT)
    yield (
        "receipt-beyond",
        "beyond begins before the gap.",
        changed(
            make.header(),
            type=RECEIPT,
            receipt={
                "stage": "delivered",
                "source": PARTNER,
                "book": BOOK,
                "lane": "prompt",
                "up_to": 5,
                "beyond": [6],
            },
        ),
    )


def identity(make: Maker) -> None:
    """What is refused for who signed it, or where it was found."""
    good = Letter.of(make.good())
    other = Letter.of(make.good())
    s = int.from_bytes(good.signature[32:], "little")
    high = good.signature[:32] + (s + ORDER_OF_ED25519).to_bytes(32, "little")
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


def main() -> None:
    """Write every file, unless they are there."""
    if FOLDER.exists() and "--again" not in sys.argv:
        sys.exit(f"{FOLDER} is there already; vectors are made once (--again makes other bytes)")
    make = Maker()
    steps: tuple[Callable[[Maker], None], ...] = (admitted, framing, identity, audience, references, unopenable)
    for step in steps:
        step(make)
    for name, description, header in bad_headers(make):
        make.add(f"malformed-header-{name}", description, make.forged(header))
    for path, content in make.files.items():
        file = FOLDER / "charter" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    version = {"name": make.charter.name, "holds_from": written(make.charter.holds_from)}
    (FOLDER / "charter" / "version.json").write_text(json.dumps(version) + "\n", "utf-8")
    for name, vector in make.made.items():
        text = json.dumps(vector, ensure_ascii=False, indent=1)
        (FOLDER / f"{name}.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
