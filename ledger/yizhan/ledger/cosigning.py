"""A county's cosigning process: reads checkpoints, cosigns them on the county's own topic.

Rule 1: of checkpoints that wait together only the newest is cosigned.
Rule 2: statements that the county holds and the log lacks are handed in on the same topic, with the
        station's signature: the ledger logs them like any other. So the log loses nothing if the broker loses a disk.
Rule 3: other counties' topics are read within a rate limit.
Rule 4: the broker may be away for weeks, the disk may not: a disk error ends the process.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from yizhan.ledger.kafka_io import Wire
from yizhan.ledger.sessions import Sessions
from yizhan.schemas import topics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from yizhan.ledger.cosigner import Cosigner, StatementSource
    from yizhan.runtime.connection import KafkaConnection
    from yizhan.runtime.process import StopSignal
    from yizhan.runtime.settings import Settings
    from yizhan.runtime.watchdog import Watchdog
    from yizhan.schemas.keys import CosigningKey

log = logging.getLogger(__name__)
STATEMENT_KEY: Final = b"statement"
_POLL_SECONDS: Final = 0.1
_AT_ONCE: Final = 256
_LOOK_SECONDS: Final = 1.0
_HAND_IN_SHARE: Final = 8
"""Times that a missing statement is handed in, in the second half of the time allowed, before it is an offence."""
_READ_AGAIN_SECONDS: Final = 60.0


class Cosigning(Sessions):
    """The loop, session after session."""

    def __init__(
        self,
        cosigner: Cosigner,
        key_of: Callable[[], CosigningKey],
        books: Sequence[StatementSource],
        settings: Settings,
        stop: StopSignal,
        watchdog: Watchdog | None = None,
    ) -> None:
        """Take the open copy of the log and its dependencies.

        Args:
            cosigner: opened; the caller closes it.
            key_of: the key to cosign with now (``LedgerNotReady`` if there is none).
            books: the county's own stores, read once a second.
            settings: pauses and reloads.
            stop: checked ten times a second.
            watchdog: started; fed while the work advances.
        """
        super().__init__(cosigner.county, cosigner.charters, settings, stop, watchdog)
        self._cosigner, self._key_of, self._books = cosigner, key_of, books
        self._own = topics.cosignatures(cosigner.county)
        self._look_due = self._hand_in_due = self._read_again_due = 0.0

    def run(self, connection: KafkaConnection) -> None:
        """Work until asked to stop.

        Raises:
            StoreError: the disk fails.
            NotAuthorised: the broker denies this county's rights, at the first try.
            LedgerNotReady: the charter names no cosigning key of ours.
        """
        self._key_of()
        principal = topics.county(self._cosigner.county)
        self._connect(
            lambda counties: Wire(connection, principal, "cosigner", [topics.CHECKPOINTS, *counties], [self._own])
        )

    def _session(self, wire: Wire, members: list[str]) -> None:
        wire.seek(topics.CHECKPOINTS, self._cosigner.position(wire.cluster))
        self._ready(wire, members, wire.ends(), self._cosigner.head.size)
        while not self._stop.is_set():
            self._take(wire)
            if time.monotonic() >= self._look_due:
                self._look_due = time.monotonic() + _LOOK_SECONDS
                self._cosigner.scan(self._books)
            self._answer(wire)
            self._hand_in(wire)
            self._beat()
            if self._charter_is_due():
                self._refresh()
                self._require(members)

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
            is_cosigned_note = record.topic != topics.CHECKPOINTS and not record.value.startswith(b"{")
            if is_cosigned_note and self._rate_limit.allows(record.topic):
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
        to_hand_in = [(STATEMENT_KEY, statement) for _subject, statement in self._cosigner.to_hand_in()]
        if to_hand_in:
            log.warning("%s hands in %d statements that the log lacks", self._cosigner.county, len(to_hand_in))
            wire.send(self._own, to_hand_in)

    def _away(self) -> None:
        self._cosigner.scan(self._books)
