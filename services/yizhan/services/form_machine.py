"""What drives a form: a question at a time, going back, notes between the questions, every answer stored.

Rule 1: nothing is shown or asked here: a terminal and a page both drive the same machine.
Rule 2: every answer is stored before the next question.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from types import MappingProxyType
from typing import Any

from yizhan.producers import form_values, forms
from yizhan.producers.clock_times import with_day
from yizhan.producers.draft_store import DraftStore
from yizhan.producers.form_values import AnswerInvalid, Path
from yizhan.producers.forms import Field
from yizhan.runtime.clock import utc_now
from yizhan.schemas import strictjson
from yizhan.schemas.payloads.table import LIFE_AT_STAKE
from yizhan.services.errors import draft_changed
from yizhan.services.form_questions import FormContext, Note, NoteKind, Question


class Back(Exception):
    """The person goes back; never leaves the form."""


Steps = Generator[Question, str | None, Any]
"""Yields questions, is sent answers (None: none given), returns what was understood."""


class FormMachine:
    """One draft being filled in; ``content`` is the draft's JSON as it grows."""

    def __init__(self, context: FormContext, store: DraftStore, n: int) -> None:
        """Take up draft ``n`` where it was left (``NotFound`` if there is none)."""
        found = store.get(n)
        self.context, self.store, self.n, self.type = context, store, n, found.type
        self.version = found.version
        self.content: dict[str, Any] = dict(strictjson.loads(strictjson.dumps(found.content), floats=True))
        self.content.setdefault("payload", {})
        self.asked = set(found.asked)
        self.files: list[str] = []
        """Paths of what goes with it; they are not stored with the draft."""
        self.fields = {field.name: field for field in forms.form_of(self.type)}
        self.question: Question | None = None
        """What to answer now; None where nothing is left to ask."""
        self._steps: Steps | None = None
        self._notes: list[Note] = []

    # -- driven by a face --

    def answer(self, text: str | None) -> None:
        """Take the answer to the question; None or empty where it is passed over or taken away."""
        answer = (text or "").strip() or None
        self._go_on(lambda steps: steps.send(answer))

    def back(self) -> None:
        """Go back to the question before."""
        self._go_on(lambda steps: steps.throw(Back()))

    def take_notes(self) -> list[Note]:
        """Return the notes to be shown before the question; each is returned once."""
        notes, self._notes = self._notes, []
        return notes

    def _go_on(self, step: Callable[[Steps], Question]) -> None:
        if self._steps is None:
            return
        try:
            self.question = step(self._steps)
        except StopIteration:
            self.question = self._steps = None

    def _note(self, kind: NoteKind, **params: object) -> None:
        self._notes.append(Note(kind, MappingProxyType(params)))

    @property
    def payload(self) -> dict[str, Any]:
        """The payload as it grows."""
        found: dict[str, Any] = self.content["payload"]
        return found

    def _save(self) -> None:
        saved = self.store.save(self.n, self.content, self.asked, utc_now(), self.version)
        if saved is None:
            raise draft_changed(self.n, self.context.county)
        self.version = saved

    # -- one answer --

    def _ask(self, field: Field, proposed: Any, path: Path | None = None) -> Steps:  # noqa: ANN401 -- JSON is any
        """Ask until the answer is understood; return it as JSON, None where an optional one is passed over."""
        members = self.context.members
        shown = None if proposed in (None, []) else form_values.format_value(field, proposed, members)
        question = Question(field, (field.name,) if path is None else path, shown)
        while True:
            text = yield from self._text(question)
            if text is None or text == shown:
                return None if text is None else proposed
            if field.kind is forms.FieldKind.MOMENT and self.type in LIFE_AT_STAKE:
                text = with_day(text, utc_now())
            try:
                return form_values.parse_answer(field, text, members, numbered=True)
            except AnswerInvalid as error:
                self._note(NoteKind.FAULT, text=str(error))

    def _text(self, question: Question) -> Steps:
        """Ask until a required question has an answer; return its text, None for an optional one without."""
        while True:
            text = yield question
            if text is not None or not question.field.required:
                return text
            self._note(NoteKind.REQUIRED)
