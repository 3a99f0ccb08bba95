"""The charter: what loads, what must not, and which version is in force."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world.forge import register
from tests.world.simulator import START, World, load, seed
from yizhan.schemas import strictjson
from yizhan.schemas.charter import AdoptedCharters, Charter
from yizhan.schemas.charter_loading import charter_name, load_charter
from yizhan.schemas.errors import CharterInvalid, YizhanError
from yizhan.schemas.header import CharterName, ContractModel
from yizhan.schemas.keys import SealingKey, SigningKey
from yizhan.schemas.sample import SIX, TWO, charter_files
from yizhan.schemas.timestamps import written

WORLD = World()
FILES = WORLD.files
KEYS = "counties/331126/keys.json"
KEY = SigningKey.from_seed(seed("another key"))
SEAL = SealingKey.from_seed(seed("another seal", 96))
Files = dict[str, bytes]


def with_(path: str, **changes: Any) -> Files:  # noqa: ANN401 -- any JSON
    """Write the files with something else in one of them."""
    return FILES | {path: strictjson.dumps(json.loads(FILES[path]) | changes)}


def entry(key: SigningKey | SealingKey, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 -- any JSON
    """Write a key as it is registered."""
    public = base64.b64encode(key.public.raw).decode()
    return {"kid": key.kid, "public": public, "not_before": written(START)} | changes


def version(number: int, days: int) -> Charter:
    """Make version ``number`` of the charter, in force ``days`` after the first."""
    members = {code: county.public for code, county in WORLD.counties.items()}
    files = charter_files(members, [WORLD.station.public], not_before=START)
    return load(files, number, START + timedelta(days=days))


@pytest.mark.parametrize("codes", [SIX, TWO], ids=["six", "two"])
def test_the_sample_loads(codes: tuple[str, ...]) -> None:
    """Alliances of two are as welcome as of six."""
    charter = World(codes).charter
    assert tuple(sorted(charter.members)) == codes
    assert charter.partners("350924") == ("331126",)


def test_a_version_is_named_by_its_signed_list() -> None:
    """The list's number and hash: one byte of it gives another name."""

    class Named(ContractModel):
        name: CharterName

    name = charter_name(1, b"{}")
    assert Named(name=name).name == name
    assert charter_name(1, b"{} ") != name
    assert charter_name(2, b"{}") == "2" + name[1:]


def test_keys_checked_before_are_not_checked_again() -> None:
    """The same bytes of a county give the same object; other bytes are checked."""
    first = load_charter(FILES, "1-0123456789abcdef", START)
    again = load_charter(FILES, "2-0123456789abcdef", START)
    assert all(again.counties[code] is first.counties[code] for code in again.members)
    changed = register(FILES, "331126", KEY, not_before=written(START))
    newer = load_charter(changed, "3-0123456789abcdef", START)
    assert KEY.kid in newer.signing["331126"]
    with pytest.raises(CharterInvalid, match="registered twice"):
        load_charter(register(changed, "350924", KEY, not_before=written(START)), "4-0", START)


def test_what_a_compromised_key_signed_is_doubtful_from_that_instant() -> None:
    """It goes on holding until it is revoked; what was received before is not in doubt."""
    turn, end = START + timedelta(days=10), START + timedelta(days=20)
    times = {"not_before": written(START), "compromised": written(turn), "revoked": written(end)}
    entry_ = load(register(FILES, "331126", KEY, **times)).signing["331126"][KEY.kid]
    before = turn - timedelta(milliseconds=1)
    assert [entry_.doubtful(at) for at in (before, turn, end)] == [False, True, True]
    assert [entry_.holds(at) for at in (before, turn, end)] == [True, True, False]


ALLIANCE = json.loads(FILES["alliance.json"])
MEMBERS, PAIRS = ALLIANCE["members"], ALLIANCE["pairs"]
POSTMARK = ALLIANCE["station"]["postmark"]
COUNTY = json.loads(FILES[KEYS])
SIGNING, SEALING = COUNTY["signing"], COUNTY["sealing"]
SMALL_ORDER = base64.b64encode((1).to_bytes(32, "little")).decode()

