"""Doubts: what a person should look at again before an event goes. A doubt never stops an event.

Rule 1: pure: the draft and its ``Sender`` (county, charter, time, outlines) decide, whether the draft comes from a
        file, a form, a table, a satellite or a CAP message.
Rule 2: an answer, a correction or a withdrawal is never doubted for where it goes: it goes where its original went.
Rule 3: that an event touches no recipient is a doubt only where it would go at once; in a quarterly digest it may.
        What reports nothing that happened (a plan, a meeting, a bulletin) concerns whom it is sent to.
        A fire or a disaster that would ring nowhere always is one. Who writes that it touches nobody (无, an empty
        list) has said so, and is not asked.
Rule 4: what is doubtful in the content and goes nevertheless is marked in the payload, so that its reader knows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from yizhan.producers.drafts import Draft
from yizhan.schemas.admit import CLOCK_TOLERANCE
from yizhan.schemas.charter import Charter
from yizhan.schemas.grades import Proposal, propose_grade
from yizhan.schemas.header import NOTICE, Header
from yizhan.schemas.payloads.common import Ask, Mark
from yizhan.schemas.payloads.dispute_case import Risk
from yizhan.schemas.payloads.forest_fire import FIRE_OUT, Crossing
from yizhan.schemas.payloads.table import DISPUTE, FOREST_FIRE, LIFE_AT_STAKE, TYPES
from yizhan.schemas.policy import Decision, Way, decide
from yizhan.schemas.timestamps import written

if TYPE_CHECKING:
    # shapely is an optional extra: a desk without it has no outlines.
    from yizhan.producers.geography import Outlines

_PAST: Final = ("occurred_at", "started_at", "found_at", "detected_at", "filed_at")
"""Fields of payloads that hold times of past events."""
OUTLINE_ERROR_M: Final = 150.0
"""The error of simplified outlines: a position may lie so far in another county before anybody asks."""
NOWHERE_M: Final = 2 * OUTLINE_ERROR_M
"""How far a position may lie from its county, in none: between two outlines, each with its error."""


class Doubt(StrEnum):
    """Why a person should look again."""

    TOUCHES_NOBODY = "touches_nobody"
    """It touches none of those that would get it: the agreement is about matters that touch both."""
    ELSEWHERE = "elsewhere"
    """It happened on another county's territory: a county reports its own."""
    GRADE = "grade"
    """The grade is not what the law's figures say."""
    FUTURE = "future"
    """A time of something that happened lies in the future."""
    NOWHERE = "nowhere"
    """The position is in no county that has an outline: in the sea, or mistyped."""
    OTHER_COUNTY = "other_county"
    """The position is in another county than the one named."""
    CROSSED = "crossed"
    """A fire that did not cross the border, by its report, with a position in another county than the one named."""
    BORDER = "border"
    """The distance to the border is not that of the position."""
    STILL_BURNING = "still_burning"
    """A final report of a fire that is not out: its recipient would stop waiting for more."""
    NO_UNIT = "no_unit"
    """A quantity without a unit."""
    UNKNOWN_COUNTY = "unknown_county"
    """A county that it names is no member: mistyped."""
    RINGS_NOWHERE = "rings_nowhere"
    """A fire or a disaster that would ring at no recipient: it touches only others, or its own county."""
    NO_FIRST_REPORT = "no_first_report"
    """It continues a report that this county does not have, or does not name one."""
    WAITS_FOR_QUARTER = "waits_for_quarter"
    """A dispute that may escalate, or that asks for a reply, and would go with the quarter."""


MARKS: Final = MappingProxyType(
    {
        Doubt.GRADE: Mark.GRADE,
        Doubt.FUTURE: Mark.FUTURE,
        Doubt.NOWHERE: Mark.NOWHERE,
        Doubt.OTHER_COUNTY: Mark.OTHER_COUNTY,
        Doubt.NO_UNIT: Mark.NO_UNIT,
    }
)
"""Doubt about the content → mark in the payload for its reader (rule 4)."""
HOLDING: Final = frozenset({Doubt.RINGS_NOWHERE, Doubt.STILL_BURNING})
"""Doubts that keep an event back where there is no person to be asked."""
_ROUTED_BY: Final = ("type", "status", "priority", "grade", "certainty", "touches", "stage", "worse", "wants", "period")


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose desk sends, by which charter, when; ``outlines`` are None where none are at hand."""

    county: str
    charter: Charter
    now: datetime
    outlines: Callable[[], Outlines | None]
    """Called only where a draft has a position."""
    known: Callable[[str], bool] = lambda _id: False
    """Whether the county sent or received an event of this id."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A draft with its doubts, and what a sentence about them needs."""

    draft: Draft
    """With what is doubtful in its content marked in its payload."""
    doubts: tuple[Doubt, ...]
    county: str | None
    """Where it happened, as the payload says."""
    grade: Proposal | None
    """What the law's figures propose where the grade says something else."""
    strangers: tuple[tuple[str, str | None], ...] = ()
    """Counties that it names and that are no members, each with the member that was probably meant."""
    there: str | None = None
    """The other county that the position is in."""


