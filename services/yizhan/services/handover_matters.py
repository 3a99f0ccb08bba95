"""What a handover tells of matters: open alarms with their newest report, and requests that wait for an answer. Pure.

Rule 1: a report of a matter is by the county that raised its alarm, of the same type, and answers nothing of another
        county: a sender may write an update or a final report as an answer to its own first report.
Rule 2: what is not certain to be over, or answered, is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from yizhan.consumers.items import InboxQuery, Item
from yizhan.consumers.labels import State
from yizhan.consumers.view import InboxView
from yizhan.producers.outbox_view import OutboxView
from yizhan.producers.queries import OwnEvent
from yizhan.schemas.header import Header, split_id
from yizhan.schemas.payloads.letters import PRIORITIES
from yizhan.schemas.payloads.table import ASSISTANCE_REQUEST, ASSISTANCE_RESPONSE
from yizhan.schemas.policy import Way
from yizhan.schemas.timestamps import written

MOST_REQUESTS: Final = 200
"""How many of the newest requests of a side are looked through for what is not answered."""
MOST_REPLIES: Final = 20
MOST_LETTERS: Final = 5
"""How many letters are told with an alarm, the newest."""


@dataclass(frozen=True, slots=True)
class OpenAlarm:
    """An alarm that was acknowledged and is not over: its newest report, which may be itself, and letters about it."""

    alarm: Item
    latest: Item
    letters: tuple[Item, ...]
    """What others wrote in its thread, the newest last, at most ``MOST_LETTERS``."""


def open_alarms(recent: Sequence[Item], standing: Sequence[Item]) -> tuple[OpenAlarm, ...]:
    """Return the alarms of some items that were acknowledged and are not over, the oldest first."""
    alarms = {
        each.thread: each
        for each in reversed(recent)
        if each.way == Way.ALARM and each.withdrawn_by is None and each.header.withdraws is None
    }
    rings = {each.thread for each in recent if each.state == State.RINGING}
    found = []
    for thread, alarm in reversed(alarms.items()):
        same = [each for each in standing if each.thread == thread]
        reports = [each for each in same if _reports(each, alarm)]
        if thread in rings or any(each.header.stage == "final" for each in reports):
            continue
        told = {alarm.id, *(each.id for each in reports)}
        letters = [each for each in same if each.is_letter and each.id not in told]
        # A correction stands for what it corrects.
        first = reports[0] if reports and alarm.superseded_by is not None else alarm
        found.append(OpenAlarm(first, reports[-1] if reports else alarm, tuple(letters[-MOST_LETTERS:])))
    return tuple(found)


def newest_reports(inbox: InboxView, alarms: Iterable[Item]) -> dict[str, Item]:
    """Return the newest report of the matter of each alarm, by the alarm's id, where one came after it."""
    found = {}
    for alarm in alarms:
        thread = inbox.items(InboxQuery(thread=alarm.thread))
        later = thread[[each.id for each in thread].index(alarm.id) + 1 :]
        reports = [each for each in later if _stands(each) and _reports(each, alarm)]
        if reports:
            found[alarm.id] = reports[-1]
    return found


def _stands(each: Item) -> bool:
    """Tell whether an item is here and was neither taken back nor corrected."""
    return each.state != State.WAITING and each.withdrawn_by is None and each.superseded_by is None


def _reports(each: Item, alarm: Item) -> bool:
    header = each.header
    return (
        (each.county, each.type) == (alarm.county, alarm.type)
        and (header.reply_to is None or split_id(header.reply_to.id)[0][:6] == alarm.county)
        and header.withdraws is None
        and (each.status == "Actual" or alarm.status != "Actual")
    )


def wants_answer(letter: Item, outbox: OutboxView | None) -> bool:
    """Tell whether somebody wrote a notice that may want an answer: no withdrawal, no word that something is done."""
    raw = {} if letter.contents is None else letter.contents.raw
    if not letter.is_letter or letter.header.withdraws is not None or raw.get("decisions"):
        return False
    # Who joins two matters says so in the thread of its own, in answer to an event of another thread.
    answered = letter.header.reply_to
    own = None if answered is None or outbox is None else outbox.event(answered.id)
    return own is None or letter.thread == (own.header.subject or own.header.id)


def waiting_requests(inbox: InboxView, outbox: OutboxView | None) -> tuple[Item, ...]:
    """Return the requests that arrived and that no final answer of ours answers, the most urgent first."""
    gone = frozenset[str]() if outbox is None else _taken_back(outbox)

    def header(event_id: str) -> Header | None:
        own = None if outbox is None or event_id in gone else outbox.event(event_id)
        return None if own is None else own.header

    found = [
        each
        for each in inbox.items(InboxQuery(type=ASSISTANCE_REQUEST, limit=MOST_REQUESTS))
        if _stands(each)
        and each.header.withdraws is None
        and not _is_answered(() if outbox is None else outbox.reply_ids(each.id, MOST_REPLIES), header)
    ]
    return tuple(sorted(found, key=lambda each: _urgency(each.header)))


def waiting_own(outbox: OutboxView, inbox: InboxView | None) -> tuple[OwnEvent, ...]:
    """Return our requests that stand and that no final answer answers, the most urgent first."""

    def header(item_id: str) -> Header | None:
        item = None if inbox is None else inbox.item(item_id)
        return None if item is None or item.withdrawn_by is not None else item.header

    found, corrected = list[OwnEvent](), set[str]()
    for own in outbox.standing(ASSISTANCE_REQUEST, MOST_REQUESTS):
        if own.header.supersedes is not None:
            corrected.add(own.header.supersedes.id)
        ids = () if inbox is None else inbox.reply_ids(own.header.id, MOST_REPLIES)
        if own.header.id not in corrected and not _is_answered(ids, header):
            found.insert(0, own)
    return tuple(sorted(found, key=lambda own: _urgency(own.header)))


def new_answers(standing: Sequence[Item], since: datetime) -> tuple[Item, ...]:
    """Return the answers to requests that came since an instant and that nobody here acknowledged, the oldest first."""
    return tuple(
        each
        for each in standing
        if each.type == ASSISTANCE_RESPONSE and each.stored >= written(since) and not each.answers
    )


def _is_answered(ids: Iterable[str], header: Callable[[str], Header | None]) -> bool:
    """Tell whether one of these answers is final; one that is only interim ends nothing."""
    return any(
        found.type == ASSISTANCE_RESPONSE and found.stage in {"final", None} and found.withdraws is None
        for each in ids
        if (found := header(each)) is not None
    )


def _taken_back(outbox: OutboxView) -> frozenset[str]:
    """Return our answers that we took back."""
    found = (outbox.event(each) for each in outbox.ids_of(ASSISTANCE_RESPONSE)[-MOST_REQUESTS:])
    return frozenset(
        each.header.withdraws.id for each in found if each is not None and each.header.withdraws is not None
    )


def _urgency(header: Header) -> int:
    return [*PRIORITIES].index(header.priority)
