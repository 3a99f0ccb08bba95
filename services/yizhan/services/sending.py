"""The sending process of a county: what its outbox holds goes to Kafka, and the station's replies come back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from yizhan.producers import publisher
from yizhan.producers.outbox import Outbox
from yizhan.runtime.process import StopSignal
from yizhan.runtime.watchdog import Watchdog
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource
from yizhan.services.sealing import DraftSealer
from yizhan.services.stores import open_outbox
from yizhan.services.watching import ProcessWatch


@dataclass(frozen=True, slots=True)
class Sender:
    """A county's outbox, opened to send."""

    home: Home
    outbox: Outbox

    def run(self, stop: StopSignal, *, watchdog: Watchdog | None = None) -> None:
        """Send until ``stop``: what the outbox holds, and drafts that are queued. Watch the inbox of this county.

        Raises:
            NotAuthorised, AlreadyRunning, SettingError, StoreError: as ``producers.publisher.run``.
        """
        with ProcessWatch(self.home, self.outbox.county, "outbox"), DraftSealer(self.home, self.outbox):
            publisher.run(self.outbox, self.home.settings, stop, watchdog=watchdog)


@contextlib.contextmanager
def open_sender(home: Home, county: str, passphrases: PassphraseSource) -> Iterator[Sender]:
    """Open a county's outbox to send, with a reader of the charter that also looks for new versions.

    Raises:
        NoKey, StoreError, WrongOutbox: as ``open_outbox``.
    """
    with open_outbox(home, county, passphrases, home.reader_of(county, online=True)) as outbox:
        yield Sender(home, outbox)
