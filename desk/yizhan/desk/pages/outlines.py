"""What maps draw: the outlines of the counties, as GeoJSON."""

from __future__ import annotations

from starlette.responses import Response

from yizhan.desk.accounts.model import OFFICE, Role
from yizhan.desk.request import Ask, Page
from yizhan.services.outlines import outlines_geojson


def outlines(ask: Ask) -> Response:
    """Return the file of outlines that this home uses."""
    return Response(outlines_geojson(ask.desk.home), media_type="application/geo+json")


PAGES = (Page("/map/outlines.json", outlines, OFFICE | {Role.AUDITOR}),)
