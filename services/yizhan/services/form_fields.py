"""How one field of a payload is asked: a value, a group, a list, a position.

Rule 1: an answer is judged by the payload's own model at once; where it is refused, the same question comes again,
        after notes with the reasons.
Rule 2: a position is stored as WGS 84; what was said instead of that is kept in the words about the place.
Rule 3: what was proposed from a position follows it when it is changed; what a person wrote instead stays.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from typing import Any, Final

from yizhan.producers import datum, form_values, forms, positions
from yizhan.producers.form_values import Path
from yizhan.producers.forms import Field, FieldKind
from yizhan.producers.officers import badge_fault, name_fault
from yizhan.producers.proposals import Surroundings, coordinates_of
from yizhan.schemas.errors import PayloadInvalid
from yizhan.schemas.i18n import with_note
from yizhan.schemas.payloads import parse_strict
from yizhan.services.form_machine import Back, FormMachine, Steps
from yizhan.services.form_questions import DATUM, MORE, MOST_CHARACTERS, SPOT, NoteKind, Question
from yizhan.services.form_words import in_form_words

_OF_OFFICERS: Final = {"name": name_fault, "badge": badge_fault}
"""What is checked of an officer beyond the model: the contract takes any line."""


def _up_to(path: Path, name: str) -> Path:
    """Return the beginning of a path that ends in a field."""
    return path[: len(path) - path[::-1].index(name)]


class FormFields(FormMachine):
    """A form that knows how to ask for the fields of its payload."""

    def _at(self, path: Path) -> Steps:
        """Ask again for what stands at a path: one answer, a position, a list's next item, or what a group lacks."""
        chain = forms.fields_on_path(tuple(self.fields.values()), path)
        depth = next(
            (n for n, each in enumerate(chain) if each.kind is not FieldKind.GROUP or forms.is_position(each)), -1
        )
        if not chain:
            return
        field = chain[depth]
        here = _up_to(path, field.name)
        stored = form_values.get(self.payload, path)
        if field.kind is not FieldKind.GROUP:
            yield from self._leaf(field, here)
        elif forms.is_position(field):
            yield from self._position(field, here)
        elif field.many and path[-1] == field.name:
            yield from self._list(field, path, len(stored or ()))
        else:
            have = stored if isinstance(stored, dict) else {}
            lacking = [part for part in field.parts if part.required and part.name not in have]
            yield from self._parts(lacking or field.parts, path)

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
            yield from self._parts(field.parts, path)

    def _parts(self, parts: Sequence[Field], above: Path) -> Steps:
        """Ask one part of a group after the other; going back leads to the part before."""
        number = 0
        while number < len(parts):
            try:
                yield from self._field(parts[number], above)
                number += 1
            except Back:
                if number == 0:
                    raise
                number -= 1

    def _list(self, field: Field, path: Path, first: int = 0) -> Steps:
        number, more = first, True
        while more:
            self._note(NoteKind.ITEM, title=field.title, number=number + 1)
            try:
                yield from self._parts(field.parts, (*path, number))
            except Back:
                if number == first:
                    raise
                number -= 1
                continue
            stored = len(form_values.get(self.payload, path) or ())
            try:
                more = yield from self._ask(MORE, stored > number + 1, (*path, number + 1, MORE.name))
                number += 1
            except Back:
                continue

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
                self._note(NoteKind.FAULT, text=in_form_words(self.type, text))
        self._save()

    def _proposal(self, field: Field, path: Path) -> Any:  # noqa: ANN401 -- JSON is any
        if path == ("org_code",):
            return self.context.office.get("org_code", f"{self.context.county}000000")
        if path == ("place", "county"):
            return self.context.county
        return form_values.get(self.context.office, path) if len(path) > 1 else field.default

    def _faults(self, path: Path) -> list[str]:
        """Return what the model has against what stands at a path."""
        here, value = ".".join(map(str, path)), form_values.get(self.payload, path)
        if {"name", "badge"} <= {part.name for part in self._beside(path)} and path[-1] in _OF_OFFICERS:
            fault = _OF_OFFICERS[str(path[-1])](str(value))
            if fault is not None:
                return [fault]
        try:
            parse_strict(self.type, self.payload)
        except PayloadInvalid as error:
            return [text for where, text in error.errors if where == here or where.startswith(f"{here}.")]
        return []

    def _position(self, field: Field, path: Path) -> Steps:
        """Ask for a position, or a line of them, and from which map it was read; WGS 84 is stored."""
        spot = next(part for part in field.parts if part.name == "coordinates")
        asked = dataclasses.replace(spot, title=field.title, kind=FieldKind.POINT, required=field.required)
        while (yield from self._spot(asked, spot, path)):
            with contextlib.suppress(Back):
                return (yield from self._parts([part for part in field.parts if part is not spot], path))

    def _spot(self, asked: Field, spot: Field, path: Path) -> Steps:
        """Ask where it is; return whether there is a position now. What follows from it follows a change."""
        place = (*path, spot.name)
        stored = form_values.get(self.payload, place)
        shown = None if stored is None else form_values.format_value(spot, stored, {})
        while True:
            text = yield from self._text(Question(asked, place, shown))
            before = self._surroundings()
            try:
                if text is None:
                    form_values.remove(self.payload, path)
                elif text != shown:
                    yield from self._place(text, path, spot)
            except datum.PositionInvalid as error:
                self._note(NoteKind.FAULT, text=str(error))
                continue
            except Back:
                continue
            self._follow(before)
            self._save()
            return text is not None

    def _place(self, text: str, path: Path, spot: Field) -> Steps:
        """Store a position as WGS 84, and in the words about the place what was said instead of it."""
        said = (
            positions.read_spots(text, self.context.map) if spot.many else [positions.read_spot(text, self.context.map)]
        )
        read_from = None
        if any(each.needs_datum for each in said):
            read_from = datum.Datum((yield from self._ask(DATUM, None, (*path, DATUM.name))))
        found = [list(positions.locate(each, read_from, self.context.map, self.context.county)) for each in said]
        form_values.put(self.payload, (*path, spot.name), found if spot.many else found[0])
        if all((each.datum or read_from) is datum.Datum.WGS84 and not each.measured for each in said):
            return
        self._note(NoteKind.CONVERTED, points=found)
        words = next((field for field in self._beside(path) if field.name == SPOT), None)
        if words is not None:
            as_said = text if read_from is None else f"{read_from.value} {text}"
            before = form_values.get(self.payload, (*path[:-1], SPOT))
            whole = as_said if before is None else before if as_said in before else with_note(before, as_said)
            if len(whole) <= MOST_CHARACTERS:
                form_values.put(self.payload, (*path[:-1], SPOT), whole)

    # -- what follows from the position --

    def _surroundings(self) -> Surroundings | None:
        """Return what surrounds the position; None where it is not known, or there are no outlines."""
        point, around = coordinates_of(self.payload), self.context.map
        return None if point is None or around is None else around.surroundings(*point, self.context.county)

    def _follow(self, before: Surroundings | None) -> None:
        """Say where the position lies, and propose anew what was proposed from the one before.

        What a person wrote instead of a proposal stays; ``producers.doubts`` compares its distance with the position.
        """
        now = self._surroundings()
        self._say_if_elsewhere(now)
        if now == before:
            return
        computed = (None,) if before is None else (None, before.border)
        followed = self.payload.get("border") in computed and self._put_border(now)
        touches = self.content.get("touches")
        if touches and now is not None and sorted(touches) != sorted(now.touches):
            if before is not None and sorted(touches) == sorted(before.touches):
                # Never an empty list: that would be a person's word that it touches nobody.
                del self.content["touches"]
                self.content |= {"touches": list(now.touches)} if now.touches else {}
                followed = True
            else:
                self._note(NoteKind.TOUCHES_STAY, members=tuple(touches))
        if followed:
            self._note(NoteKind.FOLLOWED, members=tuple(self.content.get("touches", ())))

    def _put_border(self, now: Surroundings | None) -> bool:
        """Write the distance to the border, or take it away; return whether it changed, and say it."""
        before = self.payload.pop("border", None)
        if now is not None and now.border is not None and "border" in self.fields:
            self.payload["border"] = dict(now.border)
            if before is not None or "touches" in self.asked:
                self._say_border(now)
        return before is not None and self.payload.get("border") != before

    def _say_border(self, now: Surroundings) -> None:
        if now.border is not None:
            metres, bearing = now.border["distance_m"], now.border["bearing"]
            self._note(NoteKind.BORDER, member=now.nearest, metres=metres, bearing=bearing)

    def _say_if_elsewhere(self, now: Surroundings | None) -> None:
        named = form_values.get(self.payload, ("place", "county")) or self.context.county
        if now is not None and self.context.map is not None and now.county not in {None, named}:
            there = str(now.county)
            known = there in self.context.members
            self._note(NoteKind.ELSEWHERE, member=there if known else self.context.map.outlines.name(there))

    def _beside(self, path: Path) -> tuple[Field, ...]:
        """Return the fields of the group that a path ends in."""
        above = forms.fields_on_path(tuple(self.fields.values()), path[:-1])
        return above[-1].parts if above else ()
