"""Finds one event of a matter in a county's inbox or outbox."""

from __future__ import annotations

from yizhan.consumers.items import Item
from yizhan.consumers.view import InboxView
from yizhan.producers.outbox_view import OutboxView
from yizhan.producers.queries import OutboxQuery, OwnEvent, Posting, RecipientReceipt
from yizhan.schemas.matters import CountyAnswer, MatterEvent
from yizhan.schemas.payloads import read


def matter_event(event_id: str, county: str, inbox: InboxView | None, outbox: OutboxView | None) -> MatterEvent | None:
    """Return an event with what people answered to it; None where neither store has it."""
    if outbox is not None and (own := outbox.event(event_id)) is not None:
        return _sent_event(own, outbox.postings(OutboxQuery(id=event_id)))
    if inbox is not None and (item := inbox.item(event_id)) is not None:
        return _received_event(item, county)
    return None


def _sent_event(own: OwnEvent, postings: tuple[Posting, ...]) -> MatterEvent:
    answers = [
        CountyAnswer(
            stage, str(by.get("name", "")), str(by.get("badge", "")), _note(receipt), receipt.time, each.recipient
        )
        for each in postings
        for stage, receipts in each.said.items()
        for receipt in receipts
        if isinstance(by := receipt.payload.get("by") or {}, dict)
    ]
    contents = read(own.header.type, own.payload) if own.payload else None
    return MatterEvent(own.header, own.row.hash, contents, tuple(answers))


def _note(receipt: RecipientReceipt) -> str | None:
    note = receipt.payload.get("note")
    return note if isinstance(note, str) else None


def _received_event(item: Item, county: str) -> MatterEvent:
    answers = tuple(
        CountyAnswer(each.stage, each.name, each.badge, each.note, each.at, county) for each in item.answers
    )
    return MatterEvent(item.header, item.hash.hex(), item.contents, answers)
