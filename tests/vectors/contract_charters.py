"""Vectors of charters: what loads and what does not, each by one change of the envelope's charter."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from tests.vectors.contract_keys import Case
from tests.vectors.contract_obligations import GOOD_OBLIGATIONS, WRONG_OBLIGATIONS
from tests.vectors.maker import CHARTER, NAME
from tests.world.simulator import seed
from yizhan.schemas import strictjson
from yizhan.schemas.keys import CosigningKey, SigningKey, kid
from yizhan.schemas.sample import sample_ladders

ALLIANCE, POLICY, KEYS = "alliance.json", "policy.json", "counties/350924/keys.json"
FOLDER: Final = "envelope/charter"
HOLDS_FROM: Final = "2026-07-01T00:00:00.000Z"
Change = Callable[[Any], object]


def stored(path: str) -> Any:  # noqa: ANN401 -- JSON is any
    """Read a file of the charter."""
    return json.loads((CHARTER / path).read_text("utf-8"))


def version(changes: dict[str, str | None], **more: Any) -> dict[str, Any]:  # noqa: ANN401 -- of any member
    """Describe a version by what it changes."""
    return {"folder": FOLDER, "changes": changes, "name": NAME, "holds_from": HOLDS_FROM, **more}


def text(value: Any) -> str:  # noqa: ANN401 -- JSON is any
    """Write a file."""
    return strictjson.dumps(value).decode()


def changed(path: str, change: Change) -> dict[str, str | None]:
    """Change one file by a function that changes its value in place."""
    value = copy.deepcopy(stored(path))
    change(value)
    return {path: text(value)}


def entry(key: SigningKey | CosigningKey, **times: str) -> dict[str, str]:
    """Register a key."""
    public = base64.b64encode(key.public.raw).decode()
    return {"kid": key.kid, "public": public, "not_before": HOLDS_FROM, **times}


def key_change(**changes: Any) -> Change:  # noqa: ANN401 -- of any attribute
    """Change the first signing key; None takes an attribute away."""

    def change(value: Any) -> None:  # noqa: ANN401 -- JSON is any
        first = value["signing"][0] | changes
        value["signing"][0] = {name: inner for name, inner in first.items() if inner is not None}

    return change


def put(*path: str | int, value: Any) -> Change:  # noqa: ANN401 -- JSON is any
    """Set what stands at a path; None takes it away."""

    def change(root: Any) -> None:  # noqa: ANN401 -- JSON is any
        for step in path[:-1]:
            root = root[step]
        if value is None:
            del root[path[-1]]
        else:
            root[path[-1]] = value

    return change


ROUTE: Final[dict[str, Any]] = {"id": "more", "when": [{}], "then": "notice", "because": {"zh": "试", "en": "try"}}
RUNG: Final = {"role": "值班", "name": "某", "phone": "110"}
NEUTRAL: Final = (1).to_bytes(32, "little")
SMALL: Final = {"kid": kid("sign", NEUTRAL), "public": base64.b64encode(NEUTRAL).decode()}
STATION: Final = SigningKey.from_seed(seed("station postmark"))
LEDGER: Final = SigningKey.from_seed(seed("ledger"))
COSIGNER: Final = CosigningKey.from_seed(seed("cosign 350924 1"))


def _first(**changes: Any) -> Change:  # noqa: ANN401 -- of any attribute
    return lambda policy: policy["routes"].insert(0, ROUTE | {"when": [{"status": ["Test"]}]} | changes)


def good() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Charters that load."""
    yield "as-it-is", "The charter of the envelope's vectors.", version({})
    rows: tuple[tuple[str, str, str, Change], ...] = (
        ("no-pairs", "No pairs.", ALLIANCE, put("pairs", value=[])),
        ("quorum-of-all", "All members must cosign.", ALLIANCE, put("quorum", value=6)),
        ("log-named", "A log of another name.", ALLIANCE, put("log", value="a" * 128)),
        ("ledger", "A ledger key.", ALLIANCE, put("station", "ledger", value=[entry(LEDGER)])),
        ("border-zero", "A border strip of 0 km.", POLICY, put("border_strip_km", value=0)),
        ("border-200", "A border strip of 200 km.", POLICY, put("border_strip_km", value=200)),
        ("cosigning", "A cosigning key.", KEYS, put("cosigning", value=[entry(COSIGNER)])),
        ("ladder", "Somebody on the ladder, and nothing that reminds.", KEYS, put("ladder", value=[RUNG])),
        ("compromised", "A key with the instant of a compromise.", KEYS, key_change(compromised=HOLDS_FROM)),
        ("revoked-early", "A key revoked before it held.", KEYS, key_change(revoked="2020-01-01T00:00:00.000Z")),
        ("first-route", "One more route that is reached.", POLICY, _first()),
        ("because-300", "300 characters beyond the BMP.", POLICY, _first(because={"zh": "𠀀" * 300, "en": "x"})),
        ("rows-16", "16 rows.", POLICY, _first(when=[{"status": ["Test"], "grade": [g], "worse": [w], "stage": [s]}
            for g in ("1", "2") for w in ("yes", "no") for s in ("first", "update", "final", "absent")])),
    )  # fmt: skip
    for name, sentence, path, change in rows:
        yield name, sentence, version(changed(path, change))
    spelled = json.dumps(stored(KEYS), indent=1, ensure_ascii=True)
    yield "spelled-otherwise", "White space and escapes are the writer's.", version({KEYS: spelled})
    size = 1_048_576 - len((CHARTER / KEYS).read_bytes())
    yield "one-mebibyte", "A file of 1,048,576 bytes.", version({}, spaces_after={KEYS: size})
    for name, obligation in GOOD_OBLIGATIONS.items():
        yield f"obligation-{_hyphened(name)}", f"An obligation: {name}.", version(_obligations(obligation))


