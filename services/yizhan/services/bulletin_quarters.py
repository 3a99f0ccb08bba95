"""The quarters of a county and its partners: how far each bulletin is, ours and theirs, and until when ours is due.

Rule 1: which quarters there are follows from the digests that came, and from the calendar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from yizhan.bulletin.text_store import BulletinRow
from yizhan.consumers.digests import Digest
from yizhan.consumers.followups import Obligation
from yizhan.consumers.labels import ManifestVerdict
from yizhan.consumers.view import InboxView
from yizhan.schemas.payloads.table import BULLETIN
from yizhan.schemas.quarters import Quarter
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.bulletin_editing import queued_draft, stage_of, texts_view
from yizhan.services.bulletin_reading import BulletinKey, SignedBulletin, received_bulletin, sent_bulletin, text_path
from yizhan.services.home import Home
from yizhan.services.obligations import discharging_types
from yizhan.services.stores import read_inbox, read_outbox

MOST: Final = 8
"""Quarters that are listed."""


@dataclass(frozen=True, slots=True)
class QuarterRow:
    """One quarter with one partner.

    ``stage`` is one of ``bulletin_editing.STAGES``, ``begun`` whether somebody wrote a text, ``ended`` whether the
    quarter is over, ``digest`` the closing digest, ``due`` until when our bulletin is owed, ``met`` whether that was
    discharged.
    """

    label: str
    partner: str
    ended: bool
    stage: str
    begun: bool
    row: BulletinRow
    ours: SignedBulletin | None
    theirs: SignedBulletin | None
    digest: Digest | None
    due: datetime | None
    met: bool

    @property
    def verdict(self) -> ManifestVerdict | None:
        """What came of checking the closing manifest; None where it did not come yet."""
        return None if self.digest is None else self.digest.verdict

    @property
    def agreed(self) -> bool | None:
        """Whether both signed the same figures; None where one did not sign yet."""
        if self.ours is None or self.theirs is None:
            return None
        return self.ours.payload.get("figures") == self.theirs.payload.get("figures")


def list_quarters(home: Home, county: str, actor: Actor, now: datetime) -> tuple[QuarterRow, ...]:
    """Return the newest ``MOST`` quarters with each partner, the newest first."""
    partners = home.charters.latest().partners(county)
    rows = []
    with read_inbox(home, county) as inbox, read_outbox(home, county) as outbox, texts_view(home, county) as texts:
        closed = {} if inbox is None else _closed(inbox)
        due = {} if inbox is None else _due(home, inbox, county)
        for quarter in _quarters(closed, now, home.charters.latest().time_zone):
            label, ended = str(quarter), quarter.end(home.charters.latest().time_zone) <= now
            for partner in partners:
                ours = sent_bulletin(outbox, label, partner)
                theirs = received_bulletin(inbox, label, (county, partner))
                row = texts.row(label, partner)
                stage = stage_of(row, queued_draft(home, county, row), signed=ours is not None)
                owed = due.get((label, partner))
                begun = text_path(home, BulletinKey(label, county, partner)).exists()
                rows.append(
                    QuarterRow(
                        label, partner, ended, stage, begun, row, ours, theirs, closed.get(label),
                        None if owed is None else owed.due, owed is not None and owed.ended is not None,
                    )
                )  # fmt: skip
    if seen := [each.theirs.id for each in rows if each.theirs is not None]:
        record(home, county, actor, "listed", seen)
    return tuple(rows)


def _closed(inbox: InboxView) -> dict[str, Digest]:
    return {each.label: each for each in inbox.digests() if not each.manifest.interim}


def _due(home: Home, inbox: InboxView, county: str) -> dict[tuple[str, str], Obligation]:
    rules = {name for name, rule in home.charter.policy.obligations.items() if BULLETIN in discharging_types(rule)}
    found = {}
    for each in inbox.obligations(everything=True):
        if each.rule in rules and each.period is not None and county in each.owes:
            found.update({(each.period, other): each for other in (*each.owes, *each.owed) if other != county})
    return found


def _quarters(closed: Mapping[str, Digest], now: datetime, time_zone: str) -> list[Quarter]:
    newest = Quarter.containing(now, time_zone)
    first = min((Quarter.parse(label) for label in closed), default=newest.previous())
    found = [newest]
    while len(found) < MOST and found[-1] > min(first, newest.previous()):
        found.append(found[-1].previous())
    return found
