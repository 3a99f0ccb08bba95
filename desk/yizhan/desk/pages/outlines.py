"""What maps draw: the outlines of the counties, as GeoJSON (RFC 7946), on a grid of 0.004 degrees.

Rule 1: that is 400 m, about a pixel of a map that shows a county; what is measured, is measured by the services from
        the outlines themselves. On one grid, the lines of two neighbours stay one line.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Final

from starlette.responses import Response

from yizhan.desk.accounts.model import OFFICE, Role
from yizhan.desk.request import Ask, Page
from yizhan.services.drafts import member_names
from yizhan.services.outlines import outlines_geojson

_GRID: Final = 250
"""Steps to a degree."""


def outlines(ask: Ask) -> Response:
    """Return the outlines that this home uses, as they are drawn; with ``?members=1`` those of the members alone."""
    file = drawn(outlines_geojson(ask.desk.home))
    if ask.query.get("members"):
        file = _of_members(file, tuple(member_names(ask.desk.home)))
    return Response(file, media_type="application/geo+json")


@lru_cache(maxsize=2)
def _of_members(file: bytes, members: tuple[str, ...]) -> bytes:
    found = json.loads(file)
    kept = [each for each in found["features"] if str((each.get("properties") or {}).get("code")) in members]
    return json.dumps({**found, "features": kept}, ensure_ascii=False, separators=(",", ":")).encode()


@lru_cache(maxsize=2)
def drawn(file: bytes) -> bytes:
    """Return a file of outlines with rounded coordinates, and without points that fall together.

    >>> drawn(b'{"coordinates": [[119.0011, 27.5], [119.0012, 27.5], [119.2, 27.5]]}')
    b'{"coordinates":[[119.0,27.5],[119.2,27.5]]}'
    """
    return json.dumps(_rounded(json.loads(file)), ensure_ascii=False, separators=(",", ":")).encode()


def _rounded(value: Any) -> Any:  # noqa: ANN401 -- JSON is any
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, float):
        return round(round(value * _GRID) / _GRID, 3)
    if isinstance(value, list):
        found = [_rounded(each) for each in value]
        points = all(isinstance(each, list) for each in found)
        return [each for place, each in enumerate(found) if not (points and place and each == found[place - 1])]
    return value


PAGES = (Page("/map/outlines.json", outlines, OFFICE | {Role.AUDITOR}),)
