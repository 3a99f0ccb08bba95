"""What a source may offer and a reader must not adopt: each named by its word, and the last good version stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import DelegatedRole, Metadata, Targets

from tests.ceremony import Ceremony
from tests.forge import register
from tests.simulator import NOW, World, seed
from yizhan.charter import repository
from yizhan.charter.errors import CharterFault, CharterProblem
from yizhan.charter.fetch import MemorySource
from yizhan.charter.layout import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, history_path, keys_path, metadata_path
from yizhan.charter.reader import CharterReader
from yizhan.charter.rolekeys import generate, public_of
from yizhan.schemas import strictjson
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.sample import TWO
from yizhan.schemas.timestamps import written

A, B = TWO
STAMP = metadata_path(TIMESTAMP, None)
KEY = SigningKey.from_seed(seed("another signing key"))


@dataclass
class Reading:
    """A ceremony of two, and a reader that has adopted its first version."""

    world: World
    ceremony: Ceremony
    now: datetime
    folder: Path
    reader: CharterReader = field(init=False)

    def later(self, **by: float) -> datetime:
        """Let time pass."""
        self.now += timedelta(**by)
        return self.now

    def change(self, county: str = A) -> None:
        """Register one more signing key of a county."""
        key = SigningKey.from_seed(seed(f"key {self.now}"))
        self.ceremony.files = register(self.ceremony.files, county, key, not_before=written(NOW))

    def offered(self) -> CharterProblem:
        """Look twice, as a running process does; what was wrong, by the log's word."""
        before = self.reader.latest().name
        with pytest.raises(CharterProblem) as error:
            self.reader.look()
        assert self.reader.refresh() == ()
        assert self.reader.refresh() == ()
        standing = self.reader.status()
        assert (standing.problem, standing.stale(self.now)) == (error.value.problem, True)
        screen = CharterReader(self.reader.archive, None, lambda: self.now)
        assert screen.status() == standing
        assert self.reader.latest().name == before
        return error.value

    def sign_again(self, role: str, change: Callable[[Any], None]) -> None:
        """Change published metadata of a role, sign it with the keys it has, and list it anew."""
        newest = self.ceremony.newest
        assert newest is not None
        metadata: Metadata[Any] = Metadata.from_bytes(newest.metadata[role])
        change(metadata.signed)
        metadata.signed.version += 1
        metadata.signatures.clear()
        self.ceremony.publish_unchecked(role, metadata, self.now)


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    """Two counties and their first charter, adopted by a reader."""
    world = World(TWO)
    ceremony = Ceremony.begin(world.files, NOW)
    made = Reading(world, ceremony, NOW, tmp_path)
    made.reader = CharterReader(
        ceremony.archive(tmp_path / "charter"), MemorySource(ceremony.published), lambda: made.now
    )
    return made


def test_a_good_version_is_adopted(reading: Reading) -> None:
    """What the others below are measured against: signed by its county, it is taken up, and nothing is wrong."""
    reading.change()
    reading.ceremony.publish(reading.later(minutes=1))
    assert reading.reader.look().version == 2
    assert reading.reader.status().stale(reading.now) is False


def test_rollback(reading: Reading) -> None:
    """Yesterday's timestamp and snapshot, both well signed, are older than what was verified."""
    old = {STAMP: reading.ceremony.published[STAMP]}
    reading.change()
    reading.ceremony.publish(reading.later(minutes=1))
    reading.reader.look()
    reading.ceremony.published |= old
    assert reading.offered().problem is CharterFault.ROLLBACK


def test_rollback_of_one_county(reading: Reading) -> None:
    """The station lists a county's old metadata again: a revoked key would be valid once more."""
    reading.change()
    reading.ceremony.publish(reading.later(minutes=1))
    reading.reader.look()
    newest = reading.ceremony.newest
    assert newest is not None
    first = Metadata[Any].from_bytes(reading.ceremony.published[metadata_path(SNAPSHOT, 1)]).signed
    meta = dict(newest.snapshot.meta) | {f"{A}.json": first.meta[f"{A}.json"]}
    reading.ceremony.list_again(meta, reading.now)
    assert reading.offered().problem is CharterFault.ROLLBACK


def test_freeze(reading: Reading) -> None:
    """Nothing newer for longer than the station's word lives: named, and what is in force stays."""
    assert reading.reader.status().stale(reading.now) is False
    reading.later(days=2)
    error = reading.offered()
    assert error.problem is CharterFault.FREEZE
    assert reading.reader.in_force(reading.now).version == 1
    reading.ceremony.restamp(reading.now)
    reading.reader.refresh()
    assert reading.reader.status().stale(reading.now) is False


