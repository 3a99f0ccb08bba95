"""Where a point lies: in which county, and how far from which others.

Rule 1: positions are WGS 84, longitude first; distances are kilometres on the ellipsoid.
Rule 2: a distance is measured in a plane around the point: north and east by the ellipsoid's radii of
        curvature at the latitude half-way. Within 50 km it is off by less than 0.01 % (5 m in 50 km).
Rule 3: a point on a shared border is in the county with the lower code; one outside every outline is in none.
Rule 4: outlines are data with their own error (the sample's: about 150 m) and no authority on a boundary.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final, Self

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Point, shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import nearest_points

from yizhan.schemas.errors import YizhanError
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.sentences import technical

MAJOR_KM: Final = 6378.137
"""Semi-major axis of WGS 84."""
FLATTENING: Final = 1 / 298.257223563
_E2: Final = FLATTENING * (2 - FLATTENING)
_KM_A_DEGREE: Final = 110.5
"""Less than any degree of latitude has (110.57 km at the equator)."""
_POLAR: Final = 89.0
_FULL_CIRCLE: Final = 360.0


class OutlinesInvalid(YizhanError):
    """A file of outlines that cannot be used."""


class Outlines:
    """County outlines with an index: thousands of points a second."""

    def __init__(
        self,
        outlines: Mapping[str, BaseGeometry],
        names: Mapping[str, str] | None = None,
        points: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        """Index outlines by county code; ``names`` are what people call them, ``points`` are points with a name.

        Raises:
            OutlinesInvalid: there is none, or one is empty or crosses itself.
        """
        if not outlines:
            raise OutlinesInvalid(marked("应至少有一个县的县界，一个也没有"))
        for code, outline in outlines.items():
            if outline.is_empty or not outline.is_valid:
                why = "empty" if outline.is_empty else shapely.is_valid_reason(outline)
                raise OutlinesInvalid(technical(_("{code} 的县界不能用，请改正文件").format(code=code), why))
        self._outlines = dict(sorted(outlines.items()))
        self._codes = tuple(self._outlines)
        self._names = dict(names or {})
        self.points: Mapping[str, tuple[float, float]] = dict(points or {})
        self._bounds = shapely.total_bounds(list(self._outlines.values())).tolist()
        self._tree = shapely.STRtree(list(self._outlines.values()))
        for outline in self._outlines.values():
            shapely.prepare(outline)

    @classmethod
    def from_geojson(cls, data: bytes) -> Self:
        """Read a FeatureCollection whose features have the property ``code``; a point has ``name`` instead.

        Raises:
            OutlinesInvalid: with what is wrong.
        """
        try:
            features = json.loads(data)["features"]
            pins = [one for one in features if one["geometry"]["type"] == "Point"]
            points = {str(one["properties"]["name"]): _pin(one["geometry"]["coordinates"]) for one in pins}
            counties = [one for one in features if one not in pins]
            found = [(str(one["properties"]["code"]), shape(one["geometry"])) for one in counties]
            names = {str(one["properties"]["code"]): str(one["properties"].get("name", "")) for one in counties}
        except (ValueError, KeyError, TypeError, AttributeError, shapely.errors.ShapelyError) as error:
            sentence = _("应为 GeoJSON 的 FeatureCollection，每个县的 properties 里写明 code，有名的点写明 name")
            raise OutlinesInvalid(technical(sentence, repr(error))) from None
        if len(dict(found)) != len(found):
            raise OutlinesInvalid(marked("有两个 feature 的 code 相同；一个县请并为一个 MultiPolygon"))
        return cls(dict(found), names, points)

    @property
    def codes(self) -> tuple[str, ...]:
        """The counties that have an outline, sorted."""
        return self._codes

    def name(self, code: str) -> str:
        """Return what people call a county, else its code."""
        return self._names.get(code) or code

    def county_at(self, longitude: float, latitude: float) -> str | None:
        """Return the code of the county that the point is in, or None."""
        west, south, east, north = self._bounds
        if not (west <= longitude <= east and south <= latitude <= north):
            return None
        hits = self._tree.query(Point(longitude, latitude), predicate="intersects")
        return self._codes[min(hits)] if len(hits) else None

    def members_within(
        self, longitude: float, latitude: float, km: float, members: Collection[str], own: str
    ) -> tuple[tuple[str, float], ...]:
        """Return (code, km) of the members but ``own`` whose territory is within ``km``, the nearest first.

        A member without an outline is never near: see ``codes``.
        """
        around = _around(longitude, latitude, km)
        found = []
        for index in self._tree.query(around):
            code = self._codes[index]
            if code in members and code != own:
                distance = self.distance(longitude, latitude, code)[0]
                if distance <= km:
                    found.append((code, distance))
        return tuple(sorted(found, key=lambda one: (one[1], one[0])))

    def members_near(self, whole: BaseGeometry, km: float, members: Collection[str], own: str) -> tuple[str, ...]:
        """Return the members but ``own`` whose territory is within ``km`` of a shape in degrees, sorted.

        As ``members_within``, from the point of the shape that is nearest to each.
        """
        west, south, east, north = whole.bounds
        corners = [_around(x, y, km) for x in (west, east) for y in (south, north)]
        found = []
        for index in self._tree.query(shapely.box(*shapely.total_bounds(corners))):
            code = self._codes[index]
            if code not in members or code == own:
                continue
            here, _there = nearest_points(whole, self._outlines[code])
            if self.distance(here.x, here.y, code)[0] <= km:
                found.append(code)
        return tuple(sorted(found))

    def touches(self, whole: BaseGeometry, code: str) -> bool:
        """Return whether a shape in degrees and a county's territory share a point."""
        outline = self._outlines.get(code)
        return outline is not None and bool(outline.intersects(whole))

    def distance(self, longitude: float, latitude: float, code: str) -> tuple[float, float]:
        """Return (km, bearing) from the point to the nearest point of a county; (0, 0) inside it.

        The bearing is in degrees from north, clockwise, below 360.

        Raises:
            OutlinesInvalid: the county has no outline.
        """
        if code not in self._outlines:
            sentence = marked("没有 {code} 的县界；有的是：{codes}")
            raise OutlinesInvalid(sentence, code=code, codes=", ".join(self._codes))
        plane = shapely.transform(self._outlines[code], lambda degrees: to_plane(degrees, longitude, latitude))
        nearest = nearest_points(Point(0, 0), plane)[1]
        bearing = math.degrees(math.atan2(nearest.x, nearest.y)) % _FULL_CIRCLE
        # A tiny negative angle rounds up to the full circle.
        return math.hypot(nearest.x, nearest.y), 0.0 if bearing >= _FULL_CIRCLE else bearing

    def boundary_point(self, longitude: float, latitude: float, code: str) -> tuple[float, float]:
        """Return the point of a county's boundary that is nearest to a point, inside the county or outside."""
        plane = shapely.transform(self._outlines[code].boundary, lambda degrees: to_plane(degrees, longitude, latitude))
        nearest = nearest_points(Point(0, 0), plane)[1]
        km, bearing = math.hypot(nearest.x, nearest.y), math.degrees(math.atan2(nearest.x, nearest.y))
        return moved((longitude, latitude), km, bearing)


