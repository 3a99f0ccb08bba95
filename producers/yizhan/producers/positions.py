"""Positions as officers say them: which map they were read from, and how far they are from the border or a named point.

    高德 119.51,27.17                 read from a map whose datum is said
    119.51,27.17 界南285米            285 m south of the point of the county's boundary nearest to the position
    12号界碑南1.2公里                 1.2 km south of a point that the file of outlines names

Rule 1: the datum is said or asked for; a named point is WGS 84, as the outlines are.
Rule 2: the boundary is that of the reporting county, as the outlines have it (the sample's are off by about 150 m).
Rule 3: where a point to measure from is missing, the sentence says what is needed. Nothing is guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from yizhan.producers.datum import DIGITS, Datum, Point, PositionInvalid, datum_of, names_of, position_of, to_wgs84
from yizhan.schemas.i18n import join_list, marked
from yizhan.schemas.names import plain

if TYPE_CHECKING:
    from yizhan.producers.proposals import AllianceMap

_SIDES: Final = {
    "东北": 45, "东南": 135, "西南": 225, "西北": 315, "北": 0, "东": 90, "南": 180, "西": 270,
    "NE": 45, "SE": 135, "SW": 225, "NW": 315, "N": 0, "E": 90, "S": 180, "W": 270,
}  # fmt: skip
_METRES: Final = {"米": 1, "m": 1, "公里": 1000, "千米": 1000, "km": 1000}
MOST_METRES: Final = 50_000
"""Farther than this nobody measures from a point; it is a slip."""
_OFFSET: Final = re.compile(
    r"(?P<base>.*?)[\s,，]*(?P<border>(?:省|市|县|边)?界线?|border|boundary)?\s*(?:以|往|向|正)?"
    rf"(?<![0-9.°′″])(?P<side>{'|'.join(_SIDES)})(?:方|面|侧|边)?(?:向|约)?\s*"
    rf"(?P<distance>[0-9]{{1,6}}(?:\.[0-9]{{1,3}})?)\s*(?P<unit>{'|'.join(sorted(_METRES, key=len, reverse=True))})处?",
    re.IGNORECASE,
)
_WORDS: Final = sorted({*(word for each in Datum for word in names_of(each)), *Datum}, key=len, reverse=True)
_NAMED: Final = "|".join(re.escape(word) + "(?:地图)?" for word in _WORDS)
_DATUM: Final = re.compile(
    rf"(?:(?P<before>{_NAMED})\s*[:：,，]?\s*)?(?P<rest>.*?)(?:\s*[(（]?(?P<after>{_NAMED})[)）]?)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place as it was said: a position of a datum (None: not said) or a named point, and what is measured from it."""

    base: Point | str
    datum: Datum | None = None
    border: bool = False
    """Measured from the county's boundary, at the point that is nearest to ``base``."""
    metres: float = 0
    bearing: float = 0

    @property
    def needs_datum(self) -> bool:
        """Whether it must be asked from which map the position was read."""
        return self.datum is None and not isinstance(self.base, str)

    @property
    def measured(self) -> bool:
        """Whether it is more than a position."""
        return self.border or self.metres > 0 or isinstance(self.base, str)


def read_spots(text: str, around: AllianceMap | None) -> list[Spot]:
    """Read one place after the other, with semicolons or line ends between (``PositionInvalid``)."""
    return [read_spot(piece, around) for piece in re.split(r"[;；\n]", text) if piece.strip()]


def read_spot(text: str, around: AllianceMap | None) -> Spot:
    """Read one place. ``around`` has the named points; None where no outlines are at hand.

    Raises:
        PositionInvalid: it is none, or the point to measure from is missing.
    """
    found = _OFFSET.fullmatch(text.strip())
    if found is None:
        return _base(text.strip(), around)
    metres = float(found["distance"]) * _METRES[found["unit"].lower()]
    if metres > MOST_METRES:
        raise PositionInvalid(marked("至多量 {most} 公里；得到 {got}"), most=MOST_METRES // 1000, got=repr(text[:60]))
    if not found["base"].strip():
        raise _missing(text, around)
    base = _base(found["base"].strip(), around)
    return Spot(base.base, base.datum, found["border"] is not None, metres, _SIDES[found["side"].upper()])


def _base(text: str, around: AllianceMap | None) -> Spot:
    names = _named_points(around)
    if (name := plain(text)) in names:
        return Spot(names[name])
    said = _DATUM.fullmatch(text)
    if said is None or not said["rest"]:
        return Spot(position_of(text))
    words = {re.sub("地图$", "", word) for word in (said["before"], said["after"]) if word}
    datums = {datum_of(word) for word in words}
    if len(datums) > 1:
        raise PositionInvalid(marked("写了两种坐标系，请只写一种；得到 {got}"), got=repr(text[:60]))
    return Spot(position_of(said["rest"]), next(iter(datums), None))


def _named_points(around: AllianceMap | None) -> dict[str, str]:
    return {} if around is None else {plain(name): name for name in around.outlines.points}


def _missing(text: str, around: AllianceMap | None) -> PositionInvalid:
    names = list(_named_points(around).values())
    if not names:
        sentence = marked("{got} 从哪里量起？请在前面写明附近一点的坐标，如 119.51,27.17 界南285米")
        return PositionInvalid(sentence, got=repr(text[:60]))
    sentence = marked("{got} 从哪里量起？请在前面写明附近一点的坐标，如 119.51,27.17 界南285米，或有名的点：{names}")
    return PositionInvalid(sentence, got=repr(text[:60]), names=join_list(names[:20]))


def locate(spot: Spot, datum: Datum | None, around: AllianceMap | None, county: str) -> Point:
    """Return where a place is: longitude and latitude, WGS 84, rounded to 0.1 m.

    Args:
        spot: as it was said.
        datum: of its position, where it does not say so itself.
        around: outlines and named points.
        county: whose boundary is meant.

    Raises:
        PositionInvalid: it is measured from the boundary, and there is no outline of the county; or no datum is known.
    """
    if isinstance(spot.base, str):
        here = None if around is None else around.outlines.points.get(spot.base)
        if here is None:
            raise PositionInvalid(marked("县界文件里没有名为 {name} 的点"), name=spot.base)
    elif (chosen := spot.datum or datum) is None:
        raise PositionInvalid(marked("请写明坐标系，如 高德 119.51,27.17"))
    else:
        here = to_wgs84(spot.base, chosen)
    if spot.border:
        if around is None or county not in around.outlines.codes:
            raise PositionInvalid(marked("没有 {county} 的县界，不能从界上量起；请写坐标"), county=county)
        here = around.outlines.boundary_point(*here, county)
    if spot.metres:
        here = around_point(here, spot.metres / 1000, spot.bearing)
    return round(here[0], DIGITS), round(here[1], DIGITS)


def around_point(point: Point, km: float, bearing: float) -> Point:
    """Return the point that lies so far from another in a direction: degrees from north, clockwise."""
    from yizhan.producers.geography import moved  # noqa: PLC0415 -- shapely and numpy are an optional extra

    return moved(point, km, bearing)
