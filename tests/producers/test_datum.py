"""Positions as people write them, and the datums of China's maps."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yizhan.producers.datum import (
    Datum,
    PositionInvalid,
    datum_of,
    from_wgs84,
    position_of,
    to_wgs84,
)

# (WGS 84, GCJ-02), longitude first, as eviltransform's own tests have them.
PUBLISHED = [
    ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
    ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
    ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
]


def metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Measure roughly how far two near points are from each other."""
    north = (one[1] - other[1]) * 111_000
    return math.hypot(north, (one[0] - other[0]) * 111_320 * math.cos(math.radians(one[1])))


@pytest.mark.parametrize(("wgs84", "gcj02"), PUBLISHED)
def test_gcj02_agrees_with_what_others_publish(wgs84: tuple[float, float], gcj02: tuple[float, float]) -> None:
    """Conversions to and from GCJ-02 agree with published values within 0.1 m."""
    assert metres(from_wgs84(wgs84, Datum.GCJ02), gcj02) < 0.1
    assert metres(to_wgs84(gcj02, Datum.GCJ02), wgs84) < 0.1


@given(st.floats(74, 135), st.floats(4, 53), st.sampled_from(Datum))
def test_a_datum_is_left_as_exactly_as_it_was_entered(longitude: float, latitude: float, datum: Datum) -> None:
    """Anywhere in China there and back is within 0.15 m, which is the rounding."""
    point = longitude, latitude
    assert metres(to_wgs84(from_wgs84(point, datum), datum), point) < 0.15


def test_the_wrong_datum_is_hundreds_of_metres_off() -> None:
    """Why it is asked: on the border of 寿宁 a point of 高德 or 百度 read as WGS 84 is in another village."""
    here = (119.3, 27.4)
    assert 300 < metres(from_wgs84(here, Datum.GCJ02), here) < 800
    assert 800 < metres(from_wgs84(here, Datum.BD09), here) < 1500


@pytest.mark.parametrize(
    "said",
    [
        "119.51,27.17",
        "27.17 119.51",
        "119.51，27.17",
        "27°10′12″N 119°30′36″E",
        "119°30.6'E, 27°10.2'N",
        "东经119度30分36秒，北纬27度10分12秒",
        "北纬27.17度、东经119.51度",
        "N27.17 E119.51",
    ],
)
def test_one_position_in_the_spellings_of_people(said: str) -> None:
    """Order, signs and units of people; longitude first comes out."""
    assert position_of(said) == pytest.approx((119.51, 27.17))


@pytest.mark.parametrize("said", ["27.17", "119.5 27.1 3", "27°61′N 119°E", "5,5", "119.5W 27N", "某山", ""])
def test_what_is_no_position_in_china_is_refused(said: str) -> None:
    """Half a position, a slip in the minutes, a place in the Atlantic."""
    with pytest.raises(PositionInvalid):
        position_of(said)


def test_a_datum_is_known_by_the_map() -> None:
    """Officers know the map, not the standard; what is unknown is not guessed."""
    assert [datum_of(said) for said in ("高德", "百度", "GPS", "gcj-02")] == [
        Datum.GCJ02, Datum.BD09, Datum.WGS84, Datum.GCJ02,
    ]  # fmt: skip
    with pytest.raises(PositionInvalid, match="坐标系应为"):
        datum_of("北京54")
