"""A draft as one page: every question at once; each answer is stored when it is given.

Rule 1: an answer is understood as the form understands it that asks one question after the other (``forms``); what is
        proposed and what follows from a position is the same.
Rule 2: what cannot be understood is stored as it was written: nothing is lost, and the draft does not go before it is
        mended (``form_faults``).
Rule 3: of two officers who write in one draft, the second is told where the first has changed the same field, and
        nothing of his is stored there; changes of different fields are kept both.

A field is named by its path in the payload (``place.township``, ``parties.1.name``), an attribute of the header by
``header.`` and its question (``header.what``, ``header.touches``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from yizhan.producers import datum, form_values, forms, positions, proposals
from yizhan.producers.clock_times import with_day
from yizhan.producers.draft_rows import EDITABLE
from yizhan.producers.form_values import AnswerInvalid, Path
from yizhan.producers.forms import Field, FieldKind
from yizhan.runtime.clock import utc_now
from yizhan.schemas.errors import NotFound
from yizhan.schemas.header import NOTICE
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.table import LIFE_AT_STAKE
from yizhan.services.actor import Actor
from yizhan.services.drafts import NewDraft, begin_draft, form_context
from yizhan.services.errors import Conflict, draft_changed
from yizhan.services.form_questions import Note
from yizhan.services.form_sheet_questions import HEADER, NONE, SheetQuestions, form_name
from yizhan.services.home import Home
from yizhan.services.stores import open_drafts

_ATTRIBUTES: Final = frozenset({"status", "time", "expires", "to", "touches"})
"""Attributes of the header that are answered as they are; the others by the form's three questions."""
BY_PROGRAMS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {NOTICE: frozenset({"kind", "lanes", "destruction"})}
)
"""Type → fields that programs write; an officer's letter has none of them but its kind, ``text``."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page sends of one field: the ``values`` that it has now, and those that it had when it was shown.

    ``more`` are answers that belong to it: the ``datum`` of a position; ``subject`` and ``worse`` of an update;
    the ``grade_basis`` of a grade.
    """

    name: str
    values: tuple[str, ...]
    version: int
    """Of the draft that the page shows."""
    seen: tuple[str, ...] | None = None
    """None: whatever is there is to be replaced."""
    more: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)


class SameFieldChanged(Conflict):
    """Another officer has changed the same field; ``theirs`` is what stands there now."""

    def __init__(self, name: str, theirs: tuple[str, ...], version: int) -> None:
        """Name the field."""
        super().__init__(marked("这一项刚被别人改了，您写的没有存；请看两种写法，选一种"))
        self.name, self.theirs, self.version = name, theirs, version


