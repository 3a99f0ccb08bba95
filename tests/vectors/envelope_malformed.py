"""The envelope's vectors that are refused for their framing or their header."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.vectors.maker import HASH, PARTNER, SENDER, THIRD
from tests.world.forge import Letter, changed
from tests.world.simulator import BOOK
from yizhan.schemas.header import RECEIPT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vectors.maker import Maker


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


def bad_json(make: Maker) -> Iterator[tuple[str, str, bytes]]:
    """Headers that are no strict JSON, as (name, description, bytes)."""
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


def bad_values(make: Maker) -> Iterator[tuple[str, str, bytes]]:
    """Headers that break the table of attributes, as (name, description, bytes)."""
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


def headers(make: Maker) -> None:
    """Seal and sign every bad header."""
    for name, description, header in (*bad_json(make), *bad_values(make)):
        make.add(f"malformed-header-{name}", description, make.forged(header))
