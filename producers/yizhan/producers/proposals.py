"""What a form proposes, and what it asks about: nothing here decides.

Rule 1: an officer is asked three questions: what, how bad, who is touched. The header's words follow from them.
Rule 2: a position says which county it is in, how far the border is, and whom it touches (the policy's strip).
Rule 3: a position outside every outline, or in another county than was said, is asked about, never refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from yizhan.schemas.i18n import _, marked
from yizhan.schemas.timestamps import instant

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
HOW_BAD: Final[Mapping[str, str]] = {
    "flash": marked("特急：有人伤亡、被困、在押，或正在越界，要对方马上行动"),
    "urgent": marked("加急：可能扩大，要对方马上知道"),
    "routine": marked("平急：一般情况"),
}
"""How bad → priority."""
_CLOCK_TOLERANCE: Final = timedelta(minutes=5)
_TIMES: Final = ("occurred_at", "started_at", "found_at", "detected_at")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a position is.

    ``county`` has it on its territory (None: nobody of the outlines); ``nearest`` another member, with its
    border's distance in metres and bearing in degrees; ``touches`` the members within the strip.
    """

    county: str | None
    nearest: str | None
    border: Mapping[str, float] | None
    touches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Map:
    """What proposals are made from: outlines, members, and the width of the policy's strip in kilometres."""

    outlines: Outlines
    members: Collection[str]
    strip_km: float

    def around(self, longitude: float, latitude: float, own: str) -> Surroundings:
        """Look around a position of WGS 84 for a county that reports it."""
        near = self.outlines.members_within(longitude, latitude, self.strip_km, self.members, own)
        there = self.outlines.county_at(longitude, latitude)
        if not near:
            return Surroundings(there, None, None, ())
        km, bearing = self.outlines.distance(longitude, latitude, near[0][0])
        border = {"distance_m": float(round(km * 1000)), "bearing": round(bearing, 1) % 360}
        return Surroundings(there, near[0][0], border, tuple(sorted(code for code, _km in near)))


def coordinates_of(payload: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return longitude and latitude of a payload's place; None where it has none."""
    place = payload.get("place")
    position = place.get("position") if isinstance(place, Mapping) else None
    point = position.get("coordinates") if isinstance(position, Mapping) else None
    if isinstance(point, list | tuple) and len(point) == 2:  # noqa: PLR2004 -- a pair
        return float(point[0]), float(point[1])
    return None


def doubtful(payload: Mapping[str, Any], around: Map, own: str, now: datetime) -> tuple[str, ...]:
    """Say what a person should look at again: a place that is not where it should be, a time to come."""
    said = []
    if (point := coordinates_of(payload)) is not None:
        seen = around.around(*point, own)
        claimed = payload["place"].get("county")
        if seen.county is None:
            said.append(_("坐标不在任何已知的县内（可能在海上、在图外，或坐标系不对）"))
        elif seen.county != claimed:
            sentence = _("坐标在 {there} 境内，所写的是 {claimed}")
            said.append(sentence.format(there=_called(around, seen.county), claimed=_called(around, str(claimed))))
    said += [
        _("所写的时间在未来：{time}").format(time=value)
        for name in _TIMES
        if isinstance(value := payload.get(name), str) and _moment(value, now) - now > _CLOCK_TOLERANCE
    ]
    return tuple(said)


def _called(around: Map, code: str) -> str:
    name = around.outlines.name(code)
    return code if name == code else f"{code} {name}"


def _moment(value: str, otherwise: datetime) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return otherwise
    return found if found.tzinfo else instant(value)
