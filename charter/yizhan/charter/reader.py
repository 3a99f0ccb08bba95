"""A reader of the charter: the versions it has verified, which of them are in force, and its status.

Law 1: an adopted version stays adopted: ``archive``.
Law 5: every version that was ever in force can be read again.

Rule 1: ``refresh`` never raises in a running process: the last good version stays, and the problem is a
        code in ``status``, a metric and a line in the log.
Rule 2: a version is in force only if the station announced it before it took force; before the first,
        the first is in force. A verified version without an announcement is known, but not in force.
Rule 3: versions are adopted one after the other, including those that were published and replaced while this
        reader was offline: events received under them are judged by them.
Rule 4: a look when nothing is new costs one small file, however many members there are.
Rule 5: nothing is verified while the clock shows an earlier instant than it has shown before.
"""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from yizhan.charter import metrics
from yizhan.charter.errors import CharterFault, CharterProblem
from yizhan.charter.fetch import CharterFetcher
from yizhan.charter.layout import (
    REMIND,
    ROOT,
    ROOT_FIELD,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    adoption_path,
    history_path,
    metadata_path,
)
from yizhan.charter.verify import VerifiedCharter, restamped, verify
from yizhan.runtime.clock import utc_now
from yizhan.schemas import dsse, strictjson
from yizhan.schemas.actions import Action
from yizhan.schemas.adoption import Adoption
from yizhan.schemas.charter import CharterStatus
from yizhan.schemas.errors import StatementInvalid
from yizhan.schemas.statements import read_statement
from yizhan.schemas.timestamps import instant, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yizhan.charter.archive import Archive
    from yizhan.charter.fetch import CharterSource
    from yizhan.schemas.charter import Charter

