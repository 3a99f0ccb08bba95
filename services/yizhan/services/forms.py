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
Rule 4: what goes on with an earlier matter begins with what was reported of it last, but for what a final report
        cannot say (that a fire burns).
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any, Final

from yizhan.producers import form_values, forms, proposals
from yizhan.producers.doubts import not_over
from yizhan.producers.file_sealing import check_file
from yizhan.producers.forms import Choice, Field, FieldKind
from yizhan.schemas.errors import FileRefused
from yizhan.schemas.files import MAX_FILES
from yizhan.schemas.grades import propose_grade
from yizhan.schemas.i18n import _
from yizhan.schemas.payloads import TYPES
from yizhan.services.form_fields import FormFields
from yizhan.services.form_machine import Back, Steps
from yizhan.services.form_questions import (
    ANSWER,
    BASIS,
    COMPUTED,
    FILE,
    GRADE,
    HOW_BAD,
    HOW_URGENT,
    OPTIONAL,
    THREAD,
    TOUCHES,
    WHAT,
    WHICH,
    WORSE,
    NoteKind,
    Question,
)

_OF_ONE_REPORT: Final = frozenset({"external_ref", "doc_no", "attachments", "border", "doubtful"})
"""Fields that an update does not take over from the report before."""


class Form(FormFields):
    """One draft being filled in; ``content`` is the draft's JSON as it grows."""

    _given_thread = False
    """Whether the matter that it goes on with was given before the first question."""

    def start(self, name: str | None = None) -> None:
        """Begin to ask what was not asked yet, or one question again.

        ``name`` is that of a question, ``optional``, ``files``, or the path of a field: ``parties.1.name``.
        """
        self._steps = self._everything() if name is None else self._again(name)
        self._go_on(next)

    # -- the whole form --

    def _everything(self) -> Steps:
        self._given_thread = "subject" in self.content and not {"what", "reply_to"} & {*self.asked, *self.content}
        if not self.asked:
            self._say_needs()
        number = 0
        while number < len(names := self._order()):
            name = names[number]
            try:
                if name not in self.asked:
                    yield from self._step(name)
                    self.asked.add(name)
                    self._save()
                number += 1
            except Back:
                number = max(number - 1, 0)
                self.asked.discard(names[number])

    def _order(self) -> list[str]:
        """Return what is asked, in order, as far as the answers so far tell."""
        names = ["what", *(field.name for field in self._needed()), "optional", "how_bad", "touches"]
        return [*names, "grade"] if TYPES[self.type].graded or "grade" in self.fields else names

    def _needed(self) -> list[Field]:
        """Return what must be answered: in an update or a final report perhaps more than in a first one."""
        later = TYPES[self.type].model.after_first if self._goes_on_with_another else ()
        fields = [field for field in self.fields.values() if field.name not in COMPUTED]
        return [field for field in fields if field.required or field.name in later]

    @property
    def _goes_on_with_another(self) -> bool:
        """Whether it is an update or a final report."""
        return self._given_thread or self.content.get("stage") in {"update", "final"}

    def _say_needs(self) -> None:
        """Note what the form will need; what the answers so far do not decide is named for itself."""
        model, needed = TYPES[self.type].model, self._needed()
        later = [name for name in model.after_first if self.fields[name] not in needed]
        mends = any(name in self.content for name in ("supersedes", "withdraws"))
        self._note(
            NoteKind.NEEDS,
            required=tuple(each.title for each in needed),
            later=() if mends else tuple(self.fields[name].title for name in later),
            perhaps=tuple(self.fields[name].title for name in model.may_need),
            files="attachments" in self.fields,
        )

    @property
    def _happens(self) -> bool:
        """Whether this type reports something that happened."""
        return self.type in TYPES and TYPES[self.type].happens

    def _again(self, name: str) -> Steps:
        try:
            yield from self._step(name)
        except Back:
            return
        if name != "files":
            self.asked |= {name} if "." not in name else set()
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
        if (path := form_values.path_of(name))[0] in self.fields:
            return self._at(path)
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
        needed = {field.name for field in self._needed()}
        rest = [field for field in self.fields.values() if field.name not in needed | COMPUTED]
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
        field, words = (WHAT, proposals.WHAT) if self._happens else (WHICH, proposals.WHICH)
        if self._given_thread:
            words = {word: said for word, said in words.items() if said[1]["stage"] != "first"}
            field = dataclasses.replace(field, choices=tuple(one for one in field.choices if one.value in words))
        now = next((word for word, (_title, follows) in words.items()
                    if all(self.content.get(name) == value for name, value in follows.items())), None)  # fmt: skip
        if now is None and not self._happens and "new" in words:
            now = "new"
        word = yield from self._ask(field, now)
        self.content |= words[word][1]
        before = self.content.pop("subject", None)
        self.content.pop("worse", None)
        if self.content["stage"] != "first":
            yield from self._earlier_thread(before)

    def _earlier_thread(self, before: str | None) -> Steps:
        """Ask which matter it goes on with, unless that was given, and begin with what was reported of it last."""
        if self._given_thread and before is not None:
            yield from self._go_on_with(before)
            return
        earlier = self.context.earlier()
        if not earlier:
            self._note(NoteKind.NOTHING_EARLIER)
            return
        if before is not None and before not in dict(earlier):
            earlier = [*earlier, (before, before)]
        choices = tuple(Choice(code, line) for code, line in earlier)
        subject = yield from self._ask(dataclasses.replace(THREAD, choices=choices), before)
        if before not in {None, subject}:
            self._forget(self.context.last_report(str(before)))
        yield from self._go_on_with(subject)

    def _go_on_with(self, subject: str) -> Steps:
        self._take_over(self.context.last_report(subject))
        self.content["subject"] = subject
        if self._happens and self.content["stage"] != "final":
            self.content["worse"] = yield from self._ask(WORSE, None)

    def _take_over(self, report: Mapping[str, Any]) -> None:
        """Begin with what a report said; what the officer has answered already stays."""
        for name, value in report.get("payload", {}).items():
            if name in self.fields and name not in _OF_ONE_REPORT:
                self.payload.setdefault(name, value)
        open_field = not_over(self.type, self.content["stage"], self.payload)
        if open_field is not None and open_field not in self.asked:
            del self.payload[open_field]
        for name in ("priority", "touches", "grade"):
            if name in report:
                self.content.setdefault(name, report[name])

    def _forget(self, report: Mapping[str, Any]) -> None:
        """Take away what came from a report of another matter, and was not answered since."""
        for holder, values in ((self.payload, report.get("payload", {})), (self.content, report)):
            for name, value in values.items():
                if name not in {"payload", *self.asked} and holder.get(name) == value:
                    del holder[name]

    def _how_bad(self) -> Steps:
        """Ask how bad or how urgent it is: the priority follows."""
        now = self.content.get("priority")
        asked = (HOW_BAD, now) if self._happens else (HOW_URGENT, now or "routine")
        self.content["priority"] = yield from self._ask(*asked)

    def _touches(self) -> Steps:
        """Ask whom it touches; proposed by the position, and the border's distance with it."""
        proposed, seen = self.content.get("touches"), self._surroundings()
        if seen is not None:
            proposed = proposed or list(seen.touches)
            if seen.border is not None and "border" in self.fields:
                self.payload.setdefault("border", dict(seen.border))
                self._say_border(seen)
        if not self._happens:
            members, own = self.context.members, self.context.county
            proposed = proposed or proposals.members_named(self.payload, members, own)
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
            if str(path) in self.files:
                self._note(NoteKind.FAULT, text=_("{name} 已经附上，不用再附").format(name=path.name))
                continue
            self.files.append(str(path))
            self._note(NoteKind.ATTACHED, number=len(self.files), name=path.name, size=size)
