"""Verifies what a source offers: first python-tuf's client, then our rules, then the content.

Law 2 for the charter: unverified bytes go in, a ``VerifiedCharter`` comes out, or one ``CharterProblem``.

Rule 1: earlier verifications protect: nothing older is adopted, and nothing of an unchanged
        county is fetched or checked again.
Rule 2: time is an argument. python-tuf's client reads a clock of its own; it is set to ours.
Rule 3: the client works in a temporary folder; ``archive`` stores the result.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError
from tuf.ngclient import Updater, UpdaterConfig

from yizhan.charter import rules
from yizhan.charter.errors import CharterFault, CharterProblem
from yizhan.charter.layout import (
    ALLIANCE,
    MAX_JUMP,
    MAX_METADATA_BYTES,
    MAX_TIMESTAMP_BYTES,
    POLICY,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    keys_path,
)
from yizhan.schemas.charter import Charter
from yizhan.schemas.charter_loading import charter_name, load_charter
from yizhan.schemas.errors import CharterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from yizhan.charter.fetch import CharterFetcher

MOST_VERSIONS: Final = 999_999_999
_CONFIG: Final = UpdaterConfig(
    root_max_length=MAX_METADATA_BYTES,
    timestamp_max_length=MAX_TIMESTAMP_BYTES,
    snapshot_max_length=MAX_METADATA_BYTES,
    targets_max_length=MAX_METADATA_BYTES,
)


@dataclass(frozen=True)
class VerifiedCharter:
    """One version, verified: the bytes of its metadata (role → bytes) and of its files (path → bytes).

    ``at`` is when it was verified, ``charter`` its content; it is in force from ``charter.holds_from``
    only if the station announced that.
    """

    metadata: Mapping[str, bytes]
    files: Mapping[str, bytes]
    charter: Charter
    at: datetime
    fetched: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def name(self) -> str:
        """Name of the version."""
        return self.charter.name

    @property
    def version(self) -> int:
        """Its number."""
        return self.charter.version

    @cached_property
    def root(self) -> Root:
        """Its root."""
        return Metadata[Root].from_bytes(self.metadata[ROOT]).signed

    @cached_property
    def timestamp(self) -> Timestamp:
        """Its timestamp, the newest that was verified."""
        return Metadata[Timestamp].from_bytes(self.metadata[TIMESTAMP]).signed

    @cached_property
    def snapshot(self) -> Snapshot:
        """Its signed list of metadata."""
        return Metadata[Snapshot].from_bytes(self.metadata[SNAPSHOT]).signed

    @cached_property
    def targets(self) -> Targets:
        """Its top-level targets."""
        return Metadata[Targets].from_bytes(self.metadata[TARGETS]).signed

    def county(self, code: str) -> Targets:
        """Return a county's own metadata."""
        return Metadata[Targets].from_bytes(self.metadata[code]).signed


def verify(anchor: bytes, known: VerifiedCharter | None, fetch: CharterFetcher, now: datetime) -> VerifiedCharter:
    """Verify the offered version, starting from the known one.

    Args:
        anchor: the root file that this reader was given; used while no version is known.
        known: the newest version verified before, or None.
        fetch: gives bytes for paths.
        now: an aware instant, to compare expiry dates with.

    Returns:
        The version offered: ``known`` with another timestamp, or a newer one.

    Raises:
        CharterProblem: it must not be adopted, with the reason.
    """
    with tempfile.TemporaryDirectory(prefix="yizhan-charter-") as work:
        try:
            return _verified(Path(work), anchor, known, fetch, now)
        except CharterProblem:
            raise
        except (RepositoryError, DownloadError) as error:
            raise _named(error) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            # python-tuf lets some malformed metadata through to Python's own errors.
            raise CharterProblem(CharterFault.DAMAGED, f"the metadata cannot be read: {error}") from error


