"""Vectors for readers: postmarks that came with envelopes, receipts that bind or not, digests."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from tests.vectors.contract_charters import STATION, version
from tests.vectors.contract_keys import Case
from tests.vectors.contract_statements import ADMITTED_TYPE, AT, LATER, MANIFEST, TYPE, document, without
from tests.vectors.maker import HASH, NAME, PARTNER, SENDER, THIRD, of_source
from tests.world.simulator import BOOK, NOW, World, seed
from yizhan.schemas import merkle, strictjson
from yizhan.schemas.dsse import pae
from yizhan.schemas.envelope import parse_envelope
from yizhan.schemas.header import RECEIPT
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.sample import SIX
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    from collections.abc import Iterator

A, B, C = (seed(f"event {name}").hex() for name in "ABC")
CODES: Final = {"unit": f"{SENDER}.forest"}


def postmarks() -> Iterator[Case]:
    """Envelopes to 331126, each with the postmark that came with it."""
    world = World(SIX)
    event = world.event(SENDER, (PARTNER,))
    parsed = parse_envelope(event)
    loud, quiet = ({PARTNER: {"way": way, "rule": rule}} for way, rule in (("alarm", "fire"), ("digest", "rest")))
    good: dict[str, Any] = {
        "record_sha256": hashlib.sha256(event).hexdigest(),
        "origin": {"cluster": "c", "topic": f"yizhan.events.{SENDER}", "partition": 0, "offset": 7},
        "received": written(NOW), "charter": NAME, "id": json.loads(parsed.unverified_header)["id"],
        "hash": parsed.hash.hex(), "decisions": loud,
    }  # fmt: skip
    refusal = {name: good[name] for name in ("record_sha256", "origin", "received", "charter")} | {
        "refused": "malformed"
    }
    stranger = SigningKey.from_seed(seed("sign stranger"))
    rows: tuple[tuple[str, str, dict[str, Any], SigningKey, bool], ...] = (
        ("good", "The station's word about these bytes.", good, STATION, True),
        ("quieter", "The station says digest: the reader's own decision is louder.",
         good | {"decisions": quiet}, STATION, True),
        ("for-another", "It decides for another: the reader decides itself.",
         good | {"decisions": {THIRD: quiet[PARTNER]}}, STATION, True),
        ("other-record", "Of another record.", good | {"record_sha256": HASH}, STATION, False),
        ("other-hash", "Of another event's hash.", good | {"hash": HASH}, STATION, False),
        ("other-id", "Of another event's id.", good | {"id": of_source(SENDER, 900)["id"]}, STATION, False),
        ("other-topic", "Found on another county's topic.",
         good | {"origin": good["origin"] | {"topic": f"yizhan.events.{THIRD}"}}, STATION, False),
        ("refusal", "A refusal of this record.", refusal, STATION, False),
        ("stranger", "Signed by nobody known.", good, stranger, False),
    )  # fmt: skip
    for name, sentence, payload, key, is_good in rows:
        made = document(TYPE.format("postmark"), strictjson.dumps(payload), key)
        vector = {"versions": [version({})], "record": event.hex(), "document": made, "county": PARTNER}
        yield name, sentence, vector, is_good
    routine = world.event(
        SENDER, (PARTNER,), type="yizhan.intelligence.report.v1", stage=None, touches=None, priority="routine"
    )
    parsed = parse_envelope(routine)
    payload = good | {
        "record_sha256": hashlib.sha256(routine).hexdigest(), "hash": parsed.hash.hex(),
        "id": json.loads(parsed.unverified_header)["id"], "decisions": {PARTNER: {"way": "alarm", "rule": "fire"}},
    }  # fmt: skip
    made = document(TYPE.format("postmark"), strictjson.dumps(payload))
    vector = {"versions": [version({})], "record": routine.hex(), "document": made, "county": PARTNER}
    yield from _second(event, good | {"decisions": loud})
    yield "louder", "The station says alarm, the reader's own decision digest: it is an alarm.", vector, True


def _second(event: bytes, mark: dict[str, Any]) -> Iterator[Case]:
    """Postmarks of the second form: which steps of obligations 331126 keeps."""
    opens: dict[str, Any] = {"rule": "acknowledge", "owes": [PARTNER], "owed": [SENDER], "due": LATER}
    ends = {
        "obligation": "consultation/2026/331126-350924", "rule": "consultation", "step": "discharged", "period": "2026",
        "owes": [PARTNER, SENDER], "owed": [], "opened": AT, "due": LATER,
    }  # fmt: skip
    again = ends | {"obligation": f"{ends['obligation']}/{of_source(SENDER, 9)['id']}"}
    rows: tuple[tuple[str, str, list[dict[str, Any]], list[dict[str, Any]]], ...] = (
        ("nothing", "It opens and ends nothing.", [], []),
        ("opens", "One obligation of two recipients is ours, what the sender owes us and others, too.",
         [opens | {"owes": [THIRD, PARTNER]},
          opens | {"rule": "follow-up", "owes": [SENDER], "owed": [THIRD, PARTNER]}], []),
        ("thread", "In another thread, about another event.",
         [opens | {"thread": of_source(SENDER, 1)["id"]},
          opens | {"rule": "papers", "about": of_source(PARTNER, 2)}], []),
        ("of-others", "What others owe each other is not kept.",
         [opens | {"owes": [THIRD]}], [ends | {"owes": [THIRD]}]),
        ("ends", "What ends comes first.", [opens], [ends, ends | {"obligation": "a/b/c", "step": "cancelled"}]),
        ("not-owed", "It discharges nothing.", [],
         [without(ends, "period") | {"step": "not-owed", "owes": [PARTNER], "about": of_source(SENDER, 1)}]),
        ("again", "Owed again, by both together.", [without(again, "step", "opened")], []),
    )  # fmt: skip
    for name, sentence, opened, ended in rows:
        payload = mark | {"opens": opened, "ends": ended}
        made = document(ADMITTED_TYPE, strictjson.dumps(payload))
        vector = {"versions": [version({})], "record": event.hex(), "document": made, "county": PARTNER}
        yield f"second-{name}", sentence, vector, True
    bad = (
        ("first-type", "With what the second form has, under the first one's type.", TYPE.format("postmark"),
         mark | {"opens": [], "ends": []}),
        ("second-type", "Without it, under the second one's type.", ADMITTED_TYPE, mark),
        ("second-other-record", "Of another record: it opens nothing.", ADMITTED_TYPE,
         mark | {"opens": [opens], "ends": [], "record_sha256": HASH}),
    )  # fmt: skip
    for name, sentence, kind, payload in bad:
        made = document(kind, strictjson.dumps(payload))
        yield (
            name,
            sentence,
            {"versions": [version({})], "record": event.hex(), "document": made, "county": PARTNER},
            False,
        )


def receipts() -> Iterator[Case]:
    """Receipts for one event of 350924 to 331126."""
    world = World(SIX)
    target = of_source(SENDER, 7) | {"to": [PARTNER], "lanes": {PARTNER: {"lane": "prompt", "n": 3}}}
    event = of_source(SENDER, 7)
    lane = {"stage": "delivered", "source": SENDER, "book": BOOK, "lane": "prompt", "up_to": 3}
    rows: tuple[tuple[str, str, str, dict[str, Any], bool], ...] = (
        ("acknowledged", "By the recipient.", PARTNER, {"stage": "acknowledged", "event": event}, True),
        ("unfetched", "By the recipient.", PARTNER, {"stage": "unfetched", "event": event}, True),
        ("delivered", "The recipient's lane, so far.", PARTNER, lane, True),
        ("delivered-beyond", "Past a gap.", PARTNER, lane | {"up_to": 1, "beyond": [3]}, True),
        ("by-another", "By a county that is no recipient.", THIRD, {"stage": "acknowledged", "event": event}, False),
        ("delivered-by-another", "A lane, by a county that is no recipient.", THIRD, lane, False),
        ("other-hash", "With another hash.", PARTNER, {"stage": "acted", "event": event | {"hash": A}}, False),
        ("other-event", "Of another event.", PARTNER, {"stage": "acted", "event": of_source(SENDER, 8)}, False),
        ("delivered-less", "The lane, not so far.", PARTNER, lane | {"up_to": 2}, False),
        ("delivered-other-lane", "The other lane.", PARTNER, lane | {"lane": "digest"}, False),
        ("delivered-other-book", "Another book.", PARTNER, lane | {"book": "20250101abcd"}, False),
        ("delivered-of-a-unit", "The lane of a unit.", PARTNER, lane | {"source": CODES["unit"]}, False),
        ("delivered-beyond-other", "Another number past a gap.", PARTNER, lane | {"up_to": 1, "beyond": [4]}, False),
    )  # fmt: skip
    for name, sentence, county, what, is_good in rows:
        header = world.header(
            county, (SENDER,), type=RECEIPT, stage=None, touches=None, priority="routine", receipt=what
        )
        yield name, sentence, {"header": json.loads(header.to_bytes()), "target": target}, is_good


def digests() -> Iterator[Case]:
    """Digests of 331126: the records that came, and the manifest behind them."""
    first = MANIFEST | {"start": 0, "end": 40, "label": "2026Q2", "closed": "2026-07-01T00:00:00.000Z"}
    del first["previous"]
    name_of = hashlib.sha256(pae(TYPE.format("manifest"), strictjson.dumps(first))).hexdigest()
    records = [{"hash": A, "prompt": True}, {"hash": B, "prompt": False}, {"hash": A, "prompt": False}]
    said = MANIFEST | {
        "start": 40, "end": 43, "count": 2, "prompt": 1, "previous": name_of, "closed": "2026-10-01T00:00:00.000Z",
        "root": merkle.root([merkle.leaf_hash(bytes.fromhex(each)) for each in (A, B)]).hex(),
    }  # fmt: skip
    other = merkle.root([merkle.leaf_hash(bytes.fromhex(each)) for each in (B, A)]).hex()
    begins = {name: value for name, value in said.items() if name != "previous"} | {"start": 0, "end": 3}
    turned = [{"hash": A, "prompt": False}, records[1], records[0]]
    empty = said | {"end": 40, "count": 0, "prompt": 0, "root": merkle.EMPTY_ROOT.hex()}
    rows: tuple[tuple[str, str, Any, list[dict[str, Any]], dict[str, Any], bool], ...] = (
        ("closing", "Two events, one of them twice.", first, records, said, True),
        ("interim", "An interim one stands beside the chain.", first, records, said | {"interim": True}, True),
        ("first", "The first of all.", None, records, begins, True),
        ("begins-here", "The first that this reader sees.", None, records, said, True),
        ("empty", "An empty period.", first, [], empty, True),
        ("prompt-last", "It came first as an envelope.", first, turned, said | {"prompt": 0}, True),
        ("prompt-differs", "It came first as a reference, and is counted otherwise.",
         first, records, said | {"prompt": 0}, False),
        ("of-another", "Of another county.", first, records, said | {"county": THIRD}, False),
        ("order", "The root of another order.", first, records[:2], said | {"root": other}, False),
        ("one-more", "An event more than it says.", first, [*records, {"hash": C, "prompt": True}], said, False),
        ("one-less", "An event less than it says.", first, records[:1], said, False),
        ("gap", "It begins later than the one before ended.", first, records, said | {"start": 41, "end": 44}, False),
        ("previous-of-another", "It names another before it.", first, records, said | {"previous": HASH}, False),
        ("previous-missing", "It names none before it.", first, records,
         {name: value for name, value in said.items() if name != "previous"}, False),
    )  # fmt: skip
    for name, sentence, before, came, manifest, is_good in rows:
        yield name, sentence, {"county": PARTNER, "records": came, "before": before, "manifest": manifest}, is_good
