"""A county's inbox: list, show, answer.

Rule 1: whoever sees what a partner sealed is in the access log before the content is returned.
Rule 2: an answer is entered after that: where the access cannot be written down, nothing is answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from yizhan.consumers.errors import ItemChanged
from yizhan.consumers.items import Aside, Gap, InboxQuery, Item, RivalEvent
from yizhan.consumers.view import InboxView
from yizhan.schemas.actions import Action
from yizhan.schemas.matters import Answer, MatterEvent, in_order
from yizhan.schemas.not_found import not_received
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.errors import Conflict
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource
from yizhan.services.matter_events import matter_event
from yizhan.services.stores import open_answers, open_inbox, read_inbox, read_outbox

MOST_REPLIES: Final = 50
"""Events of each store that are shown under what they answer."""


@dataclass(frozen=True, slots=True)
class InboxListing:
    """Items that match a query, the newest last, and what of the inbox needs attention beside them."""

    items: tuple[Item, ...] = ()
    aside_count: int = 0
    gaps: tuple[Gap, ...] = ()
    conflicts: tuple[RivalEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class OfficerAnswer:
    """What an officer says of an item: ``acknowledged``, ``acted`` or ``declined``, with a sentence for its sender."""

    stage: str = "acknowledged"
    note: str | None = None
    seen: str | None = None
    """What ``consumers.receipts.standing`` said of the item that the officer saw: if that has changed, nothing is
    entered. None: whatever it says now."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An item after an officer's answer; ``entered`` is False where the same answer was there already."""

    item: Item
    earlier: tuple[Answer, ...]
    entered: bool


@dataclass(frozen=True, slots=True)
class ShownItem:
    """An item; what it answers, where that is here; and the newest events that answer it, in the order of time."""

    item: Item
    answered: MatterEvent | None = None
    replies: tuple[MatterEvent, ...] = ()


def list_items(home: Home, county: str, query: InboxQuery, actor: Actor) -> InboxListing:
    """List items of a county's inbox (``StoreError`` if it cannot be read, or the access log not written)."""
    with read_inbox(home, county) as inbox:
        if inbox is None:
            return InboxListing()
        found = InboxListing(inbox.items(query), inbox.aside_count(), inbox.gaps(), inbox.conflicts())
    if found.items:
        record(home, county, actor, "listed", [item.id for item in found.items])
    return found


def list_aside(home: Home, county: str) -> tuple[Aside, ...]:
    """List the records that were kept aside, each with its reason; no content that was opened."""
    with read_inbox(home, county) as inbox:
        return () if inbox is None else inbox.aside()


def show_item(home: Home, county: str, item_id: str, actor: Actor) -> ShownItem:
    """Return one item, what it answers, and what answers it.

    Raises:
        NotFound: there is none of that id.
        StoreError: the inbox cannot be read, or the access log not written.
    """
    with read_inbox(home, county) as inbox:
        item = _found(home, county, item_id, inbox)
        with read_outbox(home, county) as outbox:
            stores = [store for store in (inbox, outbox) if store is not None]
            ids = [each for store in stores for each in store.reply_ids(item.id, MOST_REPLIES)]
            found = [matter_event(each, county, inbox, outbox) for each in ids]
            before = item.header.reply_to
            answered = None if before is None else matter_event(before.id, county, inbox, outbox)
    replies = in_order(each for each in found if each is not None)
    others = [each.header.id for each in (*replies, answered) if each is not None and each.header.county != county]
    record(home, county, actor, "opened", [item.id, *others])
    return ShownItem(item, answered, replies)


def find_item(home: Home, county: str, item_id: str) -> Item:
    """Return an item (``NotFound``); the caller writes the access log before it passes content on."""
    with read_inbox(home, county) as inbox:
        return _found(home, county, item_id, inbox)


def _found(home: Home, county: str, item_id: str, inbox: InboxView | None) -> Item:
    item = None if inbox is None else inbox.item(item_id)
    if item is None:
        raise not_received(county, item_id, home.member_name(county))
    return item


def answer_item(
    home: Home,
    county: str,
    item_id: str,
    answer: OfficerAnswer,
    actor: Actor,
    passphrases: PassphraseSource | None = None,
) -> Answered:
    """Enter an officer's answer: it stops the ringing and goes to the sender.

    Args:
        home: of the installation.
        county: whose inbox it is.
        item_id: of the event.
        answer: what the officer says.
        actor: with the officer, whose name and badge number the answer carries.
        passphrases: of the county's keys; None for a face that has no key: then ``inbox run`` sends the answer.

    Raises:
        NotFound: there is no such item.
        NotAnswerable: it is not addressed to this county, or name and badge are wrong.
        Conflict: its sender corrected it or took it back since the officer saw it; nothing was entered.
        NoKey: as ``open_inbox``.
        StoreError: as ``open_inbox``, or the access cannot be written down; nothing was entered.
    """
    name, badge = ("", "") if actor.officer is None else (actor.officer.name, actor.officer.badge)
    opened = open_answers(home, county) if passphrases is None else open_inbox(home, county, passphrases)
    with opened as inbox:
        before = _found(home, county, item_id, inbox)
        record(home, county, actor, "opened", [item_id])
        try:
            item = inbox.acknowledge(item_id, name, badge, answer.stage, answer.note, answer.seen)
        except ItemChanged as error:
            hint = Action.to("inbox.show", id=item_id, county=county)
            raise Conflict(error.message, hint=hint, **error.params) from None
    return Answered(item, before.answers, entered=len(item.answers) > len(before.answers))
