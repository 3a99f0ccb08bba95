"""Adds to a sentence the command that helps, where one does."""

from __future__ import annotations

from yizhan.schemas.actions import Action
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import _
from yizhan.services.commands import command_of


def with_hint(sentence: str, error: YizhanError) -> str:
    """Add to a sentence what an error says can be done."""
    return with_action(sentence, error.hint)


def with_action(sentence: str, action: Action | None) -> str:
    """Add to a sentence what can be done."""
    if action is None:
        return sentence
    return _("{sentence}；请运行 {command}").format(sentence=sentence.rstrip("。."), command=command_of(action))
