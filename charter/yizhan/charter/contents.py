"""The content of a version of the charter, and of a draft. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from securesystemslib.signer import SSlibKey
from tuf.api.metadata import Key, Metadata, Role, Root, Targets

from yizhan.charter.errors import CeremonyError
from yizhan.charter.layout import (
    ALLIANCE,
    MEMBER_FIELD,
    POLICY,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    keys_path,
    majority,
)
from yizhan.charter.verify import VerifiedCharter


@dataclass(frozen=True)
class Offices:
    """The public role keys of one member: its keys for root and targets, and its own keys."""

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
    """The content of a version. ``files`` are alliance, policy and every county's keys.

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


def terms_of(version: VerifiedCharter) -> Terms:
    """Return a version's terms, as the start of the next version."""
    return _terms(version.root, version.targets, version.files)


def terms_after(made: CharterDraft, before: VerifiedCharter | None) -> Terms:
    """Return the terms that a draft would publish, read from the draft's own bytes.

    Raises:
        CeremonyError: a file of the draft is not the one that its metadata lists.
    """
    root, targets = root_and_targets(made, before)
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
            raise CeremonyError(f"{path} on the memory stick is not the file to be signed; the stick was changed")
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


def root_and_targets(made: CharterDraft, before: VerifiedCharter | None) -> tuple[Root | None, Targets | None]:
    """Return the draft's root and targets, else those of the version before."""
    root: Root | None = None if before is None else before.root
    targets: Targets | None = None if before is None else before.targets
    if ROOT in made.metadata:
        root = made.metadata[ROOT].signed
    if TARGETS in made.metadata:
        targets = made.metadata[TARGETS].signed
    return root, targets
