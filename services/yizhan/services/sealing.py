"""Queued drafts are sealed and sent by the process that has the key: a thread of ``outbox run``.

Rule 1: it is woken when something is queued, and looks four times a second besides.
Rule 2: a draft goes once, wherever a kill falls: before it, it is marked as about to be sent; after that, it is looked
        for in the outbox by its reference; and the outbox sends a reference once.
Rule 3: a draft that cannot be sent is refused with its reason, and not tried again until an officer queues it again.
        Where the disk fails, everything waits and is tried again.
"""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import replace
from typing import Final

from yizhan.producers.draft_rows import DraftState, Refusal, StoredDraft
from yizhan.producers.draft_store import DraftStore
from yizhan.producers.outbox import Outbox
from yizhan.runtime.errors import StoreError
from yizhan.runtime.wakeup import WakeupListener
from yizhan.runtime.worker_thread import WorkerThread
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import marked
from yizhan.services.drafts import DraftWasSent, send_queued
from yizhan.services.home import Home
from yizhan.services.stores import open_drafts, queue_wakeup
from yizhan.services.uploads import delete_uploads, sweep_uploads

LOOK_SECONDS: Final = 0.25

log = logging.getLogger(__name__)


class DraftSealer(WorkerThread):
    """Seals the queued drafts of one county. Use it as a context, in the process that sends."""

    expected = (StoreError, OSError)

    def __init__(self, home: Home, outbox: Outbox) -> None:
        """Prepare it; the outbox is used by other threads, too."""
        super().__init__("draft-sealer", "queued drafts are not sent yet")
        self._home, self._outbox = home, outbox

    def work(self) -> None:
        """Send what is queued until asked to end."""
        county = self._outbox.county
        with (
            open_drafts(self._home, county) as store,
            WakeupListener(queue_wakeup(self._home, county)) as listener,
        ):
            sweep_uploads(self._home, county, store)
            while not self._over.is_set():
                while not self._over.is_set() and (found := store.next_queued()) is not None:
                    seal_draft(self._home, self._outbox, store, found)
                self.went_well()
                listener.wait(LOOK_SECONDS)


def seal_draft(home: Home, outbox: Outbox, store: DraftStore, found: StoredDraft) -> None:
    """Send one queued draft, or enter why it cannot be sent (``StoreError``, ``OSError``: the disk fails)."""
    try:
        send_queued(home, outbox, store, found)
    except DraftWasSent as sent:
        log.info("draft %d went in a run that was cut off: %s", found.n, sent)
    except (StoreError, OSError, sqlite3.Error):
        raise
    except YizhanError as error:
        _refuse(outbox, store, found, error)
        return
    except Exception as error:
        log.exception("a fault of this program; draft %d is not sent", found.n)
        sentence = marked("程序有误，没有发出；请把运行日志交给维护人员（{fault}）")
        _refuse(outbox, store, found, YizhanError(sentence, fault=type(error).__name__))
        return
    delete_uploads(home, outbox.county, found.n)


def _refuse(outbox: Outbox, store: DraftStore, found: StoredDraft, error: YizhanError) -> None:
    """Enter the reason; a draft that was changed meanwhile stays as it is now."""
    log.warning("draft %d cannot be sent: %s", found.n, error)
    store.move(found, replace(found, state=DraftState.REFUSED, refused=Refusal.of(error)), outbox.clock())
