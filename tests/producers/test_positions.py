"""Positions as officers say them: the map named with them, or measured from the border or a named point."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.producers.test_datum import PUBLISHED, metres
from yizhan.producers.datum import Datum, PositionInvalid, from_wgs84
from yizhan.producers.geography import Outlines, OutlinesInvalid, moved, sample_outlines, to_plane
from yizhan.producers.positions import Spot, locate, read_spot, read_spots
from yizhan.producers.proposals import AllianceMap

SHOUNING, QINGYUAN = "350924", "331126"
AROUND = AllianceMap(sample_outlines(), {SHOUNING, QINGYUAN}, 5.0)
INSIDE = (119.51, 27.47)


def square(*points: dict[str, object]) -> AllianceMap:
    """Return the map of one county, a square of a degree, with named points."""
    corners = [[119, 27], [120, 27], [120, 28], [119, 28], [119, 27]]
    county = {"properties": {"code": SHOUNING}, "geometry": {"type": "Polygon", "coordinates": [corners]}}
    whole = {"type": "FeatureCollection", "features": [county, *points]}
    return AllianceMap(Outlines.from_geojson(json.dumps(whole).encode()), {SHOUNING}, 5.0)


STONE = {"properties": {"name": "12号界碑"}, "geometry": {"type": "Point", "coordinates": [119.5, 27.02]}}


def at(text: str, around: AllianceMap | None = AROUND, datum: Datum | None = None) -> tuple[float, float]:
    """Say where a place is."""
    return locate(read_spot(text, around), datum, around, SHOUNING)


@pytest.mark.parametrize(
    "pattern", ["高德 {}", "高德：{}", "{} 高德", "{}（高德地图）", "GCJ-02 {}", "腾讯{}", "gcj02,{}", "Amap {}"]
)
@pytest.mark.parametrize(("wgs84", "gcj02"), PUBLISHED)
def test_a_map_named_with_the_position_is_its_datum(
    pattern: str, wgs84: tuple[float, float], gcj02: tuple[float, float]
) -> None:
    """Published pairs of GCJ-02 and WGS 84, written before or behind the name of the map, within a tenth of a metre."""
    spot = read_spot(pattern.format(f"{gcj02[0]:.9f},{gcj02[1]:.9f}"), None)
    assert not spot.needs_datum
    assert metres(locate(spot, None, None, SHOUNING), wgs84) < 0.15


@pytest.mark.parametrize(
    ("text", "datum"),
    [
        ("119.51,27.17", None),
        ("27°10′12″N 119°30′36″E", None),
        ("东经119度30.6分 北纬27度10.2分", None),
        ("WGS84 119.51,27.17", Datum.WGS84),
        ("GPS 27°10.2′N 119°30.6′E", Datum.WGS84),
        ("百度 119.51,27.17", Datum.BD09),
        ("高德 27°10′12″N 119°30′36″E", Datum.GCJ02),
    ],
)
def test_what_names_no_map_is_asked_about(text: str, datum: Datum | None) -> None:
    """Degrees, degrees and minutes, seconds: each may name its map, and none is guessed."""
    spot = read_spot(text, None)
    assert (spot.base, spot.datum, spot.needs_datum) == ((119.51, 27.17), datum, datum is None)


def test_two_maps_for_one_position_are_refused() -> None:
    """A position with two datums is refused as ambiguous."""
    with pytest.raises(PositionInvalid, match="两种坐标系"):
        read_spot("高德 119.51,27.17 百度", None)
    assert read_spot("高德 119.51,27.17（GCJ-02）", None).datum is Datum.GCJ02


@pytest.mark.parametrize(
    ("said", "bearing"),
    [("界南285米", 180), ("县界以东北285m", 45), ("border NW 285 m", 315), ("边界向西285米处", 270)],
)
def test_an_offset_is_measured_from_the_boundary_nearest_to_the_position(said: str, bearing: float) -> None:
    """In a square county: the nearest point of the southern edge, moved so far in the direction."""
    point = at(f"WGS84 119.5,27.02 {said}", square())
    plane = to_plane(np.array([point]), 119.5, 27.0)[0] * 1000
    assert math.hypot(*plane) == pytest.approx(285, abs=0.5)
    assert math.degrees(math.atan2(*plane)) % 360 == pytest.approx(bearing, abs=0.2)


def test_the_boundary_is_the_same_from_inside_and_from_outside() -> None:
    """A position in the neighbour's territory, or in ours, leads to the same edge."""
    inside, outside = at("WGS84 119.5,27.02 界南285米", square()), at("WGS84 119.5,26.98 界南285米", square())
    assert metres(inside, outside) < 0.5
    assert inside[1] < 27.0


