"""Handing over at shift change: what the next duty officer must know of a county.

Rule 1: what needs a person is first: alarms that nobody acknowledged, alarms that are not over, letters and requests
        without an answer, what is due.
Rule 2: whoever is shown what partners sealed is in the access log before it is returned.
Rule 3: an alarm stays the alarm that it was: its newest report and the letters of its thread are told with it, and
        never instead of it (``handover_matters``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from yizhan.consumers.followups import Obligation
from yizhan.consumers.items import InboxQuery, Item
from yizhan.consumers.view import InboxView
from yizhan.producers.draft_rows import StoredDraft
from yizhan.producers.outbox_view import OutboxView
from yizhan.producers.queries import OwnEvent, Posting
from yizhan.schemas.header import NOTICE, split_id
from yizhan.schemas.payloads.table import LIFE_AT_STAKE
from yizhan.schemas.timestamps import written
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.drafts import list_drafts
from yizhan.services.handover_matters import (
    OpenAlarm,
    new_answers,
    newest_reports,
    open_alarms,
    waiting_own,
    waiting_requests,
    wants_answer,
)
from yizhan.services.home import Home
from yizhan.services.obligations import find_obligations
from yizhan.services.outbox import list_undelivered
from yizhan.services.status import SOON, home_status
from yizhan.services.status_found import Problem
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
    reports: Mapping[str, Item]
    """Of an alarm in ``ringing``, by its id: the newest report of its matter, where one came after it."""
    open_alarms: tuple[OpenAlarm, ...]
    """The alarms that were acknowledged, without a final report or a withdrawal; one a matter."""
    mine: tuple[Obligation, ...]
    """What this county owes, overdue or due within ``SOON``."""
    theirs: tuple[Obligation, ...]
    """What others owe it, overdue or due within ``SOON``: an acknowledgement, an answer."""
    undelivered: tuple[Posting, ...]
    problems: tuple[Problem, ...]
    """Of processes, bell, files, refusals; what the parts above say is left out."""
    drafts: tuple[StoredDraft, ...]
    letters: tuple[Item, ...]
    """What people wrote and want answered that came within ``LETTERS_WITHIN`` and was not, the newest first."""
    requests: tuple[Item, ...]
    """Requests for assistance that wait for this county's final answer, the most urgent first, then the oldest."""
    own_requests: tuple[OwnEvent, ...]
    """Requests of this county that wait for a final answer, in the same order."""
    answers: tuple[Item, ...]
    """Answers to requests of this county that came within ``LETTERS_WITHIN`` and that nobody acknowledged."""
    own_open: tuple[OwnEvent, ...]
    """The newest report of each own fire or disaster without a final report that stands."""


_SAID_ABOVE: Final = frozenset({"ringing", "overdue", "due_soon"})


def hand_over(home: Home, county: str, actor: Actor, now: datetime) -> Handover:
    """Gather what the next duty officer must know (``StoreError`` if a store or the access log fails)."""
    home.member(county)
    with read_inbox(home, county) as inbox, read_outbox(home, county) as outbox:
        count, ringing = (0, ()) if inbox is None else _ringing(inbox)
        reports = {} if inbox is None else newest_reports(inbox, ringing)
        recent = () if inbox is None else inbox.items(InboxQuery(since=now - OPEN_FOR))
        # What was taken back or corrected neither ends a matter nor waits for an answer.
        standing = [each for each in recent if each.withdrawn_by is None and each.superseded_by is None]
        alarms, letters = open_alarms(recent, standing), _letters(standing, outbox, now)
        answers = new_answers(standing, now - LETTERS_WITHIN)
        requests = () if inbox is None else waiting_requests(inbox, outbox)
        own_open, own_requests = ((), ()) if outbox is None else (_own_open(outbox), waiting_own(outbox, inbox))
    obligations, minutes = find_obligations(home, county, now)
    told = (each for alarm in alarms for each in (alarm.alarm, alarm.latest, *alarm.letters))
    items = (*ringing, *reports.values(), *told, *letters, *requests, *answers)
    if shown := [*dict.fromkeys(item.id for item in items), *minutes]:
        record(home, county, actor, "listed", shown)
    due = [each for each in obligations if each.due <= now + SOON]
    return Handover(
        county=county,
        at=now,
        ringing_count=count,
        ringing=ringing,
        reports=reports,
        open_alarms=alarms,
        mine=tuple(each for each in due if county in each.owes),
        theirs=tuple(each for each in due if county not in each.owes),
        undelivered=list_undelivered(home, county, now - SENT_WITHIN),
        problems=tuple(
            each for each in home_status(home, county, now, obligations).problems if each.code not in _SAID_ABOVE
        ),
        drafts=list_drafts(home, county),
        letters=letters,
        requests=requests,
        own_requests=own_requests,
        answers=answers,
        own_open=own_open,
    )


def _ringing(inbox: InboxView) -> tuple[int, tuple[Item, ...]]:
    count, ids = inbox.still_ringing(MOST_RINGING)
    found = [inbox.item(each) for each in reversed(ids)]
    return count, tuple(each for each in found if each is not None)


def _letters(standing: Sequence[Item], outbox: OutboxView | None, now: datetime) -> tuple[Item, ...]:
    """Return the notices that people wrote, that ask for something, and that no event of ours answers, newest first."""
    since = written(now - LETTERS_WITHIN)
    return tuple(
        each
        for each in reversed(standing)
        if each.type == NOTICE
        and each.stored >= since
        and wants_answer(each, outbox)
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
            answers = None if header.reply_to is None else split_id(header.reply_to.id)[0][:6]
            if answers not in {None, header.county} or header.id in corrected:
                continue
            newest.setdefault(thread, own)
            if header.stage == "final":
                over.add(thread)
    found = [own for thread, own in newest.items() if thread not in over]
    return tuple(sorted(found, key=lambda own: own.row.accepted))
