"""What a desk should look at again before it sends, said: once, for a file, a form and a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yizhan.producers.doubts import Doubt, grade_otherwise, place_of
from yizhan.schemas.policy import Way
from yizhan.services.labels import doubt_sentence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yizhan.producers.drafts import Draft
    from yizhan.producers.numbering import Accepted
    from yizhan.services.home import Home


def worth_asking(doubtful: tuple[Doubt, ...], likely: Accepted) -> tuple[Doubt, ...]:
    """Leave out whom it touches where everybody would have it with the quarter only."""
    if all(made.way is Way.DIGEST for made in likely.decisions.values()):
        return tuple(doubt for doubt in doubtful if doubt is not Doubt.TOUCHES_NOBODY)
    return doubtful


def sentences(home: Home, draft: Draft, doubtful: Iterable[Doubt]) -> list[str]:
    """Say each doubt of a draft."""
    place, proposal = home.member_name(place_of(draft) or ""), grade_otherwise(draft)
    basis = proposal.basis if proposal else ""
    return [doubt_sentence(doubt, draft.type, place, basis) for doubt in doubtful]
