"""What officers want, and what a run came to."""

from __future__ import annotations

from dataclasses import dataclass, field

from yizhan.producers.drafts import Draft


@dataclass
class Sent:
    """An event that its officer was told is accepted."""

    id: str
    hash: str
    to: tuple[str, ...]
    source: str


@dataclass
class Plan:
    """One thing that an officer wants to do, tried until it is done."""

    county: str
    draft: Draft
    done: Sent | None = None


@dataclass
class Result:
    """What a run came to."""

    seed: int
    broken: list[str] = field(default_factory=list)
    account: list[str] = field(default_factory=list)
    faults: int = 0
    events: int = 0
    records: int = 0
    error: Exception | None = None
