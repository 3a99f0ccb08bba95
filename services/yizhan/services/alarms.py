"""What a person at the desk is told while a county receives: arrivals, alarms, alarms that still ring.

Rule 1: content is in the access log before the observer gets it, or was entered with the event (``viewer``). Where the
        log cannot be written, an alarm that comes in rings all the same, and everything else is passed on without its
        content.
Rule 2: an alarm that nobody acknowledged is told again, until somebody does; also one that rang before a restart, and
        after a look at the inbox, or a screen, that failed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from yizhan.consumers.arrivals import ReceiveOutcome
from yizhan.consumers.items import Item
from yizhan.consumers.receipts import ANSWERS
from yizhan.consumers.shown import Viewer
from yizhan.consumers.view import InboxView
from yizhan.runtime.access_log import How
from yizhan.runtime.process import StopSignal
from yizhan.services.access_log import record_if_possible, who
from yizhan.services.actor import Actor
from yizhan.services.home import Home

log = logging.getLogger(__name__)

RING_AGAIN_SECONDS: Final = 30.0
"""How long an alarm that nobody acknowledged is silent before it rings again."""


class Observer(Protocol):
    """A face that shows what arrives; its methods are called from threads of their own."""

    def arrived(self, outcome: ReceiveOutcome) -> None:
        """Show what became of a record; ``item`` has content only if a person wrote it, or all was asked for."""

    def waiting(self, count: int, oldest: Item) -> None:
        """Show, before the alarms themselves, how many waited for a person before this process started."""

    def rings(self, item: Item) -> None:
        """Show an alarm that waited for a person before this process started."""

    def still_ringing(self, count: int, ids: tuple[str, ...]) -> None:
        """Show that alarms still wait for a person: how many, and ids of the newest."""


def is_for_people(item: Item) -> bool:
    """Tell whether a person wrote it: a letter, or an officer's word on one of ours."""
    receipt = item.header.receipt
    return item.is_letter or (receipt is not None and receipt.stage in ANSWERS)


class AlarmFeed:
    """Passes what arrives at an inbox to an observer."""

    def __init__(self, home: Home, inbox: InboxView, observer: Observer, actor: Actor, *, all_content: bool) -> None:
        """Name the parties. With ``all_content`` every item is passed with its content, else what people wrote."""
        self._home, self._inbox, self._observer, self._actor = home, inbox, observer, actor
        self._all_content = all_content

    def begin(self, stop: StopSignal) -> None:
        """Show the alarms that wait (with ``all_content`` how many, and which), and tell of them until ``stop``."""
        if self._all_content:
            self._tell_what_rings()
        found = () if self._all_content else self._inbox.ringing()
        if found:
            oldest = min(found, key=lambda each: each.received)
            self._observer.waiting(len(found), _without_content(oldest))
        for item in found:
            self._observer.rings(item if self._recorded([item]) else _without_content(item))
        threading.Thread(target=self._ring_again, args=(stop,), name="screen", daemon=True).start()

    @property
    def viewer(self) -> Viewer:
        """Return who sees what, for the inbox to enter it with the events."""

        def sees(outcome: ReceiveOutcome) -> bool:
            return outcome.item is not None and self._may_show(outcome, outcome.item)

        return Viewer(who(self._actor), self._actor.operation, "listed" if self._all_content else "opened", sees)

    def arrived(self, outcomes: Sequence[ReceiveOutcome]) -> None:
        """Pass on what became of records; the contents that are shown, and were not entered, are one access.

        One that the observer fails at does not keep the others from it.
        """
        found = [(each, each.item) for each in outcomes if each.item is not None and not each.entered]
        shown = [item for each, item in found if self._may_show(each, item)]
        recorded = not shown or self._recorded(shown)
        for each in outcomes:
            try:
                self._observer.arrived(self._as_shown(each, recorded=recorded))
            except Exception:
                log.exception("whoever is told of arrivals failed; the event is stored")

    def _as_shown(self, outcome: ReceiveOutcome, *, recorded: bool) -> ReceiveOutcome:
        item = outcome.item
        if item is None or outcome.rings or outcome.entered or (recorded and self._may_show(outcome, item)):
            return outcome
        return replace(outcome, item=_without_content(item))

    def _may_show(self, outcome: ReceiveOutcome, item: Item) -> bool:
        return self._all_content or (outcome.became == "stored" and (outcome.rings or is_for_people(item)))

    def _recorded(self, items: Sequence[Item]) -> bool:
        """Write the access down; a fault that prevents it is logged."""
        how: How = "listed" if self._all_content or len(items) > 1 else "opened"
        return record_if_possible(self._home, self._inbox.county, self._actor, how, [item.id for item in items])

    def _ring_again(self, stop: StopSignal) -> None:
        while not stop.wait(RING_AGAIN_SECONDS):
            self._tell_what_rings()

    def _tell_what_rings(self) -> None:
        try:
            count, ids = self._inbox.still_ringing()
            if count:
                self._observer.still_ringing(count, ids)
        except Exception:
            log.exception("what still rings cannot be told now; it is tried again")


def _without_content(item: Item) -> Item:
    return replace(item, payload=None)
