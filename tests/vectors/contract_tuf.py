"""Vectors of signed repositories: a charter that its members signed, and what must not be adopted."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Targets

from tests.vectors.contract_keys import Case
from tests.world.ceremony import Ceremony
from tests.world.simulator import NOW, World, seed
from yizhan.charter.layout import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, metadata_path, target_path
from yizhan.charter.repository import COMPACT
from yizhan.charter.rolekeys import generate, public_of
from yizhan.schemas import strictjson
from yizhan.schemas.sample import TWO
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

A, B = TWO
STAMP: Final = metadata_path(TIMESTAMP, None)
QUIET: Final = {"id": "all", "when": [{}], "then": "notice", "because": {"zh": "试", "en": "try"}}
POLICY: Final = strictjson.dumps({"border_strip_km": 10, "routes": [QUIET]})


def begun(scheme: str = "ed25519", **files: bytes) -> Ceremony:
    """Publish a first version of a small charter."""
    return Ceremony.begin(World(TWO).files | {"policy.json": POLICY} | files, NOW, scheme)


def as_it_is(signed: Any) -> None:  # noqa: ANN401 -- tuf's metadata
    """Change nothing."""
    del signed


def offered(ceremony: Ceremony, now: datetime = NOW, anchor: bytes | None = None) -> dict[str, Any]:
    """Describe what a reader finds."""
    files = {path: data.decode() for path, data in sorted(ceremony.published.items())}
    return {"anchor": (anchor or ceremony.anchor).decode(), "files": files, "now": written(now)}


def changed(role: str, change: Callable[[Any], None], signers: int | None = None) -> Ceremony:
    """Publish changed metadata of a role, signed by everybody, or by so many, and listed anew."""
    ceremony = begun()
    newest = ceremony.newest
    assert newest is not None
    metadata: Metadata[Any] = Metadata.from_bytes(newest.metadata[role])
    change(metadata.signed)
    metadata.signed.version += 1
    metadata.signatures.clear()
    if signers is None:
        ceremony.publish_unchecked(role, metadata, NOW)
        return ceremony
    hands = list(ceremony.hands.values())[:signers]
    for each in hands:
        for key in {ROOT: [each.root], TARGETS: [each.targets]}.get(role, each.county):
            metadata.sign(key, append=True)
    ceremony.publish_unchecked(role, metadata, NOW, sign=False)
    return ceremony


def replaced(path: str, change: Callable[[bytes], bytes]) -> Ceremony:
    """Change a published file and nothing that lists it."""
    ceremony = begun()
    (found,) = [each for each in ceremony.published if each.endswith(path)]
    ceremony.published[found] = change(ceremony.published[found])
    return ceremony


def tuf() -> Iterator[Case]:
    """Repositories that verify, and those that do not."""
    for scheme in ("ed25519", "ml-dsa-65", "ecdsa"):
        sentence = f"Two members, keys of {scheme}."
        yield f"good-{scheme}", sentence, offered(begun(scheme)), True
    again = begun()
    for county in (A, B):
        again.hands[county].targets = generate("ed25519")
        old = [key for hands in again.hands.values() for key in hands.all()]
        again.publish(NOW, old=old)
    yield "good-third-root", "Two more roots, each signed under the one before.", offered(again), True
    quiet = begun()
    quiet.restamp(NOW + timedelta(hours=12))
    yield (
        "good-restamped",
        "The station says again that nothing newer exists.",
        offered(quiet, NOW + timedelta(hours=13)),
        True,
    )
    spelled = begun()
    stamp = json.loads(spelled.published[STAMP])
    spelled.published[STAMP] = json.dumps(turned(stamp), indent=1).encode()
    sentence = "Metadata in another order and with white space: its canonical JSON was signed."
    yield "good-spelled-otherwise", sentence, offered(spelled), True
    first, other = begun(), begun()
    root: Metadata[Any] = Metadata.from_bytes(other.anchor)
    root.signed.version = 2
    root.signatures.clear()
    for hands in other.hands.values():
        root.sign(hands.root, append=True)
    other.published[metadata_path(ROOT, 2)] = root.to_bytes(COMPACT)
    sentence = "A second root that only its own keys signed."
    yield "bad-root-of-strangers", sentence, offered(other, anchor=first.anchor), False
    for name, sentence, ceremony in (*_bad_roots(), *_bad_targets(), *_bad_others()):
        yield f"bad-{name}", sentence, offered(ceremony), False
    yield "bad-expired", "The timestamp has expired.", offered(begun(), NOW + timedelta(days=2)), False
    yield "bad-anchor", "The root of another alliance.", offered(begun(), anchor=begun().anchor), False


def turned(value: Any) -> Any:  # noqa: ANN401 -- JSON is any
    """Write every object's names in the opposite order."""
    if isinstance(value, dict):
        return {name: turned(inner) for name, inner in reversed(value.items())}
    return value


