"""What is said where a county does not have the event that was named: the same wherever it is looked for.

Rule 1: the id is shown shortened: it may be anything that somebody typed.
"""

from __future__ import annotations

from typing import Final

from yizhan.schemas.actions import Action
from yizhan.schemas.errors import NotFound
from yizhan.schemas.i18n import marked

_SHOWN: Final = 80


def not_received(county: str, event_id: str, name: str | None = None) -> NotFound:
    """Return the error for what is not in a county's inbox; ``name``: how the county is called, its code if None."""
    hint = Action.to("inbox.list", county=county)
    return NotFound(marked("{county} 的收件箱里没有 {id}"), county=name or county, id=event_id[:_SHOWN], hint=hint)


def not_sent(county: str, event_id: str, name: str | None = None) -> NotFound:
    """Return the error for what is not in a county's outbox."""
    hint = Action.to("outbox.list", county=county)
    return NotFound(marked("{county} 的发件箱里没有 {id}"), county=name or county, id=event_id[:_SHOWN], hint=hint)


def not_known(county: str, event_id: str, name: str | None = None) -> NotFound:
    """Return the error for what is neither in a county's inbox nor in its outbox."""
    hint = Action.to("inbox.list", county=county)
    sentence = marked("{county} 的收件箱和发件箱里都没有 {id}")
    return NotFound(sentence, county=name or county, id=event_id[:_SHOWN], hint=hint)
