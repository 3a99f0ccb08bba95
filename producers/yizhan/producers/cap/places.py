"""Areas of CAP: circles and polygons, latitude first (3.2.4, 3.3.1), as shapes and positions of ours, longitude first.

Rule 1: a shape lies in China, or is left out and reported: coordinates in the wrong order are not guessed.
Rule 2: numbers are compared as numbers: 27.5 and 27.500 are one point, and close a polygon.
Rule 3: a polygon that crosses itself, or is as flat as a line, is still the ground that it covers.
Rule 4: areas become one position, their middle and how far their edge is at most; wider than ``WIDEST_KM`` is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from yizhan.producers.datum import LATITUDES, LONGITUDES
from yizhan.producers.geography import circle_around, to_plane
from yizhan.schemas.i18n import _

WIDEST_KM: Final = 50.0
MOST_POINTS: Final = 10_000
_LEAST_POINTS: Final = 4
_NUMBER: Final = r"[+-]?(?:[0-9]{1,9}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,2})?"
_POINT: Final = re.compile(rf"({_NUMBER}),({_NUMBER})")
_CIRCLE: Final = re.compile(rf"({_NUMBER}),({_NUMBER})\s+({_NUMBER})")
_SAME_DEGREES: Final = 1e-9
"""Two points nearer than this (0.1 mm) are one."""
_MOST_KM: Final = 5_000.0
"""Longest radius of a circle: China is no wider."""
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
    point, km = _circle(text)
    return _position(point, km)


def position_of_polygon(text: str) -> dict[str, Any]:
    """Read a polygon as the middle of what it covers, accurate to its farthest point (``AreaInvalid``)."""
    return position_of_shapes([shape_of_polygon(text)])


def shape_of_circle(text: str) -> BaseGeometry:
    """Read a circle as a shape in degrees (``AreaInvalid``)."""
    point, km = _circle(text)
    return circle_around(point, km)


def shape_of_polygon(text: str) -> BaseGeometry:
    """Read a polygon as a shape in degrees; of one that crosses itself or is flat, what it covers.

    Raises:
        AreaInvalid: no closed polygon of at least four points, or not in China.
    """
    pieces = re.sub(r"\s*,\s*", ",", text).split()
    if not _LEAST_POINTS <= len(pieces) <= MOST_POINTS:
        raise _no_polygon(text)
    points = []
    for piece in pieces:
        if (match := _POINT.fullmatch(piece)) is None:
            raise AreaInvalid(_("polygon 的点应为“纬度,经度”；得到 {got}").format(got=repr(piece[:_SHOWN])))
        points.append(_in_china(match[1], match[2], piece))
    if max(abs(one - other) for one, other in zip(points[0], points[-1], strict=True)) > _SAME_DEGREES:
        raise _no_polygon(text)
    shape = shapely.make_valid(Polygon(points))
    return shape if not shape.is_empty else shapely.Point(points[0])


def position_of_shapes(shapes: Sequence[BaseGeometry]) -> dict[str, Any]:
    """Return one position of several shapes: the middle of them all, accurate to the farthest point of any.

    Raises:
        AreaInvalid: they are too wide together.
    """
    whole = shapely.union_all(list(shapes))
    middle = whole.centroid
    point = round(middle.x, 6), round(middle.y, 6)
    away = to_plane(shapely.get_coordinates(whole), *point)
    return _position(point, float(np.hypot(away[:, 0], away[:, 1]).max()))


def _no_polygon(text: str) -> AreaInvalid:
    sentence = _("polygon 应为首尾相同的至少四个点“纬度,经度”；得到 {got}")
    return AreaInvalid(sentence.format(got=repr(text[:_SHOWN])))


def _circle(text: str) -> tuple[Point, float]:
    match = _CIRCLE.fullmatch(re.sub(r"\s*,\s*", ",", " ".join(text.split())))
    if match is None or not 0 <= float(match[3]) <= _MOST_KM:
        raise AreaInvalid(_("circle 应为“纬度,经度 半径公里”；得到 {got}").format(got=repr(text[:_SHOWN])))
    return _in_china(match[1], match[2], text), float(match[3])


def _in_china(latitude: str, longitude: str, text: str) -> Point:
    y, x = float(latitude), float(longitude)
    if LATITUDES[0] <= y <= LATITUDES[1] and LONGITUDES[0] <= x <= LONGITUDES[1]:
        return x, y
    if LATITUDES[0] <= x <= LATITUDES[1] and LONGITUDES[0] <= y <= LONGITUDES[1]:
        sentence = _("CAP 的坐标纬度在前、经度在后；得到 {got}，像是写反了，请向提供方核对")
    else:
        sentence = _("不在中国境内：纬度应在 3 到 54 度，经度应在 73 到 136 度，纬度在前；得到 {got}，请核对")
    raise AreaInvalid(sentence.format(got=repr(text[:_SHOWN])))


def _position(point: Point, km: float) -> dict[str, Any]:
    if km > WIDEST_KM:
        sentence = _("范围半径 {km:.0f} 公里，太大，不作为坐标（至多 {most:.0f} 公里）")
        raise AreaInvalid(sentence.format(km=km, most=WIDEST_KM))
    found: dict[str, Any] = {"type": "Point", "coordinates": list(point), "datum": "WGS84"}
    return found | ({"accuracy_m": round(km * 1000, 3)} if km else {})
