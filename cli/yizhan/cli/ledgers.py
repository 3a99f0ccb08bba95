"""The ledger at the command line: opened to write, to look, and a county's books as its cosigner reads them.

Rule 1: whoever only looks needs no key, and makes no file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from yizhan.cli.app import utc_now
from yizhan.cli.errors import CommandError
from yizhan.cli.inboxes import inbox_path
from yizhan.cli.keyring import Lock, cosigner, ledger_keys
from yizhan.cli.outboxes import outbox_path
from yizhan.cli.words import _
from yizhan.consumers.inbox import Inbox
from yizhan.ledger.cosigner import Book, Cosigner
from yizhan.ledger.log import LedgerKeys
from yizhan.ledger.logcopy import FILE
from yizhan.ledger.statements import FILE as STATEMENTS_FILE
from yizhan.ledger.statements import Statements, looking
from yizhan.producers.outbox import Outbox
from yizhan.schemas.keys import SigningKey

if TYPE_CHECKING:
    from yizhan.cli.app import App
    from yizhan.schemas.charter import Charter
    from yizhan.schemas.keys import CosigningKey

FOLDER: Final = "ledger"


def ledger_folder(app: App) -> Path:
    """Where the ledger is."""
    return app.home / FOLDER


def keys_of(app: App, lock: Lock) -> Callable[[Charter, datetime], LedgerKeys]:
    """Return what gives the ledger's keys under a charter (``NoKey`` where there are none)."""
    known: dict[str, LedgerKeys] = {}

    def keys(charter: Charter, at: datetime) -> LedgerKeys:
        if charter.name not in known or not _hold(known[charter.name], charter, at):
            known[charter.name] = LedgerKeys(*ledger_keys(ledger_folder(app) / "keys", charter, at, lock))
        return known[charter.name]

    return keys


def _hold(keys: LedgerKeys, charter: Charter, at: datetime) -> bool:
    return charter.ledger[keys.signing.kid].holds(at) and charter.ledger_mldsa[keys.cosigning.kid].holds(at)


def key_of(app: App, county: str, lock: Lock) -> Callable[[], CosigningKey]:
    """Return what gives a county's cosigning key now (``NoKey`` where there is none)."""
    known: dict[str, CosigningKey] = {}

    def key() -> CosigningKey:
        now = utc_now()
        charter = app.charters.in_force(now)
        held = known.get(charter.name)
        if held is None or not charter.cosigning[county][held.kid].holds(now):
            known[charter.name] = cosigner(app.county_folder(county) / "keys", county, charter, now, lock)
        return known[charter.name]

    return key


@contextlib.contextmanager
def kept_statements(app: App) -> Iterator[Statements]:
    """Open the ledger's statements to look (``CommandError`` where there is no ledger)."""
    path = ledger_folder(app) / STATEMENTS_FILE
    with looking(path) as found:
        if found is None:
            sentence = _("{folder} 里没有账本；账本在驿站的机器上，由 yizhan ledger run 建立")
            raise CommandError(sentence.format(folder=ledger_folder(app)))
        yield found


def cosigner_path(app: App, county: str) -> Path:
    """Where a county's copy of the log is."""
    return app.county_folder(county) / FILE


def open_cosigner(app: App, county: str) -> Cosigner:
    """Open a county's copy of the log, made if absent; the caller closes it. Raises as ``Cosigner``."""
    patience = timedelta(seconds=app.settings.ledger_patience_seconds)
    return Cosigner(cosigner_path(app, county), county, app.charters, utc_now, patience)


class CountyBooks:
    """A county's outbox and inbox as sources of statements; each is opened once it is there."""

    def __init__(self, app: App, county: str) -> None:
        """Name them; nothing is opened."""
        self._app, self._county = app, county
        self._open = contextlib.ExitStack()
        self._outbox: Outbox | None = None
        self._inbox: Inbox | None = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close what was opened."""
        self._open.close()

    def books(self) -> list[Book]:
        """Return the three books: postmarks of what was sent, of what came, and manifests."""
        return [
            Book("outbox", lambda after: () if (box := self.outbox()) is None else box.stamps(after)),
            Book("inbox", lambda after: () if (box := self.inbox()) is None else box.stamps(after)),
            Book("digests", lambda after: () if (box := self.inbox()) is None else box.manifests(after)),
        ]

    def statement(self, event_id: str) -> bytes | None:
        """Return the postmark of an event that the county sent or got; None where it has none."""
        for box in (self.outbox(), self.inbox()):
            if box is not None and (stamp := box.stamp(event_id)) is not None:
                return stamp
        return None

    def outbox(self) -> Outbox | None:
        """Return the outbox, to look only; None before there is one."""
        path = outbox_path(self._app, self._county)
        if self._outbox is None and path.exists():
            box = Outbox(path, self._county, SigningKey.generate(), self._app.charters)
            self._outbox = self._open.enter_context(box)
        return self._outbox

    def inbox(self) -> Inbox | None:
        """Return the inbox, to look only; None before there is one."""
        path = inbox_path(self._app, self._county)
        if self._inbox is None and path.exists():
            self._inbox = self._open.enter_context(Inbox(path, self._county, (), self._app.charters))
        return self._inbox
