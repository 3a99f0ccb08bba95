"""Rings: what is to be rung for whom, and the outcome. Values only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from yizhan.consumers.items import Item
from yizhan.schemas.obligation_steps import Rung

Urgency = Literal["alarm", "call", "notice", "reminder"]
"""Why somebody is rung: an alarm that waits; one of ours that nobody answers there; a notice, also that others are
late; a reminder of what we owe.
"""
URGENT: Final[tuple[Urgency, ...]] = ("alarm", "call")
"""Urgencies that ignore quiet hours, are never grouped, and go to the next rung if no channel works."""
RingState = Literal["due", "tried", "delivered", "failed", "dropped"]
"""To be rung; being sent (or its process died); delivered; no channel carried it, to be tried again; not wanted."""
ALARM_STEP: Final = "alarm"
NOTICE_STEP: Final = "notice"
LETTER_STEP: Final = "letter"
"""Steps that no charter names: the first ring of an item. ``letter``: a person's word that is flash or urgent."""
FINAL_STEP: Final = "final"
"""The one ring for the end of a matter that rang here; its subject is the matter."""
SAID_ONCE: Final = (NOTICE_STEP, LETTER_STEP, FINAL_STEP)
"""Steps of what asks for no acknowledgement."""
NO_CHANNEL: Final = "no channel"
"""Why a ring was dropped: its rung has no channel; another rung is rung instead."""
OLD: Final = "old"
"""Why a ring was dropped: it was planned too long ago."""
ABSENCE_STEP: Final = "absence"
"""One ring for all alarms that are too old to ring one by one, and that nobody heard of."""


@dataclass(frozen=True, slots=True)
class MissedAlarms:
    """Alarms that wait for a person, are too old to ring one by one, and rang nowhere.

    ``count`` is how many; the rest is of the oldest: its id and county, and when the station had it.
    """

    count: int
    oldest: str
    county: str
    received: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """Something to ring once: ``(subject, step, rung)`` is its name.

    ``subject`` is an event's id, for alarms and notices, or an obligation's. ``about`` is the event, ``rule`` and
    ``counties`` are the obligation's: its rule, and who else is concerned; ``due``: not before.
    """

    subject: str
    step: str
    rung: Rung
    urgency: Urgency
    due: datetime
    about: str | None = None
    rule: str | None = None
    counties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ring:
    """A row: what was planned, and how it stands. ``rounds`` is how often every channel was tried in vain.

    ``item`` is the event as the inbox has it, where it does; ``why`` is the word for a state that is not good.
    ``missed`` are the alarms that a ring of an absence is about.
    """

    seq: int
    plan: Plan
    made: datetime
    state: RingState
    at: datetime | None
    channel: str | None
    rounds: int
    why: str | None = None
    item: Item | None = None
    missed: MissedAlarms | None = None


@dataclass(frozen=True, slots=True)
class Try:
    """One sending of one ring, or of a test (``ring`` None). ``outcome`` None: its process died before it knew."""

    seq: int
    ring: int | None
    channel: str
    tells: str
    at: datetime
    ended: datetime | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class RingOutcome:
    """Outcome of one message; ``channel`` None: no channel of the rung is left. ``outcome`` is as for a try.

    ``instead`` is the rung that is rung now where no channel is left.
    """

    rings: tuple[Ring, ...]
    channel: str | None
    outcome: str
    instead: Rung | None = None


@dataclass(frozen=True, slots=True)
class RingObserver:
    """Callbacks about rings, called from several threads.

    ``before_content`` is called before what a partner sealed leaves on a channel, and prevents that by raising;
    ``on_outcome`` after each sending.
    """

    on_outcome: Callable[[RingOutcome], None] = lambda _outcome: None
    before_content: Callable[[str, Sequence[Ring]], None] = lambda _channel, _rings: None


NO_OBSERVER: Final = RingObserver()
