"""Making versions of the charter: drafts, signatures, publication. Pure; time and keys are arguments.

A **draft** holds new metadata of those roles alone whose content changes, each with the next number,
and the files that go with it. It is signed by many hands in many places, and is published once every
role in it has its threshold. The station then lists it (snapshot) and says that it is the newest
(timestamp): that is all that the station's keys are good for.

Rule 1: a role whose content does not change is not in the draft: a county changes its keys alone.
Rule 2: a new root is signed by a majority under the old root and under the new one.
Rule 3: what is published was first verified as a reader verifies it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from securesystemslib.signer import SSlibKey
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Key,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from yizhan.charter.errors import CeremonyError
from yizhan.charter.fetch import CharterFetcher, MemorySource
from yizhan.charter.layout import (
    ALLIANCE,
    COUNTY_LIFE,
    MEMBER_FIELD,
    OFFICE_LIFE,
    POLICY,
    ROOT,
    ROOT_FIELD,
    SNAPSHOT,
    SNAPSHOT_LIFE,
    TARGETS,
    TIMESTAMP,
    TIMESTAMP_LIFE,
    history_path,
    keys_path,
    majority,
    metadata_path,
    target_path,
)
from yizhan.charter.verify import VerifiedCharter, verify

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from securesystemslib.signer import Signer

COMPACT: Final = JSONSerializer(compact=True)


@dataclass(frozen=True)
class Offices:
    """The public role keys of one member: its voice in root and targets, and its own keys."""

    root: Key
    targets: Key
    county: tuple[Key, ...]
    threshold: int = 1


@dataclass(frozen=True)
class StationOffices:
    """The station's online role keys: they list what was signed, and sign nothing else."""

    snapshot: tuple[Key, ...]
    timestamp: tuple[Key, ...]


@dataclass(frozen=True)
class Terms:
    """Everything that a version says. ``files`` are alliance, policy and every county's keys.

    ``root_threshold`` and ``targets_threshold`` are a majority where they are None.
    """

    files: Mapping[str, bytes]
    offices: Mapping[str, Offices]
    station: StationOffices
    root_threshold: int | None = None
    targets_threshold: int | None = None


