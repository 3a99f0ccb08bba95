"""A form's proposals, from few answers: nothing here decides.

Rule 1: an officer is asked three questions: what, how serious, who is affected. The header's values follow from them.
Rule 2: a position gives its county, the distance to the border, and the members affected (the policy's strip).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from yizhan.schemas.i18n import marked

if TYPE_CHECKING:
    from yizhan.producers.geography import Outlines

WHAT: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "seen": (marked("新发生的，已核实"), {"stage": "first", "certainty": "Observed"}),
    "likely": (marked("新发生的，很可能属实"), {"stage": "first", "certainty": "Likely"}),
    "unchecked": (marked("新发生的，还没有核实"), {"stage": "first", "certainty": "Possible"}),
    "goes_on": (marked("以前报过的，有新情况"), {"stage": "update", "certainty": "Observed"}),
    "over": (marked("以前报过的，已经结束"), {"stage": "final", "certainty": "Observed"}),
}
"""What it is → stage and certainty."""
WHICH: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "new": (marked("新的一件：通知、计划、请求"), {"stage": "first"}),
    "goes_on": (marked("接着以前的一件，还没有办完"), {"stage": "update"}),
    "over": (marked("接着以前的一件，已经办完：纪要、结果"), {"stage": "final"}),
}
"""Which it is of a matter, of a type that reports nothing that happened → stage."""
ANSWER: Final[Mapping[str, str]] = {
    "update": marked("中间答复：还在办，或先告知缺什么"),
    "final": marked("最后答复"),
}
"""What kind of answer it is → stage."""
HOW_BAD: Final[Mapping[str, str]] = {
    "flash": marked("特急：有人伤亡、被困、在押，或正在越界，要对方马上行动"),
    "urgent": marked("加急：可能扩大，要对方马上知道"),
    "routine": marked("平急：一般情况"),
}
"""How bad → priority."""
HOW_URGENT: Final[Mapping[str, str]] = {
    "flash": marked("特急：有人在押或等不得，要对方马上行动"),
    "urgent": marked("加急：要对方马上知道"),
    "routine": marked("平急：一般情况"),
}
"""The same, of a type that reports nothing that happened."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The surroundings of a position.

    ``county`` has it on its territory (None: nobody of the outlines); ``nearest`` another member, with its
    border's distance in metres and bearing in degrees; ``touches`` the members within the strip.
    """

    county: str | None
    nearest: str | None
    border: Mapping[str, float] | None
    touches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AllianceMap:
    """The data for proposals: outlines, members, and the width of the policy's strip in kilometres."""

    outlines: Outlines
    members: Collection[str]
    strip_km: float

    def surroundings(self, longitude: float, latitude: float, own: str) -> Surroundings:
        """Return the surroundings of a position (WGS 84) that a county reports."""
        near = self.outlines.members_within(longitude, latitude, self.strip_km, self.members, own)
        there = self.outlines.county_at(longitude, latitude)
        if not near:
            return Surroundings(there, None, None, ())
        km, bearing = self.outlines.distance(longitude, latitude, near[0][0])
        border = {"distance_m": float(round(km * 1000)), "bearing": round(bearing, 1) % 360}
        return Surroundings(there, near[0][0], border, tuple(sorted(code for code, _km in near)))


def members_named(payload: Mapping[str, Any], members: Collection[str], own: str) -> list[str]:
    """Return the other members that a payload names, as a patrol's crews do; else the only other member, if one is.

    >>> members_named({"crews": [{"county": "350924"}, {"county": "331126"}]}, ["331126", "350924", "331127"], "350924")
    ['331126']
    """
    others = sorted(set(members) - {own})
    return [code for code in others if code in _texts(payload)] or (others if len(others) == 1 else [])


def _texts(value: Any) -> set[str]:  # noqa: ANN401 -- JSON is any
    """Return every text within a JSON value."""
    if isinstance(value, str):
        return {value}
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return {text for each in inner for text in _texts(each)}


def coordinates_of(payload: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return longitude and latitude of a payload's place; None if it has none."""
    place = payload.get("place")
    position = place.get("position") if isinstance(place, Mapping) else None
    point = position.get("coordinates") if isinstance(position, Mapping) else None
    if isinstance(point, list | tuple) and len(point) == 2:  # noqa: PLR2004 -- a pair
        return float(point[0]), float(point[1])
    return None
