"""A form asked in the terminal: question after question, each answer kept before the next is asked.

Rule 1: the questions are those of ``yizhan.producers.forms``; no type is named here.
Rule 2: required questions come first, then one list of the optional ones to pick from.
Rule 3: an answer is judged by the payload's own model at once; what is refused is asked again, with the reason.
Rule 4: ``<`` goes back, ``?`` tells what is expected, ``-`` takes an answer away, Enter keeps what is proposed.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from yizhan.cli.output import plain, say
from yizhan.producers import datum, form_values, forms, proposals
from yizhan.producers.file_sealing import check_file
from yizhan.producers.form_values import AnswerInvalid
from yizhan.producers.forms import Choice, Field, FieldKind
from yizhan.runtime.clock import utc_now
from yizhan.schemas import strictjson
from yizhan.schemas.errors import FileRefused, PayloadInvalid
from yizhan.schemas.files import MAX_FILES
from yizhan.schemas.grades import propose_grade
from yizhan.schemas.i18n import _, join_list, join_sentences, marked, with_note
from yizhan.schemas.payloads import TYPES, parse_strict

if TYPE_CHECKING:
    from yizhan.producers.draft_store import DraftStore
    from yizhan.producers.form_values import Path

BACK, HELP, AWAY = "<", "?", "-"
COMPUTED: Final = frozenset({"border", "grade", "grade_basis", "doubtful"})
"""Proposed from other answers, not asked like the rest."""
WHAT: Final = Field("what", marked("一、什么情况"), FieldKind.CHOICE, required=True, choices=tuple(
    Choice(word, said) for word, (said, _follows) in proposals.WHAT.items()))  # fmt: skip
ANSWER: Final = Field("what", marked("一、哪一种答复"), FieldKind.CHOICE, required=True, choices=tuple(
    Choice(word, said) for word, said in proposals.ANSWER.items()))  # fmt: skip
HOW_BAD: Final = Field("how_bad", marked("二、有多严重"), FieldKind.CHOICE, required=True, choices=tuple(
    Choice(word, said) for word, said in proposals.HOW_BAD.items()))  # fmt: skip
TOUCHED: Final = Field("touches", marked("三、涉及哪些县"), FieldKind.MEMBER, many=True)
_DATUM: Final = Field("datum", marked("坐标系（坐标从哪里读来）"), FieldKind.CHOICE, required=True, choices=tuple(
    Choice(each.value, each.called, also=datum.spoken(each)) for each in datum.Datum))  # fmt: skip
_WORSE: Final = Field("worse", marked("比上次报告更严重（扩大、越界、伤人、求援）"), FieldKind.FLAG, required=True)
_FILE: Final = Field("files", marked("附件（文件路径，可空）"), FieldKind.TEXT)
_GRADE: Final = Field("grade", marked("等级（1 特别重大 2 重大 3 较大 4 一般）"), FieldKind.WHOLE, low=1, high=4)
_BASIS: Final = Field("grade_basis", marked("定级依据"), FieldKind.TEXT)


class Back(Exception):
    """The person wants to go back."""


@dataclass(frozen=True, slots=True)
class FormContext:
    """In whose name is asked: the county, its alliance, and what is proposed."""

    county: str
    members: Mapping[str, str]
    """Code → name."""
    around: proposals.Map | None
    """None where no outlines are at hand."""
    office: Mapping[str, Any]
    earlier: Callable[[], Sequence[tuple[str, str]]]
    """(id, a line about it) of what may go on, the newest first."""


class Asking:
    """One draft being asked for; ``content`` is the draft's JSON as it grows."""

    def __init__(self, setting: FormContext, book: DraftStore, n: int) -> None:
        """Take up draft ``n`` where it was left."""
        found = book.get(n)
        self.setting, self.book, self.n, self.type = setting, book, n, found.type
        self.content: dict[str, Any] = dict(strictjson.loads(strictjson.dumps(found.content), floats=True))
        self.content.setdefault("payload", {})
        self.asked = set(found.asked)
        self.files: list[str] = []
        """Paths of what goes with it; they are not kept with the draft."""
        self.form = {field.name: field for field in forms.form_of(self.type)}

    @property
    def payload(self) -> dict[str, Any]:
        """The payload as it grows."""
        found: dict[str, Any] = self.content["payload"]
        return found

    def save(self) -> None:
        """Keep what there is."""
        self.book.save(self.n, self.content, self.asked, utc_now())

    # -- the whole form --

    def everything(self) -> None:
        """Ask what was not asked yet."""
        required = [field for field in self.form.values() if field.required and field.name not in COMPUTED]
        steps: list[tuple[str, Callable[[], None]]] = [("what", self.what)]
        steps += [(field.name, self._asker(field)) for field in required]
        steps += [("optional", self.optional), ("how_bad", self.how_bad), ("touches", self.touched)]
        steps += [("grade", self.grade)] if TYPES[self.type].graded or "grade" in self.form else []
        number = 0
        while number < len(steps):
            name, step = steps[number]
            try:
                if name not in self.asked:
                    step()
                    self.asked.add(name)
                    self.save()
                number += 1
            except Back:
                number = max(number - 1, 0)
                self.asked.discard(steps[number][0])

    def _asker(self, field: Field) -> Callable[[], None]:
        return lambda: self.ask(field)

    def again(self, name: str) -> None:
        """Ask one question again, by its name."""
        own = {
            "what": self.what,
            "how_bad": self.how_bad,
            "touches": self.touched,
            "grade": self.grade,
            "optional": self.optional,
        }
        try:
            if name in own:
                own[name]()
            elif name in self.form:
                self.ask(self.form[name])
            else:
                self._of_the_letter(name)
        except Back:
            return
        self.asked.add(name)
        self.save()

    def _of_the_letter(self, name: str) -> None:
        """Ask for another attribute of the header; what is no single answer stays as it is."""
        field = next((one for one in forms.header_form() if one.name == name), None)
        if field is not None and field.kind is not FieldKind.GROUP:
            value = self._answer(field, self.content.get(name))
            self.content.pop(name, None)
            if value is not None:
                self.content[name] = value

    def optional(self) -> None:
        """List what may be told beside, and ask what is picked."""
        rest = [field for field in self.form.values() if not field.required and field.name not in COMPUTED]
        if not rest:
            return
        choices = tuple(Choice(field.name, field.title) for field in rest)
        menu = Field(
            "optional", marked("可以补充（编号，可多项；回车跳过）"), FieldKind.CHOICE, many=True, choices=choices
        )
        for name in self._answer(menu, []) or ():
            self.ask(self.form[name])
            self.asked.add(name)
            self.save()

    # -- the three questions --

    def what(self) -> None:
        """Ask what it is: stage and certainty follow, and the thread of what goes on."""
        if any(name in self.content for name in ("reply_to", "supersedes", "withdraws")):
            if self.type in TYPES and TYPES[self.type].model.answers_others:
                self.content["stage"] = self._answer(ANSWER, self.content.get("stage"))
            return
        now = next((word for word, (_said, follows) in proposals.WHAT.items()
                    if all(self.content.get(name) == value for name, value in follows.items())), None)  # fmt: skip
        word = self._answer(WHAT, now)
        self.content |= proposals.WHAT[word][1]
        for name in ("subject", "worse"):
            self.content.pop(name, None)
        if self.content["stage"] != "first":
            self._goes_on()

    def _goes_on(self) -> None:
        earlier = self.setting.earlier()
        if not earlier:
            say(_("本县没有发过这一类的事件，按独立的一件发出"))
            return
        choices = tuple(Choice(code, line) for code, line in earlier)
        thread = self._answer(
            Field("subject", marked("接着哪一件"), FieldKind.CHOICE, required=True, choices=choices), None
        )
        self.content["subject"] = thread
        self.content["worse"] = self._answer(_WORSE, None)

    def how_bad(self) -> None:
        """Ask how bad it is: the priority follows."""
        self.content["priority"] = self._answer(HOW_BAD, self.content.get("priority"))

    def touched(self) -> None:
        """Ask whom it touches; proposed by the position, and the border's distance with it."""
        proposed = self.content.get("touches")
        point, around = proposals.coordinates_of(self.payload), self.setting.around
        if point is not None and around is not None:
            seen = around.around(*point, self.setting.county)
            proposed = proposed or list(seen.touches)
            if seen.border is not None and "border" in self.form:
                self.payload["border"] = dict(seen.border)
                sentence = _("距 {member} 界约 {metres:.0f} 米，方位 {bearing:.0f} 度")
                name = self.setting.members.get(str(seen.nearest), str(seen.nearest))
                say(sentence.format(member=name, metres=seen.border["distance_m"], bearing=seen.border["bearing"]))
        codes = self._answer(TOUCHED, proposed or None)
        self.content.pop("touches", None)
        if codes:
            self.content["touches"] = sorted(set(codes))

    def grade(self) -> None:
        """Ask for the grade, with what the thresholds propose and on what that rests; an officer decides."""
        proposal = propose_grade(self.type, self.payload)
        proposed, basis = (None, None) if proposal is None else (proposal.grade, proposal.basis)
        if basis:
            say(basis)
        value = self._answer(_GRADE, self.content.get("grade") or proposed)
        for holder in (self.content, *([self.payload] if "grade" in self.form else [])):
            holder.pop("grade", None)
            if value is not None:
                holder["grade"] = value
        if "grade_basis" in self.form:
            self.payload.pop("grade_basis", None)
            if value is not None:
                said = basis if value == proposed else None
                needed = Field(_BASIS.name, _BASIS.title, _BASIS.kind, required=True)
                self.payload["grade_basis"] = self._answer(needed, said)

    # -- one field of the payload --

    def ask(self, field: Field, above: Path = ()) -> None:
        """Ask one question, or the questions of a group, and keep each answer."""
        path = (*above, field.name)
        if field.kind is not FieldKind.GROUP:
            self._leaf(field, path)
        elif field.many:
            self._several(field, path)
        elif forms.is_position(field):
            self._position(field, path)
        else:
            self._group(field, path)

    def _group(self, field: Field, path: Path) -> None:
        say(f"— {_(field.title)} —")
        for part in field.parts:
            self.ask(part, path)

    def _several(self, field: Field, path: Path) -> None:
        number = 0
        one = Field(field.name, field.title, FieldKind.GROUP, parts=field.parts)
        while True:
            say(_("— {title} 第 {number} 项 —").format(title=_(field.title), number=number + 1))
            for part in one.parts:
                self.ask(part, (*path, number))
            number += 1
            more = len(form_values.get(self.payload, path) or ()) > number
            if not self._answer(Field("more", marked("还有一项"), FieldKind.FLAG, required=True), more):
                return

    def _leaf(self, field: Field, path: Path) -> None:
        kept = form_values.get(self.payload, path)
        proposed = kept if kept is not None else self._proposal(field, path)
        while True:
            value = self._answer(field, proposed)
            if value is None:
                form_values.take(self.payload, path)
                break
            form_values.put(self.payload, path, value)
            if not (faults := self._faults(path)):
                break
            form_values.take(self.payload, path)
            for said in faults:
                say(said)
        self.save()

    def _proposal(self, field: Field, path: Path) -> Any:  # noqa: ANN401 -- JSON is any
        if path == ("org_code",):
            return self.setting.office.get("org_code", f"{self.setting.county}000000")
        if path == ("place", "county"):
            return self.setting.county
        return form_values.get(self.setting.office, path) if len(path) > 1 else field.default

    def _faults(self, path: Path) -> list[str]:
        """Return what the model has against what stands at a path."""
        here = ".".join(map(str, path))
        try:
            parse_strict(self.type, self.payload)
        except PayloadInvalid as error:
            return [said for where, said in error.errors if where == here or where.startswith(f"{here}.")]
        return []

    def _position(self, field: Field, path: Path) -> None:
        """Ask for a position, or a line of them, and from which map it was read; WGS 84 is kept."""
        spot = next(part for part in field.parts if part.name == "coordinates")
        place = (*path, spot.name)
        kept = form_values.get(self.payload, place)
        shown = None if kept is None else form_values.written_out(spot, kept, {})
        asked = dataclasses.replace(spot, title=field.title, kind=FieldKind.POINT, required=field.required)
        while True:
            text = self._line(asked, shown)
            if text is None:
                form_values.take(self.payload, path)
                return
            try:
                points = datum.positions_of(text) if spot.many else [datum.position_of(text)]
                break
            except datum.PositionInvalid as error:
                say(str(error))
        if text != shown:
            where = datum.Datum(self._answer(_DATUM, None))
            found = [list(datum.to_wgs84(point, where)) for point in points]
            form_values.put(self.payload, place, found if spot.many else found[0])
            if where is not datum.Datum.WGS84:
                say(_("换算为 WGS84：{points}").format(points="; ".join(f"{x},{y}" for x, y in found)))
            self.save()
        for part in field.parts:
            if part is not spot:
                self.ask(part, path)

    def ask_files(self) -> None:
        """Ask for files to go with it, where its type carries them, and refuse at once what may not go."""
        if "attachments" not in self.form:
            return
        self.files.clear()
        while len(self.files) < MAX_FILES:
            try:
                text = self._line(_FILE, None)
            except Back:
                return
            if text is None:
                return
            path = pathlib.Path(text.strip("'\"")).expanduser()
            try:
                size = check_file(path)
            except FileRefused as error:
                say(str(error))
                continue
            self.files.append(str(path))
            say(_("附件 {n}：{name}，{size} 字节").format(n=len(self.files), name=plain(path.name), size=size))

    # -- one answer --

    def _answer(self, field: Field, proposed: Any) -> Any:  # noqa: ANN401 -- JSON is any
        """Ask until the answer is understood; None where an optional one is passed over."""
        members = self.setting.members
        if field.choices or field.kind is FieldKind.MEMBER:
            labels = [one.label() for one in field.choices] or [f"{code} {name}" for code, name in members.items()]
            say(_(field.title) + ":")
            for number, label in enumerate(labels, 1):
                say(f"  {number}  {label}")
        shown = None if proposed in (None, []) else form_values.written_out(field, proposed, members)
        while True:
            text = self._line(field, shown)
            if text is None:
                return None
            if text == shown:
                return proposed
            try:
                return form_values.understood(field, text, members, numbered=True)
            except AnswerInvalid as error:
                say(str(error))

    def _line(self, field: Field, proposed: str | None) -> str | None:
        """Read one line; None for an optional answer passed over or taken away."""
        hint = "" if field.choices or field.kind is FieldKind.MEMBER else field.expected()
        optional = "" if field.required else _("可跳过")
        asked = (
            with_note(_(field.title), join_sentences(each for each in (hint, optional) if each))
            if hint or optional
            else _(field.title)
        )
        while True:
            said = click.prompt(plain(asked), default=proposed or "", show_default=bool(proposed), err=True,
                                prompt_suffix=": ")  # fmt: skip
            text = str(said).strip()
            if text == BACK:
                raise Back
            if text == HELP:
                say(field.expected() or _("文字"))
                say(_("< 回到上一题，- 清除这一项，回车保留方括号里的；Ctrl-C 停下，草稿留着"))
            elif text == AWAY or not text:
                if not field.required:
                    return None
                say(_("这一项必填"))
            else:
                return text


def faults_of(type: str, payload: Mapping[str, Any]) -> str:
    """Say in a word which required answers are missing, for lists."""
    missing = [field.title for field in forms.form_of(type) if field.required and field.name not in payload]
    return _("还缺 {names}").format(names=join_list(map(_, missing))) if missing else ""
