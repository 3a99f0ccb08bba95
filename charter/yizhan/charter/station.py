"""The station's side of the charter: it announces versions, mirrors them and renews the timestamp; it decides nothing.

Law 5: a version is announced, in the audit and on ``yizhan.charter``, before it is in force.

Rule 1: an announcement is durable here before it is sent, and the same one is sent again after a crash:
        there cannot be two announcements of one version.
Rule 2: the station adopts a version in memory before it is announced outside; if an announcement is not
        acknowledged before the version takes force, the process ends, so that no postmark names a version
        that was never announced. At the start there is no worker yet that could stamp: it only waits longer.
Rule 3: the instant is chosen when the connection is open and the version's files are on the topic: without a
        broker nothing is announced, and the next look chooses a new instant.
Rule 4: only what members' signatures do not cover (snapshot, timestamp) is signed here.
"""

from __future__ import annotations

import fcntl
import logging
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from yizhan.charter.archive import write_durably
from yizhan.charter.errors import AdoptionNotSent, CharterFault, CharterProblem
from yizhan.charter.layout import SNAPSHOT, TIMESTAMP, TIMESTAMP_LIFE, adoption_path, metadata_path
from yizhan.charter.reader import CharterReader
from yizhan.charter.repository import timestamp
from yizhan.runtime.clock import utc_now
from yizhan.schemas import topics
from yizhan.schemas.adoption import Adoption
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from securesystemslib.signer import Signer

    from yizhan.charter.archive import Archive
    from yizhan.charter.fetch import CharterSource
    from yizhan.schemas.charter import Charter
    from yizhan.schemas.keys import SigningKey

_SHARE = 0.8
"""Fraction of the time until a version takes force in which its announcement must be acknowledged."""
_LATE_SECONDS = 30.0

log = logging.getLogger(__name__)


class Writer(Protocol):
    """An open connection to the topics."""

    def write(self, records: Sequence[tuple[str, str, bytes]], timeout_seconds: float) -> None:
        """Write records (topic, key, value) in order; raise unless each is acknowledged in time."""


class Outlet(Protocol):
    """The place where the station publishes the charter."""

    def records(self) -> Mapping[str, bytes]:
        """Return the content of ``yizhan.charter``, path → bytes."""

    def connected(self) -> AbstractContextManager[Writer]:
        """Connect, and disconnect at the end; raise if no broker answers."""