def third_key(root: Any) -> None:  # noqa: ANN401 -- tuf's Root
    """Give a member a second key of root."""
    key = public_of(generate("ed25519"))
    key.unrecognized_fields["x-yizhan-member"] = B
    root.add_key(key, ROOT)


def targets_of_one(root: Any) -> None:  # noqa: ANN401 -- tuf's Root
    """Let one member hold targets alone."""
    role = root.roles[TARGETS]
    role.keyids, role.threshold = role.keyids[:1], 1


def _bad_roots() -> Iterator[tuple[str, str, Ceremony]]:
    def member_of(root: Any, role: str) -> dict[str, Any]:  # noqa: ANN401 -- tuf's Root
        fields: dict[str, Any] = root.keys[root.roles[role].keyids[0]].unrecognized_fields
        return fields

    for name, sentence, change in (
        ("root-by-one", "A root that one of two may change.", lambda root: setattr(root.roles[ROOT], "threshold", 1)),
        (
            "targets-by-one",
            "Targets that one of two may change.",
            lambda root: setattr(root.roles[TARGETS], "threshold", 1),
        ),
        ("not-consistent", "No consistent snapshots.", lambda root: setattr(root, "consistent_snapshot", False)),
        ("of-nobody", "A root key of no member.", lambda root: member_of(root, ROOT).clear()),
        (
            "of-another",
            "Two root keys of one member.",
            lambda root: member_of(root, ROOT).update({"x-yizhan-member": B}),
        ),
        (
            "station-member",
            "The station's key is a member's.",
            lambda root: member_of(root, SNAPSHOT).update({"x-yizhan-member": A}),
        ),
        (
            "key-of-two-roles",
            "One key of snapshot and timestamp.",
            lambda root: root.roles[TIMESTAMP].keyids.append(root.roles[SNAPSHOT].keyids[0]),
        ),
        ("targets-key-missing", "Targets held by one member.", lambda root: root.roles[TARGETS].keyids.pop()),
        (
            "third-key",
            "A member with a second root key.",
            third_key,
        ),
        ("targets-of-one", "Root held by two, targets by one.", targets_of_one),
        (
            "scheme",
            "A key of another scheme.",
            lambda root: setattr(root.keys[root.roles[SNAPSHOT].keyids[0]], "scheme", "rsa"),
        ),
    ):
        yield name, sentence, changed(ROOT, change)
    yield "root-signed-by-one", "A root that one of two signed.", changed(ROOT, as_it_is, signers=1)


