"""A county's two processes watch each other: when one does not work, the other rings people.

Law 6: an inbox that does not run rings for no alarm; an outbox that does not run sends no answer. Somebody is told.

Rule 1: whether the other works is seen at its lock: the kernel frees it when the process ends, and a process that runs
        touches it every few seconds. One that runs and makes no progress is ended by its own watchdog.
Rule 2: one message for one outage, remembered in a file; the next one only after the other has worked for a while.
Rule 3: the message goes straight to the channels of ``bell.toml``: the inbox's database may be what is broken. A
        ``bell.toml`` that can no longer be used, or is gone, changes nothing: those read before ring.
Rule 4: a stopped outbox rings only while something urgent waits to be sent, or where that cannot be read.
Rule 5: where nobody can be rung, the log says so, and it is tried again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from yizhan.consumers.bell.bell_file import BellFile
from yizhan.consumers.bell.channels import DELIVERED, ReadyChannel, attempt
from yizhan.consumers.bell.message import Message, of_stopped_inbox, of_stopped_outbox
from yizhan.consumers.bell.settings import FILE as BELL_FILE
from yizhan.consumers.bell.settings import BellSettings, load
from yizhan.consumers.view import LOCK as READER_LOCK
from yizhan.producers.outbox_view import LOCK as PUBLISHER_LOCK
from yizhan.producers.queries import OutboxQuery
from yizhan.runtime.errors import SettingError, StoreError
from yizhan.runtime.file_lock import holder
from yizhan.runtime.worker_thread import WorkerThread
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.header import Header
from yizhan.schemas.obligation_steps import RUNGS
from yizhan.schemas.payloads.letters import PRESSING
from yizhan.schemas.payloads.receipt import BY_A_PERSON
from yizhan.schemas.payloads.table import LIFE_AT_STAKE
from yizhan.schemas.policy import Way
from yizhan.services.home import Home
from yizhan.services.stores import inbox_path, outbox_path, read_outbox

Kind = Literal["inbox", "outbox"]
LOOK_SECONDS: Final = 2.0
SILENT_SECONDS: Final = 15.0
"""A process that touched its lock, and has not for so long, was stopped or cannot run."""
TRY_SECONDS: Final = 30.0
"""Pause before a message that no channel carried is tried again, and before an outbox is looked into again."""

log = logging.getLogger(__name__)


class Pulse:
    """Whether a process holds its lock and touches it; asked again and again by one thread."""

    def __init__(self, lock: Path) -> None:
        """Name the lock file; nothing is looked at yet."""
        self._lock = lock
        self._seen: tuple[str, int] | None = None
        self._beats = False
        self._silence = 0.0

    def beats(self, seconds: float) -> bool:
        """Look, ``seconds`` after the last look; return whether the process works."""
        pid = holder(self._lock)
        if pid is None:
            self._seen, self._beats = None, False
            return False
        seen = pid, self._lock.stat().st_mtime_ns
        if self._seen is None or seen[0] != self._seen[0]:
            self._beats, self._silence = False, 0.0  # a program that is older than this rule touches nothing
        elif seen != self._seen:
            self._beats, self._silence = True, 0.0
        else:
            self._silence += seconds
        self._seen = seen
        return not self._beats or self._silence < SILENT_SECONDS


@dataclass(slots=True)
class Outage:
    """How long a process has not worked, in seconds of looking. ``told``: somebody was rung.

    A process that is started again and again, and never works for half the patience, has one outage.
    """

    told: bool = False
    patience_seconds: float = 60.0
    lasts: float = 0.0
    _works: float = 0.0

    def look(self, *, works: bool, seconds: float) -> bool:
        """Take a look, ``seconds`` after the last one; return whether people have to be rung now."""
        if not works or self.lasts:
            self.lasts += seconds
        self._works = self._works + seconds if works else 0.0
        if self._works >= self.patience_seconds / 2:
            self.lasts, self.told = 0.0, False
        return not works and not self.told and self.lasts >= self.patience_seconds


class ProcessWatch(WorkerThread):
    """Watches one of a county's processes from the other one. Use it as a context."""

    expected = (OSError, YizhanError)

    def __init__(self, home: Home, county: str, own: Kind, look_seconds: float = LOOK_SECONDS) -> None:
        """Prepare it; ``own`` is the process that it runs in."""
        super().__init__("process-watch", "the county's other process is not watched")
        other: Kind = "outbox" if own == "inbox" else "inbox"
        self._home, self._county, self._kind = home, county, other
        self._told = home.county_folder(county) / f"{other}.stopped"
        self._own_lock, lock = _lock(home, county, own), _lock(home, county, other)
        self._pulse, self.outage = Pulse(lock), Outage(told=self._told.exists())
        self._file = BellFile(home.county_folder(county) / BELL_FILE, load)
        self._bell: BellSettings | None = None
        self._look_seconds, self._before = look_seconds, time.monotonic()
        self._next_try = 0.0

    def work(self) -> None:
        """Look every few seconds until the end."""
        while not self._over.wait(self._look_seconds):
            with contextlib.suppress(FileNotFoundError):
                os.utime(self._own_lock)
            now = time.monotonic()
            seconds = min(now - self._before, 2 * self._look_seconds)  # a machine that slept saw nothing
            self._before = now
            if _has_key(self._home, self._county, self._kind):  # else nobody expects it to run here
                self.look(seconds)
            self.went_well()

    def look(self, seconds: float) -> None:
        """Look once, ``seconds`` after the last look, and ring if it is time."""
        if (bell := self._file.changed()) is not None:
            self._bell, self.outage.patience_seconds = bell, bell.stopped_seconds
        rings = self.outage.look(works=self._pulse.beats(seconds), seconds=seconds)
        if not self.outage.told:
            self._told.unlink(missing_ok=True)
        now = time.monotonic()
        if not rings or now < self._next_try:
            return
        self._next_try = now + TRY_SECONDS
        if (message := self._message()) is None:
            return
        if not self._ring(message):
            log.critical("the %s of %s does not work, and nobody could be rung", self._kind, self._county)
            return
        self.outage.told = True
        log.critical("the %s of %s does not work: people were rung", self._kind, self._county)
        self._told.touch(mode=0o600)

    def _ring(self, message: Message) -> bool:
        """Ring by the channels of the lowest rung, then of the next, until one carries it; return whether one did."""
        if self._bell is None:
            return False
        rungs = {str(rung): names for rung, names in self._bell.rungs.items()}
        for name in dict.fromkeys(name for rung in RUNGS for name in rungs.get(rung, ())):
            try:
                channel = ReadyChannel(name, self._bell.channels[name])
            except SettingError as error:  # the others may work
                log.error("channel %s cannot be used: %s", name, error)  # noqa: TRY400 -- the sentence says all
                continue
            if attempt(channel, message) == DELIVERED:
                return True
        return False

    def _message(self) -> Message | None:
        if self._kind == "inbox":
            return of_stopped_inbox(self._county, self._called())
        try:
            count = _urgent_waiting(self._home, self._county)
        except StoreError:
            log.exception("what waits in the outbox of %s cannot be read", self._county)
            return of_stopped_outbox(self._county, self._called(), None)
        return of_stopped_outbox(self._county, self._called(), count) if count else None

    def _called(self) -> str:
        try:
            return self._home.member_name(self._county)
        except YizhanError:  # the charter may be what is broken
            return self._county


def _lock(home: Home, county: str, kind: Kind) -> Path:
    store, ending = (inbox_path, READER_LOCK) if kind == "inbox" else (outbox_path, PUBLISHER_LOCK)
    path = store(home, county)
    return path.with_name(path.name + ending)


def _has_key(home: Home, county: str, kind: Kind) -> bool:
    """Return whether this home has the key that a process needs."""
    return any((home.county_folder(county) / "keys").glob("seal*.pem" if kind == "inbox" else "sign*.pem"))


def _urgent_waiting(home: Home, county: str) -> int:
    """Count what was never sent and cannot wait: alarms, what an officer calls urgent, fires, officers' answers."""
    with read_outbox(home, county) as outbox:
        if outbox is None:
            return 0
        queued = OutboxQuery(state="queued")
        alarms = {each.id for each in outbox.postings(queued) if each.way == Way.ALARM}
        found = [outbox.event(each.id) for each in outbox.rows(queued) if each.prompt]
    return sum(each is not None and (each.row.id in alarms or _is_urgent(each.header)) for each in found)


def _is_urgent(header: Header) -> bool:
    answers = header.receipt is not None and header.receipt.stage in BY_A_PERSON
    return answers or header.type in LIFE_AT_STAKE or header.priority in PRESSING
