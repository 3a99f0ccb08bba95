"""``patrol.report`` 巡护报告 (联排): what one side found; after a joint patrol both report, in answer to the plan.

Rule 1: kilometres and people are counted, 0 is an answer.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads.base import Payload, People, Some, Text
from yizhan.schemas.payloads.common import Position, on_earth
from yizhan.schemas.payloads.patrol_plan import Patrol


class HazardKind(StrEnum):
    """What was found."""

    FIRE_SOURCE = marked("火源")
    DEAD_FUEL = marked("可燃物堆积")
    SNARE = marked("猎套猎夹")
    FELLING = marked("盗伐滥伐")
    OCCUPATION = marked("占用林地")
    OTHER = marked("其他")


class Hazard(Payload):
    """One hazard and what was done about it."""

    kind: HazardKind = Field(title=marked("隐患类别"))
    position: Position | None = Field(default=None, title=marked("坐标"))
    disposal: Text = Field(title=marked("处置"))


class Track(Payload):
    """A GeoJSON line, WGS 84, as walked."""

    type: Literal["LineString"] = Field(default="LineString", title=marked("类型"))
    coordinates: Annotated[
        tuple[Annotated[tuple[float, float], AfterValidator(on_earth)], ...], Field(min_length=2, max_length=5000)
    ] = Field(title=marked("经度、纬度"))


class PatrolReport(Patrol):
    """A patrol that was walked."""

    track: Track | None = Field(default=None, title=marked("轨迹"))
    km: Annotated[float, Field(ge=0, le=100_000)] = Field(title=marked("里程（公里）"))
    people: People = Field(title=marked("参加人数"))
    hazards: Some[Hazard] | None = Field(default=None, title=marked("隐患"))
    fires_put_out: People | None = Field(default=None, title=marked("扑灭火点数"))
    snares_removed: People | None = Field(default=None, title=marked("清除猎套猎夹数"))
