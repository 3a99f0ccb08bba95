"""Charts and the map, as SVG: one drawing for HTML, PDF and DOCX.

Rule 1: plain SVG: no script, no style sheet, no external resource; every text is escaped.
Rule 2: same input, same bytes: coordinates have one decimal.
Rule 3: colour is never the only information: each bar has its number, each kind of point its own shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from yizhan.schemas.invisible import blanked

FONTS: Final = "Yizhan Song, FangSong, SimSun, Noto Serif CJK SC, serif"
INK: Final = "#222222"
COLOURS: Final = ("#8c1c13", "#33658a", "#7a9e7e", "#c9a227")
_WIDTH: Final = 640
_BAR: Final = 20
_THIN: Final = 14
_LEFT: Final = (170, 330)
"""Room for names left of bars: at least, at most."""
_SIZE: Final = 13
_MAP_HEIGHT: Final = 400
Outline = Sequence[Sequence[tuple[float, float]]]
"""Rings of [longitude, latitude]."""


def bars(rows: Sequence[tuple[str, Sequence[float]]], legend: Sequence[str], title: str) -> str:
    """Draw horizontal bars, one group a row; ``legend`` names the bars of a group, if there are several."""
    most = max((value for _name, values in rows for value in values), default=0) or 1
    left = min(max(_LEFT[0], *(_wide(name) + 20 for name, _values in rows)), _LEFT[1])
    single = len(legend) == 1
    thick, above = (_BAR, 8) if single else (_THIN, 34)
    step = thick * len(legend) + 10
    height = above + step * len(rows)
    parts = [] if single else [*_legend(legend, left, [_bar_mark] * len(legend))]
    for number, (name, values) in enumerate(rows):
        top = above + number * step
        parts.append(_text(left - 10, top + (thick * len(legend)) / 2 + 3, _cut(name, left - 20), anchor="end"))
        for place, value in enumerate(values):
            y = top + place * thick
            wide = (_WIDTH - left - 70) * value / most
            colour = COLOURS[place % len(COLOURS)]
            size = f'width="{max(wide, 0.8):.1f}" height="{thick - 3:.1f}"'
            parts.append(f'<rect x="{left:.1f}" y="{y:.1f}" {size} fill="{colour}"/>')
            parts.append(_text(left + wide + 6, y + thick / 2 + 3, f"{value:.3f}".rstrip("0").rstrip("."), size=11))
    line = (
        f'<line x1="{left:.1f}" y1="{above - 6}" x2="{left:.1f}" y2="{height:.1f}" stroke="{INK}" stroke-width="0.8"/>'
    )
    return _svg(height + 6, [*parts, line], title)


def _wide(name: str) -> float:
    """Estimate a text's width: a Chinese character is as wide as it is high, another about half."""
    return _SIZE * sum(1.0 if ord(one) > 0x2E7F else 0.55 for one in name)  # noqa: PLR2004 -- where CJK begins


def _cut(name: str, room: float) -> str:
    """Shorten a name to the room available."""
    if _wide(name) <= room:
        return name
    while name and _wide(name) > room - _SIZE:
        name = name[:-1]
    return name + "…"


def _bar_mark(place: int, x: float, y: float) -> str:
    return f'<rect x="{x - 5.5:.1f}" y="{y - 5.5:.1f}" width="11" height="11" fill="{COLOURS[place % len(COLOURS)]}"/>'


def _point_mark(place: int, x: float, y: float) -> str:
    return next(_mark(place, x, y, 1))


def _legend(legend: Sequence[str], x: float, marks: Sequence[Callable[[int, float, float], str]]) -> Iterator[str]:
    for place, (name, mark) in enumerate(zip(legend, marks, strict=True)):
        yield mark(place, x + 5.5, 13.5)
        yield _text(x + 16, 18, name, size=12)
        x += 44 + _wide(name)