def restamped(known: VerifiedCharter, data: bytes, now: datetime) -> VerifiedCharter | None:
    """Verify a newer timestamp of the known version; None for anything else, which ``verify`` reports.

    It makes the checks of TUF's workflow (5.4, 5.3.10, 5.5.6, 5.6.6), at the same cost for any number of members.
    """
    if len(data) > MAX_TIMESTAMP_BYTES:
        return None
    try:
        metadata: Metadata[Timestamp] = Metadata.from_bytes(data)
        stamp = metadata.signed
        known.root.verify_delegate(TIMESTAMP, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    same = stamp.type == TIMESTAMP and stamp.snapshot_meta == known.timestamp.snapshot_meta
    if not same or not 0 < stamp.version - known.timestamp.version <= MAX_JUMP * 1000:
        return None
    if any(each.is_expired(now) for each in (stamp, known.root, known.snapshot, known.targets)):
        return None
    return replace(known, metadata={**known.metadata, TIMESTAMP: data})


def _verified(
    work: Path, anchor: bytes, known: VerifiedCharter | None, fetch: CharterFetcher, now: datetime
) -> VerifiedCharter:
    if known is not None:
        for role in (TIMESTAMP, SNAPSHOT, TARGETS):
            (work / f"{role}.json").write_bytes(known.metadata[role])
    bootstrap = anchor if known is None else known.metadata[ROOT]
    updater = Updater(
        str(work), "metadata/", str(work / "files"), "targets/", fetcher=fetch, config=_CONFIG, bootstrap=bootstrap
    )
    (work / "files").mkdir()
    updater._trusted_set.reference_time = now  # noqa: SLF001 -- rule 2: the client has no argument for it
    first = Metadata[Root].from_bytes(bootstrap).signed
    members = rules.check_root(first)
    updater.refresh()
    top = {role: (work / f"{role}.json").read_bytes() for role in (ROOT, TIMESTAMP, SNAPSHOT, TARGETS)}
    # The client accepts a snapshot that it had before without checking its hash again: one version, one hash.
    stamp = Metadata[Timestamp].from_bytes(top[TIMESTAMP]).signed
    stamp.snapshot_meta.verify_length_and_hashes(top[SNAPSHOT])
    root = Metadata[Root].from_bytes(top[ROOT]).signed
    for version in range(first.version + 1, root.version + 1):
        path = work / "root_history" / f"{version}.root.json"
        members = rules.check_root(Metadata[Root].from_bytes(path.read_bytes()).signed)
    if known is not None and top[SNAPSHOT] == known.metadata[SNAPSHOT] and root.version == known.root.version:
        return VerifiedCharter({**known.metadata, **top}, known.files, known.charter, known.at)
    snapshot = Metadata[Snapshot].from_bytes(top[SNAPSHOT]).signed
    _check_numbers(snapshot, stamp, known)
    rules.check_snapshot(snapshot, root)
    targets = Metadata[Targets].from_bytes(top[TARGETS]).signed
    rules.check_targets(root, targets, members)
    counties, files, fetched = _counties(work, updater, snapshot, targets, known)
    if known is None or targets.targets != known.targets.targets:
        files |= {path: _download(updater, path) for path in (ALLIANCE, POLICY)}
    else:
        files |= {path: known.files[path] for path in (ALLIANCE, POLICY)}
    charter = _content(files, charter_name(snapshot.version, top[SNAPSHOT]), now)
    rules.check_together(root, targets, charter)
    return VerifiedCharter({**top, **counties}, files, charter, now, frozenset(fetched))


def _check_numbers(snapshot: Snapshot, timestamp: Timestamp, known: VerifiedCharter | None) -> None:
    """Refuse a number so far ahead that it would use up the remaining numbers."""
    for role, number, before in (
        (SNAPSHOT, snapshot.version, known.snapshot.version if known else None),
        (TIMESTAMP, timestamp.version, known.timestamp.version if known else None),
    ):
        most = MOST_VERSIONS if before is None else before + MAX_JUMP * (1 if role == SNAPSHOT else 1000)
        if number > min(most, MOST_VERSIONS):
            sentence = f"{role} is numbered {number}, and {before} was the last; expected at most {most}"
            raise CharterProblem(CharterFault.FAST_FORWARD, sentence)
    if known is not None and snapshot.version < known.snapshot.version:
        # After a change of the station's keys TUF forgets the old numbers; the names of versions do not.
        sentence = f"version {snapshot.version} is offered after version {known.snapshot.version}"
        raise CharterProblem(CharterFault.ROLLBACK, sentence)


def _counties(
    work: Path, updater: Updater, snapshot: Snapshot, targets: Targets, known: VerifiedCharter | None
) -> tuple[dict[str, bytes], dict[str, bytes], set[str]]:
    """Return each county's metadata and keys file: those of before if nothing about them changed."""
    metadata: dict[str, bytes] = {}
    files: dict[str, bytes] = {}
    fetched: set[str] = set()
    for code in (targets.delegations.roles or {}) if targets.delegations else {}:
        path = keys_path(code)
        if known is not None and code in known.metadata and _same(code, snapshot, targets, known):
            metadata[code], files[path] = known.metadata[code], known.files[path]
            continue
        files[path] = _download(updater, path)
        metadata[code] = (work / f"{code}.json").read_bytes()
        rules.check_county(code, Metadata[Targets].from_bytes(metadata[code]).signed)
        fetched.add(code)
    return metadata, files, fetched


def _same(code: str, snapshot: Snapshot, targets: Targets, known: VerifiedCharter) -> bool:
    """Return whether a county's metadata and the keys that must sign it are those of before."""
    if snapshot.meta.get(f"{code}.json") != known.snapshot.meta.get(f"{code}.json"):
        return False
    if targets.delegations is None or known.targets.delegations is None:
        return False
    now, before = targets.delegations, known.targets.delegations
    role = (now.roles or {}).get(code)
    if role is None or role != (before.roles or {}).get(code):
        return False
    return all(now.keys[keyid] == before.keys.get(keyid) for keyid in role.keyids)


def _download(updater: Updater, path: str) -> bytes:
    found = updater.get_targetinfo(path)
    if found is None:
        raise CharterProblem(CharterFault.MISSING, f"{path} is not signed by anybody; expected it in the charter")
    return Path(updater.download_target(found)).read_bytes()


def _content(files: Mapping[str, bytes], name: str, now: datetime) -> Charter:
    try:
        return load_charter(files, name, now)
    except CharterProblem:
        raise
    except CharterInvalid as error:
        raise CharterProblem(CharterFault.CONTENT, str(error)) from error


def _named(error: RepositoryError | DownloadError) -> CharterProblem:
    """Translate python-tuf's error into ours."""
    text = str(error)
    match error:
        case ExpiredMetadataError():
            stations = TIMESTAMP in text or SNAPSHOT in text
            problem = CharterFault.FREEZE if stations else CharterFault.EXPIRED
            hint = "nothing newer is offered" if stations else "its members must sign it again"
            text = f"{text}; {hint}"
        case BadVersionNumberError():
            mixed = text.startswith("Expected") and "got" in text and ".json" not in text
            problem = CharterFault.MIX_AND_MATCH if mixed else CharterFault.ROLLBACK
        case UnsignedMetadataError():
            problem = CharterFault.THRESHOLD
        case LengthOrHashMismatchError():
            problem = CharterFault.MIX_AND_MATCH
        case DownloadLengthMismatchError():
            problem = CharterFault.OVERSIZE
        case DownloadError():
            problem = CharterFault.MISSING
        case DeserializationError():
            problem = CharterFault.DAMAGED
        case _:
            problem = CharterFault.ROLLBACK if "missing info" in text else CharterFault.DAMAGED
    return CharterProblem(problem, text)
