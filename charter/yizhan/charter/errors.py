"""Faults of an offered charter, as a closed list of codes.

    YizhanError
    └── CharterInvalid             (yizhan.schemas.errors)
        ├── CharterProblem         what is offered must not be adopted; ``problem`` is the code
        ├── CeremonyError          a step of the ceremony that cannot be done as asked
        └── AdoptionNotSent        the station could not announce what it adopted

Rule 1: the code is the same in metric, log and on the screen; the message names what was found.
"""

from __future__ import annotations

from enum import StrEnum

from yizhan.schemas.actions import Action
from yizhan.schemas.errors import CharterInvalid


class CharterFault(StrEnum):
    """Reasons why an offered charter is not adopted."""

    ROLLBACK = "rollback"
    """Older than what this reader has verified before."""
    FREEZE = "freeze"
    """Nothing newer is offered, and what is offered has expired: newer versions may be withheld."""
    EXPIRED = "expired"
    """A role of the members has expired and must be signed again."""
    FAST_FORWARD = "fast_forward"
    """A number far ahead, which would use up the remaining numbers."""
    MIX_AND_MATCH = "mix_and_match"
    """Files of different versions combined."""
    THRESHOLD = "threshold"
    """Too few valid signatures."""
    KEY_REUSED = "key_reused"
    """One key for two roles, two members or two purposes, or counted twice."""
    WEAK_MAJORITY = "weak_majority"
    """Root or targets could be changed by less than a majority of the members."""
    DELEGATION = "delegation"
    """A delegation that reaches outside its county, or does not end there."""
    FILES = "files"
    """Other files than the three kinds, or other members than the signed ones."""
    CONTENT = "content"
    """A file that does not load: policy, members or keys."""
    DAMAGED = "damaged"
    """Truncated, or not metadata at all."""
    OVERSIZE = "oversize"
    """Longer than the limit."""
    MISSING = "missing"
    """A named file is missing."""
    CLOCK_BACK = "clock_back"
    """This machine's clock is earlier than an instant that it has shown before."""
    UNREACHABLE = "unreachable"
    """The source does not answer."""


class CharterProblem(CharterInvalid):
    """The offered charter must not be adopted; the last good charter stays in force."""

    def __init__(self, problem: CharterFault, message: str, /, *, hint: Action | None = None, **params: object) -> None:
        """Take the code and the message."""
        super().__init__(message, hint=hint, **params)
        self.problem = problem

    def __str__(self) -> str:
        """Return the code and the message."""
        return f"{self.problem}: {super().__str__()}"


class CeremonyError(CharterInvalid):
    """A step of the ceremony that cannot be done as asked; nothing was changed."""


class AdoptionNotSent(CharterInvalid):
    """An adoption was not announced before it is in force: the station must stop."""
