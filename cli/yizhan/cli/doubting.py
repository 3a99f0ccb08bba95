"""What a desk should look at again before it sends, said: once, for a file, a form and a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yizhan.cli.names import doubt_sentence
from yizhan.producers.doubts import Doubt, grade_otherwise, place_of
from yizhan.schemas.policy import Way

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yizhan.cli.app import App
    from yizhan.producers.drafts import Draft
    from yizhan.producers.numbering import Sent


def worth_asking(doubtful: tuple[Doubt, ...], likely: Sent) -> tuple[Doubt, ...]:
    """Leave out whom it touches where everybody would have it with the quarter only."""
    if all(made.way is Way.DIGEST for made in likely.decisions.values()):
        return tuple(doubt for doubt in doubtful if doubt is not Doubt.TOUCHES_NOBODY)
    return doubtful


def sentences(app: App, draft: Draft, doubtful: Iterable[Doubt]) -> list[str]:
    """Say each doubt of a draft."""
    place, proposal = app.named(place_of(draft) or ""), grade_otherwise(draft)
    basis = proposal.basis if proposal else ""
    return [doubt_sentence(doubt, draft.type, place, basis) for doubt in doubtful]