def bad() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Charters that do not load."""
    for name, sentence, path, change in (*_bad_alliance(), *_bad_keys(), *_bad_policy()):
        yield name, sentence, version(changed(path, change))
    keys, other = "counties/331126/keys.json", stored("counties/331126/keys.json")
    yield "county-missing", "A county's file is missing.", version({keys: None})
    yield "alliance-missing", "alliance.json is missing.", version({ALLIANCE: None})
    yield "policy-missing", "policy.json is missing.", version({POLICY: None})
    yield "county-too-many", "A file of no member.", version({"counties/999999/keys.json": text(other)})
    yield "other-file", "A file that no clause names.", version({"readme.txt": "{}"})
    shared = stored(keys) | {"signing": stored(KEYS)["signing"]}
    yield "key-of-two", "Two counties with one key.", version({keys: text(shared)})
    yield "null", "A null.", version({KEYS: text(stored(KEYS))[:-1] + ',"cosigning":null}'})
    yield "name-twice", "A name twice.", version({KEYS: text(stored(KEYS))[:-1] + ',"county":"350924"}'})
    lone = text(stored(ALLIANCE)).replace("示例联盟", "\\ud800")
    yield "surrogate", "A lone surrogate in a name.", version({ALLIANCE: lone})
    deep = text(stored(KEYS))[:-1] + ',"x":' + "[" * 10 + "]" * 10 + "}"
    yield "deep", "Eleven deep, in an attribute that does not exist.", version({KEYS: deep})
    size = 1_048_577 - len((CHARTER / KEYS).read_bytes())
    yield "one-mebibyte-and-one", "A file of 1,048,577 bytes.", version({}, spaces_after={KEYS: size})
    for name, obligations in WRONG_OBLIGATIONS.items():
        yield f"obligation-{_hyphened(name)}", f"An obligation: {name}.", version(_obligations(*obligations))
    reminding = [each for each in GOOD_OBLIGATIONS.values() if each.get("reminders")][:1]
    empty: dict[str, str | None] = {KEYS: text(stored(KEYS))}
    yield "ladder-empty", "Somebody is reminded, and a member names nobody.", version(_obligations(*reminding) | empty)


def _hyphened(name: str) -> str:
    return name.replace(",", "").replace(" ", "-")


def _obligations(*obligations: Any) -> dict[str, str | None]:  # noqa: ANN401 -- JSON is any
    ladders = sample_ladders()
    codes = [member["code"] for member in stored(ALLIANCE)["members"]]
    files = {f"counties/{code}/keys.json": code for code in codes}
    called = {path: text(stored(path) | {"ladder": ladders[code]}) for path, code in files.items()}
    return {**changed(POLICY, put("obligations", value=list(obligations))), **called}


def _bad_alliance() -> Iterator[tuple[str, str, str, Change]]:
    def twice(value: Any) -> None:  # noqa: ANN401 -- JSON is any
        value["members"].append(value["members"][0])

    mine = stored(KEYS)["signing"][0]
    for name, sentence, change in (
        ("member-twice", "A member twice.", twice),
        ("member-alone", "One member.", lambda value: value.update(members=value["members"][:1], pairs=[])),
        ("pair-of-one", "A county paired with itself.", put("pairs", value=[["350924", "350924"]])),
        ("pair-of-stranger", "A pair with no member.", put("pairs", value=[["350924", "999999"]])),
        ("pair-twice", "A pair in both orders.", put("pairs", value=[["350924", "331126"], ["331126", "350924"]])),
        ("pair-of-three", "Three in a pair.", put("pairs", value=[["350924", "331126", "330327"]])),
        ("no-pairs-named", "pairs is missing.", put("pairs", value=None)),
        ("postmark-empty", "No postmark key.", put("station", "postmark", value=[])),
        ("postmark-of-county", "A county's key as postmark key.", put("station", "postmark", 0, value=mine)),
        ("ledger-is-postmark", "The postmark key as ledger key.", put("station", "ledger", value=[entry(STATION)])),
        ("time-zone-unknown", "A time zone that does not exist.", put("time_zone", value="Asia/Nowhere")),
        ("time-zone-digits", "A time zone with digits.", put("time_zone", value="Etc/GMT+8")),
        ("quorum-zero", "A quorum of nobody.", put("quorum", value=0)),
        ("quorum-seven", "A quorum of more than there are.", put("quorum", value=7)),
        ("log-empty", "A log without a name.", put("log", value="")),
        ("log-plus", "A plus in the log's name.", put("log", value="a+b")),
        ("log-129", "129 characters of a log's name.", put("log", value="a" * 129)),
        ("name-empty", "A name of no characters.", put("name", "zh", value="")),
        ("name-301", "A name of 301 characters.", put("name", "zh", value="县" * 301)),
        ("alliance-more", "An attribute that does not exist.", put("motto", value="x")),
        ("code-short", "A code of five digits.", put("members", 0, "code", value="33032")),
    ):
        yield name, sentence, ALLIANCE, change


def _with_bits(public: str) -> str:
    """Spell 32 bytes with an unused bit that is set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return public[:-2] + alphabet[alphabet.index(public[-2]) | 1] + "="