class StationCharters(CharterReader):
    """The reader that brings versions into force."""

    def __init__(
        self,
        archive: Archive,
        source: CharterSource,
        keys: Sequence[SigningKey],
        outlet: Outlet,
        *,
        public: Path,
        signers: Sequence[Signer] = (),
        lead_seconds: float = 60.0,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """Open the station's archive, announce what was not announced yet, and update the topic.

        Args:
            archive: the station's.
            source: where versions are published.
            keys: postmark keys.
            outlet: where announcements are sent.
            public: folder of static files, kept up to date.
            signers: the online keys of ``timestamp``; without them another process must renew it.
            lead_seconds: how long before it takes force a version is announced.
            clock: gives the current instant, aware.

        Raises:
            CharterProblem: there is no first version.
            AdoptionNotSent: an announcement could not be sent.
        """
        self._keys = {key.kid: key for key in keys}
        self._outlet, self._public, self._signers = outlet, public, signers
        self._lead = timedelta(seconds=lead_seconds)
        self._mirrored: dict[str, bytes] | None = None
        self._in_step: tuple[bytes, tuple[int, ...]] | None = None
        self._running = False
        super().__init__(archive, source, clock)
        self.refresh()
        self._running = True

    def refresh(self) -> tuple[Charter, ...]:
        """Look for new versions, announce them, and renew timestamp and topic.

        Raises:
            AdoptionNotSent: an adopted version could not be announced; the process must end.
        """
        with self._lock:
            self._renew(self.clock())
            before = len(self._adopted)
            super().refresh()
            self._mirror()
            if self._pending() or self._unsent():
                self._announce_pending()
                self._mirror()
            return tuple(self._charter(number) for _holds_from, number in self._adopted[before:])

    def _pending(self) -> list[int]:
        last = self._adopted[-1][1] if self._adopted else 0
        return [number for number in self._numbers if number > last and self.archive.adoption(number) is None]

    def _unsent(self) -> list[tuple[datetime, int]]:
        return [each for each in self._adopted if not self.archive.is_announced(each[1])]

    def _announce_pending(self) -> None:
        try:
            with self._outlet.connected() as writer:
                for number in self._pending():
                    self._announce(number)
                super()._load_stored()
                for holds_from, number in self._unsent():
                    self._send(writer, holds_from, number)
        except AdoptionNotSent:
            raise
        except Exception as error:
            if unsent := self._unsent():
                raise _not_sent(*unsent[0], error) from error
            log.warning("no version is announced while no broker answers: %s", error)

    def _announce(self, number: int) -> None:
        """Record from when a version is in force: at least the lead ahead, and after the version before it."""
        charter, now = self.archive.load(number).charter, self.clock()
        key = next((self._keys[k] for k, e in charter.postmark.items() if k in self._keys and e.holds(now)), None)
        if key is None:
            log.error("charter %s names no postmark key of this station; it is not announced", charter.name)
            self._problem = (CharterFault.CONTENT, f"{charter.name} names no postmark key of this station", now)
            return
        holds_from = now + self._lead
        if self._adopted:
            holds_from = max(holds_from, self._adopted[-1][0] + timedelta(milliseconds=1))
        adoption = Adoption(charter=charter.name, holds_from=written(holds_from), adopted=written(now))
        # Crash point: from here on this is the station's statement; it is sent until it is acknowledged.
        with self.archive.locked():
            self.archive.store_adoption(number, adoption.signed(key))
        self._load_stored()
        log.info("charter %s holds from %s", charter.name, adoption.holds_from)

    def _send(self, writer: Writer, holds_from: datetime, number: int) -> None:
        path, statement = adoption_path(number), self.archive.adoption(number) or b""
        write_durably(self._public / path, statement)
        left = (holds_from - self.clock()).total_seconds()
        in_time = self._running and left > 0
        try:
            records = [(topics.CHARTER, path, statement), (topics.AUDIT, path, statement)]
            writer.write(records, left * _SHARE if in_time else _LATE_SECONDS)
        except Exception as error:
            raise _not_sent(holds_from, number, error) from error
        self.archive.mark_announced(number)
        if self.clock() >= holds_from:
            log.warning("the announcement of version %d was acknowledged only after it took force", number)
            if in_time:
                raise _not_sent(holds_from, number, "it was acknowledged only after the version took force")

    def _mirror(self) -> None:
        """Copy the folder's changes to the topic; the timestamp comes last."""
        stamp = self._public / metadata_path(TIMESTAMP, None)
        state = (stamp.read_bytes() if stamp.is_file() else b"", self._source_adoptions())
        if state == self._in_step:
            return
        present = dict(_files(self._public))
        if self._mirrored is None:
            try:
                self._mirrored = dict(self._outlet.records())
            except CharterProblem as error:
                log.warning("the topic cannot be read: %s", error)
                return
        new = [path for path, data in present.items() if self._mirrored.get(path) != data]
        new.sort(key=lambda path: (path == metadata_path(TIMESTAMP, None), path))
        try:
            if new:
                with self._outlet.connected() as writer:
                    writer.write([(topics.CHARTER, path, present[path]) for path in new], 10.0)
        except Exception as error:  # noqa: BLE001 -- tried again at the next refresh
            log.warning("the topic is behind the folder: %s", error)
            return
        self._mirrored |= {path: present[path] for path in new}
        self._in_step = state

    def _source_adoptions(self) -> tuple[int, ...]:
        return () if self._source is None else self._source.adoptions()

    def _renew(self, now: datetime) -> None:
        """Renew the timestamp when half of its lifetime is over."""
        known = self._known
        if not self._signers or known is None or known.timestamp.expires - now > TIMESTAMP_LIFE / 2:
            return
        path = self._public / metadata_path(TIMESTAMP, None)
        with publishing(self._public):
            # Only the verified timestamp is renewed: other files in the folder are not ours.
            if not path.is_file() or path.read_bytes() != known.metadata[TIMESTAMP]:
                return
            number, version = known.timestamp.version + 1, known.version
            write_durably(path, timestamp(number, version, known.metadata[SNAPSHOT], self._signers, now))


def _not_sent(holds_from: datetime, number: int, why: object) -> AdoptionNotSent:
    return AdoptionNotSent(f"the announcement of version {number}, which holds from {written(holds_from)}: {why}")


@contextmanager
def publishing(public: Path) -> Iterator[None]:
    """Hold the lock of the folder of static files: one process at a time writes it."""
    public.mkdir(parents=True, exist_ok=True)
    with (public / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _files(public: Path) -> Iterator[tuple[str, bytes]]:
    for kind in ("metadata", "targets", "history", "adoption"):
        for path in sorted((public / kind).rglob("*.json")):
            if not path.name.startswith("."):
                yield path.relative_to(public).as_posix(), path.read_bytes()
