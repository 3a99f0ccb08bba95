"""Content destroyed when its term is over, and its senders told.

Rule 1: who ordered it is in the journal of accesses before anything goes.
Rule 2: the notice is an event of the county: sealed for the sender alone, signed, stamped, logged. Its
        ``external_ref`` names what it is about, so that a run that died sends nothing twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

from yizhan.consumers.files import FileStore
from yizhan.producers.drafts import Draft
from yizhan.schemas.header import NOTICE
from yizhan.schemas.payloads.common import Person
from yizhan.services.access_log import record
from yizhan.services.actor import Actor, process_account
from yizhan.services.stores import open_inbox, open_outbox, read_inbox

if TYPE_CHECKING:
    from yizhan.consumers.destruction import Due, Unsaid
    from yizhan.consumers.inbox import Inbox
    from yizhan.services.home import Home
    from yizhan.services.keys import PassphraseSource

_MOST: Final = 200
"""Events that one notice names (``Some`` of the payloads)."""


def due_items(home: Home, county: str, ids: Sequence[str]) -> list[Due]:
    """List what may be destroyed, of these ids or of all."""
    with read_inbox(home, county) as inbox:
        return [each for each in (() if inbox is None else inbox.due()) if not ids or each.id in ids]


def carry_out(
    home: Home, county: str, ids: Sequence[str], officer: tuple[str, str], lock: PassphraseSource
) -> tuple[list[str], list[str]]:
    """Destroy what is due, of these ids or all, and tell the senders.

    Returns:
        The ids destroyed, and those of the notices.

    Raises:
        NotDue: an id is not due.
        StoreError: the disk fails, or former bytes stand in SQLite's log yet; run it again.
    """
    with open_inbox(home, county, lock) as inbox, open_outbox(home, county, lock) as outbox:
        chosen = list(dict.fromkeys(ids)) or [each.id for each in inbox.due()]
        if chosen:
            record(
                home,
                county,
                Actor(process_account(), "inbox destroy", Person(name=officer[0], badge=officer[1])),
                "destroyed",
                chosen,
            )
        inbox.destroy(chosen, Person(name=officer[0], badge=officer[1]))
        if chosen:
            with FileStore(inbox.path) as files:
                files.forget(inbox.destroyed())
        notices = []
        for batch, draft in _notices(inbox):
            sent = outbox.publish(draft)
            inbox.said([each.id for each in batch], sent.id)
            notices.append(sent.id)
        return chosen, notices


def _notices(inbox: Inbox) -> Iterator[tuple[list[Unsaid], Draft]]:
    """Write the notices that are owed: one a sender and class, of at most 200 events."""
    ordered = sorted(inbox.unsaid(), key=lambda each: (each.county, each.retention))
    for (county, retention), group in groupby(ordered, key=lambda each: (each.county, each.retention)):
        waiting = list(group)
        for first in range(0, len(waiting), _MOST):
            batch = waiting[first : first + _MOST]
            events = [{"id": each.id, "hash": each.hash.hex()} for each in batch]
            name = hashlib.sha256(" ".join(each.id for each in batch).encode()).hexdigest()[:32]
            payload = {"kind": "destruction", "destruction": {"retention": retention, "events": events}}
            yield batch, Draft(type=NOTICE, to=(county,), external_ref=f"destruction:{name}", payload=payload)
