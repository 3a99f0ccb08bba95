"""NASA FIRMS detections: placed in their counties; those of a county that touch a neighbour are sent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from yizhan.producers.doubts import Judgement, judge
from yizhan.producers.drafts import Draft
from yizhan.producers.firms import FirmsContext, FirmsImport, import_firms
from yizhan.producers.numbering import Accepted
from yizhan.producers.queries import OutboxQuery
from yizhan.producers.satellites import canonical_reference
from yizhan.runtime.clock import utc_now
from yizhan.schemas.payloads.table import HOTSPOT
from yizhan.services.doubts import EVERY_DOUBT, goes_unasked, sender_of
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource
from yizhan.services.office import read_office
from yizhan.services.outlines import read_outlines
from yizhan.services.progress import Progress
from yizhan.services.stores import open_outbox, read_outbox

OLD: Final = timedelta(days=2)
"""Older than this, a hotspot is no news: NASA's near-real-time files are hours old."""


@dataclass(frozen=True, slots=True)
class HotspotSource:
    """The file to be read, and by what; None for the home's outlines and for no officers."""

    file: str
    outlines: Path | None = None
    office: Path | None = None
    shift_to_now: bool = False
    """All times move by one span so that the newest is now (for demonstrations)."""


@dataclass
class HotspotImport:
    """What a file holds for a county, and what became of it."""

    found: FirmsImport
    judged: tuple[Judgement, ...]
    """The drafts to be sent, with their doubts."""
    sent_before: frozenset[str]
    """References of those that were sent before."""
    old: bool
    """The newest on the county's territory is older than ``OLD``."""
    held: list[Judgement] = field(default_factory=list)
    """Drafts that were not sent because nobody could be asked about them."""
    results: list[tuple[Draft, Accepted | Exception]] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether the file has headings and no detection: nothing was burning, or the download broke off."""
        return not (self.found.in_members or self.found.outside or self.found.problems)

    def doubtful(self) -> list[Judgement]:
        """Return the drafts with doubts that were not sent before."""
        return [each for each in self.judged if each.doubts and each.draft.external_ref not in self.sent_before]

    def failed(self) -> list[Exception]:
        """Return why drafts could not be sent."""
        return [result for _draft, result in self.results if isinstance(result, Exception)]


def read_hotspots(home: Home, county: str, source: HotspotSource) -> HotspotImport:
    """Read a file and place every detection.

    Raises:
        ServiceError: the outlines or the office cannot be used.
        OSError: a file cannot be read.
    """
    home.member(county)
    now, outlines = utc_now(), read_outlines(home, source.outlines)
    strip = home.charter.policy.border_strip_km
    around = FirmsContext(county, frozenset(home.charter.members), outlines, strip, read_office(source.office))
    with open(source.file, "rb") as stream:  # noqa: PTH123 -- the name is shown as it was typed
        found = import_firms(stream, source.file, around, shift_to=now if source.shift_to_now else None, now=now)
    sender = sender_of(home, county, now=now, outlines=outlines)
    with read_outbox(home, county) as outbox:
        rows = () if outbox is None else outbox.rows(OutboxQuery(type=HOTSPOT))
    sent = {canonical_reference(row.external_ref or ""): row.external_ref or "" for row in rows}
    # What an earlier version sent keeps the reference that it had: it is the same detection.
    drafts = [_under(draft, sent.get(draft.external_ref or "", draft.external_ref or "")) for draft in found.drafts]
    found = replace(found, drafts=tuple(drafts))
    references = {draft.external_ref or "" for draft in drafts}
    old = not source.shift_to_now and found.newest is not None and now - found.newest > OLD
    return HotspotImport(
        found,
        tuple(judge(draft, sender) for draft in found.drafts),
        frozenset(set(sent.values()) & references),
        old,
    )


def _under(draft: Draft, reference: str) -> Draft:
    payload = {**draft.payload, "external_ref": reference}
    return draft.model_copy(update={"external_ref": reference, "payload": payload})


def send_hotspots(
    home: Home,
    county: str,
    taken: HotspotImport,
    passphrases: PassphraseSource,
    bar: Callable[[int], AbstractContextManager[Progress]],
    *,
    confirmed: bool = False,
) -> None:
    """Send the hotspots that touch a neighbour; ``taken`` says what became of each.

    ``confirmed``: a person said that the doubtful ones go too.

    Raises:
        NoKey: there is no signing key.
        StoreError: the outbox cannot be used.
    """
    taken.held = [each for each in taken.doubtful() if not goes_unasked(each, forced=confirmed, holding=EVERY_DOUBT)]
    drafts = [each.draft for each in taken.judged if each not in taken.held]
    if not drafts:
        return
    with open_outbox(home, county, passphrases) as outbox, bar(len(drafts)) as progress:
        for draft, result in zip(drafts, outbox.publish_many(drafts), strict=True):
            taken.results.append((draft, result))
            progress.advance()
