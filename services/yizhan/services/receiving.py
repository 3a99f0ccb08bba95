"""The receiving process of a county: what arrives is checked, opened and stored; receipts and alarms follow."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from yizhan.charter.reader import CharterReader
from yizhan.consumers.inbox import Inbox
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource
from yizhan.services.own_obligations import own_obligation_counts
from yizhan.services.stores import open_inbox, open_outbox


@contextlib.contextmanager
def open_receiver(
    home: Home, county: str, passphrases: PassphraseSource, charters: CharterReader | None = None
) -> Iterator[Inbox]:
    """Open a county's inbox as the receiving process does: its metrics count the county's own obligations too.

    Raises:
        NoKey, StoreError, WrongInbox, WrongOutbox: as ``open_inbox``.
    """
    known = charters or home.reader_of(county)
    with open_outbox(home, county, passphrases, known) as outbox:
        counts = own_obligation_counts(home, county, outbox)
        with open_inbox(home, county, passphrases, known, outbox=outbox, own_obligations=counts) as inbox:
            yield inbox
