"""A form as a machine: which question comes next, what is proposed, what is wrong with an answer.

    form = Form(context, store, n)
    form.start()
    while (question := form.question) is not None:
        show(form.take_notes(), question)
        form.answer(text)                     # or form.back()

Rule 1: the questions are those of ``yizhan.producers.forms``; no type is named here. Nothing is shown or asked here: a
        terminal and a page both drive the same machine.
Rule 2: required questions come first, then one list of the optional ones to pick from.
Rule 3: every answer is stored before the next question; a form that was left goes on with what was not asked yet.
Rule 4: an answer is judged by the payload's own model at once; where it is refused, the same question comes again,
        after notes with the reasons.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Generator
from types import MappingProxyType
from typing import Any

from yizhan.producers import datum, form_values, forms, proposals
from yizhan.producers.draft_store import DraftStore
from yizhan.producers.file_sealing import check_file
from yizhan.producers.form_values import AnswerInvalid, Path
from yizhan.producers.forms import Choice, Field, FieldKind
from yizhan.runtime.clock import utc_now
from yizhan.schemas import strictjson
from yizhan.schemas.errors import FileRefused, PayloadInvalid
from yizhan.schemas.files import MAX_FILES
from yizhan.schemas.grades import propose_grade
from yizhan.schemas.payloads import TYPES, parse_strict
from yizhan.services.form_questions import (
    ANSWER,
    BASIS,
    COMPUTED,
    DATUM,
    FILE,
    GRADE,
    HOW_BAD,
    MORE,
    OPTIONAL,
    THREAD,
    TOUCHES,
    WHAT,
    WORSE,
    FormContext,
    Note,
    NoteKind,
    Question,
)


class _Back(Exception):
    """The person goes back; never leaves this module."""


Steps = Generator[Question, str | None, Any]
"""Yields questions, is sent answers (None: none given), returns what was understood."""


class Form:
    """One draft being filled in; ``content`` is the draft's JSON as it grows."""

    def __init__(self, context: FormContext, store: DraftStore, n: int) -> None:
        """Take up draft ``n`` where it was left (``NoSuchDraft`` if there is none)."""
        found = store.get(n)
        self.context, self.store, self.n, self.type = context, store, n, found.type
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

    def start(self, name: str | None = None) -> None:
        """Begin to ask what was not asked yet, or one question again by its name (also ``optional``, ``files``)."""
        self._steps = self._everything() if name is None else self._again(name)
        self._go_on(next)

    def answer(self, text: str | None) -> None:
        """Take the answer to the question; None or empty where it is passed over or taken away."""
        answer = (text or "").strip() or None
        self._go_on(lambda steps: steps.send(answer))

    def back(self) -> None:
        """Go back to the question before."""
        self._go_on(lambda steps: steps.throw(_Back()))

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
        self.store.save(self.n, self.content, self.asked, utc_now())

    # -- the whole form --

    def _everything(self) -> Steps:
        required = [field for field in self.fields.values() if field.required and field.name not in COMPUTED]
        graded = TYPES[self.type].graded or "grade" in self.fields
        names = ["what", *(field.name for field in required), "optional", "how_bad", "touches"]
        names += ["grade"] if graded else []
        number = 0
        while number < len(names):
            name = names[number]
            try:
                if name not in self.asked:
                    yield from self._step(name)
                    self.asked.add(name)
                    self._save()
                number += 1
            except _Back:
                number = max(number - 1, 0)
                self.asked.discard(names[number])

    def _again(self, name: str) -> Steps:
        try:
            yield from self._step(name)
        except _Back:
            return
        if name != "files":
            self.asked.add(name)
            self._save()

    def _step(self, name: str) -> Steps:
        """Ask one step of the form, by its name."""
        own = {
            "what": self._what,
            "how_bad": self._how_bad,
            "touches": self._touches,
            "grade": self._grade,
            "optional": self._pick_optional,
            "files": self._attach,
        }
        if name in own:
            return own[name]()
        if name in self.fields:
            return self._field(self.fields[name])
        return self._header_attribute(name)

    def _header_attribute(self, name: str) -> Steps:
        """Ask for another attribute of the header; what is no single answer stays as it is."""
        field = next((one for one in forms.header_form() if one.name == name), None)
        if field is not None and field.kind is not FieldKind.GROUP:
            value = yield from self._ask(field, self.content.get(name))
            self.content.pop(name, None)
            if value is not None:
                self.content[name] = value

    def _pick_optional(self) -> Steps:
        """List the optional questions, and ask those that are picked."""
        rest = [field for field in self.fields.values() if not field.required and field.name not in COMPUTED]
        if not rest:
            return
        choices = tuple(Choice(field.name, field.title) for field in rest)
        picked = yield from self._ask(dataclasses.replace(OPTIONAL, choices=choices), [])
        for name in picked or ():
            yield from self._field(self.fields[name])
            self.asked.add(name)
            self._save()

    # -- the three questions --

    def _what(self) -> Steps:
        """Ask what it is: stage and certainty follow, and the thread of what goes on."""
        if any(name in self.content for name in ("reply_to", "supersedes", "withdraws")):
            if self.type in TYPES and TYPES[self.type].model.answers_others:
                self.content["stage"] = yield from self._ask(ANSWER, self.content.get("stage"))
            return
        now = next((word for word, (_title, follows) in proposals.WHAT.items()
                    if all(self.content.get(name) == value for name, value in follows.items())), None)  # fmt: skip
        word = yield from self._ask(WHAT, now)
        self.content |= proposals.WHAT[word][1]
        for name in ("subject", "worse"):
            self.content.pop(name, None)
        if self.content["stage"] != "first":
            yield from self._earlier_thread()

    def _earlier_thread(self) -> Steps:
        earlier = self.context.earlier()
        if not earlier:
            self._note(NoteKind.NOTHING_EARLIER)
            return
        choices = tuple(Choice(code, line) for code, line in earlier)
        self.content["subject"] = yield from self._ask(dataclasses.replace(THREAD, choices=choices), None)
        self.content["worse"] = yield from self._ask(WORSE, None)

    def _how_bad(self) -> Steps:
        """Ask how bad it is: the priority follows."""
        self.content["priority"] = yield from self._ask(HOW_BAD, self.content.get("priority"))

    def _touches(self) -> Steps:
        """Ask whom it touches; proposed by the position, and the border's distance with it."""
        proposed = self.content.get("touches")
        point, around = proposals.coordinates_of(self.payload), self.context.map
        if point is not None and around is not None:
            seen = around.surroundings(*point, self.context.county)
            proposed = proposed or list(seen.touches)
            if seen.border is not None and "border" in self.fields:
                self.payload["border"] = dict(seen.border)
                metres, bearing = seen.border["distance_m"], seen.border["bearing"]
                self._note(NoteKind.BORDER, member=seen.nearest, metres=metres, bearing=bearing)
        codes = yield from self._ask(TOUCHES, proposed or None)
        self.content.pop("touches", None)
        if codes:
            self.content["touches"] = sorted(set(codes))

    def _grade(self) -> Steps:
        """Ask for the grade, with what the thresholds propose and on what that rests; an officer decides."""
        proposal = propose_grade(self.type, self.payload)
        proposed, basis = (None, None) if proposal is None else (proposal.grade, proposal.basis)
        if basis:
            self._note(NoteKind.GRADE_BASIS, text=basis)
        value = yield from self._ask(GRADE, self.content.get("grade") or proposed)
        for holder in (self.content, *([self.payload] if "grade" in self.fields else [])):
            holder.pop("grade", None)
            if value is not None:
                holder["grade"] = value
        if "grade_basis" in self.fields:
            self.payload.pop("grade_basis", None)
            if value is not None:
                self.payload["grade_basis"] = yield from self._ask(BASIS, basis if value == proposed else None)

    # -- one field of the payload --

    def _field(self, field: Field, above: Path = ()) -> Steps:
        """Ask one question, or the questions of a group, and store each answer."""
        path = (*above, field.name)
        if field.kind is not FieldKind.GROUP:
            yield from self._leaf(field, path)
        elif field.many:
            yield from self._list(field, path)
        elif forms.is_position(field):
            yield from self._position(field, path)
        else:
            self._note(NoteKind.GROUP, title=field.title)
            for part in field.parts:
                yield from self._field(part, path)

    def _list(self, field: Field, path: Path) -> Steps:
        number, more = 0, True
        while more:
            self._note(NoteKind.ITEM, title=field.title, number=number + 1)
            for part in field.parts:
                yield from self._field(part, (*path, number))
            number += 1
            stored = len(form_values.get(self.payload, path) or ())
            more = yield from self._ask(MORE, stored > number, (*path, number, MORE.name))

    def _leaf(self, field: Field, path: Path) -> Steps:
        stored = form_values.get(self.payload, path)
        proposed = stored if stored is not None else self._proposal(field, path)
        while True:
            value = yield from self._ask(field, proposed, path)
            if value is None:
                form_values.remove(self.payload, path)
                break
            form_values.put(self.payload, path, value)
            if not (faults := self._faults(path)):
                break
            form_values.remove(self.payload, path)
            for text in faults:
                self._note(NoteKind.FAULT, text=text)
        self._save()

    def _proposal(self, field: Field, path: Path) -> Any:  # noqa: ANN401 -- JSON is any
        if path == ("org_code",):
            return self.context.office.get("org_code", f"{self.context.county}000000")
        if path == ("place", "county"):
            return self.context.county
        return form_values.get(self.context.office, path) if len(path) > 1 else field.default

    def _faults(self, path: Path) -> list[str]:
        """Return what the model has against what stands at a path."""
        here = ".".join(map(str, path))
        try:
            parse_strict(self.type, self.payload)
        except PayloadInvalid as error:
            return [text for where, text in error.errors if where == here or where.startswith(f"{here}.")]
        return []

    def _position(self, field: Field, path: Path) -> Steps:
        """Ask for a position, or a line of them, and from which map it was read; WGS 84 is stored."""
        spot = next(part for part in field.parts if part.name == "coordinates")
        place = (*path, spot.name)
        stored = form_values.get(self.payload, place)
        shown = None if stored is None else form_values.format_value(spot, stored, {})
        asked = dataclasses.replace(spot, title=field.title, kind=FieldKind.POINT, required=field.required)
        while True:
            text = yield from self._text(Question(asked, place, shown))
            if text is None:
                form_values.remove(self.payload, path)
                return
            try:
                points = datum.positions_of(text) if spot.many else [datum.position_of(text)]
                break
            except datum.PositionInvalid as error:
                self._note(NoteKind.FAULT, text=str(error))
        if text != shown:
            read_from = datum.Datum((yield from self._ask(DATUM, None, (*path, DATUM.name))))
            found = [list(datum.to_wgs84(point, read_from)) for point in points]
            form_values.put(self.payload, place, found if spot.many else found[0])
            if read_from is not datum.Datum.WGS84:
                self._note(NoteKind.CONVERTED, points=found)
            self._save()
        for part in field.parts:
            if part is not spot:
                yield from self._field(part, path)

    def _attach(self) -> Steps:
        """Ask for files to go with it, where its type carries them, and refuse at once what may not go."""
        if "attachments" not in self.fields:
            return
        self.files.clear()
        while len(self.files) < MAX_FILES:
            text = yield from self._text(Question(FILE, (FILE.name,), None))
            if text is None:
                return
            path = pathlib.Path(text.strip("'\"")).expanduser()
            try:
                size = check_file(path)
            except FileRefused as error:
                self._note(NoteKind.FAULT, text=str(error))
                continue
            self.files.append(str(path))
            self._note(NoteKind.ATTACHED, number=len(self.files), name=path.name, size=size)

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