def test_the_position_of_a_map_is_converted_before_it_is_measured() -> None:
    """The datum that was asked for, or said, counts for the base and not for the offset."""
    said = from_wgs84(INSIDE, Datum.GCJ02)
    text = f"{said[0]:.9f},{said[1]:.9f} 北1.5公里"
    assert metres(at(text, datum=Datum.GCJ02), moved(INSIDE, 1.5, 0)) < 0.5
    assert metres(at(f"高德 {text}"), moved(INSIDE, 1.5, 0)) < 0.5
    assert read_spot(text, AROUND).needs_datum


def test_a_named_point_of_the_outlines_is_a_place() -> None:
    """By itself, and as what is measured from; it needs no datum."""
    around = square(STONE)
    assert at("12号界碑", around) == (119.5, 27.02)
    assert metres(at("12号界碑南1.2公里", around), moved((119.5, 27.02), 1.2, 180)) < 0.2
    assert metres(at("１２号界碑 界南285米", around), at("WGS84 119.5,27.02 界南285米", around)) < 0.2


def test_what_is_missing_is_said() -> None:
    """No point to measure from, no outline, no outlines at all, a distance that is a slip."""
    with pytest.raises(PositionInvalid, match=r"从哪里量起？请在前面写明附近一点的坐标，如 119.51,27.17 界南285米$"):
        read_spot("界南285米", AROUND)
    with pytest.raises(PositionInvalid, match="或有名的点：12号界碑"):
        read_spot("界南285米", square(STONE))
    with pytest.raises(PositionInvalid, match=r"没有 331126 的县界"):
        locate(read_spot("WGS84 119.5,27.02 界南285米", None), None, square(), QINGYUAN)
    with pytest.raises(PositionInvalid, match="县界"):
        at("WGS84 119.5,27.02 界南285米", None)
    with pytest.raises(PositionInvalid, match="没有名为"):
        locate(Spot("3号界碑"), None, square(STONE), SHOUNING)
    with pytest.raises(PositionInvalid, match="至多量 50 公里"):
        read_spot("119.5,27.02 南285公里", AROUND)
    with pytest.raises(PositionInvalid, match="坐标系"):
        at("119.5,27.02")
    for text in ("南阳村南285米", "省南285米", "285米", "119.5 界南285米", "界南285里"):
        with pytest.raises(PositionInvalid):
            read_spot(text, AROUND)


@given(st.text(max_size=40))
def test_whatever_is_written_is_a_place_or_a_refusal(text: str) -> None:
    """Any text is read as a position or refused, never another error."""
    try:
        spot = read_spot(text, AROUND)
    except PositionInvalid:
        return
    assert spot.metres >= 0


@given(st.floats(74, 135), st.floats(4, 53), st.floats(0, 50), st.floats(0, 359.9))
def test_moving_is_the_inverse_of_measuring(longitude: float, latitude: float, km: float, bearing: float) -> None:
    """A point moved so far is found so far away, within 20 cm of 50 km."""
    east, north = to_plane(np.array([moved((longitude, latitude), km, bearing)]), longitude, latitude)[0]
    assert math.hypot(east, north) == pytest.approx(km, abs=2e-4)
    angle = math.radians(bearing)
    assert (east, north) == pytest.approx((km * math.sin(angle), km * math.cos(angle)), abs=2e-4)


def test_a_track_is_one_place_after_the_other() -> None:
    """A track is a list of positions separated by semicolons or line ends."""
    found = [spot.base for spot in read_spots("119.1,27.1；119.2,27.2\n27.3,119.3", None)]
    assert found == [(119.1, 27.1), (119.2, 27.2), (119.3, 27.3)]


def test_a_point_without_a_name_is_no_outline() -> None:
    """A file of outlines may have points, each with its name."""
    with pytest.raises(OutlinesInvalid, match="有名的点写明 name"):
        square({"properties": {}, "geometry": {"type": "Point", "coordinates": [119.5, 27.02]}})