DOUBTFUL: dict[str, tuple[Files, str]] = {
    "no files": ({}, "alliance.json is missing"),
    "no alliance": ({path: FILES[path] for path in FILES if path != "alliance.json"}, "alliance.json is missing"),
    "no policy": ({path: FILES[path] for path in FILES if path != "policy.json"}, "policy.json is missing"),
    "no keys": ({path: FILES[path] for path in FILES if path != KEYS}, "missing or too many: counties/331126"),
    "a file more": (FILES | {"counties/110101/keys.json": FILES[KEYS]}, "110101"),
    "a hostile file name": (FILES | {"\x1b[2J": b""}, r"\\x1b"),
    "too large": (FILES | {"policy.json": b" " * (1024 * 1024 + 1)}, "at most"),
    "not JSON": (FILES | {"alliance.json": b"name: sample"}, "alliance.json: not JSON"),
    "a name twice": (FILES | {KEYS: b'{"county":"331126",' + FILES[KEYS][1:]}, "twice"),
    "null": (with_(KEYS, ladder=None), "null"),
    "depth": (FILES | {"policy.json": b"[" * 100_000}, "nested|not JSON"),
    "another county's keys": (FILES | {KEYS: FILES["counties/350924/keys.json"]}, "says it is of 350924"),
    "a version inside": (with_("alliance.json", version=1), "version"),
    "a time zone that is none": (with_("alliance.json", time_zone="Asia/Shouning"), "time zone"),
    "a time zone that is a folder": (with_("alliance.json", time_zone="Asia"), "time zone"),
    "a time zone that is a path": (with_("alliance.json", time_zone="../../etc/passwd"), "time_zone"),
    "one member": (with_("alliance.json", members=MEMBERS[:1]), "members"),
    "a member twice": (with_("alliance.json", members=[*MEMBERS, MEMBERS[0]]), "one code"),
    "a code in other digits": (
        with_("alliance.json", members=[*MEMBERS, MEMBERS[0] | {"code": "３３１１２６"}]), "code"),
    "a pair with itself": (with_("alliance.json", pairs=[["331126", "331126"]]), "two different members"),
    "a pair with a stranger": (with_("alliance.json", pairs=[["331126", "110101"]]), "two different members"),
    "a pair twice": (with_("alliance.json", pairs=[*PAIRS, PAIRS[0][::-1]]), "pair is named twice"),
    "three in a pair": (with_("alliance.json", pairs=[["331126", "350924", "330327"]]), "pairs"),
    "no postmark key": (with_("alliance.json", station={"postmark": []}), "postmark"),
    "a ledger key that is none": (
        with_("alliance.json", station={"postmark": POSTMARK, "ledger": [entry(KEY, public="AAAA")]}), "of the ledger"),
    "an attribute more": (with_("alliance.json", motto="x"), "motto"),
    "no signing key": (with_(KEYS, signing=[]), "signing"),
    "no sealing key": (with_(KEYS, sealing=[]), "sealing"),
    "base64 with a line break": (with_(KEYS, signing=[entry(KEY, public=SIGNING[0]["public"][:-1] + "\n=")]), "key"),
    "base64 spelled otherwise": (
        with_(KEYS, signing=[entry(KEY, public=SIGNING[0]["public"][:-2] + "x=")]), "one base64"),
    "a key too short": (with_(KEYS, signing=[entry(KEY, public="AAAA")]), "expected an Ed25519"),
    "a small-order key": (with_(KEYS, signing=[entry(KEY, public=SMALL_ORDER)]), "small order"),
    "a kid of another key": (with_(KEYS, signing=[entry(KEY, kid=SIGNING[0]["kid"])]), "its bytes give the kid"),
    "a sealing key to sign": (with_(KEYS, signing=SEALING), "expected an Ed25519"),
    "a signing key to seal": (with_(KEYS, sealing=SIGNING), "expected a sealing key"),
    "a key twice": (with_(KEYS, signing=[*SIGNING, *SIGNING]), "registered twice"),
    "a neighbour's key": (
        register(FILES, "331126", WORLD.counties["350924"].signing, not_before=written(START)), "registered twice"),
    "the station's key": (register(FILES, "331126", WORLD.station, not_before=written(START)), "registered twice"),
    "a key that never holds": (with_(KEYS, signing=[entry(KEY, not_after=written(START))]), "never holds"),
    "a time in another spelling": (with_(KEYS, signing=[entry(KEY, not_before="2026-07-01T00:00:00Z")]), "not_before"),
}  # fmt: skip


