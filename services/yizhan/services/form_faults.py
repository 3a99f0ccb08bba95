"""What is missing, wrong or doubtful in a draft that is written on one page, each beside the field that it is about.

Rule 1: the contract judges (``check_draft``); what the page asks besides, because the form does, is missing too.
Rule 2: doubts and the proposed grade come from what is sound so far: they do not wait for the last answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from yizhan.producers import datum, form_values, forms, positions
from yizhan.producers.doubts import Doubt
from yizhan.producers.drafts import Draft
from yizhan.producers.form_values import AnswerInvalid, Path
from yizhan.producers.forms import Field, FieldKind
from yizhan.producers.officers import officer_faults
from yizhan.schemas import strictjson
from yizhan.schemas.grades import Proposal, propose_grade
from yizhan.schemas.i18n import _, marked
from yizhan.services.doubts import doubt_sentences, goes_unasked
from yizhan.services.drafts import DraftFault, check_draft, judge_draft
from yizhan.services.form_questions import THREAD, WORSE
from yizhan.services.form_sheet import FormSheet
from yizhan.services.form_sheet_questions import HEADER, form_name
from yizhan.services.form_words import in_form_words
from yizhan.services.home import Home

_BESIDE: Final[Mapping[Doubt, str]] = {
    Doubt.TOUCHES_NOBODY: "header.touches",
    Doubt.ELSEWHERE: "place.county",
    Doubt.GRADE: "header.grade",
    Doubt.NOWHERE: "place.position",
    Doubt.OTHER_COUNTY: "place.position",
    Doubt.CROSSED: "crossing",
    Doubt.BORDER: "border.distance_m",
    Doubt.STILL_BURNING: "state",
    Doubt.UNKNOWN_COUNTY: "header.touches",
    Doubt.RINGS_NOWHERE: "header.touches",
    Doubt.NO_FIRST_REPORT: "header.what",
    Doubt.WAITS_FOR_QUARTER: "header.how_bad",
}
"""Doubt → the field beside which it stands; the others are about the whole."""
_ATTRIBUTES: Final = {
    "stage": "header.what", "certainty": "header.what", "subject": "header.what", "worse": "header.what",
    "priority": "header.how_bad", "grade": "header.grade", "touches": "header.touches", "to": "header.to",
    "time": "header.time", "expires": "header.expires", "status": "header.status",
}  # fmt: skip
_REQUIRED: Final = marked("这一项必填")


@dataclass(frozen=True, slots=True)
class SheetFault:
    """What keeps a draft from being sent; ``name`` is that of a field, empty for the draft as a whole."""

    name: str
    title: str
    sentence: str
    missing: bool
    """Nothing stands there yet."""


@dataclass(frozen=True, slots=True)
class SheetDoubt:
    """What should be looked at again. ``holds``: it goes only after an officer has said that it does."""

    code: str
    name: str
    sentence: str
    holds: bool


@dataclass(frozen=True, slots=True)
class SheetState:
    """How far a draft is."""

    faults: tuple[SheetFault, ...]
    doubts: tuple[SheetDoubt, ...]
    grade: Proposal | None
    """What the law's figures propose."""

    @property
    def sendable(self) -> bool:
        """Whether nothing keeps it back but doubts."""
        return not self.faults


def sheet_state(home: Home, sheet: FormSheet) -> SheetState:
    """Return what is missing, wrong or doubtful in a draft."""
    _draft, found = check_draft(sheet.content)
    faults = [*_unanswered(sheet), *(_beside(sheet, each) for each in found), *_officers(sheet)]
    whole = {each.path.removeprefix("payload.").partition(".")[0] for each in found if each.path.startswith("payload.")}
    payload = {name: value for name, value in sheet.payload.items() if name not in whole}
    spoiled = {each.path.partition(".")[0] for each in found if not each.path.startswith("payload")}
    header = {name: value for name, value in sheet.content.items() if name not in spoiled | {"payload"}}
    doubts = _doubts(home, sheet, {**header, "payload": payload})
    once = {(each.name, each.sentence): each for each in reversed(faults)}
    return SheetState(
        tuple(each for each in faults if once[each.name, each.sentence] is each),
        doubts,
        propose_grade(sheet.type, payload),
    )


