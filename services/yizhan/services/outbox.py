"""A county's outbox: its events, what waits and why, what became of each event with each recipient.

Rule 1: what a partner's officers wrote in receipts is content: it is in the access log before it is returned.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from yizhan.consumers.receipts import ANSWERS
from yizhan.producers.files import FileRow
from yizhan.producers.outbox_view import OutboxView
from yizhan.producers.queries import EventRow, Figures, ForeignPosting, OutboxQuery, OwnEvent, Posting
from yizhan.schemas.charter import Charters
from yizhan.schemas.errors import StatementInvalid
from yizhan.schemas.not_found import not_sent
from yizhan.schemas.payloads import ReadPayload, read
from yizhan.schemas.payloads.table import SYSTEM_TYPES
from yizhan.schemas.policy import Way
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.statements import read_dated
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.home import Home
from yizhan.services.stores import read_outbox

Waits = Literal["no_publisher", "no_broker", "sending", "no_reply"]
"""Why events wait: nothing sends; no broker is found; they are being sent; the station has not replied."""


@dataclass(frozen=True, slots=True)
class OutboxListing:
    """Own events that match a query, the newest last; what waits, and since when no broker is found."""

    events: tuple[EventRow, ...] = ()
    figures: Figures | None = None
    running: bool = False
    no_broker_since: datetime | None = None
    progress: Mapping[str, Mapping[str, str]] = field(default_factory=dict, hash=False)
    """Event id → recipient → how far it came there, as ``state_with``."""

    @property
    def waits(self) -> Waits | None:
        """Return why something waits; None where nothing does."""
        if self.figures is None or not (self.figures.depth or self.figures.awaited):
            return None
        if not self.running:
            return "no_publisher"
        if self.no_broker_since is not None:
            return "no_broker"
        return "sending" if self.figures.depth else "no_reply"


@dataclass(frozen=True, slots=True)
class SendingTrouble:
    """Why nothing leaves: nothing sends, or no broker is found since an instant."""

    why: Literal["no_publisher", "no_broker"]
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class WaitingFiles:
    """Attached files that some recipient does not have yet; ``trouble`` is why the broker takes none now."""

    files: tuple[FileRow, ...] = ()
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignReply:
    """A reply that matches nothing that this outbox sent, and what it means.

    ``not_signed``: the station did not sign it; ``our_key``: the station let an event in that our key signed;
    ``refused``: somebody wrote to our topic, and the station refused it for ``reason``.
    """

    posting: ForeignPosting
    meaning: Literal["not_signed", "our_key", "refused"]
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class PostingListing:
    """What became of each event with each recipient, the newest last, and replies that match nothing."""

    postings: tuple[Posting, ...] = ()
    foreign: tuple[ForeignReply, ...] = ()


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """One own event whole: header and content as they were written, and what became of it with each recipient."""

    event: OwnEvent
    contents: ReadPayload
    postings: tuple[Posting, ...]

    def steps(self, posting: Posting) -> dict[str, str | None]:
        """Return what is reached with a recipient, in order, and when; None for what is not.

        ``sealed`` in this outbox, ``sent`` to Kafka, ``received`` by the station, ``delivered`` to the recipient's
        inbox, ``opened`` there, ``acknowledged`` by an officer (or acted upon, or declined).
        """
        return steps_with(self.event.row, posting)

    def state(self, posting: Posting) -> str:
        """Return the last step that is reached with a recipient; ``queued`` until it is sent, ``refused``."""
        return state_with(self.event.row, posting)


def steps_with(row: EventRow, posting: Posting) -> dict[str, str | None]:
    """Return the steps of an event with one recipient, as ``ShownEvent.steps``."""
    said = [receipt.time for stage in ANSWERS for receipt in posting.said.get(stage, ())]
    return {
        "sealed": row.accepted, "sent": row.first_sent, "received": row.answered,
        "delivered": posting.delivered, "opened": posting.opened, "acknowledged": min(said, default=None),
    }  # fmt: skip


def state_with(row: EventRow, posting: Posting) -> str:
    """Return the last step of an event with one recipient, as ``ShownEvent.state``."""
    if posting.state in {"queued", "refused"}:
        return posting.state
    return [name for name, at in steps_with(row, posting).items() if at is not None][-1]


def show_event(home: Home, county: str, event_id: str, actor: Actor) -> ShownEvent:
    """Return one own event whole, and what became of it.

    Raises:
        NotFound: the county sent no such event.
        StoreError: the outbox cannot be read, or the access log not written.
    """
    with read_outbox(home, county) as outbox:
        event = None if outbox is None else outbox.event(event_id)
        postings = () if outbox is None else outbox.postings(OutboxQuery(id=event_id))
    if event is None:
        raise not_sent(county, event_id, home.member_name(county))
    if any(each.said for each in postings):
        record(home, county, actor, "opened", [event_id])
    return ShownEvent(event, read(event.header.type, event.payload), postings)


def list_undelivered(home: Home, county: str, since: datetime) -> tuple[Posting, ...]:
    """List what was accepted since an instant for delivery at once and is not in a recipient's inbox yet."""
    with read_outbox(home, county) as outbox:
        found = () if outbox is None else outbox.postings(OutboxQuery(since=since))
    return tuple(
        each
        for each in found
        if each.delivered is None
        and each.state != "refused"
        and (each.stamped_way or each.way) != Way.DIGEST
        and each.awaits
    )