def judge(draft: Draft, sender: Sender) -> Judgement:
    """Return which doubts a draft raises where ``sender`` would send it."""
    found = tuple(_doubts(draft, sender))
    strangers = tuple((code, probably_meant(code, sender.charter.members)) for code in _strangers(draft, sender))
    there = _other_county(draft, sender) if Doubt.OTHER_COUNTY in found else None
    return Judgement(with_marks(draft, found), found, county_of(draft), other_grade(draft), strangers, there)


def _strangers(draft: Draft, sender: Sender) -> list[str]:
    """Return the counties that a draft names and that are no members."""
    return sorted({*(draft.touches or ()), *(draft.to or ())} - sender.charter.members.keys())


def _doubts(draft: Draft, sender: Sender) -> Iterator[Doubt]:
    if draft.type == NOTICE:
        return
    if not any((draft.reply_to, draft.supersedes, draft.withdraws)):
        yield from _of_address(draft, sender)
    if _strangers(draft, sender):
        yield Doubt.UNKNOWN_COUNTY
    if draft.stage in {"update", "final"} and draft.type in LIFE_AT_STAKE and not _continues_known(draft, sender):
        yield Doubt.NO_FIRST_REPORT
    if draft.withdraws is None and not_over(draft.type, draft.stage, draft.payload):
        yield Doubt.STILL_BURNING
    yield from _of_content(draft, sender)


def _of_address(draft: Draft, sender: Sender) -> Iterator[Doubt]:
    recipients = set(draft.to or sender.charter.members) - {sender.county}
    ways = _ways(draft, sender)
    at_once = ways is None or any(way is not Way.DIGEST for way in ways)
    first = draft.stage in {None, "first"} and draft.status == "Actual"
    if draft.type in LIFE_AT_STAKE and first and draft.touches != () and ways is not None and Way.ALARM not in ways:
        yield Doubt.RINGS_NOWHERE
    elif draft.touches != () and not recipients & set(draft.touches or ()) and at_once and TYPES[draft.type].happens:
        yield Doubt.TOUCHES_NOBODY
    if draft.type == DISPUTE and not at_once and _is_hot(draft.payload):
        yield Doubt.WAITS_FOR_QUARTER
    if draft.type in TYPES and TYPES[draft.type].own_territory and county_of(draft) not in {None, sender.county}:
        yield Doubt.ELSEWHERE


def _is_hot(payload: Mapping[str, Any]) -> bool:
    """Return whether a dispute may turn violent, or its sender asks for a reply."""
    asked = payload.get("ask")
    risk = payload.get("risk") in {Risk.MIDDLE.value, Risk.HIGH.value}
    return risk or (isinstance(asked, list | tuple) and Ask.REPLY.value in asked)


def _continues_known(draft: Draft, sender: Sender) -> bool:
    """Return whether the report that a draft continues is known; the outbox resolves an ``external_ref``."""
    if draft.supersedes is not None or draft.withdraws is not None:
        return True
    before = draft.reply_to
    if before is not None and before.external_ref is not None:
        return True
    ids = (draft.subject, None if before is None else before.id)
    return any(sender.known(each) for each in ids if each is not None)


def probably_meant(code: str, members: Collection[str]) -> str | None:
    """Return the member whose code differs by two neighbours in the wrong order, else by one digit; None for none.

    >>> probably_meant("331162", ["331126", "331127"])
    '331126'
    """
    swapped = {code[:n] + code[n + 1] + code[n] + code[n + 2 :] for n in range(len(code) - 1)}
    near = [each for each in members if sum(left != right for left, right in zip(code, each, strict=False)) == 1]
    return next((each for each in (*sorted(swapped & set(members)), *sorted(near))), None)


def _ways(draft: Draft, sender: Sender) -> set[Way] | None:
    """Return how a draft would reach its recipients; None where it is too unfinished to be decided."""
    found = decisions_of(draft, sender)
    return None if found is None else {each.way for each in found.values()}


def decisions_of(draft: Draft, sender: Sender) -> dict[str, Decision] | None:
    """Return how a draft would reach each recipient, and why; None where it is too unfinished to be decided.

    Of a draft that answers, corrects or withdraws an event, the outbox knows the recipients, and this does not.
    """
    touched = set(draft.touches or ()) & sender.charter.members.keys() - {sender.county}
    to = tuple(sorted(set(draft.to or touched or sender.charter.partners(sender.county)) - {sender.county}))
    numbered = {"source": sender.county, "id": f"{sender.county}-0000-1", "kid": "0" * 64, "lanes": {}}
    given = {name: value for name in _ROUTED_BY if (value := getattr(draft, name)) is not None}
    attributes = {"time": written(sender.now), "to": to, "charter": sender.charter.name}
    try:
        header = Header.model_validate({**given, **numbered, **attributes})
    except ValidationError:
        return None
    return {each: decide(header, each, sender.charter.policy) for each in to}


