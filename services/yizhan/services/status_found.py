"""What ``yizhan status`` finds: figures, and what needs a person.

Rule 1: every part is looked at though another cannot be: what cannot be read is a problem of its own.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from yizhan.producers.queries import Figures
from yizhan.schemas.actions import Action
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import Sentence, marked

STUCK_SECONDS: Final = 30.0
"""A process says about once a second that its work advances, without Kafka every ten seconds or so; the station asks
Kafka for that, which may take some seconds more. After a minute of silence its own watchdog ends it."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that needs a person: ``code`` for programs, ``county`` whose it is, and what can be done."""

    code: str
    sentence: Sentence
    county: str | None = None
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """Whether a process that this home has keys for runs, and how many seconds ago it said that its work advances."""

    name: str
    running: bool
    silent_seconds: float | None = None

    @property
    def stuck(self) -> bool:
        """Whether it runs, and does not advance."""
        return self.running and self.silent_seconds is not None and self.silent_seconds > STUCK_SECONDS


@dataclass(slots=True)
class CountyStatus:
    """One county in figures; what could not be read is None."""

    county: str
    outbox: Figures | None = None
    refused: int | None = None
    last_arrival: datetime | None = None
    ringing: int | None = None
    gaps: int | None = None
    aside: int | None = None
    overdue: int | None = None
    due_soon: int | None = None


@dataclass(slots=True)
class HomeStatus:
    """What was found at an instant. ``ledger_final`` is the size that a quorum cosigned."""

    at: datetime
    broker: str | None = None
    broker_answers: bool = False
    processes: list[ProcessStatus] = field(default_factory=list)
    counties: list[CountyStatus] = field(default_factory=list)
    charter: str | None = None
    ledger_size: int | None = None
    ledger_final: int | None = None
    disk_free_bytes: int | None = None
    problems: list[Problem] = field(default_factory=list)
    never_ran: bool = False
    """Whether no process of this home was ever started: its keys are all that there is."""

    def add(self, code: str, sentence: str, action: Action | None = None, /, **params: object) -> None:
        """Note a problem; a parameter ``county`` says whose it is."""
        county = str(params["county"]) if "county" in params else None
        self.problems.append(Problem(code, Sentence.of(sentence, **params), county, action))

    @contextlib.contextmanager
    def part(self, name: str, county: str | None = None) -> Iterator[None]:
        """Look at one part; that it cannot be read is a problem, and the others are looked at all the same."""
        try:
            yield
        except (YizhanError, OSError) as error:
            self._unreadable(name, county, error, error.hint if isinstance(error, YizhanError) else None)
        except Exception as error:  # rule 1; nobody expected it: its traceback is for engineers
            log.exception("Status: %s", name)
            self._unreadable(name, county, f"{type(error).__name__}: {error}", None)

    def _unreadable(self, name: str, county: str | None, why: object, action: Action | None) -> None:
        sentence = Sentence.of(marked("{part}读不出：{why}"), part=Sentence.of(name), why=why)
        self.problems.append(Problem("unreadable", sentence, county, action))
