"""The basis of the figures: the station's manifests of both counties, and doubts.

Rule 1: each county has its own manifests; the partner's are known from the partner's signed bulletin.
Rule 2: what is missing or does not agree is shown in a frame above the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from yizhan.schemas.i18n import Sentence
from yizhan.schemas.manifest import Manifest


@dataclass(frozen=True, slots=True)
class CitedManifest:
    """One manifest: its county, its SHA-256 in hex, and its content (root in hex)."""

    county: str
    hash: str
    count: int
    prompt: int
    root: str
    closed: str
    interim: bool = False

    @classmethod
    def of(cls, manifest: Manifest, manifest_hash: str) -> CitedManifest:
        """Return the citation of a verified manifest."""
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

    ``agreed`` says that the partner signed exactly the figures that we count.
    """

    manifests: Mapping[str, tuple[CitedManifest, ...]] = field(hash=False)
    doubts: tuple[Sentence, ...] = ()
    agreed: bool = False

    def closed(self, county: str) -> bool:
        """Return whether a county's closing manifest is here."""
        return any(not each.interim for each in self.manifests.get(county, ()))