def test_fast_forward(reading: Reading) -> None:
    """A number far ahead would leave none for later."""
    reading.ceremony.list_again(None, reading.later(minutes=1), version=5_000)
    assert reading.offered().problem is CharterFault.FAST_FORWARD


def test_mix_and_match(reading: Reading) -> None:
    """A county's file of another version than the one that was listed."""
    reading.change()
    reading.ceremony.publish(reading.later(minutes=1))
    second = dict(reading.ceremony.published)
    path = metadata_path(A, 2)
    reading.ceremony.published[path] = second[metadata_path(A, 1)]
    assert reading.offered().problem is CharterFault.MIX_AND_MATCH
    reading.ceremony.published[path] = second[path]
    reading.reader.look()
    assert reading.reader.latest().version == 2


def test_a_target_that_is_not_the_signed_one(reading: Reading) -> None:
    """Other bytes under a signed name are found by their hash."""
    reading.change()
    reading.ceremony.publish(reading.later(minutes=1))
    for path in reading.ceremony.published:
        if path.startswith(f"targets/counties/{A}/"):
            reading.ceremony.published[path] = reading.ceremony.published[path][:-1] + b" "
    assert reading.offered().problem is CharterFault.MIX_AND_MATCH


@pytest.mark.parametrize("role", [ROOT, TARGETS, A])
def test_too_few_signatures(reading: Reading, role: str) -> None:
    """One of two for root and targets, none for a county: not believed, whatever the station lists."""
    ceremony = reading.ceremony
    draft = ceremony.draft(reading.later(minutes=1), [role])
    ceremony.signed(draft, ceremony.hands[B].all())
    ceremony.publish_unchecked(role, draft.metadata[role], reading.now, sign=False)
    assert reading.offered().problem is CharterFault.THRESHOLD


def test_a_threshold_met_by_one_key_twice(reading: Reading) -> None:
    """One key under two names is one key: its raw bytes are compared."""
    key = generate("ed25519")
    twice = public_of(key)
    other = replace_keyid(twice, "f" * 64)
    offices = {
        A: replace(reading.ceremony.hands[A].offices, targets=twice),
        B: replace(reading.ceremony.hands[B].offices, targets=other),
    }
    draft = repository.draft(replace(reading.ceremony.terms, offices=offices), reading.ceremony.newest, reading.now)
    again = CryptoSigner(key._private_key, other)  # noqa: SLF001 -- the same key under another name
    signatures = [key, again, *(k for hands in reading.ceremony.hands.values() for k in hands.all())]
    reading.ceremony.signed(draft, signatures)
    reading.ceremony.publish_draft_unchecked(draft, reading.later(minutes=1))
    assert reading.offered().problem is CharterFault.KEY_REUSED


@pytest.mark.parametrize("where", ["root and targets", "two members", "county and root", "an event key"])
def test_a_key_for_two_things(reading: Reading, where: str) -> None:
    """One key, one owner, one role, one purpose."""
    hands = reading.ceremony.hands
    old = [key for each in hands.values() for key in each.all()]
    if where == "root and targets":
        hands[A].targets = hands[A].root
    elif where == "two members":
        hands[B].county = [*hands[B].county, *hands[A].county]
    elif where == "county and root":
        hands[A].county = [hands[A].root]
    else:
        event = reading.world.counties[A].signing
        hands[A].county = [as_role_key(event)]
    draft = reading.ceremony.draft(reading.now)
    reading.ceremony.signed(draft)
    reading.ceremony.signed(draft, old)
    reading.ceremony.publish_draft_unchecked(draft, reading.later(minutes=1))
    assert reading.offered().problem is CharterFault.KEY_REUSED


@pytest.mark.parametrize("threshold", ["root", "targets"])
def test_less_than_a_majority(reading: Reading, threshold: str) -> None:
    """A root that lets one of two decide is refused, though both have signed it."""
    terms = reading.ceremony.terms
    terms = replace(terms, root_threshold=1) if threshold == "root" else replace(terms, targets_threshold=1)
    draft = repository.draft(terms, reading.ceremony.newest, reading.later(minutes=1))
    reading.ceremony.signed(draft)
    reading.ceremony.publish_draft_unchecked(draft, reading.now)
    assert reading.offered().problem is CharterFault.WEAK_MAJORITY