class FormSheet(SheetQuestions):
    """One draft, all its questions at once."""

    # -- answered --

    def enter(self, answer: Answer) -> list[Note]:
        """Store an answer; return what follows from it.

        Raises:
            SameFieldChanged: see rule 3.
            NotFound: there is no such field.
            Conflict: the draft was changed while this was done.
        """
        if answer.version != self.version and answer.seen is not None:
            theirs = self.values(answer.name)
            if theirs not in {answer.seen, answer.values}:
                raise SameFieldChanged(answer.name, theirs, self.version)
        values = tuple(each.strip() for each in answer.values if each.strip())
        if answer.name.startswith(HEADER):
            self._enter_header(answer.name.removeprefix(HEADER), values, answer.more)
        else:
            self._enter_payload(form_values.path_of(answer.name), values, answer.more)
        self._save()
        return self.take_notes()

    def _enter_payload(self, path: Path, values: tuple[str, ...], more: Mapping[str, str]) -> None:
        found = self.field_at(path)
        if found is None or (found.kind is FieldKind.GROUP and not forms.is_position(found)) or self._is_beyond(path):
            raise NotFound(marked("这份表里没有这一项"))
        if forms.is_position(found):
            self._enter_position(path, values, more)
        elif not values:
            self._clear(path)
        else:
            form_values.put(self.payload, path, self._understood(found, values))
        self.asked.add(str(path[0]))

    def _is_beyond(self, path: Path) -> bool:
        """Return whether a path leads to a row that is neither there nor the next one of its list."""
        for place, step in enumerate(path):
            rows = form_values.get(self.payload, path[:place])
            if isinstance(step, int) and step > (len(rows) if isinstance(rows, list) else 0):
                return True
        return False

    def _understood(self, found: Field, values: tuple[str, ...]) -> Any:  # noqa: ANN401 -- JSON is any
        """Return an answer as JSON, or as it was written where it cannot be understood (rule 2)."""
        members = self.context.members
        try:
            if found.many and found.kind in {FieldKind.CHOICE, FieldKind.MEMBER}:
                return [form_values.parse_answer(forms.item_of(found), each, members) for each in values]
            text = "\n".join(values)
            if found.many and text in {NONE, _(NONE)}:
                return []
            if found.kind is FieldKind.MOMENT and self.type in LIFE_AT_STAKE:
                text = with_day(text, utc_now())
            return form_values.parse_answer(found, text, members)
        except AnswerInvalid:
            return "\n".join(values)

    def _clear(self, path: Path) -> None:
        """Take an answer away; the rows of a list stay where they are."""
        *above, last = path
        holder = form_values.get(self.payload, tuple(above))
        if not isinstance(holder, dict):
            return
        holder.pop(str(last), None)
        if not holder and above and not any(isinstance(step, int) for step in above):
            form_values.remove(self.payload, tuple(above))

    def _enter_position(self, path: Path, values: tuple[str, ...], more: Mapping[str, str]) -> None:
        """Store a position, converted to WGS 84; propose what follows from it."""
        before, text = self._surroundings(), "\n".join(values)
        place = (*path, "coordinates")
        if not text:
            self._clear(place)
            if "accuracy_m" not in (form_values.get(self.payload, path) or {}):
                self._clear(path)
        else:
            if isinstance(form_values.get(self.payload, place), str):
                self._clear(place)
            if not self._place_as_said(path, text, more.get("datum")):
                form_values.put(self.payload, place, text)
        self._follow(before)
        self._propose_surroundings()

    def _place_as_said(self, path: Path, text: str, read_from: str | None) -> bool:
        """Answer the questions about a position; return whether it is understood."""
        shown = "\n".join(self.values(form_name(path)))
        if text == shown and read_from in {None, "", datum.Datum.WGS84.value}:
            return True
        pieces = [each for each in text.split("\n") if each.strip()]
        if read_from and not any(each in text for each in datum.Datum):
            pieces = [f"{read_from} {each}" if _needs_datum(each) else each for each in pieces]
        self.start(form_name(path))
        self.answer("\n".join(pieces))
        return self.question is None or self.question.field.name not in {"coordinates", "datum"}

    def _propose_surroundings(self) -> None:
        seen = self._surroundings()
        if seen is None:
            return
        if seen.border is not None and "border" in self.fields:
            self.payload.setdefault("border", dict(seen.border))
        if seen.touches and "touches" not in self.asked and not self.refers:
            self.content.setdefault("touches", list(seen.touches))

    def _enter_header(self, name: str, values: tuple[str, ...], more: Mapping[str, str]) -> None:
        text = values[0] if values else None
        if name == "what":
            self._enter_what(text, more)
        elif name == "how_bad":
            self._put("priority", text if text in proposals.HOW_BAD else None)
        elif name == "grade":
            self._enter_grade(text, more.get("grade_basis", "").strip() or None)
        elif name in _ATTRIBUTES:
            described = next(each for each in forms.header_form() if each.name == name)
            self._put(name, self._understood(described, values) if values else None)
        else:
            raise NotFound(marked("这份表里没有这一项"))
        self.asked.add(name)

    def _enter_what(self, word: str | None, more: Mapping[str, str]) -> None:
        """Store what it is, and of which matter it is the next report."""
        if word is None:
            return
        self._given_thread = self._begins_later
        worse = {True: "true", False: "false"}.get(self.content.get("worse", ""))
        answers = {"subject": self.content.get("subject"), "worse": worse}
        answers |= {name: text for name, text in more.items() if text}
        self._drive("what", {**answers, "what": word})

    def _put(self, name: str, value: Any) -> None:  # noqa: ANN401 -- JSON is any
        self.content.pop(name, None)
        if value is not None:
            self.content[name] = value

    def _enter_grade(self, text: str | None, basis: str | None) -> None:
        grade = int(text) if text in {"1", "2", "3", "4"} else None
        self._put("grade", grade)
        for name, value in (("grade", grade), ("grade_basis", basis if grade is not None else None)):
            if name in self.fields:
                self.payload.pop(name, None)
                if value is not None:
                    self.payload[name] = value

    def _drive(self, step: str, answers: Mapping[str, str | None]) -> None:
        """Answer the questions of one step, as far as there are answers."""
        left = dict(answers)
        self.start(step)
        while self.question is not None and left.get(self.question.field.name):
            self.answer(left.pop(self.question.field.name))

    # -- rows of a list --

    def add_row(self, name: str) -> None:
        """Add an empty row to a list of groups."""
        path = form_values.path_of(name)
        found = self.field_at(path)
        if found is None or not (found.many and found.kind is FieldKind.GROUP) or self._is_beyond(path):
            raise NotFound(marked("这份表里没有这一项"))
        rows = form_values.get(self.payload, path)
        form_values.put(self.payload, (*path, len(rows) if isinstance(rows, list) else 0), {})
        self._save()

    def remove_row(self, name: str) -> None:
        """Take a row out of a list of groups."""
        path = form_values.path_of(name)
        if isinstance(path[-1], int):
            form_values.remove(self.payload, path)
            self._save()

    def drop_empty_rows(self) -> None:
        """Take out the rows in which nothing was written, before the draft is shown as it goes."""
        for name, found in self.fields.items():
            rows = self.payload.get(name)
            if found.many and found.kind is FieldKind.GROUP and isinstance(rows, list) and {} in rows:
                self.payload[name] = [row for row in rows if row != {}]
                if not self.payload[name]:
                    del self.payload[name]
        self._save()

    def _take_over(self, report: Mapping[str, Any]) -> None:
        """Begin with what a report said, also where ``fill_in`` wrote what is known of every event."""
        reported = report.get("payload", {})
        for name in ("place", "contact"):
            if name not in self.asked and name in reported and len(self.payload.get(name, {})) == 1:
                del self.payload[name]
        super()._take_over(report)

    # -- begun --

    def fill_in(self, actor: Actor) -> None:
        """Write what is known before the first answer: the office, the county, the officer who writes."""
        office, officer = self.context.office, actor.officer
        known: dict[str, Any] = {
            "org_code": office.get("org_code", f"{self.context.county}000000"),
            "place": {"county": self.context.county},
            "contact": office.get("contact"),
        }
        if officer is not None:
            if "contact" in self.needed:
                known["contact"] = known["contact"] or {"name": officer.name}
            known |= {name: officer.model_dump(mode="json") for name in ("drafted_by", "by")}
        for name, value in known.items():
            if name in self.fields and value is not None:
                self.payload.setdefault(name, value)
        if self.type == NOTICE:
            self.payload["kind"] = "text"
        if not self._happens:
            self.content.setdefault("priority", "routine")
            if "new" in self.words_of_what():
                self.content |= {"stage": "first"}
            if not self.refers and "touches" not in self.content:
                named = proposals.members_named(self.payload, self.context.members, self.context.county)
                self.content |= {"touches": named} if named else {}
        self._save()

    def last_signers(self) -> dict[str, tuple[str, str]]:
        """Return name of a group → the name and badge that were written there last, where it is empty now."""
        found: dict[str, tuple[str, str]] = {}
        for name in ("reviewed_by", "signed_off_by"):
            last = self.context.office.get(name)
            if name in self.fields and last and not self.payload.get(name):
                found[name] = (str(last.get("name", "")), str(last.get("badge", "")))
        return found


def _needs_datum(text: str) -> bool:
    """Return whether a position must be told from which map it was read."""
    try:
        return positions.read_spot(text, None).needs_datum
    except datum.PositionInvalid:
        return False


# -- for a face --


def begin_sheet(home: Home, county: str, request: NewDraft, actor: Actor) -> int:
    """Begin a draft with what is known of it; return its number. Errors as ``begin_draft``."""
    n = begin_draft(home, county, request)
    with open_sheet(home, county, n) as sheet:
        sheet.fill_in(actor)
    return n


@contextlib.contextmanager
def open_sheet(home: Home, county: str, n: int) -> Iterator[FormSheet]:
    """Take up a draft as one page, to read it or to write in it.

    Raises:
        NotFound: there is none of that number.
        Conflict: it is in review or queued.
    """
    with open_drafts(home, county) as store:
        found = store.get(n)
        if found.state not in EDITABLE:
            raise draft_changed(n, county)
        yield FormSheet(form_context(home, county, store, found.type), store, n)