CLOCK_SLACK: Final = timedelta(minutes=5)
"""How far time synchronisation may set a clock back."""
_KEEP_CLOCK: Final = timedelta(hours=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Expiry:
    """When a role must be signed again at the latest; ``due`` if that is soon."""

    role: str
    expires: datetime
    due: bool


class CharterReader:
    """One office's view of the charter, from its archive and, if given, a source of new versions.

    Fills ``yizhan.schemas.charter.Charters``. Its methods may be called from several threads.
    """

    def __init__(
        self, archive: Archive, source: CharterSource | None = None, clock: Callable[[], datetime] = utc_now
    ) -> None:
        """Open an archive; an empty one is filled from the source.

        Args:
            archive: of this office.
            source: where new versions are offered; None to use the archive only.
            clock: gives the current instant, aware.

        Raises:
            CharterProblem: there is no version, and none can be fetched.
        """
        self.archive, self._source, self.clock = archive, source, clock
        self._lock = threading.RLock()
        self._charters: dict[int, Charter] = {}
        self._numbers: tuple[int, ...] = ()
        self._adopted: tuple[tuple[datetime, int], ...] = ()
        self._known: VerifiedCharter | None = None
        self._latest_clock = archive.latest_clock()
        self._clock_kept = self._latest_clock
        self._problem: tuple[CharterFault, str, datetime] | None = None if source is None else archive.problem()
        self._suspected: CharterFault | None = None
        self._announced: tuple[int, ...] = ()
        self.fetched_bytes = 0
        self._load_stored()
        if self._known is None:
            if source is None:
                archive.anchor()
                message = f"{archive.folder} holds no version yet; verify one first"
                raise CharterProblem(CharterFault.MISSING, message, hint=Action.to("charter.verify"))
            self._look(clock())
            self._load_stored()

    # -- Charters --

    def in_force(self, at: datetime) -> Charter:
        """Return the version in force at an instant; before the first, the first."""
        for holds_from, number in reversed(self._adopted):
            if holds_from <= at:
                return self._charter(number)
        return self._charter(self._numbers[0])

    def latest(self) -> Charter:
        """Return the newest version that was verified, whether or not it holds yet."""
        return self._charter(self._numbers[-1])

    def refresh(self) -> tuple[Charter, ...]:
        """Look for new versions and adopt those that were announced; never raises. Return the newly adopted."""
        with self._lock:
            before = len(self._adopted)
            if self._source is not None:
                self._attempt(self.clock())
            self._load_stored()
            return tuple(self._charter(number) for _holds_from, number in self._adopted[before:])

    def status(self) -> CharterStatus:
        """Return whether the charter is fresh, or since when it is stale and why."""
        expires = self._newest().timestamp.expires
        problem = self._problem if self._source is not None else self.archive.problem()
        if problem is not None:
            return CharterStatus(min(problem[2], expires), problem[0], problem[1])
        return CharterStatus(
            expires, CharterFault.FREEZE, "nothing newer was offered, and the station's timestamp has expired"
        )

    def charter_for(self, at: datetime, name: str | None) -> Charter:
        """Return the version in force at an instant; or the one named, if it is newer than all announced."""
        last = self._adopted[-1][1] if self._adopted else 0
        if name is not None and name.partition("-")[0].isdigit():
            number = int(name.partition("-")[0])
            if number > last and number in self._numbers and (charter := self._charter(number)).name == name:
                return charter
        return self.in_force(at)

    # -- beyond Charters --

    def verified(self, number: int | None = None) -> VerifiedCharter:
        """Return a version with its signed bytes; the newest if None."""
        return self._newest() if number is None else self.archive.load(number)

    def numbers(self) -> tuple[int, ...]:
        """Return the numbers of all versions, ascending."""
        return self._numbers

    def update(self) -> VerifiedCharter:
        """Look for new versions once, and raise the problem found.

        Raises:
            CharterProblem: what is offered must not be adopted.
        """
        with self._lock:
            self._look(self.clock())
            self._load_stored()
            return self._newest()

    def expiries(self) -> tuple[Expiry, ...]:
        """Return when each role of the newest version expires, the soonest first."""
        newest, now = self._newest(), self.clock()
        dates = {
            ROOT: newest.root.expires,
            TARGETS: newest.targets.expires,
            SNAPSHOT: newest.snapshot.expires,
            **{code: newest.county(code).expires for code in newest.charter.members},
        }
        found = [Expiry(role, expires, expires - now < REMIND) for role, expires in dates.items()]
        return tuple(sorted(found, key=lambda each: (each.expires, each.role)))

    def _measure(self) -> None:
        metrics.VERSION.set(self._newest().version)
        for each in self.expiries():
            metrics.EXPIRES.labels(each.role).set(each.expires.timestamp())

    # -- updating --

    def _attempt(self, now: datetime) -> None:
        """Look for new versions and record the problem; a fault counts when it occurs twice in a row.

        The files of a version do not appear in one instant: what is inconsistent in the first
        look may be consistent in the second.
        """
        try:
            self._look(now)
        except CharterProblem as error:
            if self._suspected is not error.problem:
                self._suspected = error.problem
                return
            if self._problem is None or self._problem[0] is not error.problem:
                log.error("charter_stale: %s; %s stays", error, self.latest().name)  # noqa: TRY400 -- one line
                metrics.PROBLEMS.labels(error.problem).inc()
                self._problem = (error.problem, str(error), now)
                self.archive.store_problem(self._problem)
        else:
            if self._problem is not None:
                log.info("the charter is fresh again: %s", self.latest().name)
                self.archive.store_problem(None)
            self._problem = self._suspected = None
        metrics.STALE.set(self.status().stale(now))

    def _look(self, now: datetime) -> None:
        source = self._source
        if source is None:
            return
        if self._latest_clock is not None and now < self._latest_clock - CLOCK_SLACK:
            message = f"the clock shows {written(now)}, and showed {written(self._latest_clock)} before; set it right"
            raise CharterProblem(CharterFault.CLOCK_BACK, message)
        source.update()
        fetch = CharterFetcher(source)
        try:
            if not self._unchanged(fetch, now):
                with self.archive.locked():
                    self._load_stored()
                    self._adopt_offered(source, fetch, now)
        finally:
            self.fetched_bytes += fetch.bytes_read
        self._latest_clock = max(now, self._latest_clock or now)
        if self._clock_kept is None or self._latest_clock - self._clock_kept > _KEEP_CLOCK:
            self.archive.store_clock(self._latest_clock)
            self._clock_kept = self._latest_clock

    def _unchanged(self, fetch: CharterFetcher, now: datetime) -> bool:
        """Return whether the source offers the known version, perhaps under a newer timestamp (rule 4).

        Raises:
            CharterProblem: it does, and the timestamp has expired.
        """
        known = self._known
        stamp = fetch.get(metadata_path(TIMESTAMP, None))
        if known is None or stamp is None or fetch.get(metadata_path(ROOT, known.root.version + 1)) is not None:
            return False
        if self._source is not None and self._source.adoptions() != self._announced:
            return False
        if stamp != known.metadata[TIMESTAMP]:
            newer = restamped(known, stamp, now)
            if newer is not None:
                self.archive.store_timestamp(newer)
                self._known = newer
            return newer is not None
        if known.timestamp.is_expired(now):
            message = f"nothing newer than {known.name} is offered, and the station's timestamp has expired"
            raise CharterProblem(CharterFault.FREEZE, message)
        return True

    def _adopt_offered(self, source: CharterSource, fetch: CharterFetcher, now: datetime) -> None:
        """Verify the offered version, and store it with all versions before it."""
        known = self._known
        anchor = known.metadata[ROOT] if known else self.archive.anchor()
        head = verify(anchor, known, fetch, now)
        for number in source.adoptions():
            if (known is None or number > known.version) and number < head.version:
                known = self._adopt_past(source, number, known, head) or known
        if known is None or head.version > known.version:
            self.archive.store(head)
        elif head.metadata[TIMESTAMP] != known.metadata[TIMESTAMP]:
            self.archive.store_timestamp(head)
        self._known = head
        self._measure()
        announced = source.adoptions()
        for number in announced:
            if number <= head.version and self.archive.adoption(number) is None:
                self._store_adoption(source, number)
        self._announced = announced

    def _adopt_past(
        self, source: CharterSource, number: int, known: VerifiedCharter | None, head: VerifiedCharter
    ) -> VerifiedCharter | None:
        """Verify and store a version that was published and replaced, as of the instant of its announcement."""
        try:
            adoption = self._statement(source, number, head.charter)
            snapshot: dict[str, Any] = json.loads(source.get(metadata_path(SNAPSHOT, number)) or b"")
            after = metadata_path(ROOT, int(snapshot["signed"][ROOT_FIELD]) + 1)
            then = {metadata_path(TIMESTAMP, None): source.get(history_path(number)), after: None}
            version = verify(self.archive.anchor(), known, CharterFetcher(source, then), instant(adoption.adopted))
        except (CharterProblem, StatementInvalid, ValueError, KeyError, TypeError) as error:
            log.warning("version %d, already replaced, is skipped: %s", number, error)
            return None
        if version.name != adoption.charter:
            log.warning("version %d was announced as %s, but is %s: skipped", number, adoption.charter, version.name)
            return None
        self.archive.store(version)
        return version

    def _statement(self, source: CharterSource, number: int, *charters: Charter) -> Adoption:
        """Read the station's statement about a version under the postmark keys of verified charters.

        Raises:
            StatementInvalid: it does not verify under any.
        """
        data = source.get(adoption_path(number)) or b""
        for charter in charters[:-1]:
            try:
                return read_statement(Adoption, data, charter)[0]
            except StatementInvalid:
                continue
        return read_statement(Adoption, data, charters[-1])[0]

    def _store_adoption(self, source: CharterSource, number: int) -> None:
        """Store the station's statement about a verified version."""
        if number not in self.archive.numbers():
            return
        charter = self.archive.load(number).charter
        try:
            adoption = self._statement(source, number, charter, self._newest().charter)
        except StatementInvalid as error:
            log.warning("the announcement of version %d is not believed: %s", number, error)
            return
        if adoption.charter != charter.name:
            log.warning("version %d is announced as %s, but is %s", number, adoption.charter, charter.name)
            return
        self.archive.store_adoption(number, source.get(adoption_path(number)) or b"")

    # -- the archive --

    def _load_stored(self) -> None:
        """Load versions that this or another process has stored."""
        numbers = self.archive.numbers()
        if numbers != self._numbers:
            if self._known is None or numbers[-1] > self._known.version:
                self._known = self._restored(numbers[-1])
                self._measure()
            self._numbers = numbers
        known = {number for _holds_from, number in self._adopted}
        last = self._adopted[-1][0] if self._adopted else None
        for number in numbers:
            if number in known or (self._adopted and number < self._adopted[-1][1]):
                continue
            statement = self.archive.adoption(number)
            if statement is None:
                continue
            adoption = Adoption.model_validate(strictjson.loads(dsse.unverified_payload(statement)))
            holds_from = instant(adoption.holds_from)
            if last is not None and holds_from <= last:
                log.error("version %d is announced to take force before its predecessor; it is skipped", number)
                continue
            self._charters.pop(number, None)
            self._adopted = (*self._adopted, (holds_from, number))
            last = holds_from

    def _restored(self, number: int) -> VerifiedCharter:
        """Load the newest version with the newest timestamp."""
        version = self.archive.load(number)
        stamp = self.archive.newest_timestamp()
        return version if stamp is None else replace(version, metadata={**version.metadata, TIMESTAMP: stamp})

    def _newest(self) -> VerifiedCharter:
        if self._known is None:
            raise CharterProblem(CharterFault.MISSING, "no version of the charter was verified yet")
        return self._known

    def _charter(self, number: int) -> Charter:
        """Return a version with the instant from which it is in force, as announced."""
        if number not in self._charters:
            newest = self._newest()
            old = number != newest.version
            loaded = self.archive.load(number).charter if old else newest.charter
            announced = {adopted: holds_from for holds_from, adopted in self._adopted}
            self._charters[number] = replace(loaded, holds_from=announced.get(number, loaded.holds_from))
        return self._charters[number]

    def history(self) -> Iterator[tuple[Charter, bool]]:
        """Yield every version with whether it was announced, ascending."""
        announced = {number for _holds_from, number in self._adopted}
        for number in self._numbers:
            yield self._charter(number), number in announced
