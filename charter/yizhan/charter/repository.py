"""Makes versions of the charter: drafts and their publication. Pure; time and keys are arguments.

A **draft** holds new metadata of only those roles whose content changes, each with the next number,
and the files that belong to it. Several offices sign it, and it is published once every role in it has
its threshold. The station then lists it (snapshot) and states that it is the newest (timestamp): the
station's keys can do nothing else.

Rule 1: a role whose content does not change is not in the draft: a county changes its keys alone.
Rule 2: a version is verified as a reader verifies it, before it is published.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from securesystemslib.signer import Signer, SSlibKey
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

from yizhan.charter.contents import CharterDraft, Terms
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
from yizhan.charter.signing import status
from yizhan.charter.verify import VerifiedCharter, verify

COMPACT: Final = JSONSerializer(compact=True)


# -- drafts --


def draft(terms: Terms, before: VerifiedCharter | None, now: datetime, renew: Iterable[str] = ()) -> CharterDraft:
    """Write the changes from a version to the terms, or everything for the first version.

    Args:
        terms: content of the next version.
        before: the version before; None for the first.
        now: an aware instant, start of the new metadata's lifetime.
        renew: roles that get a new number and a new date even if nothing else changes.
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
        message = f"these keys cannot form a root: {error}; one key, one owner, one role"
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
    """Return whether other keys than before must sign a county's metadata: then it is signed again."""
    if before is None or now.delegations is None or before.delegations is None:
        return False
    return (now.delegations.roles or {}).get(code) != (before.delegations.roles or {}).get(code)


def _next(made: Root | Targets, before: Root | Targets | None) -> Metadata[Any]:
    made.version = 1 if before is None else before.version + 1
    return Metadata(made)


def _county_before(before: VerifiedCharter | None, code: str) -> Targets | None:
    """Return a county's metadata of before. A county that left and joins again continues its numbers."""
    if before is None:
        return None
    if code in before.metadata:
        return before.county(code)
    listed = before.snapshot.meta.get(f"{code}.json")
    return None if listed is None else Targets(version=listed.version)


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
        before: the version before; None for the first.
        anchor: the first root; for the first version, the draft's own.
        station: ``snapshot`` and ``timestamp`` → the station's signers.
        now: an aware instant.

    Returns:
        Path of ``layout`` → bytes, in the order in which they must be written: a reader that looks
        in between finds the version before.

    Raises:
        CeremonyError: nothing changes, or a role has too few signatures; names the missing signers.
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
    """State that a snapshot is the newest, until the timestamp expires."""
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
    """Verify that a reader with the version before adopts this one (rule 2)."""
    offered = {**files, **({} if before is None else _unchanged(before))}
    verify(anchor, before, CharterFetcher(MemorySource(offered)), now)


def _unchanged(before: VerifiedCharter) -> dict[str, bytes]:
    """Return the unchanged files of a version, under the paths that the new one still names."""
    files = {
        metadata_path(code, before.snapshot.meta[f"{code}.json"].version): data
        for code, data in before.metadata.items()
        if f"{code}.json" in before.snapshot.meta
    }
    for path, content in before.files.items():
        files[target_path(path, hashlib.sha256(content).hexdigest())] = content
    return files
