"""Drafts as their rows say: state, officers, why one could not be sent, what became of one that was."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from yizhan.schemas import strictjson
from yizhan.schemas.actions import Action
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import Sentence
from yizhan.schemas.payloads.common import Person


class DraftState(StrEnum):
    """State of a draft that is not sent."""

    WRITING = "writing"
    REVIEW = "review"
    QUEUED = "queued"
    """The sending process seals it."""
    REFUSED = "refused"
    """It could not be sent; it may be edited."""


EDITABLE: Final = frozenset({DraftState.WRITING, DraftState.REFUSED})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a draft could not be sent: an error's code, sentence and parameters, and what can be done."""

    code: str
    message: str
    params: Mapping[str, str] = field(hash=False)
    hint: Action | None = None

    @classmethod
    def of(cls, error: YizhanError) -> Refusal:
        """Keep an error; its parameters become text."""
        return cls(error.code, error.message, {name: str(value) for name, value in error.params.items()}, error.hint)

    def __str__(self) -> str:
        """Put it into words, in the language of who asks."""
        return str(Sentence(self.message, self.params))


@dataclass(frozen=True, slots=True)
class StoredDraft:
    """One draft. Times are written instants; ``sending`` is set if it may have been sent already.

    ``author`` submitted or queued it, ``reviewer`` approved it or gave it back with the ``remark``; ``moved``: since
    when it is in its state.
    """

    n: int
    type: str
    content: Mapping[str, Any] = field(hash=False)
    asked: tuple[str, ...]
    begun: str
    changed: str
    sending: str | None
    state: DraftState = DraftState.WRITING
    version: int = 1
    author: Person | None = None
    reviewer: Person | None = None
    moved: str | None = None
    remark: str | None = None
    refused: Refusal | None = None
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class SentRecord:
    """What became of a draft that was sent: the event's id, badge numbers, when; ``n`` is the draft's number."""

    n: int
    event: str
    author: str | None
    reviewer: str | None
    at: str


def draft_reference(draft: StoredDraft) -> str:
    """Return the reference under which a draft that has none of its own is sent; it never leaves the county.

    It is another one once the content has changed: that is another event.
    """
    return f"draft:{draft.n}:{draft.changed}"


def stored_draft(row: sqlite3.Row) -> StoredDraft:
    """Read a row of the table of drafts."""
    content = strictjson.loads(row["content"].encode(), floats=True)
    asked = strictjson.loads(row["asked"].encode())
    return StoredDraft(
        row["n"], row["type"], content, tuple(asked), row["begun"], row["changed"], row["sending"],
        DraftState(row["state"]), row["version"], _person(row["author"]), _person(row["reviewer"]), row["moved"],
        row["remark"], _refusal(row["refused"]), bool(row["confirmed"]),
    )  # fmt: skip


def _person(text: str | None) -> Person | None:
    return None if text is None else Person.model_validate_json(text)


def person_text(person: Person | None) -> str | None:
    """Write an officer as JSON."""
    return None if person is None else person.model_dump_json()


def _refusal(text: str | None) -> Refusal | None:
    if text is None:
        return None
    found = strictjson.loads(text.encode())
    hint = found.get("hint")
    action = None if hint is None else Action(hint["kind"], hint["params"])
    return Refusal(found["code"], found["message"], found["params"], action)


def refusal_text(refusal: Refusal | None) -> str | None:
    """Write a refusal as JSON."""
    if refusal is None:
        return None
    hint = None if refusal.hint is None else {"kind": refusal.hint.kind, "params": dict(refusal.hint.params)}
    content = {"code": refusal.code, "message": refusal.message, "params": dict(refusal.params)}
    return json_text(content | ({} if hint is None else {"hint": hint}))


def json_text(value: Any) -> str:  # noqa: ANN401 -- JSON is any
    """Write JSON as it is stored."""
    return strictjson.dumps(value).decode()
