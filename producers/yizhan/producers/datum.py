"""Parses positions as people write them: order, degrees-minutes-seconds, and the datum of China's maps.

Rule 1: a datum is given, never guessed: 高德 shows GCJ-02, 百度 BD-09, a GPS receiver and 天地图 (CGCS2000, within
        a metre) WGS 84. A point of one read as another's is off by 300 to 1,200 m.
Rule 2: GCJ-02 and BD-09 have no official formula. These are the published ones (as in eviltransform and
        coordtransform), of the Krasovsky ellipsoid; inverses are iterated to a millimetre.
Rule 3: in China longitudes are 73° to 136° and latitudes 3° to 54°: which is which needs no rule, and a
        point that fits neither order is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import _, marked

LONGITUDES: Final = (73.0, 136.0)
LATITUDES: Final = (3.0, 54.0)
DIGITS: Final = 6
"""Decimal places of a stored position: 0.1 m."""
_AXIS_M: Final = 6_378_245.0
_ECCENTRICITY2: Final = 0.006693421622965943
_BAIDU: Final = math.pi * 3000 / 180
_PRECISION_DEGREES: Final = 1e-9
_ROUNDS: Final = 30

Point = tuple[float, float]
"""Longitude, latitude in degrees."""


class Datum(StrEnum):
    """The coordinate system of a map or receiver."""

    WGS84 = "WGS84"
    GCJ02 = "GCJ-02"
    BD09 = "BD-09"

    @property
    def label(self) -> str:
        """Return its usual name, to be translated where shown."""
        return _TITLES[self]


_TITLES: Final = {
    Datum.WGS84: marked("WGS84（卫星定位仪、手持 GPS、天地图）"),
    Datum.GCJ02: marked("GCJ-02（高德、腾讯地图、手机地图）"),
    Datum.BD09: marked("BD-09（百度地图）"),
}
_SPOKEN: Final = {
    "wgs84": Datum.WGS84, "wgs-84": Datum.WGS84, "gps": Datum.WGS84, "天地图": Datum.WGS84, "北斗": Datum.WGS84,
    "cgcs2000": Datum.WGS84, "gcj02": Datum.GCJ02, "gcj-02": Datum.GCJ02, "高德": Datum.GCJ02, "腾讯": Datum.GCJ02,
    "amap": Datum.GCJ02, "bd09": Datum.BD09, "bd-09": Datum.BD09, "百度": Datum.BD09, "baidu": Datum.BD09,
}  # fmt: skip


def names_of(datum: Datum) -> tuple[str, ...]:
    """Return the names that people use for a datum."""
    return tuple(word for word, meant in _SPOKEN.items() if meant is datum)


class PositionInvalid(YizhanError):
    """Text that is not a position in China, or not a datum."""


def datum_of(text: str) -> Datum:
    """Return the datum of a word, such as ``GCJ-02``, ``高德`` or ``百度``.

    Raises:
        PositionInvalid: none of the three.
    """
    plain = text.strip().casefold()
    for datum in Datum:
        if plain in {datum.value.casefold(), datum.label.casefold(), _(datum.label).casefold()}:
            return datum
    if plain in _SPOKEN:
        return _SPOKEN[plain]
    sentence = marked("坐标系应为 WGS84、GCJ-02（高德）或 BD-09（百度）；得到 {got}")
    raise PositionInvalid(sentence, got=repr(text[:40]))


# -- text --

_NUMBER: Final = r"[0-9]{1,3}(?:\.[0-9]{1,12})?"
_ANGLE: Final = re.compile(
    rf"(?P<before>[NSEW东西南北]?(?:经|纬)?)\s*(?P<degrees>{_NUMBER})\s*(?:[°º度]\s*"
    rf"(?:(?P<minutes>{_NUMBER})\s*[′'’分]\s*(?:(?P<seconds>{_NUMBER})\s*(?:[″\"”秒]|'')\s*)?)?)?"
    r"(?P<after>[NSEW]?)",
    re.IGNORECASE,
)
_SIXTY: Final = 60
_EASTWARD, _NORTHWARD = frozenset("E东"), frozenset("N北")
_ELSEWHERE = frozenset("SW南西")


def position_of(text: str) -> Point:
    """Read a position in any order, in degrees or degrees, minutes and seconds.

    >>> position_of("27°10′12″N 119°30′36″E")
    (119.51, 27.17)
    >>> position_of("东经119.51度，北纬27.17度")
    (119.51, 27.17)

    Raises:
        PositionInvalid: no two angles, or no point of China.
    """
    plain = text.translate(str.maketrans("０１２３４５６７８９．，", "0123456789.,")).strip()
    found = list(_ANGLE.finditer(plain))
    rest = re.sub(r"[\s,;，；、]+", "", _ANGLE.sub("", plain))
    if len(found) != 2 or rest:  # noqa: PLR2004 -- a pair
        raise PositionInvalid(
            marked("应为经度和纬度，如 119.51,27.17 或 119°30′36″E 27°10′12″N；得到 {got}"), got=repr(text[:60])
        )
    angles = [_angle(match) for match in found]
    sides = [f"{match['before']}{match['after']}".upper()[:1] for match in found]
    if any(side in _ELSEWHERE for side in sides if side):
        raise _outside(text)
    first_is_latitude = (
        sides[0] in _NORTHWARD or sides[1] in _EASTWARD or (not any(sides) and _within(angles[0], LATITUDES))
    )
    longitude, latitude = (angles[1], angles[0]) if first_is_latitude else (angles[0], angles[1])
    if not (_within(longitude, LONGITUDES) and _within(latitude, LATITUDES)):
        raise _outside(text)
    return round(longitude, 9), round(latitude, 9)


def _angle(match: re.Match[str]) -> float:
    minutes, seconds = float(match["minutes"] or 0), float(match["seconds"] or 0)
    if minutes >= _SIXTY or seconds >= _SIXTY:
        raise PositionInvalid(marked("分和秒应小于 60；得到 {got}"), got=repr(match[0]))
    return float(match["degrees"]) + minutes / _SIXTY + seconds / _SIXTY**2


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]


def _outside(text: str) -> PositionInvalid:
    sentence = marked("不在中国境内：经度应在 73 到 136 度，纬度应在 3 到 54 度；得到 {got}，请核对")
    return PositionInvalid(sentence, got=repr(text[:60]))


# -- datum --


def to_wgs84(point: Point, datum: Datum) -> Point:
    """Convert a position of a datum to WGS 84, rounded to 0.1 m."""
    if datum is Datum.BD09:
        point = _inverse(_bd09_of_gcj02, point)
    if datum is not Datum.WGS84:
        point = _inverse(_gcj02_of_wgs84, point)
    return round(point[0], DIGITS), round(point[1], DIGITS)


def from_wgs84(point: Point, datum: Datum) -> Point:
    """Convert WGS 84 to a datum, for maps that use it."""
    if datum is Datum.WGS84:
        return point
    gcj02 = _gcj02_of_wgs84(point)
    return gcj02 if datum is Datum.GCJ02 else _bd09_of_gcj02(gcj02)


def _inverse(forward: Callable[[Point], Point], point: Point) -> Point:
    """Invert ``forward`` by iteration; it moves points little and smoothly, so each round is closer."""
    longitude, latitude = point
    for _round in range(_ROUNDS):
        moved = forward((longitude, latitude))
        off = point[0] - moved[0], point[1] - moved[1]
        longitude, latitude = longitude + off[0], latitude + off[1]
        if max(map(abs, off)) < _PRECISION_DEGREES:
            break
    return longitude, latitude


def _gcj02_of_wgs84(point: Point) -> Point:
    x, y = point[0] - 105, point[1] - 35
    shared = 20 * math.sin(6 * x * math.pi) + 20 * math.sin(2 * x * math.pi)
    north = shared + _waves(y, 160, 320)
    east = shared + _waves(x, 150, 300)
    north_m = north * 2 / 3 - 100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    east_m = east * 2 / 3 + 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    latitude = math.radians(point[1])
    curved = 1 - _ECCENTRICITY2 * math.sin(latitude) ** 2
    north_radius = _AXIS_M * (1 - _ECCENTRICITY2) / curved**1.5
    east_radius = _AXIS_M / math.sqrt(curved) * math.cos(latitude)
    return point[0] + math.degrees(east_m / east_radius), point[1] + math.degrees(north_m / north_radius)


def _waves(z: float, short: float, long: float) -> float:
    angle = z * math.pi
    return 20 * math.sin(angle) + 40 * math.sin(angle / 3) + short * math.sin(angle / 12) + long * math.sin(angle / 30)


def _bd09_of_gcj02(point: Point) -> Point:
    x, y = point
    radius = math.hypot(x, y) + 0.00002 * math.sin(y * _BAIDU)
    angle = math.atan2(y, x) + 0.000003 * math.cos(x * _BAIDU)
    return radius * math.cos(angle) + 0.0065, radius * math.sin(angle) + 0.006
