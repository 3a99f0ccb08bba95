"""The receiving process of a county: what arrives is checked, opened and stored; receipts and alarms follow."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from yizhan.charter.reader import CharterReader
from yizhan.consumers import reader
from yizhan.consumers.bell.ringer import Ringer
from yizhan.consumers.inbox import Inbox
from yizhan.runtime.process import StopSignal
from yizhan.runtime.watchdog import Watchdog
from yizhan.services.actor import Actor
from yizhan.services.alarms import AlarmFeed, Observer
from yizhan.services.arrival_log import ArrivalLog
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource
from yizhan.services.own_obligations import own_obligation_counts
from yizhan.services.stores import open_inbox, open_outbox
from yizhan.services.watching import ProcessWatch

MakeRinger = Callable[[Inbox], Ringer]
"""Makes the bell of an inbox; it is entered once no other process can read the inbox."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A county's inbox, opened to receive."""

    home: Home
    inbox: Inbox

    def run(
        self,
        stop: StopSignal,
        actor: Actor,
        *,
        watchdog: Watchdog | None = None,
        observer: Observer | None = None,
        all_content: bool = False,
        make_ringer: MakeRinger | None = None,
    ) -> None:
        """Receive until ``stop``, and watch the outbox of this county.

        Args:
            stop: looked at ten times a second.
            actor: who looks at what the observer shows.
            watchdog: started; it is beaten while the work moves.
            observer: shows what arrives; None shows nothing.
            all_content: whether the observer gets the content of every item, or of alarms only.
            make_ringer: makes the bell, which runs beside; None: nobody is rung.

        Raises:
            NotAuthorised, AlreadyRunning, SettingError, StoreError: as ``consumers.reader.run``.
        """
        feed = None
        if observer is not None:
            feed = AlarmFeed(self.home, self.inbox, observer, actor, all_content=all_content)
        ringer: Ringer | None = None
        with contextlib.ExitStack() as running:

            def begin() -> None:
                nonlocal ringer
                if feed is not None:
                    feed.begin(stop)
                if make_ringer is not None:
                    ringer = running.enter_context(make_ringer(self.inbox))
                running.enter_context(ProcessWatch(self.home, self.inbox.county, "inbox"))
                running.enter_context(ArrivalLog(self.home, self.inbox))

            def stored() -> None:
                if ringer is not None:
                    ringer.wake()

            observe = None if feed is None else feed.arrived
            listeners = reader.Listeners(begin, stored, observe, None if feed is None else feed.viewer)
            reader.run(self.inbox, self.home.settings, stop, watchdog=watchdog, listeners=listeners)


@contextlib.contextmanager
def open_receiver(
    home: Home, county: str, passphrases: PassphraseSource, charters: CharterReader | None = None
) -> Iterator[Receiver]:
    """Open a county's inbox to receive; ``charters`` is a reader that also looks for new versions if None.

    Raises:
        NoKey, StoreError, WrongInbox, WrongOutbox: as ``open_inbox``.
    """
    known = charters or home.reader_of(county, online=True)
    with open_outbox(home, county, passphrases, known) as outbox:
        counts = own_obligation_counts(home, county, outbox)
        with open_inbox(home, county, passphrases, known, outbox=outbox, own_obligations=counts) as inbox:
            yield Receiver(home, inbox)
