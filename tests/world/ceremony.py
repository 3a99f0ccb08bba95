"""A charter made by the real ceremony, in memory, with role keys of the quick kind.

Rule 1: everything here is ``yizhan.charter`` itself; only the keys are Ed25519, for speed.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tuf.api.metadata import Metadata, MetaFile, Snapshot

from tests.world.simulator import NOW, World
from yizhan.charter import repository, signing
from yizhan.charter.archive import Archive
from yizhan.charter.contents import CharterDraft, Offices, StationOffices, Terms
from yizhan.charter.fetch import CharterFetcher, MemorySource
from yizhan.charter.layout import (
    ROOT,
    ROOT_FIELD,
    SNAPSHOT,
    SNAPSHOT_LIFE,
    TIMESTAMP,
    adoption_path,
    metadata_path,
    target_path,
)
from yizhan.charter.rolekeys import generate, public_of
from yizhan.charter.verify import VerifiedCharter, verify
from yizhan.schemas.adoption import Adoption
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from securesystemslib.signer import CryptoSigner

    from yizhan.schemas.keys import SigningKey


@dataclass
class Hands:
    """The private role keys of one member."""

    root: CryptoSigner
    targets: CryptoSigner
    county: list[CryptoSigner]

    @classmethod
    def new(cls, scheme: Any = "ed25519") -> Hands:  # noqa: ANN401 -- a Scheme
        """Make them."""
        return cls(generate(scheme), generate(scheme), [generate(scheme)])

    @property
    def offices(self) -> Offices:
        """Their public halves."""
        return Offices(public_of(self.root), public_of(self.targets), tuple(map(public_of, self.county)))

    def all(self) -> list[CryptoSigner]:
        """Return every key."""
        return [self.root, self.targets, *self.county]


@dataclass
class Ceremony:
    """Members with their keys, the station, and what was published so far."""

    files: dict[str, bytes]
    hands: dict[str, Hands]
    station: dict[str, list[CryptoSigner]]
    now: datetime
    published: dict[str, bytes] = field(default_factory=dict)
    newest: VerifiedCharter | None = None

    @classmethod
    def begin(cls, files: Mapping[str, bytes], now: datetime, scheme: Any = "ed25519") -> Ceremony:  # noqa: ANN401
        """Make everybody's keys and publish the first version."""
        codes = [path.split("/")[1] for path in files if path.startswith("counties/")]
        station = {role: [generate(scheme)] for role in (SNAPSHOT, TIMESTAMP)}
        made = cls(dict(files), {code: Hands.new(scheme) for code in codes}, station, now)
        made.publish(now)
        return made

    def copy(self) -> Ceremony:
        """Return one that goes on from here by itself, with the same keys."""
        return replace(
            self,
            files=dict(self.files),
            hands={code: replace(hands, county=list(hands.county)) for code, hands in self.hands.items()},
            station={role: list(keys) for role, keys in self.station.items()},
            published=dict(self.published),
        )

    @property
    def terms(self) -> Terms:
        """What the next version says."""
        return Terms(
            self.files,
            {code: hands.offices for code, hands in self.hands.items()},
            StationOffices(*(tuple(map(public_of, self.station[role])) for role in (SNAPSHOT, TIMESTAMP))),
        )

    @property
    def anchor(self) -> bytes:
        """The first root."""
        return self.published[metadata_path(ROOT, 1)]

    def draft(self, now: datetime, renew: Iterable[str] = ()) -> CharterDraft:
        """Write what changes."""
        return repository.draft(self.terms, self.newest, now, renew)

    def signed(self, draft: CharterDraft, signers: Iterable[CryptoSigner] | None = None) -> CharterDraft:
        """Sign a draft with these keys, or with everybody's."""
        everybody = [key for hands in self.hands.values() for key in hands.all()]
        for signer in everybody if signers is None else signers:
            signing.sign(draft, self.newest, signer)
        return draft

    def publish(
        self, now: datetime, draft: CharterDraft | None = None, old: Iterable[CryptoSigner] = ()
    ) -> VerifiedCharter:
        """Sign and publish the next version; ``old`` are keys that the version before names."""
        self.now = now
        draft = draft or self.draft(now)
        self.signed(draft)
        self.signed(draft, old)
        anchor = self.anchor if self.newest else draft.metadata[ROOT].to_bytes(repository.COMPACT)
        self.published |= repository.publish(draft, self.newest, anchor, self.station, now)
        self.newest = verify(anchor, self.newest, CharterFetcher(MemorySource(self.published)), now)
        return self.newest

    # -- what no honest station does --

    def publish_draft_unchecked(self, draft: CharterDraft, now: datetime) -> None:
        """List a draft as it is, whoever signed it."""
        for path, content in draft.files.items():
            self.published[target_path(path, hashlib.sha256(content).hexdigest())] = content
        meta = {}
        for role, metadata in draft.metadata.items():
            data = metadata.to_bytes(repository.COMPACT)
            self.published[metadata_path(role, metadata.signed.version)] = data
            if role != ROOT:
                meta[f"{role}.json"] = listed(metadata.signed.version, data)
        assert self.newest is not None
        self.list_again(dict(self.newest.snapshot.meta) | meta, now)

    def publish_unchecked(self, role: str, metadata: Metadata[Any], now: datetime, *, sign: bool = True) -> None:
        """List metadata of one role as it is; ``sign`` with everybody's keys that may."""
        draft = CharterDraft({role: metadata})
        self.publish_draft_unchecked(self.signed(draft) if sign else draft, now)

    def list_again(self, meta: dict[str, MetaFile] | None, now: datetime, version: int | None = None) -> None:
        """Sign a snapshot of any content, and a timestamp for it, with the station's keys."""
        assert self.newest is not None
        snapshot = Snapshot(
            version=version or self.newest.version + 1,
            expires=(now + SNAPSHOT_LIFE).replace(microsecond=0),
            meta=meta or dict(self.newest.snapshot.meta),
            unrecognized_fields={ROOT_FIELD: self.newest.root.version},
        )
        signed: Metadata[Any] = Metadata(snapshot)
        for signer in self.station[SNAPSHOT]:
            signed.sign(signer, append=True)
        data = signed.to_bytes(repository.COMPACT)
        self.published[metadata_path(SNAPSHOT, snapshot.version)] = data
        number = self.newest.timestamp.version + 1
        stamp = repository.timestamp(number, snapshot.version, data, self.station[TIMESTAMP], now)
        self.published[metadata_path(TIMESTAMP, None)] = stamp

    def announce(self, key: SigningKey, adopted: datetime, holds_from: datetime) -> None:
        """Announce the newest version as the station would."""
        assert self.newest is not None
        said = Adoption(charter=self.newest.name, holds_from=written(holds_from), adopted=written(adopted))
        self.published[adoption_path(self.newest.version)] = said.signed(key)

    def restamp(self, now: datetime) -> None:
        """Say again that nothing newer exists."""
        assert self.newest is not None
        snapshot = self.published[metadata_path(SNAPSHOT, self.newest.version)]
        number = self.newest.timestamp.version + 1
        stamp = repository.timestamp(number, self.newest.version, snapshot, self.station[TIMESTAMP], now)
        self.published[metadata_path(TIMESTAMP, None)] = stamp
        self.newest = replace(self.newest, metadata={**self.newest.metadata, TIMESTAMP: stamp})

    def archive(self, folder: Path) -> Archive:
        """Make a reader's archive that has the trust anchor and nothing else."""
        archive = Archive(folder)
        archive.trust(self.anchor)
        return archive

    def write(self, folder: Path) -> None:
        """Write what was published as static files."""
        for path, data in self.published.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)


@functools.cache
def _first(codes: tuple[str, ...]) -> Ceremony:
    return Ceremony.begin(World(codes).files, NOW)


def first_charter(world: World) -> Ceremony:
    """Give the ceremony of version 1 of a simulated world, held at ``NOW`` and once for all tests of its members."""
    made = _first(tuple(world.counties)).copy()
    assert made.files == world.files
    return made


def listed(version: int, data: bytes) -> MetaFile:
    """List metadata by version, length and hash."""
    return MetaFile(version, len(data), {"sha256": hashlib.sha256(data).hexdigest()})