@pytest.mark.parametrize("fault", ["another county", "all counties", "not terminating", "a stranger", "none"])
def test_a_delegation_outside_its_county(reading: Reading, fault: str) -> None:
    """Every delegation is confined to its own county, and ends there."""

    def change(targets: Targets) -> None:
        assert targets.delegations is not None
        assert targets.delegations.roles is not None
        role = targets.delegations.roles[A]
        match fault:
            case "another county":
                role.paths = [f"counties/{B}/*"]
            case "all counties":
                role.paths = [f"counties/{A}/*", "counties/*/keys.json"]
            case "not terminating":
                role.terminating = False
            case "a stranger":
                more = DelegatedRole("stranger", role.keyids, 1, terminating=True, paths=["*"])
                targets.delegations.roles = {"stranger": more, **targets.delegations.roles}
            case "none":
                del targets.delegations.roles[A]

    reading.sign_again(TARGETS, change)
    expected = CharterFault.FILES if fault == "none" else CharterFault.DELEGATION
    assert reading.offered().problem is expected


@pytest.mark.parametrize("fault", ["a file more", "another's file", "further delegation"])
def test_a_county_that_lists_more_than_its_keys(reading: Reading, fault: str) -> None:
    """A county's metadata lists its keys file, nothing else, and delegates to nobody."""

    def change(county: Targets) -> None:
        (target,) = county.targets.values()
        match fault:
            case "a file more":
                county.targets["policy.json"] = target
            case "another's file":
                county.targets[keys_path(B)] = target
            case "further delegation":
                assert reading.ceremony.newest is not None
                county.delegations = reading.ceremony.newest.targets.delegations

    reading.sign_again(A, change)
    assert reading.offered().problem is CharterFault.DELEGATION


def _policy(routes: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        policy = json.loads(files["policy.json"])
        policy["routes"] = routes(policy["routes"])
        files["policy.json"] = strictjson.dumps(policy)

    return change


def _alliance(**changes: Any) -> Callable[[dict[str, bytes]], None]:  # noqa: ANN401 -- any JSON
    def change(files: dict[str, bytes]) -> None:
        files["alliance.json"] = strictjson.dumps(json.loads(files["alliance.json"]) | changes)

    return change


def _twice(files: dict[str, bytes]) -> None:
    members = json.loads(files["alliance.json"])["members"]
    _alliance(members=[*members, members[0]])(files)


def _small_order(files: dict[str, bytes]) -> None:
    content = json.loads(files[keys_path(A)])
    content["signing"][0]["public"] = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    files[keys_path(A)] = strictjson.dumps(content)


def _neighbours_key(files: dict[str, bytes]) -> None:
    signing = json.loads(files[keys_path(B)])["signing"]
    content = json.loads(files[keys_path(A)])
    files[keys_path(A)] = strictjson.dumps(content | {"signing": [*content["signing"], *signing]})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_policy(lambda _: []), "routes"),
        (_policy(lambda routes: [routes[-1], *routes]), "never reached|must differ"),
        (_policy(lambda routes: [{**routes[0], "when": [{"weather": ["dry"]}]}, *routes[1:]]), "unknown attribute"),
        (_policy(lambda routes: [{**routes[0], "when": [{"status": ["Wet"]}]}, *routes[1:]]), "is never"),
        (_policy(lambda routes: routes[:-1]), "must match everything"),
        (_twice, "two members with one code"),
        (_small_order, "small order"),
        (_neighbours_key, "registered twice"),
    ],
    ids=["no routes", "unreachable", "unknown attribute", "unknown value", "no last route", "one code twice",
         "small order", "a neighbour's key"],
)  # fmt: skip
def test_content_that_does_not_load(reading: Reading, change: Callable[[dict[str, bytes]], None], said: str) -> None:
    """Well signed by all, and still not adopted: the sentence names the file and the cause."""
    change(reading.ceremony.files)
    draft = reading.ceremony.signed(reading.ceremony.draft(reading.later(minutes=1)))
    reading.ceremony.publish_draft_unchecked(draft, reading.now)
    error = reading.offered()
    assert error.problem is CharterFault.CONTENT
    with pytest.raises(CharterProblem, match=said):
        raise error


def test_members_that_nobody_signed(reading: Reading) -> None:
    """A member in the alliance's file without an office in root has no voice, and no charter."""
    members = json.loads(reading.ceremony.files["alliance.json"])["members"]
    _alliance(members=[*members, {**members[0], "code": "110101"}])(reading.ceremony.files)
    draft = reading.ceremony.signed(reading.ceremony.draft(reading.later(minutes=1)))
    reading.ceremony.publish_draft_unchecked(draft, reading.now)
    assert reading.offered().problem in {CharterFault.CONTENT, CharterFault.FILES}