@dataclass
class CharterDraft:
    """New metadata, role → unsigned or partly signed, and the files that it lists."""

    metadata: dict[str, Metadata[Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.metadata)


@dataclass(frozen=True)
class Signing:
    """How far one role of a draft is: whose keys may sign, who has, how many must.

    ``under`` tells whether a new root is counted under the ``old`` root or the ``new`` one.
    Holders are member codes; of a county's own role, code and first digits of the key.
    """

    role: str
    under: str
    threshold: int
    signed: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether enough have signed."""
        return len(self.signed) >= self.threshold


# -- drafts --


def draft(terms: Terms, before: VerifiedCharter | None, now: datetime, renew: Iterable[str] = ()) -> CharterDraft:
    """Write what changes from a version to the terms, or all of it for the first.

    Args:
        terms: what the next version says.
        before: the version that it follows; None for the first.
        now: an aware instant, from which new metadata lives.
        renew: roles that get a new number and a new date though nothing else changes.
    """
    made = CharterDraft()
    again = frozenset(renew)
    root, targets = _root(terms, now), _targets(terms, now)
    old_root, old_targets = (None, None) if before is None else (before.root, before.targets)
    if _changed(root, old_root) or ROOT in again:
        made.metadata[ROOT] = _next(root, old_root)
    moved = old_root is not None and old_root.roles[TARGETS] != root.roles[TARGETS]
    if _changed(targets, old_targets) or TARGETS in again or moved:
        made.metadata[TARGETS] = _next(targets, old_targets)
        made.files |= {path: terms.files[path] for path in (ALLIANCE, POLICY)}
    for code in terms.offices:
        path = keys_path(code)
        county = Targets(expires=_until(now, COUNTY_LIFE), targets={path: _target(path, terms.files[path])})
        old = _county_before(before, code)
        if _changed(county, old) or code in again or _signed_otherwise(code, targets, old_targets):
            made.metadata[code] = _next(county, old)
            made.files[path] = terms.files[path]
    return made


def terms_of(version: VerifiedCharter) -> Terms:
    """Return what a version says, as the beginning of the next."""
    return _terms(version.root, version.targets, version.files)


def terms_after(made: CharterDraft, before: VerifiedCharter | None) -> Terms:
    """Return what would be said if a draft were published, from the draft's own bytes.

    Raises:
        CeremonyError: a file beside the draft is not the one that its metadata lists.
    """
    root, targets = _tops(made, before)
    if root is None or targets is None:
        raise CeremonyError("a draft without root and targets, and no version before it; expected both in the first")
    files = {} if before is None else dict(before.files)
    listed = dict(targets.targets)
    for role, metadata in made.metadata.items():
        if role not in {ROOT, TARGETS}:
            listed |= metadata.signed.targets
    for path, target in listed.items():
        content = made.files.get(path, files.get(path, b""))
        if target.hashes.get("sha256") != hashlib.sha256(content).hexdigest():
            raise CeremonyError(f"{path} on the stick is not the file that is to be signed; the stick was changed")
        files[path] = content
    return _terms(root, targets, files)


def _terms(root: Root, targets: Targets, files: Mapping[str, bytes]) -> Terms:
    delegations = targets.delegations
    roles = (delegations.roles or {}) if delegations else {}
    voice: dict[str, dict[str, Key]] = {ROOT: {}, TARGETS: {}}
    for office, held in voice.items():
        for keyid in root.roles[office].keyids:
            held[root.keys[keyid].unrecognized_fields[MEMBER_FIELD]] = root.keys[keyid]
    return Terms(
        files={path: content for path, content in files.items() if _current(path, roles)},
        offices={
            code: Offices(
                root=_plain(voice[ROOT][code]),
                targets=_plain(voice[TARGETS][code]),
                county=tuple(delegations.keys[keyid] for keyid in role.keyids) if delegations else (),
                threshold=role.threshold,
            )
            for code, role in roles.items()
        },
        station=StationOffices(
            snapshot=tuple(root.keys[keyid] for keyid in root.roles[SNAPSHOT].keyids),
            timestamp=tuple(root.keys[keyid] for keyid in root.roles[TIMESTAMP].keyids),
        ),
        root_threshold=_unless_majority(root.roles[ROOT]),
        targets_threshold=_unless_majority(root.roles[TARGETS]),
    )


def _current(path: str, members: Iterable[str]) -> bool:
    return path in {ALLIANCE, POLICY} or path in {keys_path(code) for code in members}


def _unless_majority(role: Role) -> int | None:
    return None if role.threshold == majority(len(role.keyids)) else role.threshold


def _plain(key: Key) -> Key:
    return SSlibKey(key.keyid, key.keytype, key.scheme, dict(key.keyval))


def _root(terms: Terms, now: datetime) -> Root:
    keys: dict[str, Key] = {}
    held: dict[str, list[str]] = {ROOT: [], TARGETS: [], SNAPSHOT: [], TIMESTAMP: []}
    for code, offices in sorted(terms.offices.items()):
        for office, key in ((ROOT, offices.root), (TARGETS, offices.targets)):
            keys[key.keyid] = SSlibKey(key.keyid, key.keytype, key.scheme, dict(key.keyval), {MEMBER_FIELD: code})
            held[office].append(key.keyid)
    for role, own in ((SNAPSHOT, terms.station.snapshot), (TIMESTAMP, terms.station.timestamp)):
        keys |= {key.keyid: key for key in own}
        held[role] = [key.keyid for key in own]
    most = majority(len(terms.offices))
    needed = {ROOT: terms.root_threshold or most, TARGETS: terms.targets_threshold or most}
    try:
        roles = {role: Role(keyids, needed.get(role, 1)) for role, keyids in held.items()}
        return Root(expires=_until(now, OFFICE_LIFE), keys=keys, roles=roles, consistent_snapshot=True)
    except ValueError as error:
        message = f"these keys make no root: {error}; one key, one owner, one role"
        raise CeremonyError(message) from None


def _targets(terms: Terms, now: datetime) -> Targets:
    roles: dict[str, DelegatedRole] = {}
    keys: dict[str, Key] = {}
    for code, offices in sorted(terms.offices.items()):
        keys |= {key.keyid: key for key in offices.county}
        keyids = [key.keyid for key in offices.county]
        roles[code] = DelegatedRole(
            code, keyids, offices.threshold, terminating=True, paths=[f"counties/{code}/*"]
        )  # fmt: skip
    return Targets(
        expires=_until(now, OFFICE_LIFE),
        targets={path: _target(path, terms.files[path]) for path in (ALLIANCE, POLICY)},
        delegations=Delegations(keys, roles),
    )


def _target(path: str, content: bytes) -> TargetFile:
    return TargetFile(len(content), {"sha256": hashlib.sha256(content).hexdigest()}, path)


def _until(now: datetime, life: timedelta) -> datetime:
    return (now + life).replace(microsecond=0)


def _changed(made: Root | Targets, before: Root | Targets | None) -> bool:
    if before is None:
        return True
    made.version, expires = before.version, made.expires
    made.expires = before.expires
    changed = made.to_dict() != before.to_dict()
    made.expires = expires
    return changed


def _signed_otherwise(code: str, now: Targets, before: Targets | None) -> bool:
    """Tell whether other keys than before must sign a county's metadata: then it is signed anew."""
    if before is None or now.delegations is None or before.delegations is None:
        return False
    return (now.delegations.roles or {}).get(code) != (before.delegations.roles or {}).get(code)


def _next(made: Root | Targets, before: Root | Targets | None) -> Metadata[Any]:
    made.version = 1 if before is None else before.version + 1
    return Metadata(made)


def _county_before(before: VerifiedCharter | None, code: str) -> Targets | None:
    """Return a county's metadata of before. One that left and joins again goes on counting."""
    if before is None:
        return None
    if code in before.metadata:
        return before.county(code)
    listed = before.snapshot.meta.get(f"{code}.json")
    return None if listed is None else Targets(version=listed.version)


def _tops(made: CharterDraft, before: VerifiedCharter | None) -> tuple[Root | None, Targets | None]:
    """Return root and targets as they would be: the draft's, else those of before."""
    root: Root | None = None if before is None else before.root
    targets: Targets | None = None if before is None else before.targets
    if ROOT in made.metadata:
        root = made.metadata[ROOT].signed
    if TARGETS in made.metadata:
        targets = made.metadata[TARGETS].signed
    return root, targets


# -- signatures --


def may_sign(
    made: CharterDraft, before: VerifiedCharter | None
) -> Iterator[tuple[str, str, Root | Targets, Metadata[Any]]]:
    """Yield (role, ``old`` or ``new``, who delegates it, its metadata) for everything that wants signatures."""
    new_root, new_targets = _tops(made, before)
    for role, metadata in made.metadata.items():
        if role == ROOT and before is not None:
            yield role, "old", before.root, metadata
        delegator: Root | Targets | None = new_root if role in {ROOT, TARGETS} else new_targets
        if delegator is None:
            message = f"the draft of {role} has nobody above it; expected a root in it, or a version before it"
            raise CeremonyError(message)
        yield role, "new", delegator, metadata


def sign(made: CharterDraft, before: VerifiedCharter | None, signer: Signer) -> tuple[str, ...]:
    """Add a role key's signature wherever it counts; the roles that it signed.

    A second signature by the same key replaces the first.
    """
    keyid, signed = signer.public_key.keyid, []
    for role, _under, delegator, metadata in may_sign(made, before):
        if keyid in delegator.get_delegated_role(role).keyids and role not in signed:
            metadata.sign(signer, append=True)
            signed.append(role)
    return tuple(signed)


def status(made: CharterDraft, before: VerifiedCharter | None) -> tuple[Signing, ...]:
    """Tell for each role of a draft who has signed and who is missing. Signatures are verified."""
    found = []
    for role, under, delegator, metadata in may_sign(made, before):
        result = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
        names = {keyid: _holder(role, key) for keyid, key in {**result.signed, **result.unsigned}.items()}
        found.append(
            Signing(
                role,
                under,
                result.threshold,
                tuple(sorted(names[keyid] for keyid in result.signed)),
                tuple(sorted(names[keyid] for keyid in result.unsigned)),
            )
        )
    return tuple(found)


def _holder(role: str, key: Key) -> str:
    if role in {ROOT, TARGETS}:
        return str(key.unrecognized_fields.get(MEMBER_FIELD, key.keyid[:16]))
    return f"{role}/{key.keyid[:8]}"


def signers_of(version: VerifiedCharter, before: VerifiedCharter | None) -> dict[str, tuple[str, ...]]:
    """Tell who signed what is new in a version: role → holders whose signatures hold."""
    found: dict[str, tuple[str, ...]] = {}
    for role, data in version.metadata.items():
        if role == TIMESTAMP or (before is not None and before.metadata.get(role) == data):
            continue
        metadata: Metadata[Any] = Metadata.from_bytes(data)
        delegator = version.targets if role not in {ROOT, TARGETS, SNAPSHOT} else version.root
        result = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
        found[role] = tuple(sorted(_holder(role, key) for key in result.signed.values()))
    return found


# -- publication --


def publish(
    made: CharterDraft,
    before: VerifiedCharter | None,
    anchor: bytes,
    station: Mapping[str, Sequence[Signer]],
    now: datetime,
) -> dict[str, bytes]:
    """Turn a draft into the files of the next version.

    Args:
        made: a draft in which every role has its threshold.
        before: the version that it follows; None for the first.
        anchor: the first root; for the first version, the draft's own.
        station: ``snapshot`` and ``timestamp`` → the station's signers.
        now: an aware instant.

    Returns:
        Path of ``layout`` → bytes, in the order in which they are to be written: a reader that comes
        in between finds the version before.

    Raises:
        CeremonyError: nothing changes, or a role has too few signatures; says who is missing.
        CharterProblem: a reader would not adopt it.
    """
    if not made:
        message = "nothing changes; there is nothing to publish"
        raise CeremonyError(message)
    short = [
        f"{each.role} has {len(each.signed)} of {each.threshold} signatures by the {each.under} root, "
        f"missing: {', '.join(each.missing)}"
        for each in status(made, before)
        if not each.done
    ]
    if short:
        raise CeremonyError("; ".join(short))
    root = made.metadata[ROOT].signed.version if ROOT in made.metadata else before.root.version if before else 1
    files: dict[str, bytes] = {}
    for path, content in made.files.items():
        files[target_path(path, hashlib.sha256(content).hexdigest())] = content
    meta = dict(before.snapshot.meta) if before else {}
    for role, metadata in made.metadata.items():
        data = metadata.to_bytes(COMPACT)
        files[metadata_path(role, metadata.signed.version)] = data
        if role != ROOT:
            meta[f"{role}.json"] = _listed(metadata.signed.version, data)
    snapshot = Snapshot(
        version=1 if before is None else before.version + 1,
        expires=_until(now, SNAPSHOT_LIFE),
        meta=meta,
        unrecognized_fields={ROOT_FIELD: root},
    )
    listed = _signed(snapshot, station[SNAPSHOT])
    files[metadata_path(SNAPSHOT, snapshot.version)] = listed
    number = 1 if before is None else before.timestamp.version + 1
    stamp = timestamp(number, snapshot.version, listed, station[TIMESTAMP], now)
    files[history_path(snapshot.version)] = stamp
    files[metadata_path(TIMESTAMP, None)] = stamp
    _as_a_reader(files, before, anchor, now)
    return files


def timestamp(number: int, version: int, snapshot: bytes, signers: Sequence[Signer], now: datetime) -> bytes:
    """Say that a snapshot is the newest, until the timestamp's life ends."""
    said = Timestamp(version=number, expires=_until(now, TIMESTAMP_LIFE), snapshot_meta=_listed(version, snapshot))
    return _signed(said, signers)


def _listed(version: int, data: bytes) -> MetaFile:
    return MetaFile(version, len(data), {"sha256": hashlib.sha256(data).hexdigest()})


def _signed(content: Snapshot | Timestamp, signers: Sequence[Signer]) -> bytes:
    metadata: Metadata[Any] = Metadata(content)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes(COMPACT)


def _as_a_reader(files: dict[str, bytes], before: VerifiedCharter | None, anchor: bytes, now: datetime) -> None:
    """Rule 3: a reader that has the version before adopts this one."""
    offered = {**files, **({} if before is None else _unchanged(before))}
    verify(anchor, before, CharterFetcher(MemorySource(offered)), now)


def _unchanged(before: VerifiedCharter) -> dict[str, bytes]:
    """Return what of a version stays where it was, under the paths that a new one still names."""
    files = {
        metadata_path(code, before.snapshot.meta[f"{code}.json"].version): data
        for code, data in before.metadata.items()
        if f"{code}.json" in before.snapshot.meta
    }
    for path, content in before.files.items():
        files[target_path(path, hashlib.sha256(content).hexdigest())] = content
    return files
