"""Vectors of records under several versions of the charter, and of counterfoils."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from tests.vectors.by_hand import plus_order_8, signature_under
from tests.vectors.contract_charters import KEYS, POLICY, key_change, text, version
from tests.vectors.contract_charters import changed as file_changed
from tests.vectors.contract_keys import Case
from tests.vectors.maker import CHARTER, PARTNER, SENDER, STRANGER, STRANGERS_SEAL, THIRD
from tests.world.forge import Letter, changed, forge
from tests.world.simulator import NOW, World, seed
from yizhan.schemas.counterfoils import counterfoil_of
from yizhan.schemas.keys import kid
from yizhan.schemas.sample import SIX
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    from collections.abc import Iterator

SECOND: Final = "2-00000000000000bb"
HOLDS_FROM: Final = "2026-11-24T00:00:00.000Z"
BEFORE: Final = "2026-11-23T23:59:59.999Z"


def found(record: bytes, received: str, versions: list[dict[str, Any]]) -> dict[str, Any]:
    """Describe where a record was found."""
    return {
        "versions": versions, "cluster": "simulator", "topic": f"yizhan.events.{SENDER}", "partition": 0, "offset": 1,
        "received": received, "kafka_header_bytes": 0, "record": record.hex(), "zeros_after": 0,
    }  # fmt: skip


def versions() -> Iterator[Case]:
    """Records before and after a second version holds."""
    world = World(SIX)
    event = world.event(SENDER, (PARTNER,))
    quiet = file_changed(POLICY, lambda value: value.update(routes=[value["routes"][-1] | {"id": "all-quiet"}]))
    alone = stored_without(THIRD)
    for name, sentence, changes, received, good in (
        ("policy-before", "A millisecond before the second version the first decides.", quiet, BEFORE, True),
        ("policy-at", "At the instant of the second version it decides.", quiet, HOLDS_FROM, True),
        ("policy-long-before", "Before any version the first judges.", quiet, "2026-06-30T00:00:00.000Z", False),
        ("member-before", "A member that leaves is one until then.", alone, BEFORE, True),
        ("member-at", "Then it is none.", alone, HOLDS_FROM, False),
    ):
        record = world.event(SENDER, (THIRD,)) if name.startswith("member") else event
        listed = [version({}), version(changes, name=SECOND, holds_from=HOLDS_FROM)]
        yield name, sentence, found(record, received, listed), good
    for name, sentence, times, good in (
        ("compromised-before", "A millisecond before the compromise.", {"compromised": written(NOW)[:-2] + "1Z"}, True),
        ("compromised-at", "At the compromise: it comes in, and is doubtful.", {"compromised": written(NOW)}, True),
        ("compromised-revoked", "Compromised and revoked: it is refused.",
         {"compromised": written(NOW), "revoked": written(NOW)}, False),
        ("revoked-before-not-after", "Revoked and expired: revoked comes first.",
         {"revoked": written(NOW), "not_after": written(NOW)}, False),
        ("revoked-before-not-before", "Revoked, and not yet valid: revoked comes first.",
         {"revoked": "2026-01-01T00:00:00.000Z", "not_before": "2027-01-01T00:00:00.000Z"}, False),
        ("revoked-later", "Revoked a millisecond later.", {"revoked": written(NOW)[:-2] + "1Z"}, True),
    ):  # fmt: skip
        listed = [version(file_changed(KEYS, key_change(**times)))]
        yield name, sentence, found(event, written(NOW), listed), good
    yield from _mixed(world)


def _mixed(world: World) -> Iterator[Case]:
    """A key with a part of small order holds for one signature in eight."""
    own = seed(f"sign {SENDER} 1")
    raw = plus_order_8(world.counties[SENDER].signing.public.raw)
    public = {"kid": kid("sign", raw), "public": base64.b64encode(raw).decode()}
    listed = [version(file_changed(KEYS, key_change(**public)))]
    seals = [world.counties[PARTNER].sealing.public]
    done: set[bool] = set()
    while len(done) < 2:
        header = changed(world.header(SENDER, (PARTNER,)), kid=public["kid"])
        draft = Letter.of(forge(header, seals, STRANGER))
        signature, multiple = signature_under(own, raw, draft.signed)
        holds = multiple % 8 == 0
        if holds not in done:
            done.add(holds)
            name = "mixed-key-holds" if holds else "mixed-key-does-not-hold"
            how = "without" if holds else "only with"
            sentence = f"A key with a part of order 8, and a signature that holds {how} the cofactor."
            yield name, sentence, found(replace(draft, signature=signature).data(), written(NOW), listed), holds


def stored_without(code: str) -> dict[str, str | None]:
    """Take a member out of the charter."""
    alliance = json.loads((CHARTER / "alliance.json").read_text("utf-8"))
    alliance["members"] = [member for member in alliance["members"] if member["code"] != code]
    alliance["pairs"] = [pair for pair in alliance["pairs"] if code not in pair]
    return {"alliance.json": text(alliance), f"counties/{code}/keys.json": None}


def counterfoils() -> Iterator[Case]:
    """Counterfoils of good envelopes, and what is none."""
    world = World(SIX)
    two = world.event(SENDER, (THIRD, PARTNER))
    one = world.event(SENDER, (PARTNER,))
    good = counterfoil_of(one)
    listed = {"versions": [version({})]}
    yield "of-one", "Of an envelope to one.", listed | {"counterfoil": good.hex()}, True
    yield "of-two", "Of an envelope to two.", listed | {"counterfoil": counterfoil_of(two).hex()}, True
    letter, key = Letter.of(two), world.counties[SENDER].signing

    def foil(letter: Letter) -> bytes:
        signed = letter.signed_by(key)
        sealed = hashlib.sha256(signed.sealed).digest()
        return b"YZC1" + signed.head + sealed + len(signed.signature).to_bytes(2, "big") + signed.signature

    stranger = forge(changed(world.header(SENDER, (PARTNER,)), kid=STRANGER.kid), [STRANGERS_SEAL.public], STRANGER)
    outsider = changed(world.header(SENDER, (PARTNER,)), source="110101", id="110101-20261123test-1")
    rows: tuple[tuple[str, str, bytes], ...] = (
        ("malformed-magic", "Another magic.", b"YZC2" + good[4:]),
        ("malformed-envelope", "The envelope itself.", one),
        ("malformed-cut", "The last byte is missing.", good[:-1]),
        ("malformed-more", "A byte behind the end.", good + b"\0"),
        ("malformed-empty", "No bytes.", b""),
        ("malformed-inner-magic", "An envelope of another magic.", foil(replace(letter, magic=b"YZE2"))),
        ("malformed-kids", "Kids out of order.", foil(replace(letter, kids=letter.kids[::-1]))),
        ("malformed-kid-twice", "One kid twice.", foil(replace(letter, kids=letter.kids[:1] * 2))),
        ("malformed-nobody", "No kid.", foil(replace(letter, kids=()))),
        ("malformed-65", "65 kids.", foil(replace(letter, kids=tuple(n.to_bytes(32, "big") for n in range(65))))),
        ("malformed-header", "A header that is no JSON.", foil(replace(letter, header=b"fire"))),
        ("malformed-chunk", "A record of a chunk, whose root begins as an envelope.", b"YZC1YZE1\1" + bytes(120)),
        ("oversize-header", "A header of 16 KiB and one byte.", foil(replace(letter, header=bytes(16385)))),
        ("unknown-suite", "Suite 2.", foil(replace(letter, suite=2))),
        ("unknown-key", "A key that the charter does not know.", counterfoil_of(stranger)),
        ("not-a-member", "A county that is no member.", counterfoil_of(forge(outsider, [STRANGERS_SEAL.public], key))),
        ("bad-signature", "One bit of the signature.", good[:-1] + bytes([good[-1] ^ 1])),
        ("bad-signature-hash", "One bit of the sealed hash.", good[:-98] + bytes([good[-98] ^ 1]) + good[-97:]),
        ("bad-signature-header", "Another header.", good.replace(b'"flash"', b'"urgent"'[:7])),
    )  # fmt: skip
    for name, sentence, data in rows:
        yield name, sentence, listed | {"counterfoil": data.hex()}, False
