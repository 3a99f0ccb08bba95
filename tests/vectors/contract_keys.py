"""Vectors of keys, of names of files, and of records of the log: what is good, and what is refused."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, Final

from tests.vectors.by_hand import plus_order_8
from tests.world.simulator import seed
from yizhan.schemas.keys import CosigningKey, SealingKey, SigningKey
from yizhan.schemas.logrecords import write_entries

if TYPE_CHECKING:
    from collections.abc import Iterator

P: Final = 2**255 - 19
GOOD_Y: Final = 3
"""A small y of a point whose order is not small."""
Case = tuple[str, str, dict[str, Any], bool]
"""Name, description, the vector, whether it is good."""


def keys() -> Iterator[Case]:
    """Public keys, where they are registered (specification, 4.3)."""
    sign = SigningKey.from_seed(seed("sign 350924 1")).public.raw
    seal = SealingKey.from_seed(seed("seal 350924 1", 96)).public.raw
    cosign = CosigningKey.from_seed(seed("cosign 350924 1")).public.raw

    def y(value: int, top: int = 0) -> bytes:
        return (value | top << 255).to_bytes(32, "little")

    def u(value: int) -> bytes:
        return seal[:1184] + value.to_bytes(32, "little")

    eight = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"
    rows: tuple[tuple[str, str, str, bytes, bool], ...] = (
        ("sign", "good", "A signing key.", sign, True),
        ("sign", "good-and-order-8", "A good point and one of order 8.", plus_order_8(sign), True),
        ("sign", "short", "31 bytes.", sign[:-1], False),
        ("sign", "long", "33 bytes.", sign + b"\0", False),
        ("sign", "empty", "No bytes.", b"", False),
        ("sign", "order-1", "The neutral point.", y(1), False),
        ("sign", "order-1-negative", "The neutral point with a sign.", y(1, 1), False),
        ("sign", "order-2", "A point of order 2.", y(P - 1), False),
        ("sign", "order-4", "A point of order 4.", y(0), False),
        ("sign", "order-4-negative", "The other point of order 4.", y(0, 1), False),
        ("sign", "order-8", "A point of order 8.", plus_order_8(y(1)), False),
        ("sign", "y-is-p", "y is 2^255 - 19.", y(P), False),
        ("sign", "y-above-p", "y is 2^255 - 18.", y(P + 1), False),
        ("sign", "y-above-p-good-point", "2^255 - 19 + 3, the y of a good point.", y(P + GOOD_Y), False),
        ("sign", "no-point", "No point has this y.", y(2), False),
        ("seal", "good", "A sealing key.", seal, True),
        ("seal", "short", "1,215 bytes.", seal[:-1], False),
        ("seal", "long", "1,217 bytes.", seal + b"\0", False),
        ("seal", "u-zero", "u is 0.", u(0), False),
        ("seal", "u-one", "u is 1.", u(1), False),
        ("seal", "u-order-8", "u of order 8.", seal[:1184] + bytes.fromhex(eight), False),
        ("seal", "u-is-p", "u is 2^255 - 19.", u(P), False),
        ("seal", "u-above-p", "u is 2^255 - 10, another spelling of 9.", u(P + 9), False),
        ("seal", "u-top-bit", "The top bit of u is set.", seal[:-1] + bytes([seal[-1] | 128]), False),
        ("seal", "mlkem-not-reduced", "A coefficient of the ML-KEM key is 4,095.", b"\xff" * 3 + seal[3:], False),
        ("seal", "signing", "A signing key as a sealing key.", sign, False),
        ("cosign", "good", "A cosigning key.", cosign, True),
        ("cosign", "short", "1,311 bytes.", cosign[:-1], False),
    )
    for role, name, sentence, public, good in rows:
        yield f"{role}-{name}", sentence, {"role": role, "public": public.hex()}, good


def names() -> Iterator[Case]:
    """Names of files (specification, 19.1 and 19.8)."""
    good = (
        "现场.jpg", "a.txt", "con1.txt", "com10.txt", "console.txt", "com.txt", "a b.txt", "lpt.txt", "a.con",
        "é.txt", "x" * 96 + ".txt", "县" * 78 + ".txt", "-rf.txt", "nul1", "'.txt", "a,b;c.txt", "a..longer-ending",
    )  # fmt: skip
    bad = (
        "", ".", "..", ".a.txt", "a.txt.", " a.txt", "a.txt ", "a/b.txt", "a\\b.txt", "a:b.txt", "a*.txt", "a?.txt",
        "a<.txt", "a>.txt", 'a".txt', "a|.txt", "con", "CON.txt", "Con.tar.txt", "aux .pdf", "COM0", "com1.txt",
        "com¹.txt", "lpt9.tar.txt", "LPT³", "conin$", "CONOUT$.txt", "prn.txt", "nul", "a\tb.txt", "a\nb.txt",
        "a  b.txt", "a\u00a0b.txt", "a\u3000b.txt", "a\u202egpj.txt", "a\u200bb.txt", "a\ue000.txt", "a\ufeff.txt",
        unicodedata.normalize("NFD", "é.txt"), "x" * 97 + ".txt", "县" * 79 + ".txt", "a\u2028b.txt",
        "a..txt", "a .txt",
    )  # fmt: skip
    for number, name in enumerate((*good, *bad), 1):
        is_good = number <= len(good)
        sentence = f"A name that {'is sent as it is' if is_good else 'nobody sends so'}: {ascii(name)[:60]}."
        yield f"{'good' if is_good else 'bad'}-{number:02}", sentence, {"name": name}, is_good


def entries() -> Iterator[Case]:
    """Records of ``yizhan.checkpoints`` that hold entries (specification, 18.8)."""
    entry = [seed(f"entry {n}") for n in range(1025)]
    head = b"YZL1" + (70_000).to_bytes(8, "big")
    rows: tuple[tuple[str, str, bytes, bool], ...] = (
        ("one", "One entry.", write_entries(0, entry[:1]), True),
        ("three", "Three entries from a place on.", write_entries(70_000, entry[:3]), True),
        ("1024", "1,024 entries.", write_entries(5, entry[:1024]), True),
        ("1025", "1,025 entries.", write_entries(5, entry), False),
        ("none", "No entry.", head, False),
        ("cut", "An entry of 31 bytes.", head + entry[0][:-1], False),
        ("more", "An entry and a byte.", head + entry[0] + b"\0", False),
        ("short", "A record that ends in its place.", head[:7], False),
        ("far", "A place beyond 2^63 - 1.", write_entries(2**63 - 1, entry[:1]), False),
    )
    for name, sentence, record, good in rows:
        yield name, sentence, {"record": record.hex()}, good
