"""What a county has of a bulletin: the quarter's figures, what both counties signed, the analyst's text.

Rule 1: stores are read once for all of it.
Rule 2: the caller writes the access log before it returns any of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from yizhan.bulletin.charts import outlines_of
from yizhan.bulletin.errors import TextInvalid
from yizhan.bulletin.figures import digest
from yizhan.bulletin.material import Material
from yizhan.bulletin.proof import CitedManifest, Proof
from yizhan.bulletin.text import Writing, filled, parse
from yizhan.consumers.items import InboxQuery
from yizhan.consumers.view import InboxView
from yizhan.producers.outbox_view import OutboxView
from yizhan.schemas.i18n import Sentence, marked
from yizhan.schemas.payloads import read
from yizhan.schemas.payloads.table import BULLETIN
from yizhan.services.home import Home
from yizhan.services.outlines import outlines_geojson
from yizhan.services.progress import SILENT, Progress
from yizhan.services.quarters import QuarterContents, quarter_figures
from yizhan.services.stores import read_inbox, read_outbox

CITED: Final = ("county", "hash", "count", "prompt", "root", "closed")
"""What a signed bulletin says of a manifest."""


@dataclass(frozen=True, slots=True)
class BulletinKey:
    """Which bulletin: of a quarter (``2026Q3``), as one county makes it for its partner."""

    label: str
    county: str
    partner: str


@dataclass(frozen=True, slots=True)
class SignedBulletin:
    """A signed bulletin as an event: its payload's values."""

    id: str
    time: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class QuarterReading:
    """A quarter as a county's stores have it now, and the bulletins that the two counties signed of it."""

    key: BulletinKey
    figures: Mapping[str, Any] = field(hash=False)
    contents: QuarterContents
    ours: SignedBulletin | None
    theirs: SignedBulletin | None

    @property
    def agreed(self) -> bool:
        """Whether the partner signed exactly the figures that we count."""
        return self.theirs is not None and self.theirs.payload.get("figures") == digest(self.figures)


def read_bulletin(home: Home, key: BulletinKey, progress: Progress = SILENT) -> QuarterReading:
    """Read the quarter of a bulletin; ``progress`` advances by each event read."""
    pair = key.county, key.partner
    with read_inbox(home, key.county) as inbox, read_outbox(home, key.county) as outbox:
        figures, found = quarter_figures(inbox, outbox, key.label, pair, home.charters, progress)
        ours, theirs = sent_bulletin(outbox, key.label, key.partner), received_bulletin(inbox, key.label, pair)
    return QuarterReading(key, figures, found, ours, theirs)


def read_material(home: Home, key: BulletinKey, now: datetime, progress: Progress = SILENT) -> Material:
    """Return what the quarter's sheet is made of: figures, events, manifests, doubts, the text.

    Raises:
        TextInvalid: as ``read_text``, or the text names a figure that does not exist.
    """
    writing = read_text(home, key)
    return material_of(home, read_bulletin(home, key, progress), writing, now)


def material_of(home: Home, reading: QuarterReading, writing: Writing | None, now: datetime) -> Material:
    """Return what a sheet is made of: a quarter that was read, and a text.

    The partner's manifests are those that its signed bulletin cites.

    Raises:
        TextInvalid: the text names a figure that does not exist.
    """
    key, figures, found, theirs = reading.key, reading.figures, reading.contents, reading.theirs
    county, partner = pair = key.county, key.partner
    doubts = list(found.doubts)
    if theirs is not None and not reading.agreed:
        doubts.append(Sentence.of(marked("【数字不一致】对方签发的与本县的不同；请核对双方的通报")))
    cited = () if theirs is None else tuple(_cited(theirs.payload, partner))
    own = tuple(CitedManifest.of(each.manifest, each.hash.hex()) for each in found.digests)
    passages, cases = ({}, None) if writing is None else _filled(home, key, writing, figures)
    outlines = json.loads(outlines_geojson(home))
    return Material(
        figures=figures,
        events=found.events,
        proof=Proof({county: own, partner: cited}, tuple(doubts), reading.agreed),
        names={code: home.localized(member.name) for code, member in home.charters.latest().members.items()},
        maker=county,
        made=now,
        passages=passages,
        typical=cases,
        outlines=outlines_of(outlines, pair),
    )


def _filled(
    home: Home, key: BulletinKey, writing: Writing, figures: Mapping[str, Any]
) -> tuple[dict[str, str], list[tuple[str, str]] | None]:
    try:
        return filled(writing, figures)
    except TextInvalid as error:
        raise TextInvalid("{path}: {error}", path=text_path(home, key), error=error) from None


def _cited(payload: Mapping[str, Any], county: str) -> Iterator[CitedManifest]:
    for each in payload["manifests"]:
        if each["county"] == county:
            yield CitedManifest(**{name: each[name] for name in CITED})


def received_bulletin(inbox: InboxView | None, label: str, pair: tuple[str, str]) -> SignedBulletin | None:
    """Return the newest bulletin that the second of a pair signed for the first, as it stands; None for none."""
    found = () if inbox is None else inbox.items(InboxQuery(type=BULLETIN, county=pair[1]))
    for item in reversed(found):
        raw = {} if item.contents is None else item.contents.raw
        gone = item.superseded_by or item.withdrawn_by or item.header.withdraws is not None
        if (raw.get("label"), raw.get("partner"), item.status) == (label, pair[0], "Actual") and not gone:
            return SignedBulletin(item.id, item.time, raw)
    return None


def sent_bulletin(outbox: OutboxView | None, label: str, partner: str) -> SignedBulletin | None:
    """Return the newest bulletin that the county signed for a partner and did not withdraw; None for none."""
    for own in () if outbox is None else outbox.standing(BULLETIN):
        raw = read(own.header.type, own.payload).raw
        if (raw.get("label"), raw.get("partner"), own.header.status) == (label, partner, "Actual"):
            return SignedBulletin(own.header.id, own.header.time, raw)
    return None


# -- the analyst's text --


def text_path(home: Home, key: BulletinKey) -> Path:
    """Return where the analyst's text of a bulletin is."""
    return home.county_folder(key.county) / "bulletins" / f"{key.label}-{key.partner}.txt"


def read_text(home: Home, key: BulletinKey) -> Writing | None:
    """Read the analyst's text; None where nobody wrote one.

    Raises:
        TextInvalid: it is not as it must be; the sentence names file and line.
    """
    path = text_path(home, key)
    try:
        return parse(path.read_bytes())
    except FileNotFoundError:
        return None
    except TextInvalid as error:
        raise TextInvalid("{path}: {error}", path=path, error=error) from None
