"""Content destroyed when its term of retention is over, and its senders notified.

Rule 1: who ordered it is in the access log before anything is destroyed.
Rule 2: the notice is an event of the county: sealed for the sender alone, signed, stamped, logged. Its
        ``external_ref`` names what it is about, so that a run that died sends nothing twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from yizhan.consumers.destruction import Due, UnnotifiedDestruction
from yizhan.consumers.files import FileStore
from yizhan.consumers.inbox import Inbox
from yizhan.producers.drafts import Draft
from yizhan.schemas.header import NOTICE
from yizhan.schemas.i18n import marked
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.errors import ServiceError
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource
from yizhan.services.stores import open_inbox, open_outbox, read_inbox

_MOST: Final = 200
"""Events that one notice names (``Some`` of the payloads)."""


@dataclass(frozen=True, slots=True)
class Destruction:
    """Ids of the items whose content was destroyed, and of the notices to their senders."""

    destroyed: tuple[str, ...]
    notices: tuple[str, ...]


def list_due(home: Home, county: str, ids: Sequence[str] = ()) -> list[Due]:
    """List what may be destroyed, of these ids or of all (``StoreError``)."""
    with read_inbox(home, county) as inbox:
        return [each for each in (() if inbox is None else inbox.due()) if not ids or each.id in ids]


def destroy_content(
    home: Home, county: str, ids: Sequence[str], actor: Actor, passphrases: PassphraseSource
) -> Destruction:
    """Destroy what is due, of these ids or all, and notify the senders. ``actor`` names the officer who orders it.

    Raises:
        NotDue: an id is not due.
        ServiceError: no officer is named.
        StoreError: the disk fails, or former bytes stand in SQLite's log yet; run it again.
    """
    if actor.officer is None:
        raise ServiceError(marked("销毁要写明是谁决定的：姓名和警号"))
    with (
        open_outbox(home, county, passphrases) as outbox,
        open_inbox(home, county, passphrases, outbox=outbox) as inbox,
    ):
        chosen = tuple(dict.fromkeys(ids)) or tuple(each.id for each in inbox.due())
        if chosen:
            record(home, county, actor, "destroyed", chosen)
        inbox.destroy(chosen, actor.officer)
        if chosen:
            with FileStore(inbox.path) as files:
                files.forget(inbox.destroyed())
        notices = []
        for batch, draft in _notices(inbox):
            sent = outbox.publish(draft)
            inbox.enter_destruction_notice([each.id for each in batch], sent.id)
            notices.append(sent.id)
        return Destruction(chosen, tuple(notices))


def _notices(inbox: Inbox) -> Iterator[tuple[list[UnnotifiedDestruction], Draft]]:
    """Write the notices that are owed: one a sender and class, of at most 200 events."""
    ordered = sorted(inbox.unnotified_destructions(), key=lambda each: (each.county, each.retention))
    for (county, retention), group in groupby(ordered, key=lambda each: (each.county, each.retention)):
        waiting = list(group)
        for first in range(0, len(waiting), _MOST):
            batch = waiting[first : first + _MOST]
            events = [{"id": each.id, "hash": each.hash.hex()} for each in batch]
            name = hashlib.sha256(" ".join(each.id for each in batch).encode()).hexdigest()[:32]
            payload = {"kind": "destruction", "destruction": {"retention": retention, "events": events}}
            yield batch, Draft(type=NOTICE, to=(county,), external_ref=f"destruction:{name}", payload=payload)
