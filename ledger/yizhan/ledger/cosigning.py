"""A county's cosigning process: reads checkpoints, answers on the county's own topic.

Rule 1: of checkpoints that wait together only the newest is answered.
Rule 2: what the county holds and the log lacks is handed in on the same topic, signed by the station as
        it is: the ledger logs it like any other. So a broker whose disk was lost costs the log nothing.
Rule 3: another county's topic is looked at within an allowance.
Rule 4: the broker may go away for weeks; the disk may not: an error of the disk ends the process.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from yizhan.ledger import metrics
from yizhan.ledger.allowance import Allowance
from yizhan.ledger.wire import Wire, WireFailed
from yizhan.runtime.errors import NotAuthorised
from yizhan.schemas import topics
from yizhan.schemas.errors import CharterInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from yizhan.ledger.cosigner import Book, Cosigner
    from yizhan.runtime.connection import KafkaConnection
    from yizhan.runtime.process import StopSignal
    from yizhan.runtime.settings import Settings
    from yizhan.runtime.watchdog import Watchdog
    from yizhan.schemas.keys import CosigningKey

log = logging.getLogger(__name__)
STATEMENT_KEY: Final = b"statement"
_POLL_SECONDS: Final = 0.1
_AT_ONCE: Final = 256
_REMEMBERED: Final = 64
_LOOK_SECONDS: Final = 1.0
_HAND_IN_SHARE: Final = 8
"""What is missing is handed in so many times before it is an offence, half of the time having passed."""
_READ_AGAIN_SECONDS: Final = 60.0
_BACKOFF_SECONDS: Final = (0.2, 5.0)


class Cosigning:
    """The loop, session after session."""

    def __init__(
        self,
        cosigner: Cosigner,
        key_of: Callable[[], CosigningKey],
        books: Sequence[Book],
        settings: Settings,
        stop: StopSignal,
        watchdog: Watchdog | None = None,
    ) -> None:
        """Take the open copy of the log and what it works with.

        Args:
            cosigner: opened; the caller closes it.
            key_of: the key to cosign with now (``LedgerNotReady`` if there is none).
            books: the county's own, looked through once a second.
            settings: pauses and reloads.
            stop: looked at ten times a second.
            watchdog: started; it is beaten while the work moves.
        """
        self._cosigner, self._key_of, self._books = cosigner, key_of, books
        self._settings, self._stop, self._watchdog = settings, stop, watchdog
        self._own = topics.cosignatures(cosigner.county)
        self._allowance = Allowance(time.monotonic)
        self._ever, self._backoff = False, _BACKOFF_SECONDS[0]
        self._look_due = self._hand_in_due = self._read_again_due = self._charter_due = 0.0

    def run(self, connection: KafkaConnection) -> None:
        """Work until asked to stop.

        Raises:
            StoreError: the disk fails.
            NotAuthorised: the broker does not let this county do its work, at the first try.
            LedgerNotReady: the charter names no cosigning key of ours.
        """
        self._key_of()
        while not self._stop.is_set():
            try:
                self._beat()
                members = sorted(self._cosigner.charters.latest().members)
                read = [topics.CHECKPOINTS, *map(topics.cosignatures, members)]
                principal = topics.county(self._cosigner.county)
                with Wire(connection, principal, "cosigner", read, [self._own]) as wire:
                    self._ever = True
                    self._session(wire, members)
            except WireFailed as error:
                self._wait(error)
            except NotAuthorised as error:
                if not self._ever:
                    raise
                self._wait(error)  # topics may come back: the broker was made anew

    def _session(self, wire: Wire, members: list[str]) -> None:
        ends = wire.ends()
        wire.seek(topics.CHECKPOINTS, self._cosigner.position(wire.cluster))
        for code in members:
            name = topics.cosignatures(code)
            wire.seek(name, max(0, ends[name] - _REMEMBERED))
        log.info("%s: ready to cosign at %d, cluster %s", self._cosigner.county, self._cosigner.head.size, wire.cluster)
        self._backoff = _BACKOFF_SECONDS[0]
        while not self._stop.is_set():
            self._take(wire)
            if time.monotonic() >= self._look_due:
                self._look_due = time.monotonic() + _LOOK_SECONDS
                self._cosigner.look_through(self._books)
            self._answer(wire)
            self._hand_in(wire)
            self._beat()
            if time.monotonic() >= self._charter_due:
                self._charter_due = time.monotonic() + self._settings.charter_reload_seconds
                self._refresh()
                if sorted(self._cosigner.charters.latest().members) != members:
                    raise WireFailed("other members than before: connecting anew")

    def _take(self, wire: Wire) -> None:
        records = wire.poll(_POLL_SECONDS, _AT_ONCE)
        ours = [record for record in records if record.topic == topics.CHECKPOINTS]
        if ours:
            refusal = self._cosigner.take([each.value for each in ours], wire.cluster, ours[-1].offset + 1)
            if refusal is not None:
                log.error("%s refused a checkpoint: %s", self._cosigner.county, refusal)
            if refusal == "gap" and time.monotonic() >= self._read_again_due:
                self._read_again_due = time.monotonic() + _READ_AGAIN_SECONDS
                wire.seek(topics.CHECKPOINTS, 0)
        for record in records:
            noted = record.topic != topics.CHECKPOINTS and not record.value.startswith(b"{")
            if noted and self._allowance.takes(record.topic):
                self._cosigner.view(record.value)

    def _answer(self, wire: Wire) -> None:
        answer = self._cosigner.answer(self._key_of())
        if isinstance(answer, bytes):
            wire.send(self._own, [(b"cosignature", answer)])
            self._cosigner.answered(answer)

    def _hand_in(self, wire: Wire) -> None:
        if time.monotonic() < self._hand_in_due:
            return
        self._hand_in_due = time.monotonic() + self._settings.ledger_patience_seconds / _HAND_IN_SHARE
        unseen = [(STATEMENT_KEY, statement) for _subject, statement in self._cosigner.unseen()]
        if unseen:
            log.warning("%s hands in %d statements that the log lacks", self._cosigner.county, len(unseen))
            wire.send(self._own, unseen)

    def _refresh(self) -> None:
        try:
            self._cosigner.charters.refresh()
        except CharterInvalid as error:
            log.error("a newer charter was not adopted, the last good one stays: %s", error)  # noqa: TRY400 -- one line

    def _wait(self, error: Exception) -> None:
        metrics.RECONNECTS.inc()
        log.warning("%s: %s; again in %.1f s", self._cosigner.county, error, self._backoff)
        self._cosigner.look_through(self._books)
        self._stop.wait(self._backoff)
        self._backoff = min(self._backoff * 2, _BACKOFF_SECONDS[1])

    def _beat(self) -> None:
        if self._watchdog is not None:
            self._watchdog.beat()