def list_events(home: Home, county: str, query: OutboxQuery) -> OutboxListing:
    """List own events, and what waits (``StoreError``)."""
    with read_outbox(home, county) as outbox:
        if outbox is None:
            return OutboxListing()
        figures = outbox.figures(home.settings.receipt_overdue_seconds)
        rows, progress = outbox.rows(query), dict[str, dict[str, str]]()
        of_id = {row.id: row for row in rows}
        for each in outbox.postings(query):
            if (row := of_id.get(each.id)) is not None:
                progress.setdefault(each.id, {})[each.recipient] = state_with(row, each)
        return OutboxListing(rows, figures, *outbox.publisher_state(), progress)


def sending_trouble(home: Home, county: str) -> SendingTrouble | None:
    """Return why what the outbox accepts does not leave now; None where a publisher runs and finds a broker."""
    with read_outbox(home, county) as outbox:
        running, no_broker_since = (False, None) if outbox is None else outbox.publisher_state()
    if not running:
        return SendingTrouble("no_publisher")
    return None if no_broker_since is None else SendingTrouble("no_broker", no_broker_since)


def list_waiting_files(home: Home, county: str) -> WaitingFiles:
    """List own attached files that some recipient does not have yet (``StoreError``)."""
    with read_outbox(home, county) as outbox:
        return WaitingFiles() if outbox is None else WaitingFiles(outbox.files(), outbox.files_trouble())


def list_postings(
    home: Home, county: str, query: OutboxQuery, events: int, actor: Actor, *, system: bool = False
) -> PostingListing:
    """List what became of the newest events that match, with each of their recipients.

    Args:
        home: of the installation.
        county: whose outbox it is.
        query: which events; its limit is not used.
        events: how many events, 0 for all.
        actor: who asks.
        system: receipts and notices too.

    Raises:
        StoreError: the outbox cannot be read, or the access log not written.
    """
    with read_outbox(home, county) as outbox:
        if outbox is None:
            return PostingListing()
        found = _newest_postings(outbox, query, events, system=system)
        foreign = tuple(_foreign_reply(each, home.charters) for each in outbox.foreign_postings())
    if answered := list(dict.fromkeys(each.id for each in found if each.said)):
        record(home, county, actor, "listed", answered)
    return PostingListing(tuple(found), foreign)


def _newest_postings(outbox: OutboxView, query: OutboxQuery, events: int, *, system: bool) -> list[Posting]:
    """List the postings of the newest events (0: of all), the newest last.

    An outbox has many more receipts than events, so it is read further back until there are enough.
    """
    reach = events
    while True:
        found = outbox.postings(dataclasses.replace(query, limit=reach or None))
        shown = [each for each in found if system or each.type not in SYSTEM_TYPES]
        ids = list(dict.fromkeys(each.id for each in shown))
        if not events or len(ids) >= events or len({each.id for each in found}) < reach:
            wanted = set(ids[-events:] if events else ids)
            return [each for each in shown if each.id in wanted]
        reach *= 4


def _foreign_reply(posting: ForeignPosting, charters: Charters) -> ForeignReply:
    try:
        postmark, _hash, _charter = read_dated(Postmark, posting.value, charters)
    except StatementInvalid:
        return ForeignReply(posting, "not_signed")
    if postmark.refused is None:
        return ForeignReply(posting, "our_key")
    return ForeignReply(posting, "refused", postmark.refused.value, postmark.detail)
