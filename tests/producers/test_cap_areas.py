"""The areas of CAP messages: all of them count, however they are drawn and written."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.producers.cap_cases import NOW, RAIN, changed, read
from yizhan.producers.cap import CapInvalid, draft_of
from yizhan.producers.cap.places import (
    AreaInvalid,
    position_of_circle,
    position_of_polygon,
    shape_of_circle,
    shape_of_polygon,
)
from yizhan.producers.geography import sample_outlines
from yizhan.schemas.sample import SIX

CASES = Path(__file__).parent / "cases"
THREE = (CASES / "cap-three-polygons.xml").read_bytes()
CIRCLE = "<circle>27.40,119.33 4.0</circle>"


def with_area(area: str) -> bytes:
    """Give the rainstorm another area, in place of its circle."""
    return changed(CIRCLE, area)


def test_every_polygon_says_whom_it_touches() -> None:
    """Three polygons: in the county's neighbours each; the place is theirs together."""
    (event,) = read(THREE).events
    outlines = sample_outlines()
    expected = set[str]()
    for corner in ((119.6, 27.35), (119.06, 27.61), (118.5, 27.9)):
        expected |= {code for code, _km in outlines.members_within(*corner, 10, SIX, "350924")}
    assert set(event.attributes["touches"]) >= expected
    assert "331126" in event.attributes["touches"]
    assert "position" not in event.payload["place"]
    assert any("太大" in each for each in event.unfit)
    middle = read(THREE.replace(b"118.48", b"119.28").replace(b"118.52", b"119.32")).events[0]
    assert middle.payload["place"]["position"]["accuracy_m"] > 20_000


def test_the_radius_of_a_circle_reaches_a_neighbour() -> None:
    """Its middle lies 22 km inside, beyond the strip; its edge does not."""
    near = read(with_area("<circle>27.30,119.45 0.5</circle>")).events[0].attributes
    wide = read(with_area("<circle>27.30,119.45 15</circle>")).events[0].attributes
    assert "touches" not in near
    assert wide["touches"] == ["331126"]


def test_county_codes_touch_members() -> None:
    """A county's code one, a city's and a province's all members in it, twelve digits too."""

    def touched(code: str) -> set[str]:
        geocode = f"<geocode><valueName>GB/T 2260</valueName><value>{code}</value></geocode>"
        changed_area = changed(CIRCLE, geocode).replace(b"350924000000", b"350924000000")
        return set(read(changed_area).events[0].attributes.get("touches", []))

    assert touched("331126") == {"331126"}
    assert touched("331126000000") == {"331126"}
    assert touched("330000") == {each for each in SIX if each.startswith("33")}
    assert touched("350900") == {each for each in SIX if each.startswith("3509")} - {"350924"}


@pytest.mark.parametrize(
    "polygon",
    [
        "27.4,119.3 27.5,119.4 27.4,119.4 27.5,119.3 27.4,119.3",
        "27.4,119.3 27.45,119.35 27.5,119.4 27.4,119.3",
        "27.4,119.3 27.4,119.3 27.4,119.3 27.4,119.3",
        "27.4,119.3 27.4000000001,119.35 27.4,119.4 27.4,119.3",
    ],
    ids=["bow tie", "line", "point", "nearly flat"],
)
def test_geometry_that_covers_little_is_where_it_is(polygon: str) -> None:
    """A polygon that crosses itself or has no area: its middle lies among its points."""
    x, y = position_of_polygon(polygon)["coordinates"]
    assert 119.3 <= x <= 119.4
    assert 27.4 <= y <= 27.5
    assert read(with_area(f"<polygon>{polygon}</polygon>")).events[0].payload["place"]["county"] == "350924"


@pytest.mark.parametrize(
    "polygon",
    ["27.4,119.3 27.50,119.3 27.5,119.4 27.400,119.300", "27.4,119.3 27.5,119.3 27.5,119.4 +27.4,1.193e2",
     "27.4, 119.3 27.5, 119.3 27.5, 119.4 27.4, 119.3", "27.4,119.3 27.5,119.3 27.5,119.4 27.400000000000002,119.3"],
)  # fmt: skip
def test_numbers_are_compared_as_numbers(polygon: str) -> None:
    """A polygon is closed by the same point, however it is written."""
    assert position_of_polygon(polygon)["coordinates"] == pytest.approx([119.3333, 27.4667], abs=1e-3)


@pytest.mark.parametrize("circle", ["27.4,119.33 4", "27.40,119.330 4.0", "27.4, 119.33 4e0", "+27.4,119.33 .4e1"])
def test_a_circle_is_its_numbers(circle: str) -> None:
    """Exponents, signs, blanks behind the comma."""
    assert position_of_circle(circle) == position_of_circle("27.40,119.33 4.0")


def test_a_message_that_is_over_is_said_to_be() -> None:
    """An expired message is reported as expired."""
    over = changed("<expires>2026-11-24", "<expires>2026-11-23") if b"<expires>2026-11-24" in RAIN else RAIN
    (event,) = read(over).events
    assert "失效" in event.unfit[0]
    assert NOW.year == 2026


def test_an_all_clear_of_what_was_never_sent_is_no_first_report() -> None:
    """It stays a final one, and the desk is asked about it."""
    clear = (
        changed("<msgType>Alert", "<msgType>Update")
        .replace(b"<urgency>Expected", b"<urgency>Past")
        .replace(b"<note></note>", b"<references>x@y,old,2026-11-23T21:31:38+08:00</references>")
    )
    message = read(clear)
    assert draft_of(message, message.events[0], "350924", {})["stage"] == "final"


NUMBERS = st.sampled_from(
    ["27.4", "119.3", "27.5", "119.4", "-1", "1e99", "nan", "", "27.40", "90", "180", "1e-30", "0"]
)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=8), NUMBERS)
def test_whatever_is_drawn_is_a_shape_or_named(points: list[tuple[str, str]], radius: str) -> None:
    """Any polygon or circle is read as a shape or named as unreadable."""
    pieces = [",".join(each) for each in points]
    for make, text in ((shape_of_polygon, " ".join([*pieces, pieces[0]])), (shape_of_circle, f"{pieces[0]} {radius}")):
        try:
            shape = make(text)
        except AreaInvalid:
            continue
        assert not shape.is_empty
    polygon = " ".join([*pieces, pieces[0]])
    try:
        message = read(with_area(f"<polygon>{polygon}</polygon><circle>{pieces[0]} {radius}</circle>"))
    except CapInvalid:
        return
    assert all(low < high for low, high in pairwise(message.events[0].attributes.get("touches", [])))


def test_a_message_without_an_info_is_no_success() -> None:
    """The schema allows it; nothing can be made of it."""
    start, end = RAIN.index(b"<info>"), RAIN.rindex(b"</info>") + len(b"</info>")
    message = read(RAIN[:start] + RAIN[end:])
    assert message.events == ()
    assert "没有可取的事件" in message.refused[0]
