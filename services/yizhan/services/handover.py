"""Handing over at shift change: what the next duty officer must know of a county.

Rule 1: what needs a person is first: alarms that nobody acknowledged, alarms that are not over, letters
        without an answer, what is due.
Rule 2: whoever is shown what partners sealed is in the access log before it is returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from yizhan.consumers.followups import Obligation
from yizhan.consumers.items import InboxQuery, Item
from yizhan.consumers.view import InboxView
from yizhan.producers.draft_store import StoredDraft
from yizhan.producers.outbox_view import OutboxView
from yizhan.producers.queries import OwnEvent, Posting
from yizhan.schemas.header import NOTICE
from yizhan.schemas.payloads.table import LIFE_AT_STAKE
from yizhan.schemas.policy import Way
from yizhan.schemas.timestamps import written
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.drafts import list_drafts
from yizhan.services.home import Home
from yizhan.services.obligations import find_obligations
from yizhan.services.outbox import list_undelivered
from yizhan.services.status import SOON, Problem, home_status
from yizhan.services.stores import read_inbox, read_outbox

OPEN_FOR: Final = timedelta(days=3)
"""How long an acknowledged alarm without a final report is told."""
SENT_WITHIN: Final = timedelta(days=7)
"""How far back what was sent is looked through."""
LETTERS_WITHIN: Final = timedelta(hours=24)
"""How far back letters without an answer are looked for."""
MOST_RINGING: Final = 100
MOST_OWN: Final = 200
"""How many of the newest own events of a type are looked through for what is not over."""


@dataclass(frozen=True, slots=True)
class Handover:
    """What stands open at a county at an instant; the newest last, obligations by due date."""

    county: str
    at: datetime
    ringing_count: int
    ringing: tuple[Item, ...]
    """The newest alarms that nobody acknowledged."""
    open_alarms: tuple[Item, ...]
    """The newest word of each matter whose alarm was acknowledged, without a final report or a withdrawal."""
    mine: tuple[Obligation, ...]
    """What this county owes, overdue or due within ``SOON``."""
    theirs: tuple[Obligation, ...]
    """What others owe it, overdue or due within ``SOON``: an acknowledgement, an answer."""
    undelivered: tuple[Posting, ...]
    problems: tuple[Problem, ...]
    """Of processes, bell, files, refusals; what the parts above say is left out."""
    drafts: tuple[StoredDraft, ...]
    letters: tuple[Item, ...]
    """What people wrote that came within ``LETTERS_WITHIN`` and was not answered, the newest first."""
    own_open: tuple[OwnEvent, ...]
    """The newest report of each own fire or disaster without a final report that stands."""


_SAID_ABOVE: Final = frozenset({"ringing", "overdue", "due_soon"})


def hand_over(home: Home, county: str, actor: Actor, now: datetime) -> Handover:
    """Gather what the next duty officer must know (``StoreError`` if a store or the access log fails)."""
    home.member(county)
    with read_inbox(home, county) as inbox, read_outbox(home, county) as outbox:
        count, ringing = (0, ()) if inbox is None else _ringing(inbox)
        recent = () if inbox is None else inbox.items(InboxQuery(since=now - OPEN_FOR))
        # What was taken back or corrected neither ends a matter nor waits for an answer.
        standing = [each for each in recent if each.withdrawn_by is None and each.superseded_by is None]
        open_alarms, letters = _open_alarms(recent, standing), _letters(standing, outbox, now)
        own_open = () if outbox is None else _own_open(outbox)
    obligations, minutes = find_obligations(home, county, now)
    if shown := [*(item.id for item in (*ringing, *open_alarms, *letters)), *minutes]:
        record(home, county, actor, "listed", shown)
    due = [each for each in obligations if each.due <= now + SOON]
    return Handover(
        county,
        now,
        count,
        ringing,
        open_alarms,
        tuple(each for each in due if county in each.owes),
        tuple(each for each in due if county not in each.owes),
        list_undelivered(home, county, now - SENT_WITHIN),
        tuple(each for each in home_status(home, county, now, obligations).problems if each.code not in _SAID_ABOVE),
        list_drafts(home, county),
        letters,
        own_open,
    )


def _ringing(inbox: InboxView) -> tuple[int, tuple[Item, ...]]:
    count, ids = inbox.still_ringing(MOST_RINGING)
    found = [inbox.item(each) for each in reversed(ids)]
    return count, tuple(each for each in found if each is not None)


def _open_alarms(recent: Sequence[Item], standing: Sequence[Item]) -> tuple[Item, ...]:
    """Return the newest item of each matter with an alarm that was acknowledged and is not over."""
    alarmed = {each.thread for each in recent if each.way == Way.ALARM and each.withdrawn_by is None}
    # What takes a final report back has its stage, and ends nothing either.
    over = {each.thread for each in standing if each.header.stage == "final" and each.header.withdraws is None}
    rings = {each.thread for each in recent if each.state == "ringing"}
    newest = {each.thread: each for each in recent if each.withdrawn_by is None and each.is_letter}
    return tuple(each for thread, each in newest.items() if thread in alarmed - over - rings)


def _letters(standing: Sequence[Item], outbox: OutboxView | None, now: datetime) -> tuple[Item, ...]:
    """Return the notices that people wrote and that no event of ours answers, the newest first."""
    since = written(now - LETTERS_WITHIN)
    return tuple(
        each
        for each in reversed(standing)
        if each.type == NOTICE
        and each.header.withdraws is None
        and each.stored >= since
        and (outbox is None or not outbox.reply_ids(each.id, 1))
    )


def _own_open(outbox: OutboxView) -> tuple[OwnEvent, ...]:
    """Return the newest report of each matter that this county reported and did not end, the oldest first."""
    newest, over = dict[str, OwnEvent](), set[str]()
    for kind in sorted(LIFE_AT_STAKE):
        corrected = set[str]()
        for own in outbox.standing(kind, MOST_OWN):
            header, thread = own.header, own.header.subject or own.header.id
            if header.supersedes is not None:
                corrected.add(header.supersedes.id)
            if header.reply_to is not None or header.id in corrected:
                continue
            newest.setdefault(thread, own)
            if header.stage == "final":
                over.add(thread)
    found = [own for thread, own in newest.items() if thread not in over]
    return tuple(sorted(found, key=lambda own: own.row.accepted))
