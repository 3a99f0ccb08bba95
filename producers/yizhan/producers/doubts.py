"""What a desk is asked about before an event goes: nothing here stops one.

Rule 1: pure: the draft, its county and the members decide.
Rule 2: an answer, a correction or a withdrawal is never doubted: it goes where its original went.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from yizhan.schemas.header import NOTICE

if TYPE_CHECKING:
    from yizhan.producers.drafts import Draft

_HAPPENS: Final = "yizhan.incident."
"""What happens somewhere is reported by the county whose territory it is."""


class Doubt(StrEnum):
    """Why a person should look again."""

    TOUCHES_NOBODY = "touches_nobody"
    """It touches none of those that would get it: the agreement is about matters that touch both."""
    ELSEWHERE = "elsewhere"
    """It happened on another county's territory: a county reports its own."""


def doubts(draft: Draft, county: str, members: Collection[str]) -> tuple[Doubt, ...]:
    """Return what is odd about a draft of a county."""
    if draft.type == NOTICE or any((draft.reply_to, draft.supersedes, draft.withdraws)):
        return ()
    found = []
    recipients = set(draft.to or members) - {county}
    if not recipients & set(draft.touches or ()):
        found.append(Doubt.TOUCHES_NOBODY)
    if draft.type.startswith(_HAPPENS) and place_of(draft) not in {None, county}:
        found.append(Doubt.ELSEWHERE)
    return tuple(found)


def place_of(draft: Draft) -> str | None:
    """Return the county where it happened, as the payload says; None where it says nothing."""
    place = draft.payload.get("place")
    return str(place["county"]) if isinstance(place, dict) and "county" in place else None
