"""The questions of a draft that is written on one page, and what stands there (``form_sheet`` takes the answers)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from yizhan.producers import form_values, forms, proposals
from yizhan.producers.form_values import Path
from yizhan.producers.forms import Field, FieldKind
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads import TYPES
from yizhan.services.form_questions import ANSWER, HOW_BAD, HOW_URGENT, WHAT, WHICH
from yizhan.services.forms import Form

HEADER: Final = "header."
NONE: Final = marked("无")
"""What is written where a list has to be answered and has no item."""
_CHOSEN: Final = frozenset({"touches", "to"})
_REFERENCES: Final = ("reply_to", "supersedes", "withdraws")


class SheetQuestions(Form):
    """One draft, all its questions at once."""

    # -- what stands there --

    def values(self, name: str) -> tuple[str, ...]:
        """Return what a field says, as a page shows it: one text, or the chosen values of a list."""
        if name.startswith(HEADER):
            return self._header_values(name.removeprefix(HEADER))
        path = form_values.path_of(name)
        found = self.field_at(path)
        stored = form_values.get(self.payload, path)
        if found is not None and forms.is_position(found):
            found = next(part for part in found.parts if part.name == "coordinates")
            stored = form_values.get(self.payload, (*path, "coordinates"))
        return _texts(found, stored, self.context.members)

    def _header_values(self, name: str) -> tuple[str, ...]:
        if name == "what":
            return tuple(word for word, follows in self.words_of_what().items() if self._says(follows))
        attribute = {"how_bad": "priority"}.get(name, name)
        stored = self.content.get(attribute)
        if name in _CHOSEN:
            return (stored,) if isinstance(stored, str) else tuple(stored or ())
        described = next((each for each in forms.header_form() if each.name == attribute), None)
        return _texts(described, stored, self.context.members)

    def _says(self, follows: Mapping[str, str]) -> bool:
        return all(self.content.get(name) == value for name, value in follows.items())

    def field_at(self, path: Path) -> Field | None:
        """Return the description of what stands at a path of the payload."""
        chain = forms.fields_on_path(tuple(self.fields.values()), path)
        named = [step for step in path if isinstance(step, str)]
        return chain[-1] if len(chain) == len(named) and chain else None

    @property
    def needed(self) -> frozenset[str]:
        """Names of the fields that must be answered."""
        return frozenset(each.name for each in self._needed())

    # -- the questions about the header --

    @property
    def refers(self) -> bool:
        """Whether it answers, corrects or withdraws an event: what it is follows from that."""
        return any(name in self.content for name in _REFERENCES)

    def words_of_what(self) -> dict[str, Mapping[str, str]]:
        """Return the answers to what it is, each with what follows for the header; empty where it is not asked."""
        if self.refers:
            answers = TYPES[self.type].model.answers_others
            return {word: {"stage": word} for word in proposals.ANSWER} if answers else {}
        words = proposals.WHAT if self._happens else proposals.WHICH
        later = self._begins_later
        return {word: said[1] for word, said in words.items() if not later or said[1]["stage"] != "first"}

    @property
    def _begins_later(self) -> bool:
        """Whether it was begun as the next report of a matter."""
        return "subject" in self.content and "stage" not in self.content

    def what_question(self) -> Field | None:
        """Return the question what it is; None where it is not asked."""
        words = self.words_of_what()
        asked = ANSWER if self.refers else WHAT if self._happens else WHICH
        choices = tuple(each for each in asked.choices if each.value in words)
        return Field(asked.name, asked.title, asked.kind, required=True, choices=choices) if choices else None

    def urgency_question(self) -> Field:
        """Return the question how bad or how urgent it is."""
        return HOW_BAD if self._happens else HOW_URGENT

    @property
    def goes_on(self) -> bool:
        """Whether it is the next report of a matter, so that the matter must be named."""
        return not self.refers and self.content.get("stage") in {"update", "final"}

    @property
    def asks_worse(self) -> bool:
        """Whether it must say if it is worse than the last report."""
        return self.goes_on and self._happens and self.content["stage"] == "update"

    def earlier(self) -> Sequence[tuple[str, str]]:
        """List the matters that it may go on with: id, a line about it."""
        found, subject = list(self.context.earlier()), self.content.get("subject")
        return [*found, (subject, subject)] if subject and subject not in dict(found) else found


def form_name(path: Path) -> str:
    """Return a path as faults write it."""
    return ".".join(map(str, path))


def _texts(found: Field | None, stored: Any, members: Mapping[str, str]) -> tuple[str, ...]:  # noqa: ANN401 -- JSON is any
    if stored is None or found is None:
        return ()
    if stored == [] and found.kind not in {FieldKind.CHOICE, FieldKind.MEMBER}:
        return (_(NONE),)
    if found.kind in {FieldKind.CHOICE, FieldKind.FLAG} or (found.many and found.kind is FieldKind.MEMBER):
        words = stored if isinstance(stored, list) else [stored]
        return tuple(str(each).lower() if isinstance(each, bool) else str(each)
                     for each in words)  # fmt: skip
    if found.many and isinstance(stored, list):
        return ("\n".join(form_values.format_value(forms.item_of(found), each, members) for each in stored),)
    return (form_values.format_value(found, stored, members),)