@pytest.mark.parametrize("name", DOUBTFUL)
def test_a_doubtful_charter_does_not_load(name: str) -> None:
    """Each fault is CharterInvalid and is named, in printable words."""
    files, said = DOUBTFUL[name]
    with pytest.raises(CharterInvalid, match=said) as error:
        load(files)
    assert "\x1b" not in str(error.value)


@pytest.mark.exhaustive
@settings(max_examples=150)
@given(
    path=st.sampled_from(sorted(FILES)),
    at=st.integers(0, 2000),
    piece=st.binary(max_size=5) | st.sampled_from([b"null", b"{}", b"[]", b'"', b"-1"]),
)
def test_any_damage_is_charter_invalid(path: str, at: int, piece: bytes) -> None:
    """Bytes written over anywhere in a file: the charter loads under another name, or is CharterInvalid."""
    content = FILES[path]
    damaged = content[:at] + piece + content[at + len(piece) :]
    try:
        charter = load(FILES | {path: damaged})
    except CharterInvalid:
        return
    assert damaged == content or charter.name != WORLD.charter.name


def test_a_key_may_be_revoked_from_the_start() -> None:
    """Revoked before it began: it loads, so that its signatures are told apart, and never holds."""
    charter = load(register(FILES, "331126", KEY, not_before=written(START), revoked=written(START)))
    assert not charter.signing["331126"][KEY.kid].holds(START)


def test_the_ledgers_keys_are_checked_and_kept() -> None:
    """They are keys like any other."""
    files = with_("alliance.json", station={"postmark": POSTMARK, "ledger": [entry(KEY)]})
    assert set(load(files).ledger) == {KEY.kid}


def test_the_newest_sealing_key_that_holds_is_used() -> None:
    """A key begins to be used when it begins to hold, though the old one still opens; without one, an error."""
    turn = START + timedelta(days=30)
    charter = load(register(FILES, "331126", SEAL, not_before=written(turn)))
    assert charter.sealing_key("331126", turn - timedelta(seconds=1)).kid == WORLD.counties["331126"].sealing.kid
    assert charter.sealing_key("331126", turn).kid == SEAL.kid
    with pytest.raises(CharterInvalid, match="no sealing key"):
        charter.sealing_key("331126", START - timedelta(seconds=1))


def test_the_version_in_force_is_chosen_by_time() -> None:
    """From its instant on, until the next one's; before the first, the first."""
    charters = AdoptedCharters(version(n, n * 10) for n in (1, 2, 3))

    def number(days: float) -> int:
        return charters.in_force(START + timedelta(days=days)).version

    assert [number(days) for days in (0, 10, 19.999, 20, 29, 30, 1000)] == [1, 1, 1, 2, 2, 3, 3]
    assert charters.latest().version == 3
    assert charters.refresh() == ()


@pytest.mark.parametrize(("number", "days"), [(2, 30), (1, 30), (3, 20), (3, 10)])
def test_a_version_comes_after_all_others(number: int, days: int) -> None:
    """In its number and in its time; otherwise records already decided would be decided anew."""
    charters = AdoptedCharters([(version(1, 10)), (version(2, 20))])
    with pytest.raises(CharterInvalid, match="does not come after"):
        charters.adopt(version(number, days))
    assert charters.latest().version == 2


def test_no_charter_is_an_error() -> None:
    """Empty means invalid: nothing to adopt, nothing to go by."""
    with pytest.raises(CharterInvalid, match="publish one first"):
        AdoptedCharters([])


def test_errors_are_ours() -> None:
    """A charter's faults are one class of the tree."""
    assert issubclass(CharterInvalid, YizhanError)


def test_lookups_are_by_code_and_kid() -> None:
    """Every member's keys, and the station's, are found by the kid that a header or statement names."""
    charter: Charter = WORLD.charter
    for code, county in WORLD.counties.items():
        assert set(charter.signing[code]) == {county.signing.kid}
        assert set(charter.sealing[code]) == {county.sealing.kid}
    assert set(charter.postmark) == {WORLD.station.kid}
    assert charter.time_zone == "Asia/Shanghai"
    assert charter.holds_from == START == datetime(2026, 7, 1, tzinfo=START.tzinfo)
