"""Applies a proposed policy to past headers: what would have been decided differently.

Rule 1: the same ``decide`` as at the station; only headers are needed, nothing is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yizhan.schemas.policy import Decision, decide

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from yizhan.schemas.header import Header
    from yizhan.schemas.policy import Policy


@dataclass(frozen=True, slots=True)
class RoutingDifference:
    """One event that would have reached one recipient in another way."""

    header: Header
    recipient: str
    was: Decision
    would: Decision


def replay(headers: Iterable[Header], old: Policy, new: Policy) -> Iterator[RoutingDifference]:
    """Yield, for each event and recipient, where the way differs."""
    for header in headers:
        for recipient in header.to:
            was, would = decide(header, recipient, old), decide(header, recipient, new)
            if was.way is not would.way:
                yield RoutingDifference(header, recipient, was, would)