@pytest.mark.parametrize("path", [STAMP, metadata_path(SNAPSHOT, 2), metadata_path(A, 2)])
@pytest.mark.parametrize("fault", ["truncated", "huge", "empty", "no JSON", "missing", "nested"])
def test_damaged_metadata(reading: Reading, path: str, fault: str) -> None:
    """Truncated, huge, empty, missing: named, and nothing but a CharterProblem is raised."""
    reading.change()
    reading.ceremony.publish(reading.later(minutes=1))
    good = reading.ceremony.published[path]
    bad = {
        "truncated": good[:-20], "huge": good + b" " * 3_000_000, "empty": b"", "no JSON": b"\xff" * 50,
        "nested": b"[" * 50_000, "missing": b"",
    }[fault]  # fmt: skip
    reading.ceremony.published[path] = bad
    if fault == "missing":
        del reading.ceremony.published[path]
    allowed = {CharterFault.DAMAGED, CharterFault.OVERSIZE, CharterFault.MISSING, CharterFault.MIX_AND_MATCH}
    assert reading.offered().problem in allowed
    reading.ceremony.published[path] = good
    assert reading.reader.look().version == 2


def test_a_clock_set_back(reading: Reading) -> None:
    """A machine whose clock goes back verifies nothing: what has expired would live again."""
    reading.ceremony.restamp(reading.later(days=1))
    reading.reader.look()
    reading.later(days=-1)
    assert reading.offered().problem is CharterFault.CLOCK_BACK
    fresh = CharterReader(reading.reader.archive, MemorySource(reading.ceremony.published), lambda: reading.now)
    with pytest.raises(CharterProblem, match="clock"):
        fresh.look()


def test_an_expired_office(reading: Reading) -> None:
    """A county that let its metadata expire stops nobody who has it; who has nothing is told whose it is."""
    reading.later(days=101)
    reading.change(B)
    reading.ceremony.publish(reading.now)
    assert reading.reader.look().version == 2
    due = {each.role for each in reading.reader.expiries() if each.due}
    assert due == {A}
    with pytest.raises(CharterProblem, match=f"{A} is expired") as error:
        CharterReader(
            reading.ceremony.archive(reading.folder / "fresh"), MemorySource(reading.ceremony.published),
            lambda: reading.now,
        )  # fmt: skip
    assert error.value.problem is CharterFault.EXPIRED


def test_a_station_whose_keys_were_stolen_recovers_by_a_new_root(reading: Reading) -> None:
    """The members change the station's keys; what the thief signs afterwards is not believed."""
    thief = {role: list(keys) for role, keys in reading.ceremony.station.items()}
    reading.ceremony.station = {role: [generate("ed25519")] for role in (SNAPSHOT, TIMESTAMP)}
    reading.ceremony.publish(reading.later(minutes=1))
    assert reading.reader.look().root.version == 2
    honest, reading.ceremony.station = reading.ceremony.station, thief
    reading.ceremony.list_again(None, reading.later(minutes=1))
    assert reading.offered().problem is CharterFault.THRESHOLD
    reading.ceremony.station = honest
    reading.ceremony.restamp(reading.now)


def test_history_does_not_bring_back_what_was_replaced(reading: Reading) -> None:
    """A first timestamp of a version that never was leads nowhere: it is left out, and the rest goes on."""
    reading.change()
    reading.ceremony.publish(reading.later(minutes=1))
    reading.ceremony.announce(reading.world.station, reading.now, reading.now + timedelta(seconds=60))
    reading.ceremony.published[history_path(2)] = b"{}"
    reading.change()
    reading.ceremony.publish(reading.later(minutes=5))
    reading.ceremony.announce(reading.world.station, reading.now, reading.now + timedelta(seconds=60))
    reading.reader.refresh()
    assert reading.reader.numbers() == (1, 3)
    assert reading.reader.in_force(reading.later(minutes=5)).version == 3


def replace_keyid(key: Any, keyid: str) -> Any:  # noqa: ANN401 -- securesystemslib's keys
    """Give a key another name."""
    return SSlibKey(keyid, key.keytype, key.scheme, dict(key.keyval))


def as_role_key(key: SigningKey) -> Any:  # noqa: ANN401 -- securesystemslib's signer
    """Take a key of events for a role key."""
    return CryptoSigner(key._key)  # noqa: SLF001 -- what an honest office never does