def _bad_keys() -> Iterator[tuple[str, str, str, Change]]:
    first = stored(KEYS)["signing"][0]
    for name, sentence, change in (
        ("county-of-another", "The file says another county.", put("county", value="331126")),
        ("signing-empty", "No signing key.", put("signing", value=[])),
        ("sealing-empty", "No sealing key.", put("sealing", value=[])),
        ("kid-of-another", "A kid of other bytes.", key_change(kid="0" * 64)),
        ("key-twice", "A key twice.", put("signing", value=[first, first])),
        ("key-small-order", "A key of small order.", key_change(**SMALL)),
        ("key-other-role", "A sealing key among the signing keys.", put("signing", value=stored(KEYS)["sealing"])),
        ("key-unpadded", "base64 without padding.", key_change(public=first["public"].rstrip("="))),
        ("key-spaced", "base64 with a newline.", key_change(public=first["public"] + "\n")),
        ("key-bits", "base64 with bits that are not used.", key_change(public=_with_bits(first["public"]))),
        ("never-holds", "not_after at not_before.", key_change(not_after=HOLDS_FROM)),
        ("not-before-missing", "not_before is missing.", key_change(not_before=None)),
        ("not-before-no-instant", "not_before is no instant.", key_change(not_before="2026-07-01")),
        ("key-more", "An attribute that a key does not have.", key_change(owner="x")),
        ("phone-short", "A telephone of two digits.", put("ladder", value=[RUNG | {"phone": "11"}])),
        ("role-long", "A role of 41 characters.", put("ladder", value=[RUNG | {"role": "值" * 41}])),
        ("cosigning-signs", "A signing key that cosigns.", put("cosigning", value=[entry(LEDGER)])),
    ):
        yield name, sentence, KEYS, change


def _bad_policy() -> Iterator[tuple[str, str, str, Change]]:
    test = {"status": ["Test"]}
    for name, sentence, change in (
        ("route-id-twice", "One id twice.", _first(id="rest")),
        ("route-protocol", "The id protocol is taken.", _first(id="protocol")),
        ("route-unreachable", "A route behind all others.", lambda value: value["routes"].append(ROUTE)),
        ("row-unreachable", "A row that the row before it covers.", _first(when=[test, test | {"worse": ["yes"]}])),
        ("row-of-receipts", "A row that the protocol covers.", _first(when=[{"type": ["yizhan.receipt.v1"]}])),
        ("row-covered-by-two", "Two rows together cover a third.", _first(when=[
            test | {"worse": ["yes"]}, test | {"worse": ["no"]}, test])),
        ("last-not-all", "The last route leaves something.", put("routes", -1, "when", value=[{"worse": ["no"]}])),
        ("last-by-two-rows", "The rows of the last route cover all only together.", put("routes", -1, "when", value=[
            {"worse": ["no"]}, {"worse": ["yes"]}])),
        ("attribute-unknown", "An attribute that is no fact.", _first(when=[{"subject": ["absent"]}])),
        ("value-unknown", "A value that a fact never has.", _first(when=[{"status": ["System"]}])),
        ("values-empty", "A row with no value.", _first(when=[{"status": []}])),
        ("when-empty", "A route without rows.", _first(when=[])),
        ("rows-17", "17 rows.", _first(when=[test] * 17)),
        ("way-unknown", "A way that does not exist.", _first(then="siren")),
        ("because-missing", "A route without its clause.", _first(because=None)),
        ("because-301", "301 characters.", _first(because={"zh": "字" * 301, "en": "x"})),
        ("route-id", "An id in upper case.", _first(id="Fire")),
        ("border-201", "A border strip of 201 km.", put("border_strip_km", value=201)),
        ("border-missing", "No border strip.", put("border_strip_km", value=None)),
        ("routes-empty", "No route.", put("routes", value=[])),
        ("grade-number", "A grade as a number.", _first(when=[{"grade": [1]}])),
    ):  # fmt: skip
        yield name, sentence, POLICY, change


def charters() -> Iterator[Case]:
    """Charters that load, and charters that do not."""
    for is_good, rows in ((True, good()), (False, bad())):
        for name, sentence, described in rows:
            yield f"{'good' if is_good else 'bad'}-{name}", sentence, {"versions": [described]}, is_good
