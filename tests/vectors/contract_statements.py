"""Vectors of statements: postmark, manifest, adoption and followup, good and refused."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from tests.vectors.contract_charters import ALLIANCE, STATION, changed, entry, put, version
from tests.vectors.contract_keys import Case
from tests.vectors.maker import HASH, NAME, of_source
from tests.world.simulator import seed
from yizhan.schemas import strictjson
from yizhan.schemas.dsse import pae
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.merkle import EMPTY_ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TYPE: Final = "application/vnd.yizhan.{}.v1+json"
ADMITTED_TYPE: Final = "application/vnd.yizhan.postmark.v2+json"
NEW_STATION: Final = SigningKey.from_seed(seed("station postmark 2"))
SECOND: Final = "2-00000000000000aa"
AT: Final = "2026-11-23T08:05:00.000Z"
LATER: Final = "2026-12-01T00:00:00.000Z"
ENDS: Final = "2026-12-15T00:00:00.000Z"
ONE: Final = [version({})]
TWO: Final = [
    version({}),
    version(
        changed(ALLIANCE, put("station", "postmark", value=[entry(NEW_STATION, not_after=ENDS)])),
        name=SECOND,
        holds_from=LATER,
    ),
]
POSTMARK: Final[dict[str, Any]] = {
    "record_sha256": HASH, "origin": {"cluster": "c", "topic": "yizhan.events.350924", "partition": 0, "offset": 7},
    "received": AT, "charter": NAME, "id": of_source("350924", 1)["id"], "hash": HASH,
    "decisions": {"331126": {"way": "alarm", "rule": "fire"}},
}  # fmt: skip
REFUSAL: Final = {name: POSTMARK[name] for name in ("record_sha256", "origin", "received", "charter")} | {
    "refused": "malformed", "detail": "so many characters: 县",
}  # fmt: skip
MANIFEST: Final[dict[str, Any]] = {
    "county": "331126", "label": "2026Q3", "interim": False, "start": 3, "end": 9, "count": 4, "prompt": 1,
    "root": HASH, "charter": NAME, "cluster": "c", "closed": AT, "previous": HASH,
}  # fmt: skip
EMPTY: Final = MANIFEST | {"count": 0, "prompt": 0, "root": EMPTY_ROOT.hex(), "start": 9}
ADOPTION: Final = {"charter": NAME, "holds_from": "2026-11-23T08:06:00.000Z", "adopted": AT}
FOLLOWUP: Final[dict[str, Any]] = {
    "obligation": "acknowledge/350924-20261123test-1/331126", "rule": "acknowledge", "step": "opened",
    "owes": ["331126"], "owed": ["350924"], "about": of_source("350924", 1), "thread": of_source("350924", 1)["id"],
    "opened": AT, "due": "2026-11-23T08:10:00.000Z", "at": AT, "charter": NAME,
}  # fmt: skip
BY: Final = of_source("331126", 4)
NOTHING: Final[dict[str, Any]] = POSTMARK | {"opens": [], "ends": []}
OPENS: Final[dict[str, Any]] = {
    "rule": "acknowledge", "owes": ["331126"], "owed": ["350924"], "due": "2026-11-23T08:10:00.000Z",
}  # fmt: skip
PAIR: Final[dict[str, Any]] = {
    "rule": "consultation", "owes": ["331126", "350924"], "owed": [], "due": LATER, "period": "2026",
    "obligation": "consultation/2026/331126-350924",
}  # fmt: skip
ENDED: Final[dict[str, Any]] = {
    name: value for name, value in FOLLOWUP.items() if name not in {"step", "at", "charter"}
} | {"step": "discharged"}


def without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    """Leave attributes out."""
    return {name: inner for name, inner in value.items() if name not in names}


SECOND_GOOD: Final[dict[str, dict[str, Any]]] = {
    "nothing": NOTHING,
    "opens": NOTHING
    | {"opens": [OPENS | {"owes": ["330327", "331126"]}, OPENS | {"rule": "follow-up", "thread": BY["id"]}]},
    "opens-about-another": NOTHING | {"opens": [OPENS | {"rule": "missing-papers", "about": BY}]},
    "opens-again": NOTHING | {"opens": [OPENS | {"about": BY, "thread": BY["id"], "obligation": "a/b/c/d-e-1"}, PAIR]},
    "ends": NOTHING | {"ends": [ENDED, ENDED | {"step": "cancelled"}, ENDED | {"step": "not-owed", "owed": []}]},
    "ends-a-period": NOTHING | {"ends": [PAIR | {"step": "discharged", "opened": AT}]},
    "marked": NOTHING | {"clock_suspect": True, "charter_behind": True, "charter_stale": True},
    "128-entries": NOTHING | {"opens": [OPENS] * 128},
}
"""Payloads of the second form of the postmark."""
SECOND_BAD: Final[dict[str, dict[str, Any]]] = {
    "first-form": POSTMARK,
    "without-opens": without(NOTHING, "opens"),
    "without-ends": without(NOTHING, "ends"),
    "refusal": REFUSAL,
    "refusal-with-both": REFUSAL | {"opens": [], "ends": []},
    "without-decisions": without(NOTHING, "decisions"),
    "129-entries": NOTHING | {"opens": [OPENS] * 129},
    "129-ends": NOTHING | {"ends": [ENDED] * 129},
    "opens-without-rule": NOTHING | {"opens": [without(OPENS, "rule")]},
    "opens-without-due": NOTHING | {"opens": [without(OPENS, "due")]},
    "opens-by-nobody": NOTHING | {"opens": [OPENS | {"owes": []}]},
    "opens-a-period": NOTHING | {"opens": [without(PAIR, "obligation")]},
    "opens-with-a-step": NOTHING | {"opens": [OPENS | {"step": "opened"}]},
    "opens-with-opened": NOTHING | {"opens": [OPENS | {"opened": AT}]},
    "ends-without-about": NOTHING | {"ends": [without(ENDED, "about")]},
    "ends-without-opened": NOTHING | {"ends": [without(ENDED, "opened")]},
    "ends-without-obligation": NOTHING | {"ends": [without(ENDED, "obligation")]},
    "ends-opened": NOTHING | {"ends": [ENDED | {"step": "opened"}]},
    "ends-overdue": NOTHING | {"ends": [ENDED | {"step": "overdue"}]},
    "ends-with-by": NOTHING | {"ends": [ENDED | {"by": BY}]},
    "null": NOTHING | {"ends": [ENDED | {"thread": None}]},
}
"""The same, of payloads that are none."""
GOOD: Final[Mapping[str, Mapping[str, dict[str, Any]]]] = {
    "postmark": {
        "admitted": POSTMARK,
        "refused": REFUSAL,
        "refused-without-detail": {name: value for name, value in REFUSAL.items() if name != "detail"},
        "marked": POSTMARK | {"clock_suspect": True, "charter_behind": True, "charter_stale": True},
        "refused-in-a-row": REFUSAL | {"first": 6},
        "refused-stale": REFUSAL | {"charter_stale": True},
        "detail-1000": REFUSAL | {"detail": "𠀀" * 1000},
        "origin-at-its-limits": POSTMARK
        | {"origin": {"cluster": "c" * 64, "topic": "t" * 249, "partition": 0, "offset": 2**53 - 1}},
    },
    "manifest": {
        "closing": MANIFEST,
        "first": {name: value for name, value in MANIFEST.items() if name != "previous"} | {"start": 0},
        "interim": MANIFEST | {"interim": True},
        "empty": EMPTY,
        "all-prompt": MANIFEST | {"count": 6, "prompt": 6},
    },
    "adoption": {"announced": ADOPTION, "a-millisecond": ADOPTION | {"holds_from": "2026-11-23T08:05:00.001Z"}},
    "followup": {
        "opened": FOLLOWUP,
        "of-a-period": {name: value for name, value in FOLLOWUP.items() if name not in {"about", "thread"}}
        | {"period": "2026-11"},
        "reminded": FOLLOWUP | {"step": "second-phone", "to_whom": "second"},
        "overdue": FOLLOWUP | {"step": "overdue"},
        "discharged": FOLLOWUP | {"step": "discharged", "by": BY},
        "cancelled": FOLLOWUP | {"step": "cancelled"},
        "cancelled-by-an-event": FOLLOWUP | {"step": "cancelled", "by": BY},
        "not-owed": FOLLOWUP | {"step": "not-owed", "by": BY, "owed": []},
    },
}
"""Kind → name → payload."""
BAD: Final[Mapping[str, Mapping[str, dict[str, Any]]]] = {
    "postmark": {
        "neither": {name: REFUSAL[name] for name in ("record_sha256", "origin", "received", "charter")},
        "both": POSTMARK | {"refused": "malformed"},
        "without-decisions": {name: value for name, value in POSTMARK.items() if name != "decisions"},
        "without-id": {name: value for name, value in POSTMARK.items() if name != "id"},
        "detail-of-an-admitted": POSTMARK | {"detail": "x"},
        "suspect-and-refused": REFUSAL | {"clock_suspect": True},
        "behind-and-refused": REFUSAL | {"charter_behind": True},
        "first-is-itself": REFUSAL | {"first": 7},
        "first-of-an-admitted": POSTMARK | {"first": 6},
        "suspect-false": POSTMARK | {"clock_suspect": False},
        "behind-false": POSTMARK | {"charter_behind": False},
        "stale-false": POSTMARK | {"charter_stale": False},
        "detail-1001": REFUSAL | {"detail": "x" * 1001},
        "reason": REFUSAL | {"refused": "too_late"},
        "way": POSTMARK | {"decisions": {"331126": {"way": "siren", "rule": "fire"}}},
        "rule": POSTMARK | {"decisions": {"331126": {"way": "alarm", "rule": "Fire"}}},
        "decision-for-nobody": POSTMARK | {"decisions": {"county": {"way": "alarm", "rule": "fire"}}},
        "cluster-empty": POSTMARK | {"origin": POSTMARK["origin"] | {"cluster": ""}},
        "cluster-65": POSTMARK | {"origin": POSTMARK["origin"] | {"cluster": "c" * 65}},
        "topic-250": POSTMARK | {"origin": POSTMARK["origin"] | {"topic": "t" * 250}},
        "offset": POSTMARK | {"origin": POSTMARK["origin"] | {"offset": -1}},
        "more": POSTMARK | {"weather": "fine"},
        "opens-in-the-first-form": POSTMARK | {"opens": [], "ends": []},
        "charter": POSTMARK | {"charter": "1"},
    },
    "manifest": {
        "more-than-its-range": MANIFEST | {"count": 7},
        "more-prompt-than-all": MANIFEST | {"prompt": 5},
        "backwards": MANIFEST | {"start": 10},
        "empty-with-a-root": EMPTY | {"root": HASH},
        "full-with-no-root": MANIFEST | {"root": EMPTY_ROOT.hex()},
        "fifth-quarter": MANIFEST | {"label": "2026Q5"},
        "year-1999": MANIFEST | {"label": "1999Q4"},
        "year-2200": MANIFEST | {"label": "2200Q1"},
        "year": MANIFEST | {"label": "2026"},
        "interim-missing": {name: value for name, value in MANIFEST.items() if name != "interim"},
        "cluster-65": MANIFEST | {"cluster": "c" * 65},
        "start-below-zero": MANIFEST | {"start": -1},
        "previous-short": MANIFEST | {"previous": HASH[:-1]},
        "county": MANIFEST | {"county": "33112"},
    },
    "adoption": {
        "at-once": ADOPTION | {"holds_from": AT},
        "before": ADOPTION | {"holds_from": "2026-11-23T08:04:59.999Z"},
        "unnamed": {name: value for name, value in ADOPTION.items() if name != "charter"},
        "more": ADOPTION | {"county": "331126"},
    },
    "followup": {
        "of-nothing": {name: value for name, value in FOLLOWUP.items() if name != "about"},
        "opened-by": FOLLOWUP | {"by": BY},
        "discharged-by-nothing": FOLLOWUP | {"step": "discharged"},
        "not-owed-by-nothing": FOLLOWUP | {"step": "not-owed"},
        "overdue-by": FOLLOWUP | {"step": "overdue", "by": BY},
        "owed-by-nobody": FOLLOWUP | {"owes": []},
        "to-whom": FOLLOWUP | {"to_whom": "mayor"},
        "step": FOLLOWUP | {"step": "Opened"},
        "spaces": FOLLOWUP | {"obligation": "a b"},
        "period": FOLLOWUP | {"period": "2026-13"},
        "due": FOLLOWUP | {"due": "2026-11-23"},
        "more": FOLLOWUP | {"fine": 5},
    },
}
"""The same, of payloads that are none."""


def document(kind: str, payload: bytes, key: SigningKey = STATION, /, **changes: Any) -> str:  # noqa: ANN401 -- of any member
    """Sign a payload, with members that may be wrong."""
    signature = {"keyid": key.kid, "sig": base64.b64encode(key.sign(pae(kind, payload))).decode()}
    said = {"payload": base64.b64encode(payload).decode(), "payloadType": kind, "signatures": [signature]}
    return strictjson.dumps(said | changes).decode()


def statements() -> Iterator[Case]:
    """Make every kind, then what may be wrong with any."""
    for is_good, table in ((True, GOOD), (False, BAD)):
        for kind, payloads in table.items():
            for name, payload in payloads.items():
                made = document(TYPE.format(kind), strictjson.dumps(payload))
                label = f"{kind}-{'good' if is_good else 'bad'}-{name}"
                sentence = f"A {kind}: {name.replace('-', ' ')}."
                yield label, sentence, {"versions": ONE, "type": TYPE.format(kind), "document": made}, is_good
    for is_good, payloads in ((True, SECOND_GOOD), (False, SECOND_BAD)):
        for name, payload in payloads.items():
            made = document(ADMITTED_TYPE, strictjson.dumps(payload))
            label = f"postmark-2-{'good' if is_good else 'bad'}-{name}"
            sentence = f"A postmark of the second form: {name.replace('-', ' ')}."
            yield label, sentence, {"versions": ONE, "type": ADMITTED_TYPE, "document": made}, is_good
    for name, sentence, made in _documents():
        yield f"document-{name}", sentence, {"versions": ONE, "type": TYPE.format("postmark"), "document": made}, False
    for name, sentence, kind, payload, key, is_good in _dated():
        made = document(TYPE.format(kind), strictjson.dumps(payload), key)
        yield f"dated-{name}", sentence, {"versions": TWO, "type": TYPE.format(kind), "document": made}, is_good


def _documents() -> Iterator[tuple[str, str, str]]:
    kind, payload = TYPE.format("postmark"), strictjson.dumps(POSTMARK)
    good = document(kind, payload)
    value = json.loads(good)
    only = value["signatures"][0]

    def changed_by(**changes: Any) -> str:  # noqa: ANN401 -- of any member
        return document(kind, payload, signatures=[only | changes])

    yield "space", "White space in the document.", good.replace(":", ": ", 1)
    yield "line", "A line break behind it.", good + "\n"
    yield (
        "order",
        "Its members in another order.",
        json.dumps(
            {"signatures": value["signatures"], "payloadType": kind, "payload": value["payload"]}, separators=(",", ":")
        ),
    )
    yield "escape", "An escape that is not needed.", good.replace("application/", "\\u0061pplication/", 1)
    yield "member", "A further member.", document(kind, payload, note="x")
    yield "member-of-signature", "A further member of the signature.", changed_by(note="x")
    yield "two-signatures", "Two signatures.", document(kind, payload, signatures=[only, only])
    yield "no-signature", "No signature.", document(kind, payload, signatures=[])
    yield "keyid-of-another", "The keyid of another key.", changed_by(keyid=NEW_STATION.kid)
    yield "keyid-short", "The first digits of the keyid.", changed_by(keyid=only["keyid"][:16])
    yield "signed-by-another", "A key that the charter does not know.", document(kind, payload, NEW_STATION)
    yield "signed-by-a-county", "A county's key.", document(kind, payload, SigningKey.from_seed(seed("sign 350924 1")))
    yield "unpadded", "base64 without padding.", changed_by(sig=only["sig"].rstrip("="))
    yield (
        "other-type",
        "Signed under another type.",
        document(kind, payload).replace(
            only["sig"], base64.b64encode(STATION.sign(pae(TYPE.format("manifest"), payload))).decode()
        ),
    )
    yield "form-of-another", "The second form's type in the document, the first signed.", good.replace(".v1", ".v2", 1)
    yield "type-of-another", "Another type in the document than was signed.", good.replace("postmark", "manifest", 1)
    yield (
        "of-another-kind",
        "A manifest where a postmark is asked for.",
        document(TYPE.format("manifest"), strictjson.dumps(MANIFEST)),
    )
    flipped = base64.b64encode(payload.replace(b'"alarm"', b'"digest"')).decode()
    yield "other-payload", "Another payload under the signature.", document(kind, payload, payload=flipped)
    for name, sentence, odd in (
        ("payload-space", "White space in the payload.", payload.replace(b":", b": ", 1)),
        ("payload-escape", "An escape in the payload.", payload.replace(b"fire", b"\\u0066ire")),
        ("payload-order", "The payload in another order.", json.dumps(POSTMARK, separators=(",", ":")).encode()),
        ("payload-null", "A null in the payload.", payload[:-1] + b',"zz":null}'),
        ("payload-array", "A payload that is no object.", b"[]"),
        ("payload-none", "A payload that is no JSON.", b"fire"),
    ):
        yield name, sentence, document(kind, odd)


def _dated() -> Iterator[tuple[str, str, str, dict[str, Any], SigningKey, bool]]:
    first: Callable[[str], dict[str, Any]] = lambda at: POSTMARK | {"received": at}  # noqa: E731 -- one expression
    second: Callable[[str], dict[str, Any]] = lambda at: first(at) | {"charter": SECOND}  # noqa: E731 -- the same
    before, old, new = "2026-11-30T23:59:59.999Z", STATION, NEW_STATION
    yield "before-by-the-old-key", "The last millisecond of the first version.", "postmark", first(before), old, True
    yield "before-by-the-new-key", "The second version's key, too early.", "postmark", second(before), new, False
    yield "at-by-the-new-key", "The first instant of the second version.", "postmark", second(LATER), new, True
    yield "at-by-the-old-key", "The first version's key, too late.", "postmark", first(LATER), old, False
    yield "at-not-after", "The key at not_after.", "postmark", second(ENDS), new, False
    last = "2026-12-14T23:59:59.999Z"
    yield "before-not-after", "The key a millisecond before not_after.", "postmark", second(last), new, True
    early = "2026-06-30T23:59:59.999Z"
    yield "before-all", "Before any version held, and before the key did.", "postmark", first(early), old, False
    yield "manifest-closed", "A manifest is dated by closed.", "manifest", MANIFEST | {"closed": LATER}, new, True
    yield "manifest-by-the-old-key", "The first version's key.", "manifest", MANIFEST | {"closed": LATER}, old, False
    yield "followup-at", "A followup is dated by at.", "followup", FOLLOWUP | {"at": LATER}, new, True
    yield "followup-opened", "Not by when it was opened.", "followup", FOLLOWUP | {"at": LATER}, old, False
    adopted = {"charter": SECOND, "holds_from": LATER, "adopted": "2026-11-25T00:00:00.000Z"}
    yield "adoption-by-its-own-key", "A version is announced under its own key.", "adoption", adopted, new, True
    yield "adoption-by-the-old-key", "Not under the key of the version before.", "adoption", adopted, old, False
    late = adopted | {"adopted": ENDS, "holds_from": "2026-12-16T00:00:00.000Z"}
    yield "adoption-at-not-after", "Announced at not_after of the key.", "adoption", late, new, False
