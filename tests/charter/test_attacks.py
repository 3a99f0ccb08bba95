"""Attacks on the charter: old, frozen, mixed, signed by too few or by others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import DelegatedRole, Metadata, Targets

from tests.charter.reading import STAMP, A, B, Reading
from tests.world.simulator import seed
from yizhan.charter import repository
from yizhan.charter.errors import CharterFault
from yizhan.charter.layout import ROOT, SNAPSHOT, TARGETS, keys_path, metadata_path
from yizhan.charter.rolekeys import generate, public_of
from yizhan.schemas.keys import SigningKey

KEY = SigningKey.from_seed(seed("another signing key"))


def test_a_good_version_is_adopted(reading: Reading) -> None:
    """What the others below are measured against: signed by its county, it is taken up, and nothing is wrong."""
    reading.change()
    reading.ceremony.publish(reading.later(minutes=1))
    assert reading.reader.update().version == 2
    assert reading.reader.status().stale(reading.now) is False


def test_rollback(reading: Reading) -> None:
    """Yesterday's timestamp and snapshot, both well signed, are older than what was verified."""
    old = {STAMP: reading.ceremony.published[STAMP]}
    reading.change()
    reading.ceremony.publish(reading.later(minutes=1))
    reading.reader.update()
    reading.ceremony.published |= old
    assert reading.offered().problem is CharterFault.ROLLBACK


def test_rollback_of_one_county(reading: Reading) -> None:
    """The station lists a county's old metadata again: a revoked key would be valid once more."""
    reading.change()
    reading.ceremony.publish(reading.later(minutes=1))
    reading.reader.update()
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
    reading.reader.update()
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


def replace_keyid(key: Any, keyid: str) -> Any:  # noqa: ANN401 -- securesystemslib's keys
    """Give a key another name."""
    return SSlibKey(keyid, key.keytype, key.scheme, dict(key.keyval))


def as_role_key(key: SigningKey) -> Any:  # noqa: ANN401 -- securesystemslib's signer
    """Take a key of events for a role key."""
    return CryptoSigner(key._key)  # noqa: SLF001 -- what an honest office never does