def _officers(sheet: FormSheet) -> Iterator[SheetFault]:
    """Yield what is implausible about the officers that are named; the contract is asked of a whole payload only."""
    for path, problem in officer_faults(sheet.payload):
        chain = forms.fields_on_path(tuple(sheet.fields.values()), form_values.path_of(path))
        yield SheetFault(path, "·".join(_(each.title) for each in chain), problem, missing=False)


def _doubts(home: Home, sheet: FormSheet, sound: Mapping[str, Any]) -> tuple[SheetDoubt, ...]:
    try:
        draft = Draft.model_validate_json(strictjson.dumps(sound))
    except ValidationError:
        return ()
    judged = judge_draft(home, sheet.context.county, draft)
    held = not goes_unasked(judged, forced=False)
    return tuple(
        SheetDoubt(doubt.value, _BESIDE.get(doubt, ""), in_form_words(sheet.type, sentence), held)
        for doubt, sentence in zip(judged.doubts, doubt_sentences(home, judged), strict=True)
    )


def _unanswered(sheet: FormSheet) -> Iterator[SheetFault]:
    """Yield what the form asks of the header and nobody has answered."""
    what = sheet.what_question()
    if what is not None and not sheet.values("header.what"):
        yield SheetFault("header.what", what.title, _(_REQUIRED), missing=True)
    if "priority" not in sheet.content:
        yield SheetFault("header.how_bad", sheet.urgency_question().title, _(_REQUIRED), missing=True)
    if sheet.goes_on and "subject" not in sheet.content and sheet.earlier():
        yield SheetFault("header.what", THREAD.title, _(_REQUIRED), missing=True)
    if sheet.asks_worse and "worse" not in sheet.content and "subject" in sheet.content:
        yield SheetFault("header.what", WORSE.title, _(_REQUIRED), missing=True)


def _beside(sheet: FormSheet, fault: DraftFault) -> SheetFault:
    """Return a fault beside the field that an officer sees."""
    title = "·".join(map(_, fault.titles))
    if not fault.path.startswith("payload"):
        name = _ATTRIBUTES.get(fault.path.partition(".")[0], "")
        return SheetFault(name, title, fault.problem, missing=False)
    path = form_values.path_of(fault.path.removeprefix("payload.")) if fault.path != "payload" else ()
    path = _shown_path(sheet, path)
    if not path:
        asked = next((each for each in fault.ask if each in sheet.fields), "")
        return SheetFault(asked, title, fault.problem, missing=False)
    stored = form_values.get(sheet.payload, path)
    if stored in (None, {}, []):
        return SheetFault(form_name(path), title, _(_REQUIRED), missing=True)
    return SheetFault(form_name(path), title, _as_said(sheet, path, stored) or fault.problem, missing=False)


def _shown_path(sheet: FormSheet, path: Path) -> Path:
    """Return the longest beginning of a path that is a field on the page; a position is one."""
    for length in range(len(path), 0, -1):
        found = sheet.field_at(path[:length])
        inner = length > 1 and (outer := sheet.field_at(path[: length - 1])) is not None and forms.is_position(outer)
        if found is None or (inner and path[length - 1] == "coordinates"):
            continue
        if isinstance(path[length - 1], int) and found.kind is not FieldKind.GROUP:
            continue
        return path[:length]
    return ()


def _as_said(sheet: FormSheet, path: Path, stored: Any) -> str:  # noqa: ANN401 -- JSON is any
    """Return what is wrong with words that could not be understood; empty where the contract's sentence stands."""
    found = sheet.field_at(path)
    if found is not None and forms.is_position(found):
        stored = stored.get("coordinates") if isinstance(stored, dict) else stored
        return _position_said(sheet, stored) if isinstance(stored, str) else ""
    if found is None or not isinstance(stored, str) or not _is_parsed(found):
        return ""
    try:
        form_values.parse_answer(found, stored, sheet.context.members)
    except AnswerInvalid as error:
        return str(error)
    return ""


def _is_parsed(found: Field) -> bool:
    return found.kind is not FieldKind.TEXT or found.is_day


def _position_said(sheet: FormSheet, text: str) -> str:
    try:
        said = positions.read_spots(text, sheet.context.map)
        for each in said:
            positions.locate(each, None, sheet.context.map, sheet.context.county)
    except datum.PositionInvalid as error:
        return str(error)
    return ""


def header_name(attribute: str) -> str:
    """Return the name on the page of an attribute of the header."""
    return _ATTRIBUTES.get(attribute, f"{HEADER}{attribute}")
