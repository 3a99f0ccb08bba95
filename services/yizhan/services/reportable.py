"""Which county had to report which satellite detection, by its own territory and the policy's border strip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from yizhan.ledger.audit.findings import ReportableHotspot
from yizhan.producers.drafts import LineProblem
from yizhan.producers.firms import FirmsContext, import_firms, read_detections
from yizhan.services.errors import ServiceError
from yizhan.services.home import Home
from yizhan.services.outlines import read_outlines


def reportable_hotspots(home: Home, file: Path, outlines: Path | None) -> Iterator[ReportableHotspot]:
    """Yield the detections of a FIRMS file that a member had to report. ``outlines`` is GeoJSON; None: the alliance's.

    Raises:
        ServiceError: a line of the file cannot be read.
    """
    charter = home.charters.latest()
    shapes = read_outlines(home, outlines)
    members, strip = frozenset(charter.members), charter.policy.border_strip_km
    with file.open("rb") as stream:
        detections = {
            each.external_ref: each for each in read_detections(stream, file.name) if not isinstance(each, LineProblem)
        }
    for county in sorted(members):
        with file.open("rb") as stream:
            found = import_firms(stream, file.name, FirmsContext(county, members, shapes, strip))
        if found.problems:
            raise ServiceError("{problem}", problem=found.problems[0])
        for draft in found.drafts:
            one = detections[draft.external_ref or ""]
            yield ReportableHotspot(county, one.external_ref, one.at, one.longitude, one.latitude, one.former_ref)
