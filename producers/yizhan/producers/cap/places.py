"""Areas of CAP: circles and polygons, latitude first (3.2.4, 3.3.1), as positions of ours, longitude first.

Rule 1: a position lies in China, or is left out and reported: coordinates in the wrong order are not guessed.
Rule 2: an area becomes its middle and how far its edge is at most; one wider than ``WIDEST_KM`` is no position.
"""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import Any, Final

from yizhan.producers.datum import LATITUDES, LONGITUDES
from yizhan.producers.geography import MAJOR_KM
from yizhan.schemas.i18n import _

WIDEST_KM: Final = 50.0
MOST_POINTS: Final = 10_000
_LEAST_POINTS: Final = 4
_NUMBER: Final = r"[+-]?[0-9]{1,3}(?:\.[0-9]{1,15})?"
_POINT: Final = re.compile(rf"({_NUMBER}),({_NUMBER})")
_CIRCLE: Final = re.compile(rf"({_NUMBER}),({_NUMBER})\s+([0-9]{{1,5}}(?:\.[0-9]{{1,9}})?)")
_SHOWN: Final = 60
Point = tuple[float, float]
"""Longitude, latitude in degrees of WGS 84."""


class AreaInvalid(ValueError):
    """No circle or polygon of CAP, or none in China; the sentence says what was expected."""


def circle_of(position: dict[str, Any]) -> str:
    """Write a GeoJSON position as ``lat,lon radius``, the radius its accuracy in kilometres (0: unknown)."""
    longitude, latitude = position["coordinates"]
    return f"{_plain(latitude)},{_plain(longitude)} {_plain((position.get('accuracy_m') or 0) / 1000)}"


def _plain(number: float) -> str:
    """Write a number without an exponent, the shortest that reads back the same where that is possible."""
    text = repr(float(number))
    return f"{number:.9f}".rstrip("0").rstrip(".") if "e" in text else text.removesuffix(".0")


def position_of_circle(text: str) -> dict[str, Any]:
    """Read a circle as a position with its radius for accuracy.

    Raises:
        AreaInvalid: no circle, not in China, or too wide.
    """
    if (match := _CIRCLE.fullmatch(" ".join(text.split()))) is None:
        raise AreaInvalid(_("circle 应为“纬度,经度 半径公里”；得到 {came}").format(came=repr(text[:_SHOWN])))
    return _position(_in_china(match[1], match[2], text), float(match[3]))


def position_of_polygon(text: str) -> dict[str, Any]:
    """Read a polygon as the middle of its points, accurate to the farthest.

    Raises:
        AreaInvalid: no closed polygon of at least four points, not in China, or too wide.
    """
    pieces = text.split()
    if len(pieces) < _LEAST_POINTS or len(pieces) > MOST_POINTS or pieces[0] != pieces[-1]:
        sentence = _("polygon 应为首尾相同的至少四个点“纬度,经度”；得到 {came}")
        raise AreaInvalid(sentence.format(came=repr(text[:_SHOWN])))
    points = []
    for piece in pieces:
        if (match := _POINT.fullmatch(piece)) is None:
            raise AreaInvalid(_("polygon 的点应为“纬度,经度”；得到 {came}").format(came=repr(piece[:_SHOWN])))
        points.append(_in_china(match[1], match[2], piece))
    middle = _centroid(points)
    return _position(middle, max(_km(middle, each) for each in points))


def _in_china(latitude: str, longitude: str, text: str) -> Point:
    y, x = float(latitude), float(longitude)
    if LATITUDES[0] <= y <= LATITUDES[1] and LONGITUDES[0] <= x <= LONGITUDES[1]:
        return x, y
    if LATITUDES[0] <= x <= LATITUDES[1] and LONGITUDES[0] <= y <= LONGITUDES[1]:
        sentence = _("CAP 的坐标纬度在前、经度在后；得到 {came}，像是写反了，请向提供方核对")
    else:
        sentence = _("不在中国境内：纬度应在 3 到 54 度，经度应在 73 到 136 度，纬度在前；得到 {came}，请核对")
    raise AreaInvalid(sentence.format(came=repr(text[:_SHOWN])))


def _position(point: Point, km: float) -> dict[str, Any]:
    if km > WIDEST_KM:
        sentence = _("范围半径 {km:.0f} 公里，太大，不作为坐标（至多 {most:.0f} 公里）")
        raise AreaInvalid(sentence.format(km=km, most=WIDEST_KM))
    found: dict[str, Any] = {"type": "Point", "coordinates": list(point), "datum": "WGS84"}
    return found | ({"accuracy_m": round(km * 1000, 3)} if km else {})


def _centroid(points: list[Point]) -> Point:
    """Return the middle of a polygon's area; of its points where it has none."""
    x0, y0 = points[0]
    moved = [(x - x0, y - y0) for x, y in points]
    cross = [(a, b, a[0] * b[1] - b[0] * a[1]) for a, b in pairwise(moved)]
    double = sum(each for _a, _b, each in cross)
    if abs(double) < 1e-12:  # noqa: PLR2004 -- a square millimetre in square degrees
        x = sum(x for x, _y in moved[:-1]) / (len(moved) - 1)
        y = sum(y for _x, y in moved[:-1]) / (len(moved) - 1)
    else:
        x = sum((a[0] + b[0]) * each for a, b, each in cross) / (3 * double)
        y = sum((a[1] + b[1]) * each for a, b, each in cross) / (3 * double)
    return round(x0 + x, 6), round(y0 + y, 6)


def _km(one: Point, other: Point) -> float:
    """Return the distance in a plane, good to a hundredth within what is not too wide."""
    east = math.radians(other[0] - one[0]) * math.cos(math.radians((one[1] + other[1]) / 2))
    return MAJOR_KM * math.hypot(east, math.radians(other[1] - one[1]))