def _of_content(draft: Draft, sender: Sender) -> Iterator[Doubt]:
    if other_grade(draft) is not None:
        yield Doubt.GRADE
    if any(time - sender.now > CLOCK_TOLERANCE for time in _past_times(draft)):
        yield Doubt.FUTURE
    yield from _of_position(draft, sender)
    if any(one.get("unit") is None for name in ("objects", "seized") for one in _objects(draft.payload.get(name))):
        yield Doubt.NO_UNIT


def other_grade(draft: Draft) -> Proposal | None:
    """Return what the law's figures propose for a fire whose grade says something else; None where they agree.

    Without the area of forest, deaths and injuries say only how grave it is at the least.
    """
    graded = draft.type == FOREST_FIRE and draft.grade is not None
    proposal = propose_grade(FOREST_FIRE, draft.payload) if graded else None
    if proposal is None or draft.grade is None or draft.grade == proposal.grade:
        return None
    return proposal if "forest_ha" in draft.payload or draft.grade > proposal.grade else None


def _past_times(draft: Draft) -> Iterator[datetime]:
    """Yield the times of what has happened, as far as they can be read (a draft may be unfinished)."""
    for text in (draft.time, *(draft.payload.get(name) for name in _PAST)):
        with contextlib.suppress(ValueError):
            if isinstance(text, str) and (time := datetime.fromisoformat(text)).tzinfo is not None:
                yield time


def not_over(type: str, stage: str | None, payload: Mapping[str, Any]) -> str | None:
    """Return the field by which a final report says that it is not over: a fire that burns, or is only contained.

    A fire is over once its flames are out; what is cleared and watched afterwards is part of the end.
    """
    burns = type == FOREST_FIRE and "state" in payload and payload["state"] not in FIRE_OUT
    return "state" if burns and stage == "final" else None


def _of_position(draft: Draft, sender: Sender) -> Iterator[Doubt]:
    """Yield what is doubtful about a position, compared with the county and the distance that the draft names."""
    found = _located(draft, sender)
    if found is None:
        return
    shapes, (longitude, latitude), error_m = found
    metres = shapes.distance(longitude, latitude, str(county_of(draft)))[0] * 1000
    border = draft.payload.get("border")
    if shapes.county_at(longitude, latitude) is None and metres > max(NOWHERE_M, error_m):
        yield Doubt.NOWHERE
    elif shapes.county_at(longitude, latitude) is not None and metres > max(OUTLINE_ERROR_M, error_m):
        yield Doubt.OTHER_COUNTY
        if draft.type == FOREST_FIRE and draft.payload.get("crossing") == Crossing.NONE:
            yield Doubt.CROSSED
    elif isinstance(border, Mapping) and _other_distance(border["distance_m"], found, sender):
        yield Doubt.BORDER


def _located(draft: Draft, sender: Sender) -> tuple[Outlines, tuple[float, float], float] | None:
    """Return the outlines, a draft's position and its error in metres; None where there is nothing to compare."""
    place = draft.payload.get("place")
    position = place.get("position") if isinstance(place, Mapping) else None
    if not isinstance(place, Mapping) or not isinstance(position, Mapping):
        return None
    shapes, (longitude, latitude) = sender.outlines(), position["coordinates"]
    if shapes is None or str(place["county"]) not in shapes.codes:
        return None
    return shapes, (longitude, latitude), position.get("accuracy_m") or 0.0


def _other_distance(metres: float, found: tuple[Outlines, tuple[float, float], float], sender: Sender) -> bool:
    """Return whether no other member's territory is so far from a position as its report says."""
    shapes, point, error_m = found
    others = [code for code in shapes.codes if code in sender.charter.members and code != sender.county]
    distances = [shapes.distance(*point, code)[0] * 1000 for code in others]
    return bool(distances) and min(abs(each - metres) for each in distances) > max(NOWHERE_M, error_m, metres / 10)


def _other_county(draft: Draft, sender: Sender) -> str | None:
    """Return the county that a position is in, by the outlines."""
    found = _located(draft, sender)
    return None if found is None else found[0].county_at(*found[1])


def _objects(value: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 -- JSON is any
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list | tuple) else []


def with_marks(draft: Draft, found: Collection[Doubt]) -> Draft:
    """Return the draft with the doubts about its content marked in its payload, and no other mark."""
    marks = [mark.value for doubt, mark in MARKS.items() if doubt in found]
    payload = {name: value for name, value in draft.payload.items() if name != "doubtful"}
    return draft.model_copy(update={"payload": payload | ({"doubtful": marks} if marks else {})})


def county_of(draft: Draft) -> str | None:
    """Return the county where it happened, as the payload says; None where it says nothing."""
    place = draft.payload.get("place")
    return str(place["county"]) if isinstance(place, dict) and "county" in place else None
