"""Connection loop of the ledger's two processes: connect, work, and reconnect.

Rule 1: the broker may be away for weeks; any error of a session but ``WireFailed`` ends the process.
Rule 2: missing rights end a process at its first try only: later the broker may have been set up again.
Rule 3: a change of members changes the topics, and so needs a new wire.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from yizhan.ledger import metrics
from yizhan.ledger.kafka_io import Wire, WireFailed
from yizhan.ledger.rate_limit import RateLimit
from yizhan.runtime.errors import NotAuthorised
from yizhan.runtime.supervision import tell_connected, tell_waiting
from yizhan.schemas import topics
from yizhan.schemas.errors import CharterInvalid
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yizhan.runtime.process import StopSignal
    from yizhan.runtime.settings import Settings
    from yizhan.runtime.watchdog import Watchdog
    from yizhan.schemas.charter import Charters

log = logging.getLogger(__name__)
REMEMBERED: Final = 64
"""Records at the end of each county's topic that a new session reads again."""
_BACKOFF_SECONDS: Final = (0.2, 1.0)


class Sessions(ABC):
    """One session after another, over a new wire each."""

    def __init__(
        self, name: str, charters: Charters, settings: Settings, stop: StopSignal, watchdog: Watchdog | None
    ) -> None:
        """Take the dependencies of every session; ``name`` is for the log."""
        self._name, self._charters = name, charters
        self._settings, self._stop, self._watchdog = settings, stop, watchdog
        self._rate_limit = RateLimit(time.monotonic)
        self._ever, self._backoff, self._charter_due = False, _BACKOFF_SECONDS[0], 0.0

    def _connect(self, wire_to: Callable[[list[str]], Wire]) -> None:
        """Work until asked to stop. ``wire_to`` makes a wire to the cosignature topics named, and others.

        Raises:
            NotAuthorised: the broker denies this principal's rights, at the first try.
        """
        while not self._stop.is_set():
            try:
                self._beat()
                members = self._members()
                with wire_to([topics.cosignatures(code) for code in members]) as wire:
                    self._ever = True
                    self._session(wire, members)
            except WireFailed as error:
                self._wait(error)
            except NotAuthorised as error:
                if not self._ever:
                    raise
                self._wait(error)

    @abstractmethod
    def _session(self, wire: Wire, members: list[str]) -> None:
        """Work over a wire until asked to stop, or until it fails."""

    def _away(self) -> None:  # noqa: B027 -- not every process has something to do
        """Do what needs no broker, while it is away."""

    def _ready(self, wire: Wire, members: list[str], ends: Mapping[str, int], size: int) -> None:
        """Read the counties' topics from near their ends on, and log the offset reached."""
        for code in members:
            name = topics.cosignatures(code)
            wire.seek(name, max(0, ends[name] - REMEMBERED))
        tell_connected()
        log.info("%s: ready at %d, cluster %s", self._name, size, wire.cluster)
        self._backoff = _BACKOFF_SECONDS[0]

    def _members(self) -> list[str]:
        return sorted(self._charters.latest().members)

    def _charter_is_due(self) -> bool:
        """Return whether it is time to look for a newer charter."""
        if time.monotonic() < self._charter_due:
            return False
        self._charter_due = time.monotonic() + self._settings.charter_reload_seconds
        return True

    def _refresh(self) -> bool:
        """Look for a newer charter; return whether one was adopted."""
        try:
            adopted = self._charters.refresh()
        except CharterInvalid as error:
            log.error("a newer charter was not adopted, the last good one stays: %s", error)  # noqa: TRY400 -- one line
            return False
        for charter in adopted:
            log.info("adopted charter %s, in force from %s", charter.name, written(charter.holds_from))
        return bool(adopted)

    def _require(self, members: list[str]) -> None:
        """Raise ``WireFailed`` if the members are others than those of the wire."""
        if self._members() != members:
            raise WireFailed("the members changed: reconnecting")

    def _wait(self, error: Exception) -> None:
        metrics.RECONNECTS.inc()
        log.warning("%s: %s; again in %.1f s", self._name, error, self._backoff)
        tell_waiting()
        self._away()
        self._stop.wait(self._backoff)
        self._backoff = min(self._backoff * 2, _BACKOFF_SECONDS[1])

    def _beat(self) -> None:
        if self._watchdog is not None:
            self._watchdog.beat()
