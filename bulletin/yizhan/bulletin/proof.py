"""What the figures rest on: the station's manifests of both counties, and what is doubtful.

Rule 1: each county has its own manifests; the partner's are known from the partner's signed bulletin.
Rule 2: what is missing or does not agree stands framed above the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from yizhan.schemas.i18n import Sentence
from yizhan.schemas.manifest import Manifest


@dataclass(frozen=True, slots=True)
class CitedManifest:
    """One manifest: whose, its SHA-256 in hex, and what it names (root in hex)."""

    county: str
    hash: str
    count: int
    prompt: int
    root: str
    closed: str
    interim: bool = False

    @classmethod
    def of(cls, manifest: Manifest, manifest_hash: str) -> CitedManifest:
        """Return what is cited of a manifest that was verified."""
        return cls(
            manifest.county,
            manifest_hash,
            manifest.count,
            manifest.prompt,
            manifest.root,
            manifest.closed,
            manifest.interim,
        )


@dataclass(frozen=True, slots=True)
class Proof:
    """Manifests by county, sorted by when they were closed; ``doubts`` are what the figures may lack.

    ``agreed`` tells that the partner signed the very figures that we count.
    """

    manifests: Mapping[str, tuple[CitedManifest, ...]] = field(hash=False)
    doubts: tuple[Sentence, ...] = ()
    agreed: bool = False

    def closed(self, county: str) -> bool:
        """Tell whether a closing manifest of a county is here."""
        return any(not each.interim for each in self.manifests.get(county, ()))
