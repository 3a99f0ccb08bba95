"""The quarterly digests of a county, and the events of a quarter with one partner in both directions.

Rule 1: what belongs to a quarter is decided in ``quarters``, for digest and bulletin alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from yizhan.bulletin.matters import Replacements, ordered, standing
from yizhan.bulletin.quarter_document import CheckedManifest, QuarterDocument
from yizhan.bulletin.quarter_document import quarter_markdown as markdown_of
from yizhan.bulletin.quarter_events import QuarterEvent
from yizhan.consumers.digests import Digest
from yizhan.consumers.labels import Warn, sentence
from yizhan.schemas.actions import Action
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.home import Home
from yizhan.services.quarters import QuarterContents, partner_of, read_quarter
from yizhan.services.stores import read_inbox, read_outbox


@dataclass(frozen=True)
class QuarterEvents:
    """The events between two counties in one quarter, as the first of them holds them."""

    label: str
    county: str
    partner: str
    made: datetime
    contents: QuarterContents

    @cached_property
    def received(self) -> tuple[QuarterEvent, ...]:
        """The partner's events, in the agreed order."""
        return tuple(each for each in ordered(self.contents.events) if each.source == self.partner)

    @cached_property
    def sent(self) -> tuple[QuarterEvent, ...]:
        """This county's events, in the agreed order."""
        return tuple(each for each in ordered(self.contents.events) if each.source == self.county)

    @cached_property
    def replacements(self) -> Replacements:
        """Which of them were superseded or withdrawn in the quarter."""
        return standing(ordered(self.contents.events))

    @property
    def empty(self) -> bool:
        """Whether it is proven that nothing at all went between the two (零报告)."""
        return self.contents.proven and not self.contents.events


def list_digests(home: Home, county: str) -> tuple[Digest, ...]:
    """Return the digests that a county received, the newest last."""
    with read_inbox(home, county) as inbox:
        return () if inbox is None else tuple(inbox.digests())


def show_quarter(
    home: Home, label: str, county: str, partner: str | None, actor: Actor, now: datetime
) -> QuarterEvents:
    """Return the events of a quarter; ``partner`` None: the one that the charter pairs the county with.

    Raises:
        UnknownMember, ServiceError: as ``partner_of``.
    """
    other = partner_of(home, county, partner, Action.to("digest.choose_partner", label=label, county=county))
    with read_inbox(home, county) as inbox, read_outbox(home, county) as outbox:
        contents = read_quarter(inbox, outbox, label, (county, other), home.charters.latest().time_zone)
    record(home, county, actor, "printed", [f"{label} {other}"])
    return QuarterEvents(label, county, other, now, contents)


def quarter_markdown(home: Home, shown: QuarterEvents) -> str:
    """Return the events of a quarter as a Markdown document for people."""
    county, partner = (
        home.localized(home.charters.latest().members[code].name) for code in (shown.county, shown.partner)
    )
    contents, not_listed = shown.contents, shown.contents.not_listed
    manifests = [
        CheckedManifest(each.manifest, each.hash, sentence(each.verdict), [sentence(word) for word in each.warnings])
        for each in contents.digests
    ]
    document = QuarterDocument(
        shown.label, county, partner, shown.made, home.zone, manifests, contents.proven,
        shown.received, shown.sent, shown.replacements, not_listed.others, not_listed.system, not_listed.unverified,
        warning=lambda word: sentence(Warn(word)),
    )  # fmt: skip
    return markdown_of(document)
