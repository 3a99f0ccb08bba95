"""What the county sent, for a page: one page of the list with what each says and how far it came; one event whole.

Rule 1: what a partner's officers wrote in receipts and answers is content: it is in the access log before it is
        returned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from yizhan.producers.files import FileRow
from yizhan.producers.queries import EventRow, OutboxQuery, Posting
from yizhan.schemas.header import Header
from yizhan.schemas.matters import MatterEvent, in_order
from yizhan.schemas.payloads import ReadPayload, read
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.home import Home
from yizhan.services.inbox import MOST_REPLIES
from yizhan.services.matter_events import matter_event
from yizhan.services.outbox import OutboxListing, ShownEvent, list_events, show_event, state_with
from yizhan.services.stores import read_inbox, read_outbox


@dataclass(frozen=True, slots=True)
class SentRow:
    """One own event in a list; ``states`` is recipient → how far it came there, as ``outbox.state_with``."""

    row: EventRow
    header: Header
    contents: ReadPayload
    postings: tuple[Posting, ...]
    states: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True)
class SentPage:
    """Own events, the newest last; ``listing`` has the same rows, and what waits in the outbox."""

    rows: tuple[SentRow, ...]
    listing: OutboxListing


@dataclass(frozen=True, slots=True)
class SentEvent:
    """One own event; what partners answered to it in events of their own; its files that somebody has not yet."""

    shown: ShownEvent
    replies: tuple[MatterEvent, ...] = ()
    files: tuple[FileRow, ...] = ()
    files_trouble: str | None = None


def list_sent(home: Home, county: str, query: OutboxQuery, actor: Actor) -> SentPage:
    """List own events with what each says (``StoreError``: the outbox cannot be read, or the log not written)."""
    listing = list_events(home, county, query)
    with read_outbox(home, county) as outbox:
        if outbox is None:
            return SentPage((), listing)
        postings: dict[str, list[Posting]] = {}
        for each in outbox.postings(query):
            postings.setdefault(each.id, []).append(each)
        found = [own for row in listing.events if (own := outbox.event(row.id)) is not None]
    if answered := [event_id for event_id, those in postings.items() if any(each.said for each in those)]:
        record(home, county, actor, "listed", answered)
    rows = []
    for own in found:
        those = tuple(postings.get(own.row.id, ()))
        states = {each.recipient: state_with(own.row, each) for each in those}
        rows.append(SentRow(own.row, own.header, read(own.header.type, own.payload), those, states))
    return SentPage(tuple(rows), listing)


def show_sent(home: Home, county: str, event_id: str, actor: Actor) -> SentEvent:
    """Return one own event with what came of it.

    Raises:
        NotFound: the county sent no such event.
        StoreError: a book cannot be read, or the access log not written.
    """
    shown = show_event(home, county, event_id, actor)
    with read_inbox(home, county) as inbox, read_outbox(home, county) as outbox:
        stores = [store for store in (inbox, outbox) if store is not None]
        ids = dict.fromkeys(each for store in stores for each in store.reply_ids(event_id, MOST_REPLIES))
        found = [each for one in ids if (each := matter_event(one, county, inbox, outbox)) is not None]
        files = () if outbox is None else tuple(each for each in outbox.files() if each.event == event_id)
        trouble = None if outbox is None or not files else outbox.files_trouble()
    if theirs := [each.header.id for each in found if each.header.county != county]:
        record(home, county, actor, "opened", theirs)
    return SentEvent(shown, in_order(found), files, trouble)
