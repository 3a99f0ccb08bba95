"""Counties, borders and distances."""

from __future__ import annotations

import json
import math
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Polygon, box, shape

from yizhan.producers.geography import FLATTENING, MAJOR_KM, Outlines, OutlinesInvalid, sample_outlines, to_plane
from yizhan.schemas.sample import SIX


def chord_km(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Return the straight line through the earth between two points: exact, from x, y, z.

    Within 50 km it is shorter than the way along the ground by less than 0.0003 %.
    """
    e2 = FLATTENING * (2 - FLATTENING)

    def xyz(longitude: float, latitude: float) -> tuple[float, float, float]:
        east, north = math.radians(longitude), math.radians(latitude)
        radius = MAJOR_KM / math.sqrt(1 - e2 * math.sin(north) ** 2)
        return (
            radius * math.cos(north) * math.cos(east),
            radius * math.cos(north) * math.sin(east),
            radius * (1 - e2) * math.sin(north),
        )

    return math.dist(xyz(*here), xyz(*there))


@given(
    longitude=st.floats(-179, 179),
    latitude=st.floats(-60, 60),
    bearing=st.floats(0, 360),
    km=st.floats(0.1, 50),
)
def test_the_plane_is_true_to_a_ten_thousandth(longitude: float, latitude: float, bearing: float, km: float) -> None:
    """Within 50 km the plane's distance and the closed form differ by less than 0.01 %."""
    north = latitude + km / 111 * math.cos(math.radians(bearing))
    east = longitude + km / 111 / math.cos(math.radians(latitude)) * math.sin(math.radians(bearing))
    exact = chord_km((longitude, latitude), (east, north))
    plane = math.hypot(*to_plane(np.array([[east, north]]), longitude, latitude)[0])
    assert plane == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize(
    ("longitude", "latitude", "code"),
    [
        (119.50, 27.46, "350924"),
        (119.06, 27.62, "331126"),
        (120.21, 27.32, "350982"),
        (120.42, 27.52, "330327"),
        (118.53, 27.92, "350722"),
        (119.13, 28.07, "331181"),
    ],
)
def test_county_seats_lie_in_their_counties(longitude: float, latitude: float, code: str) -> None:
    """The six of the sample alliance are where the map has them."""
    assert sample_outlines().county_at(longitude, latitude) == code


@pytest.mark.parametrize(("longitude", "latitude"), [(0.0, 0.0), (121.5, 31.2), (120.9, 26.5), (180.0, 90.0)])
def test_elsewhere_is_nowhere(longitude: float, latitude: float) -> None:
    """A point outside every outline has no county."""
    assert sample_outlines().county_at(longitude, latitude) is None


def test_the_sample_has_its_members_and_names() -> None:
    """39 counties, the six among them."""
    outlines = sample_outlines()
    assert len(outlines.codes) == 39
    assert set(SIX) <= set(outlines.codes)
    assert outlines.name("330327") == "苍南县"
    assert outlines.name("000000") == "000000"


SQUARES = Outlines(
    {
        "100002": box(120.1, 27, 120.2, 27.1),
        "100001": box(120, 27, 120.1, 27.1),
        "100003": MultiPolygon([box(120.5, 27, 120.6, 27.1), box(120, 27.2, 120.1, 27.3)]),
    }
)


def test_a_point_on_a_shared_border_is_in_the_lower_code() -> None:
    """Two imports of one detection agree on whose it is."""
    assert SQUARES.county_at(120.1, 27.05) == "100001"


def test_inside_is_no_distance() -> None:
    """A position inside a county has distance 0 from it."""
    assert SQUARES.distance(120.05, 27.05, "100001") == (0, 0)


@pytest.mark.parametrize(
    ("longitude", "latitude", "code", "there", "bearing"),
    [
        (120.05, 27.05, "100002", (120.1, 27.05), 90),
        (120.05, 27.15, "100001", (120.05, 27.1), 180),
        (120.05, 27.15, "100003", (120.05, 27.2), 0),
        (120.25, 27.05, "100002", (120.2, 27.05), 270),
    ],
)
def test_distance_and_bearing_lead_to_the_nearest_point(
    longitude: float, latitude: float, code: str, there: tuple[float, float], bearing: float
) -> None:
    """Of several parts the nearest counts; the bearing is from north, clockwise."""
    km, found = SQUARES.distance(longitude, latitude, code)
    assert km == pytest.approx(chord_km((longitude, latitude), there), rel=1e-4)
    assert found == pytest.approx(bearing, abs=0.05)


def test_members_within_are_sorted_by_distance_and_never_oneself() -> None:
    """Only members, only within the strip, the nearest first."""
    members = ("100001", "100002", "100003")
    near = SQUARES.members_within(120.05, 27.09, 15, members, "100001")
    assert [code for code, _ in near] == ["100002", "100003"]
    assert near[0][1] == pytest.approx(4.96, abs=0.01)
    assert SQUARES.members_within(120.05, 27.09, 4.9, members, "100001") == ()
    assert SQUARES.members_within(120.05, 27.09, 15, ("100001", "100003"), "100001") == near[1:]


def test_a_strip_of_no_width_holds_who_is_touched() -> None:
    """At 0 km a point on the border still touches the neighbour."""
    assert SQUARES.members_within(120.1, 27.05, 0, ("100001", "100002"), "100001") == (("100002", 0.0),)


@given(st.floats(118.0, 121.0), st.floats(26.5, 28.8), st.floats(0, 40))
def test_the_index_misses_nobody(longitude: float, latitude: float, km: float) -> None:
    """The box that is asked first holds everybody whom the plane finds within the distance."""
    outlines = sample_outlines()
    by_index = dict(outlines.members_within(longitude, latitude, km, SIX, "350924"))
    one_by_one = {code: outlines.distance(longitude, latitude, code)[0] for code in SIX if code != "350924"}
    assert by_index == {code: distance for code, distance in one_by_one.items() if distance <= km}


def test_the_real_distance_is_what_a_walk_along_the_outline_finds() -> None:
    """The detection of 2022-04-04 in 福鼎: every 10 m of 苍南's outline measured by the closed form, 4.8 km."""
    data = files("yizhan.producers").joinpath("data").joinpath("counties.geojson").read_bytes()
    (outline,) = (
        shape(one["geometry"]) for one in json.loads(data)["features"] if one["properties"]["code"] == "330327"
    )
    here = (120.36673, 27.17004)
    steps = shapely.get_coordinates(outline.segmentize(0.0001))
    walked = min(chord_km(here, (east, north)) for east, north in steps.tolist())
    assert sample_outlines().distance(*here, "330327")[0] == pytest.approx(walked, abs=0.001)
    assert walked == pytest.approx(4.80, abs=0.01)


@pytest.mark.parametrize(
    "outlines",
    [{}, {"100001": Polygon()}, {"100001": Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])}],
)
def test_outlines_that_mislead_are_refused(outlines: dict[str, Any]) -> None:
    """None, an empty one, one that crosses itself."""
    with pytest.raises(OutlinesInvalid):
        Outlines(outlines)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"features":[{}]}', b'{"features":[{"properties":{"code":"1"}}]}']
)
def test_what_is_no_collection_of_counties_is_refused(data: bytes) -> None:
    """A wrong file is named, not half used."""
    with pytest.raises(OutlinesInvalid):
        Outlines.from_geojson(data)


def test_a_county_twice_is_refused() -> None:
    """The second would silently replace the first."""
    square = {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [0, 0]]]}
    feature = {"type": "Feature", "properties": {"code": "100001"}, "geometry": square}
    with pytest.raises(OutlinesInvalid, match="code 相同"):
        Outlines.from_geojson(json.dumps({"features": [feature, feature]}).encode())


def test_an_unknown_county_has_no_distance() -> None:
    """A member without an outline is named."""
    with pytest.raises(OutlinesInvalid, match="999999"):
        SQUARES.distance(120, 27, "999999")