def _bad_targets() -> Iterator[tuple[str, str, Ceremony]]:
    def role(targets: Targets, code: str = A) -> Any:  # noqa: ANN401 -- tuf's DelegatedRole
        assert targets.delegations is not None
        assert targets.delegations.roles is not None
        return targets.delegations.roles[code]

    def without(targets: Targets) -> None:
        assert targets.delegations is not None
        assert targets.delegations.roles is not None
        del targets.delegations.roles[A]

    def shared(targets: Targets) -> None:
        role(targets, B).keyids = role(targets).keyids

    for name, sentence, change in (
        (
            "path-of-another",
            "A delegation of another's folder.",
            lambda targets: setattr(role(targets), "paths", [f"counties/{B}/*"]),
        ),
        ("two-paths", "A delegation of two folders.", lambda targets: role(targets).paths.append(f"counties/{B}/*")),
        ("not-terminating", "A delegation that goes on.", lambda targets: setattr(role(targets), "terminating", False)),
        ("no-delegation", "A member without a delegation.", without),
        ("one-key", "Two members with one key.", shared),
        ("one-target-less", "No policy.json.", lambda targets: targets.targets.pop("policy.json")),
    ):
        yield name, sentence, changed(TARGETS, change)
    yield "targets-signed-by-one", "Targets that one of two signed.", changed(TARGETS, as_it_is, signers=1)

    def more(county: Targets) -> None:
        (target,) = county.targets.values()
        county.targets[f"counties/{A}/more.json"] = target

    yield "county-more", "A county that lists another file.", changed(A, more)
    yield (
        "county-signed-by-nobody",
        "A county's metadata that nobody signed.",
        changed(A, as_it_is, signers=0),
    )


def _bad_others() -> Iterator[tuple[str, str, Ceremony]]:
    yield "file-changed", "A keys file with a space more.", _keys_changed()
    yield (
        "metadata-changed",
        "A county's metadata with a space more.",
        replaced(f"1.{A}.json", lambda data: data + b" "),
    )
    yield "snapshot-changed", "A snapshot with a space more.", replaced("1.snapshot.json", lambda data: data + b" ")
    yield "targets-missing", "No targets.", _without(metadata_path(TARGETS, 1))
    yield (
        "timestamp-version",
        "A timestamp of another number than was signed.",
        replaced(STAMP, lambda data: data.replace(b'"version":1', b'"version":2')),
    )
    seven = json.loads(World(TWO).files["alliance.json"]) | {"quorum": 7}
    unchecked = begun()
    unchecked.files["alliance.json"] = strictjson.dumps(seven)
    draft = unchecked.draft(NOW)
    unchecked.signed(draft)
    unchecked.publish_draft_unchecked(draft, NOW)
    yield "content", "All is signed, and the charter does not load.", unchecked
    shared = begun()
    shared.hands[A].county = [CryptoSigner(Ed25519PrivateKey.from_private_bytes(seed(f"sign {A} 1")))]
    draft = shared.draft(NOW)
    shared.signed(draft)
    shared.publish_draft_unchecked(draft, NOW)
    yield "key-signs-events", "A role key that also signs events.", shared
    ahead = begun()
    assert ahead.newest is not None
    snapshot: Metadata[Any] = Metadata.from_bytes(ahead.newest.metadata[SNAPSHOT])
    snapshot.signed.unrecognized_fields["x-yizhan-root"] = 5
    snapshot.signatures.clear()
    for signer in ahead.station[SNAPSHOT]:
        snapshot.sign(signer, append=True)
    data = snapshot.to_bytes(COMPACT)
    ahead.published[metadata_path(SNAPSHOT, 1)] = data
    stamp: Metadata[Any] = Metadata.from_bytes(ahead.newest.metadata[TIMESTAMP])
    stamp.signed.snapshot_meta.length = len(data)
    stamp.signed.snapshot_meta.hashes = {"sha256": hashlib.sha256(data).hexdigest()}
    stamp.signatures.clear()
    for signer in ahead.station[TIMESTAMP]:
        stamp.sign(signer, append=True)
    ahead.published[STAMP] = stamp.to_bytes(COMPACT)
    yield "root-ahead", "A snapshot made under a root that is not there.", ahead


def _keys_changed() -> Ceremony:
    ceremony = begun()
    path = f"counties/{A}/keys.json"
    found = target_path(path, hashlib.sha256(ceremony.files[path]).hexdigest())
    ceremony.published[found] += b" "
    return ceremony


def _without(path: str) -> Ceremony:
    ceremony = begun()
    del ceremony.published[path]
    return ceremony
