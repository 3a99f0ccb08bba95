"""Who acts: the account of the machine, the operation of the face, and the officer where one is named."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from yizhan.producers.officers import badge_fault, name_fault
from yizhan.schemas.i18n import join_sentences, marked
from yizhan.schemas.payloads.codec import faults
from yizhan.schemas.payloads.common import Person
from yizhan.services.errors import ServiceError


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever looks at something or says something.

    ``account`` is who runs the process (``duty (1000)``) or who is signed in; ``operation`` is what was asked for, in
    the face's words (``inbox show``); ``officer`` is named wherever a word is signed.
    """

    account: str
    operation: str
    officer: Person | None = None

    def __str__(self) -> str:
        """Name the officer, if any, and the account."""
        if self.officer is None:
            return self.account
        return f"{self.officer.name}（{self.officer.badge}）, {self.account}"


def signed_by(actor: Actor) -> dict[str, Any]:
    """Return what a notice says of the officer in whose name it goes; nothing where none is named."""
    return {} if actor.officer is None else {"by": actor.officer.model_dump()}


def named_officer(name: str, badge: str) -> Person:
    """Return an officer by name and badge number (``ServiceError`` if one of them cannot be)."""
    if problems := join_sentences(filter(None, (name_fault(name), badge_fault(badge)))):
        raise ServiceError(marked("姓名或警号有误：{problems}"), problems=problems)
    try:
        return Person(name=name, badge=badge)
    except ValidationError as error:
        problems = "; ".join(f"{path}: {sentence}" for path, sentence in faults(error))
        raise ServiceError(marked("姓名或警号有误：{problems}"), problems=problems) from None


def process_account() -> str:
    """Name the account that runs this process: ``duty (1000)``. What the environment says does not count."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = "?"
    return f"{name} ({os.getuid()})"
