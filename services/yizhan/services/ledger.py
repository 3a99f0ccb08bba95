"""The ledger's keys and statements, a county's copy of the log, and the county's books as its cosigner reads them.

Rule 1: reading needs no key and makes no file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from yizhan.consumers.view import InboxView
from yizhan.ledger.cosigner import Cosigner, StatementSource
from yizhan.ledger.log import LOCK as LEDGER_LOCK
from yizhan.ledger.log import LedgerSigningKeys
from yizhan.ledger.mirror import FILE, MirrorView
from yizhan.ledger.statements import FILE as STATEMENTS_FILE
from yizhan.ledger.statements import Statements, open_to_read
from yizhan.producers.outbox_view import OutboxView
from yizhan.runtime.clock import utc_now
from yizhan.schemas.actions import Action
from yizhan.schemas.charter import Charter
from yizhan.schemas.errors import NotFound
from yizhan.schemas.i18n import marked
from yizhan.schemas.keys import CosigningKey
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource, cosigner, ledger_keys
from yizhan.services.stores import inbox_path, outbox_path

FOLDER: Final = "ledger"
COSIGNER_LOCK: Final = ".lock"
"""What the name of the cosigner's lock adds to that of its copy of the log."""


def ledger_folder(home: Home) -> Path:
    """Where the ledger is."""
    return home.path / FOLDER


def ledger_lock(home: Home) -> Path:
    """Return what the process holds that runs the ledger."""
    return ledger_folder(home) / LEDGER_LOCK


def cosigner_lock(home: Home, county: str) -> Path:
    """Return what the process holds that cosigns for a county."""
    path = cosigner_path(home, county)
    return path.with_name(path.name + COSIGNER_LOCK)


def ledger_key_source(home: Home, lock: PassphraseSource) -> Callable[[Charter, datetime], LedgerSigningKeys]:
    """Return what gives the ledger's keys under a charter (``NoKey`` where there are none)."""
    known: dict[str, LedgerSigningKeys] = {}

    def keys(charter: Charter, at: datetime) -> LedgerSigningKeys:
        if charter.name not in known or not _hold(known[charter.name], charter, at):
            known[charter.name] = LedgerSigningKeys(*ledger_keys(ledger_folder(home) / "keys", charter, at, lock))
        return known[charter.name]

    return keys


def _hold(keys: LedgerSigningKeys, charter: Charter, at: datetime) -> bool:
    return charter.ledger[keys.signing.kid].holds(at) and charter.ledger_mldsa[keys.cosigning.kid].holds(at)


def cosigning_key_source(home: Home, county: str, lock: PassphraseSource) -> Callable[[], CosigningKey]:
    """Return what gives a county's cosigning key now (``NoKey`` where there is none)."""
    known: dict[str, CosigningKey] = {}

    def key() -> CosigningKey:
        now = utc_now()
        charter = home.charters.in_force(now)
        held = known.get(charter.name)
        if held is None or not charter.cosigning[county][held.kid].holds(now):
            known[charter.name] = cosigner(home.county_folder(county) / "keys", county, charter, now, lock)
        return known[charter.name]

    return key


@contextlib.contextmanager
def open_statements(home: Home) -> Iterator[Statements]:
    """Open the ledger's statements to read (``NotFound`` where there is no ledger)."""
    path = ledger_folder(home) / STATEMENTS_FILE
    with open_to_read(path) as found:
        if found is None:
            sentence = marked("{folder} 里没有账本；账本在驿站的机器上建立")
            raise NotFound(sentence, folder=ledger_folder(home), hint=Action.to("ledger.run"))
        yield found


def cosigner_path(home: Home, county: str) -> Path:
    """Where a county's copy of the log is."""
    return home.county_folder(county) / FILE


def read_mirror(home: Home, county: str) -> MirrorView:
    """Open a county's copy of the log to read; the caller closes it (``NotFound`` where there is none)."""
    path = cosigner_path(home, county)
    if not path.exists():
        sentence, action = marked("{county} 还没有核对过账本"), Action.to("ledger.cosign", county=county)
        raise NotFound(sentence, county=home.member_name(county), hint=action)
    return MirrorView(path, county, home.charters)


def open_cosigner(home: Home, county: str) -> Cosigner:
    """Open a county's copy of the log, made if absent; the caller closes it. Raises as ``Cosigner``."""
    patience = timedelta(seconds=home.settings.ledger_patience_seconds)
    return Cosigner(cosigner_path(home, county), county, home.charters, utc_now, patience)


class CountyBooks:
    """A county's outbox and inbox as sources of statements; each is opened once it is there."""

    def __init__(self, home: Home, county: str) -> None:
        """Name them; nothing is opened."""
        self._home, self._county = home, county
        self._open = contextlib.ExitStack()
        self._outbox: OutboxView | None = None
        self._inbox: InboxView | None = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close what was opened."""
        self._open.close()

    def books(self) -> list[StatementSource]:
        """Return the three books: postmarks of what was sent, of what came, and manifests."""
        return [
            StatementSource("outbox", lambda after: () if (box := self.outbox()) is None else box.stamps(after)),
            StatementSource("inbox", lambda after: () if (box := self.inbox()) is None else box.stamps(after)),
            StatementSource("digests", lambda after: () if (box := self.inbox()) is None else box.manifests(after)),
        ]

    def statement(self, event_id: str) -> bytes | None:
        """Return the postmark of an event that the county sent or got; None where it has none."""
        for box in (self.outbox(), self.inbox()):
            if box is not None and (stamp := box.stamp(event_id)) is not None:
                return stamp
        return None

    def outbox(self) -> OutboxView | None:
        """Return the outbox; None before there is one."""
        path = outbox_path(self._home, self._county)
        if self._outbox is None and path.exists():
            self._outbox = self._open.enter_context(OutboxView(path, self._county, self._home.charters))
        return self._outbox

    def inbox(self) -> InboxView | None:
        """Return the inbox; None before there is one."""
        path = inbox_path(self._home, self._county)
        if self._inbox is None and path.exists():
            self._inbox = self._open.enter_context(InboxView(path, self._county, self._home.charters))
        return self._inbox
