"""The live feed: what rings, told to every page within milliseconds, from the database and never from a buffer.

One thread watches the inbox. Each page's stream (Server-Sent Events, WHATWG HTML 9.2) then says

    state   which alarms ring, those that are new to this stream with their cards, and what became of those that went
    beat    every 3 seconds: the server's time, how many ring, the age of the progress of ``inbox run``
    end     the session is over, or the database is another one: the page is loaded anew

Rule 1: a stream that begins is told everything that rings: nothing is missing after a sleep, and an id is shown once.
Rule 2: a thread that hangs is a trouble like an inbox that cannot be read: the beat tells of it.
Rule 3: content goes out after it stands in the access log; a session that is locked is told kind, county and age.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from typing import Final

from yizhan.schemas.i18n import _
from yizhan.services.home import Home
from yizhan.services.live import InboxWatch, Pulse
from yizhan.services.processes import progress_age

POLL_SECONDS: Final = 0.02
BEAT_SECONDS: Final = 3.0
SILENT_SECONDS: Final = 8.0
"""How long the thread may look at nothing: a disk that hangs raises no error."""

log = logging.getLogger(__name__)


class Feed:
    """Watches an inbox in a thread, and wakes the streams when it changes."""

    def __init__(self, home: Home, county: str) -> None:
        """Name the inbox; entering it starts the thread."""
        self._home, self._county = home, county
        self.pulse = Pulse()
        self.looked = False
        """Whether ``pulse`` was read: before that nothing may be called quiet."""
        self._trouble: str | None = None
        self._looked_at = time.monotonic()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="feed", daemon=True)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to watch; streams of ``loop`` are woken."""
        self._loop = loop
        self._thread.start()

    def close(self) -> None:
        """End the thread, and let every stream end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        for event in tuple(self._waiting):
            event.set()

    @property
    def closed(self) -> bool:
        """Whether the desk is ending."""
        return self._stop.is_set()

    @property
    def trouble(self) -> str | None:
        """Why the inbox cannot be read now; None where it is."""
        silent = time.monotonic() - self._looked_at
        if self._trouble is None and silent > SILENT_SECONDS:
            return _("已有 {seconds} 秒查不到收件箱").format(seconds=round(silent))
        return self._trouble

    def receiver_age(self) -> float | None:
        """Return how long ago ``inbox run`` last made progress, in seconds; None if it never ran."""
        return progress_age(self._home, self._county, "inbox")

    @contextlib.contextmanager
    def waking(self) -> Iterator[asyncio.Event]:
        """Yield an event that is set at each change while the block runs."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            yield event
        finally:
            self._waiting.discard(event)

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                with InboxWatch(self._home, self._county) as watch:
                    self._follow(watch)
            except Exception as error:
                log.exception("the inbox cannot be watched now; it is tried again")
                self._trouble = str(error)
                self.wake()
                self._stop.wait(1.0)

    def _follow(self, watch: InboxWatch) -> None:
        while not self._stop.wait(POLL_SECONDS):
            if watch.changed() or not self.looked:
                self.pulse, self._trouble, self.looked = watch.pulse(), None, True
                self.wake()
            self._looked_at = time.monotonic()

    def wake(self) -> None:
        """Let every stream look again: the inbox changed, or a session."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        for event in self._waiting:
            event.set()
