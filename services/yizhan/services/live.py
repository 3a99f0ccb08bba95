"""That a county's inbox changed, and what rings in it: for faces that show it while it happens.

Rule 1: it reads only, and returns no content; a face loads what it shows through ``inbox``, which logs the access.
Rule 2: a file that was there and is gone is an error: it does not say that nothing rings.
Rule 3: another file under the same name (a restored backup) is another life: what was shown of the former is void.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from yizhan.consumers.view import InboxView
from yizhan.runtime.errors import StoreError
from yizhan.schemas.i18n import marked
from yizhan.services.home import Home
from yizhan.services.stores import inbox_path, read_inbox

MOST_RINGING: Final = 300
"""Ringing alarms that are named; the others are counted."""
_LOOK_AGAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """How an inbox stands: its life, the number of its newest item, how many alarms ring, the newest."""

    life: str = ""
    last: int = 0
    count: int = 0
    ringing: tuple[str, ...] = ()


class InboxWatch:
    """Watches one county's inbox; used by one thread."""

    def __init__(self, home: Home, county: str) -> None:
        """Name the inbox, which need not be there yet."""
        self._home, self._county = home, county
        self._path = inbox_path(home, county)
        self._opened = contextlib.ExitStack()
        self._view: InboxView | None = None
        self._life = ""
        self._version = -1
        self._looked = 0.0

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the inbox."""
        self._opened.close()

    def changed(self) -> bool:
        """Tell whether something was committed since the last call: cheap, some microseconds.

        Raises:
            StoreError: the inbox cannot be read.
        """
        if time.monotonic() - self._looked >= _LOOK_AGAIN_SECONDS:
            self._looked = time.monotonic()
            if self._reopened():
                return True
        if self._view is None:
            return False
        version = self._view.data_version()
        changed, self._version = version != self._version, version
        return changed

    def pulse(self) -> Pulse:
        """Return how the inbox stands (``StoreError`` if it cannot be read)."""
        if self._view is None:
            return Pulse()
        count, ids = self._view.still_ringing(MOST_RINGING)
        return Pulse(self._life, self._view.last_number(), count, ids)

    def _reopened(self) -> bool:
        """Open the inbox if it is there now, or another file is."""
        try:
            found = self._path.stat()
            life = f"{found.st_dev:x}-{found.st_ino:x}"
        except FileNotFoundError:
            if self._life:
                raise StoreError(marked("{path}：收件箱的文件不见了；请恢复备份"), path=self._path) from None
            life = ""
        if life == self._life:
            return False
        self._opened.close()
        self._view = self._opened.enter_context(read_inbox(self._home, self._county))
        self._life, self._version = life, -1
        return True