def county_map(
    outlines: Mapping[str, Outline],
    names: Mapping[str, str],
    points: Iterable[tuple[int, tuple[float, float]]],
    legend: Sequence[str],
    title: str,
) -> str | None:
    """Draw the two counties with points on them; ``points`` are (place in the legend, [lon, lat]).

    None if no outline is known. Points of the same kind less than about 1 km apart are one, with their number.
    """
    everything = [point for rings in outlines.values() for ring in rings for point in ring]
    if not everything:
        return None
    west, east = min(p[0] for p in everything), max(p[0] for p in everything)
    south, north = min(p[1] for p in everything), max(p[1] for p in everything)
    flat = math.cos(math.radians((south + north) / 2))
    scale = min((_WIDTH - 40) / ((east - west) * flat), (_MAP_HEIGHT - 70) / (north - south))
    margin = (_WIDTH - (east - west) * flat * scale) / 2

    def xy(lon: float, lat: float) -> tuple[float, float]:
        return margin + (lon - west) * flat * scale, 40 + (north - lat) * scale

    parts = [*_legend(legend, _LEFT[0], [_point_mark] * len(legend))]
    for code, rings in sorted(outlines.items()):
        path = " ".join("M" + " L".join("{:.1f} {:.1f}".format(*xy(*p)) for p in ring) + " Z" for ring in rings)
        parts.append(f'<path d="{path}" fill="#f4f1e8" stroke="#666666" stroke-width="1.1" fill-rule="evenodd"/>')
        largest = max(rings, key=len)
        middle = [sum(axis) / len(largest) for axis in zip(*largest, strict=True)]
        x, y = xy(middle[0], middle[1])
        parts.append(_text(x, y, names.get(code, code), anchor="middle", size=17, fill="#999999"))
    grouped: dict[tuple[int, float, float], int] = {}
    for kind, (lon, lat) in points:
        if west - 0.2 <= lon <= east + 0.2 and south - 0.2 <= lat <= north + 0.2:
            place = (kind, round(lon, 2), round(lat, 2))
            grouped[place] = grouped.get(place, 0) + 1
    for (kind, lon, lat), count in sorted(grouped.items()):
        parts.extend(_mark(kind, *xy(lon, lat), count))
    return _svg(_MAP_HEIGHT, [*parts, *_scale(scale)], title)


def _mark(kind: int, x: float, y: float, count: int) -> Iterator[str]:
    size = 4 + min(math.sqrt(count), 6) * 1.2
    colour = COLOURS[kind % len(COLOURS)]
    edge = 'stroke="#ffffff" stroke-width="0.8"'
    if kind % 4 == 0:
        corners = f"{x:.1f},{y - size:.1f} {x - size:.1f},{y + size:.1f} {x + size:.1f},{y + size:.1f}"
        yield f'<polygon points="{corners}" fill="{colour}" {edge}/>'
    elif kind % 4 == 1:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}" fill="{colour}" {edge}/>'
    else:
        side = 2 * size - 1
        turn = f' transform="rotate(45 {x:.1f} {y:.1f})"' if kind % 4 == 3 else ""  # noqa: PLR2004 -- the fourth
        box = f'x="{x - side / 2:.1f}" y="{y - side / 2:.1f}" width="{side:.1f}" height="{side:.1f}"'
        yield f'<rect {box} fill="{colour}" {edge}{turn}/>'
    if count > 1:
        yield _text(x + size + 2, y + 4, str(count), size=11)


def _scale(scale: float) -> Iterator[str]:
    """Draw ten kilometres: a degree of latitude is about 111 km."""
    long = 10 / 111 * scale
    y = _MAP_HEIGHT - 14
    yield f'<path d="M20 {y - 4} V{y} H{20 + long:.1f} V{y - 4}" fill="none" stroke="{INK}" stroke-width="1"/>'
    yield _text(26 + long, y + 2, "10 km", size=11)


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = _SIZE, fill: str = INK) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}"'
    return f'<text {place} font-family="{FONTS}">{escape(blanked(text))}</text>'


def _svg(height: float, parts: Iterable[str], title: str) -> str:
    size = f'width="{_WIDTH}" height="{height:.0f}" viewBox="0 0 {_WIDTH} {height:.0f}"'
    inner = "".join(parts)
    name = escape(blanked(title))
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{name}</title>{inner}</svg>'


def outlines_of(geojson: Mapping[str, Any], codes: Iterable[str]) -> dict[str, Outline]:
    """Return the outlines of some counties from a FeatureCollection with the property ``code``."""
    wanted = set(codes)
    found: dict[str, Outline] = {}
    for feature in geojson["features"]:
        code = str(feature["properties"]["code"])
        if code in wanted:
            shape = feature["geometry"]
            polygons = [shape["coordinates"]] if shape["type"] == "Polygon" else shape["coordinates"]
            found[code] = [[(p[0], p[1]) for p in ring] for polygon in polygons for ring in polygon]
    return found