def _pin(coordinates: Sequence[float]) -> tuple[float, float]:
    return float(coordinates[0]), float(coordinates[1])


def moved(point: tuple[float, float], km: float, bearing: float) -> tuple[float, float]:
    """Return the point that lies so far from another, in degrees from north, clockwise; the inverse of ``to_plane``."""
    longitude, latitude = point
    angle = math.radians(bearing)
    east, north = km * math.sin(angle), km * math.cos(angle)
    there = latitude
    for _round in range(3):  # the radius at the latitude half-way, which depends on where it ends
        curved = 1 - _E2 * math.sin(math.radians((latitude + there) / 2)) ** 2
        there = latitude + math.degrees(north * curved**1.5 / (MAJOR_KM * (1 - _E2)))
    middle = math.radians((latitude + there) / 2)
    radius = MAJOR_KM / math.sqrt(1 - _E2 * math.sin(middle) ** 2) * math.cos(middle)
    return longitude + math.degrees(east / radius), there


def to_plane(degrees: NDArray[Any], longitude: float, latitude: float) -> NDArray[Any]:
    """Turn n × [longitude, latitude] into n × [km east, km north] of the point given."""
    middle = np.radians((degrees[:, 1] + latitude) / 2)
    curved = 1 - _E2 * np.sin(middle) ** 2
    east_radius = MAJOR_KM / np.sqrt(curved)
    north_radius = MAJOR_KM * (1 - _E2) / curved**1.5
    east = east_radius * np.cos(middle) * np.radians(degrees[:, 0] - longitude)
    north = north_radius * np.radians(degrees[:, 1] - latitude)
    return np.column_stack((east, north))


def circle_around(point: tuple[float, float], km: float) -> BaseGeometry:
    """Return a circle around a longitude and latitude as a shape in degrees; the point itself for a radius of 0."""
    longitude, latitude = point
    if not km:
        return Point(longitude, latitude)
    # Degrees east and north of a kilometre at the point.
    scale = np.abs(
        to_plane(np.array([[longitude + 1e-4, latitude], [longitude, latitude + 1e-4]]), longitude, latitude)
    )
    east, north = 1e-4 / scale[0, 0], 1e-4 / scale[1, 1]
    circle = Point(0, 0).buffer(km, quad_segs=32)
    return shapely.transform(circle, lambda plane: plane * [east, north] + [longitude, latitude])


def _around(longitude: float, latitude: float, km: float) -> BaseGeometry:
    """Return a box in degrees that holds every point within ``km``."""
    north = km / _KM_A_DEGREE
    east = north / math.cos(math.radians(min(abs(latitude) + north, _POLAR)))
    return shapely.box(longitude - east, latitude - north, longitude + east, latitude + north)


@cache
def sample_outlines() -> Outlines:
    """Return the outlines that travel with the package (``data/README.md``)."""
    return Outlines.from_geojson(files("yizhan.producers").joinpath("data").joinpath("counties.geojson").read_bytes())
