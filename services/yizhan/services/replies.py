"""A person's word in answer to an event: a text notice in its thread, which rings there by its priority.

Rule 1: it says who wrote it, and it is never a report: nobody takes it for a second fire.
Rule 2: it goes to whoever sent what it answers; in answer to one's own event, to everybody who has that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from yizhan.producers.drafts import draft_content, parse_draft
from yizhan.producers.numbering import Accepted
from yizhan.schemas.header import NOTICE, Header
from yizhan.schemas.i18n import marked
from yizhan.schemas.not_found import not_known
from yizhan.schemas.payloads.common import Person
from yizhan.services.access_log import record
from yizhan.services.actor import Actor, signed_by
from yizhan.services.errors import ServiceError
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource
from yizhan.services.matter_events import matter_event
from yizhan.services.stores import open_outbox, read_drafts, read_inbox, read_outbox


@dataclass(frozen=True, slots=True)
class Reply:
    """What an officer writes in answer to an event; ``priority`` is that of the event where it is None."""

    event_id: str
    text: str
    priority: str | None = None


@dataclass(frozen=True, slots=True)
class SentReply:
    """A reply that the outbox accepted, and its priority: by it people are rung at the other side, or not."""

    accepted: Accepted
    priority: str

    @property
    def rings(self) -> bool:
        """Whether it rings there when it arrives, at any hour; else it waits there as notices do."""
        return self.accepted.rings


def last_drafter(home: Home, county: str) -> Person | None:
    """Return the officer who drafted the county's last form: what a desk proposes; None where nobody did."""
    with read_drafts(home, county) as drafts:
        found: Any = None if drafts is None else drafts.office().get("drafted_by")
    return Person.model_validate(found) if isinstance(found, dict) else None


def send_reply(home: Home, county: str, reply: Reply, actor: Actor, passphrases: PassphraseSource) -> SentReply:
    """Publish a reply in the name of the actor's officer.

    Raises:
        NotFound, ServiceError, DraftInvalid: as ``compose_reply``.
        NoKey, StoreError: as ``open_outbox``.
    """
    draft = parse_draft(compose_reply(home, county, reply, actor))
    with open_outbox(home, county, passphrases) as outbox:
        return SentReply(outbox.publish(draft), draft.priority)


def compose_reply(home: Home, county: str, reply: Reply, actor: Actor) -> dict[str, Any]:
    """Return a reply in the name of the actor's officer as a draft's content, for ``queue_content``.

    Raises:
        NotFound: the county neither received nor sent such an event.
        ServiceError: the actor names no officer.
        DraftInvalid: the text is empty or may not be sent.
        StoreError: a store cannot be read, or the access log not written.
    """
    if actor.officer is None:
        raise ServiceError(marked("答复要写明姓名和警号"))
    header, event_hash, thread = _answered(home, county, reply.event_id)
    draft = parse_draft(
        {
            "type": NOTICE,
            "status": header.status,
            "priority": reply.priority or header.priority,
            "subject": thread,
            "reply_to": {"id": header.id, "hash": event_hash},
            "payload": {"kind": "text", "text": reply.text, **signed_by(actor)},
        }
    )
    if header.county != county:
        record(home, county, actor, "opened", [header.id])
    return draft_content(draft)


def _answered(home: Home, county: str, event_id: str) -> tuple[Header, str, str]:
    """Return header, hash and thread of what is answered."""
    with read_inbox(home, county) as inbox, read_outbox(home, county) as outbox:
        event = matter_event(event_id, county, inbox, outbox)
    if event is None:
        raise not_known(county, event_id, home.member_name(county))
    return event.header, event.hash, event.thread
