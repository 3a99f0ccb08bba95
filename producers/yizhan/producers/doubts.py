"""What a desk is asked about before an event goes: nothing here stops one.

Rule 1: pure: the draft, its county, the members, the time and the outlines decide.
Rule 2: an answer, a correction or a withdrawal is never doubted for where it goes: it goes where its original went.
Rule 3: what is doubtful in the content and kept nevertheless is marked in the payload, so that its reader knows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from yizhan.schemas.admit import CLOCK_TOLERANCE
from yizhan.schemas.grades import Proposal, propose_grade
from yizhan.schemas.header import NOTICE
from yizhan.schemas.payloads.common import Mark
from yizhan.schemas.payloads.table import FOREST_FIRE, TYPES
from yizhan.schemas.timestamps import instant

if TYPE_CHECKING:
    from yizhan.producers.drafts import Draft
    from yizhan.producers.geography import Outlines

_PAST: Final = ("occurred_at", "started_at", "found_at", "detected_at", "filed_at")
"""Fields of payloads that tell of what has been."""
OUTLINE_ERROR_M: Final = 300.0
"""How far a position may lie outside its county before anybody asks: twice the error of simplified outlines."""


class Doubt(StrEnum):
    """Why a person should look again."""

    TOUCHES_NOBODY = "touches_nobody"
    """It touches none of those that would get it: the agreement is about matters that touch both."""
    ELSEWHERE = "elsewhere"
    """It happened on another county's territory: a county reports its own."""
    GRADE = "grade"
    """The grade is not what the law's figures say."""
    FUTURE = "future"
    """Something is said to have happened that is still to come."""
    NOWHERE = "nowhere"
    """The position is in no county that has an outline: in the sea, or mistyped."""
    OTHER_COUNTY = "other_county"
    """The position is in another county than the one named."""
    NO_UNIT = "no_unit"
    """A quantity without a unit."""


MARKS: Final = MappingProxyType(
    {
        Doubt.GRADE: Mark.GRADE,
        Doubt.FUTURE: Mark.FUTURE,
        Doubt.NOWHERE: Mark.NOWHERE,
        Doubt.OTHER_COUNTY: Mark.OTHER_COUNTY,
        Doubt.NO_UNIT: Mark.NO_UNIT,
    }
)
"""What a reader is told where a doubt about the content was kept (rule 3)."""


def doubts(
    draft: Draft,
    county: str,
    members: Collection[str],
    now: datetime | None = None,
    outlines: Callable[[], Outlines] | None = None,
) -> tuple[Doubt, ...]:
    """Return what is odd about a draft of a county.

    Args:
        draft: to be sent.
        county: whose desk it is.
        members: of the alliance.
        now: times are compared with it; None for not at all.
        outlines: positions are compared with them, read only where there is one; None for not at all.
    """
    if draft.type == NOTICE:
        return ()
    answers = any((draft.reply_to, draft.supersedes, draft.withdraws))
    return (*(() if answers else _of_address(draft, county, members)), *_of_content(draft, now, outlines))


def _of_address(draft: Draft, county: str, members: Collection[str]) -> Iterator[Doubt]:
    recipients = set(draft.to or members) - {county}
    if not recipients & set(draft.touches or ()):
        yield Doubt.TOUCHES_NOBODY
    if draft.type in TYPES and TYPES[draft.type].own_territory and place_of(draft) not in {None, county}:
        yield Doubt.ELSEWHERE


def _of_content(draft: Draft, now: datetime | None, outlines: Callable[[], Outlines] | None) -> Iterator[Doubt]:
    if grade_otherwise(draft) is not None:
        yield Doubt.GRADE
    if now is not None and any(instant(said) - now > CLOCK_TOLERANCE for said in _told_times(draft)):
        yield Doubt.FUTURE
    if outlines is not None:
        yield from of_position(draft.payload.get("place"), outlines)
    if any(one.get("unit") is None for name in ("objects", "seized") for one in _objects(draft.payload.get(name))):
        yield Doubt.NO_UNIT


def grade_otherwise(draft: Draft) -> Proposal | None:
    """Return what the law's figures propose for a fire whose grade says something else; None where they agree.

    Without the area of forest, deaths and injuries say only how grave it is at the least.
    """
    proposal = (
        propose_grade(FOREST_FIRE, draft.payload) if draft.type == FOREST_FIRE and draft.grade is not None else None
    )
    if proposal is None or draft.grade is None or draft.grade == proposal.grade:
        return None
    return proposal if "forest_ha" in draft.payload or draft.grade > proposal.grade else None


def _told_times(draft: Draft) -> Iterator[str]:
    yield from ([] if draft.time is None else [draft.time])
    yield from (said for name in _PAST if isinstance(said := draft.payload.get(name), str))


def of_position(place: Any, outlines: Callable[[], Outlines]) -> Iterator[Doubt]:  # noqa: ANN401 -- JSON is any
    """Yield what is odd about a place's position beside the county that it names; nothing where it has none."""
    position = place.get("position") if isinstance(place, Mapping) else None
    if not isinstance(position, Mapping):
        return
    shapes, (longitude, latitude) = outlines(), position["coordinates"]
    county = str(place["county"])
    if county not in shapes.codes:
        return
    tolerance = max(OUTLINE_ERROR_M, position.get("accuracy_m") or 0.0) / 1000
    if shapes.distance(longitude, latitude, county)[0] > tolerance:
        yield Doubt.NOWHERE if shapes.county_at(longitude, latitude) is None else Doubt.OTHER_COUNTY


def _objects(value: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 -- JSON is any
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list | tuple) else []


def kept(draft: Draft, found: Collection[Doubt]) -> Draft:
    """Return the draft with what was kept of doubts about its content marked in its payload."""
    marks = [mark.value for doubt, mark in MARKS.items() if doubt in found]
    payload = {name: value for name, value in draft.payload.items() if name != "doubtful"}
    return draft.model_copy(update={"payload": payload | ({"doubtful": marks} if marks else {})})


def place_of(draft: Draft) -> str | None:
    """Return the county where it happened, as the payload says; None where it says nothing."""
    place = draft.payload.get("place")
    return str(place["county"]) if isinstance(place, dict) and "county" in place else None
