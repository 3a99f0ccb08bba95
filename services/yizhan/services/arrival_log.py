"""Copies into the access log which arrivals were shown: they were entered with the events (``consumers/shown.py``).

Rule 1: an entry is copied within a second, and in any case before the process ends; what a killed process left is
        copied by the next one.
Rule 2: while the access log cannot be written, entries wait, and it is tried again.
"""

from __future__ import annotations

import logging
from itertools import groupby
from typing import Final

from yizhan.consumers.shown import Shown, ShownStore
from yizhan.consumers.view import InboxView
from yizhan.runtime import access_log
from yizhan.runtime.errors import StoreError
from yizhan.runtime.worker_thread import WorkerThread
from yizhan.schemas.timestamps import instant
from yizhan.services.access_log import access_log_path
from yizhan.services.home import Home

COPY_SECONDS: Final = 1.0

log = logging.getLogger(__name__)


class ArrivalLog(WorkerThread):
    """Copies the entries of one inbox. Use it as a context, once no other process receives for it."""

    expected = (StoreError, OSError)

    def __init__(self, home: Home, inbox: InboxView) -> None:
        """Open the entries (``StoreError`` if they cannot be)."""
        super().__init__("access-log", "what was shown is not in the access log yet")
        self._path = access_log_path(home, inbox.county)
        self._store = ShownStore(inbox.path)

    def work(self) -> None:
        """Copy until asked to end."""
        while not self._over.is_set():
            self.copy()
            self.went_well()
            self._over.wait(COPY_SECONDS)

    def copy(self) -> None:
        """Copy all entries (``StoreError`` if the access log cannot be written: the others wait)."""
        while entries := self._store.next():
            for (who, command, how), group in groupby(entries, key=lambda each: (each.who, each.command, each.how)):
                together = list[Shown](group)
                said: access_log.How = how if len(together) == 1 else "listed"
                ids = [each.id for each in together]
                access_log.append(self._path, instant(together[0].at), who, said, command, ids)
                self._store.forget(together[-1].seq)

    def end(self) -> None:
        """Copy what is left; see rule 1."""
        super().end()
        try:
            self.copy()
        except StoreError as error:
            log.critical("what was shown is not in the access log; it is copied at the next start: %s", error)
        finally:
            self._store.close()
