"""The areas of an ``info`` together: their shapes, the counties that they name, and the members that they touch.

Rule 1: every polygon and circle counts, and every code of GB/T 2260: a county's own, a city's or a province's for all
        members in it.
Rule 2: an area that cannot be read is named, and the others count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import shapely
from lxml import etree
from shapely.geometry.base import BaseGeometry

from yizhan.producers.cap.places import (
    AreaInvalid,
    position_of_circle,
    position_of_shapes,
    shape_of_circle,
    shape_of_polygon,
)
from yizhan.producers.cap.xml import name, pairs, text, texts
from yizhan.producers.proposals import AllianceMap
from yizhan.schemas.i18n import _
from yizhan.schemas.invisible import without_invisible

_COUNTY: Final = re.compile(r"([1-8][0-9]{5})(?:[0-9]{6,8})?")
MOST_SHAPES: Final = 500


@dataclass(frozen=True, slots=True)
class CapAreas:
    """What the areas of one ``info`` say."""

    description: str
    """``areaDesc`` of all, one after the other."""
    shapes: tuple[BaseGeometry, ...]
    """In degrees, longitude first."""
    position: dict[str, Any] | None
    """Theirs together; None for none, or for what is too wide."""
    codes: tuple[str, ...]
    """Codes of GB/T 2260, as the message has them."""
    names_own: bool
    """Whether they name the county that reads, or the city or province that it lies in."""
    reaches_own: bool
    """Whether a shape reaches its territory."""
    touches: tuple[str, ...]
    """Other members: named, or within the policy's strip of a shape."""


def read_areas(info: etree._Element, around: AllianceMap, own: str, unfit: list[str]) -> CapAreas:
    """Read every area of an ``info``; what cannot be read becomes a sentence in ``unfit``."""
    areas = info.findall(name("area"))
    described = (without_invisible(text(each, "areaDesc") or "", keep="\n\t").strip() for each in areas)
    drawn = [(tag, each) for area in areas for tag in ("circle", "polygon") for each in texts(area, tag)]
    if len(drawn) > MOST_SHAPES:
        unfit.append(_("范围太多，只取前 {most} 处").format(most=MOST_SHAPES))
    shapes = list[BaseGeometry]()
    for tag, each in drawn[:MOST_SHAPES]:
        try:
            shapes.append((shape_of_circle if tag == "circle" else shape_of_polygon)(each))
        except AreaInvalid as error:
            unfit.append(str(error))
    codes = [match[1] for area in areas for _name, value in pairs(area, "geocode")
             if (match := _COUNTY.fullmatch(value.strip()))]  # fmt: skip
    named = {member for member in around.members if any(_lies_in(member, code) for code in codes)}
    whole = shapely.union_all(shapes) if shapes else None
    near = () if whole is None else around.outlines.members_near(whole, around.strip_km, around.members, own)
    return CapAreas(
        " ".join("; ".join(filter(None, described)).split()),
        tuple(shapes),
        _position(drawn, shapes, unfit),
        tuple(codes),
        own in named or any(_lies_in(own, code) for code in codes),
        whole is not None and around.outlines.touches(whole, own),
        tuple(sorted((named | set(near)) - {own})),
    )


def _position(drawn: list[tuple[str, str]], shapes: list[BaseGeometry], unfit: list[str]) -> dict[str, Any] | None:
    if not shapes:
        return None
    try:
        position = position_of_circle(drawn[0][1]) if len(drawn) == 1 and drawn[0][0] == "circle" else (
            position_of_shapes(shapes)
        )  # fmt: skip
    except AreaInvalid as error:
        unfit.append(str(error))
        return None
    if len(shapes) > 1:
        unfit.append(_("共 {count} 处范围，合在一起取中心作坐标").format(count=len(shapes)))
    return position


def _lies_in(member: str, code: str) -> bool:
    """Return whether a code names a county, or the city or province that contains it.

    >>> _lies_in("350924", "350900"), _lies_in("350924", "330000")
    (True, False)
    """
    if code.endswith("0000"):
        return member.startswith(code[:2])
    return member.startswith(code[:4]) if code.endswith("00") else member == code
