"""``incident.natural_disaster`` 自然灾害, classed by GB/T 28921-2012.

Rule 1: 0 dead, missing or evacuated is an answer and must be given.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads.base import DisasterClass, People, Text
from yizhan.schemas.payloads.common import Signed


class WarningColour(StrEnum):
    """Level of the public warning."""

    BLUE = marked("蓝色")
    YELLOW = marked("黄色")
    ORANGE = marked("橙色")
    RED = marked("红色")


class NaturalDisaster(Signed):
    """A flood, landslide, storm or the like."""

    disaster_class: DisasterClass = Field(alias="class", title=marked("灾害种类"))
    dead: People = Field(title=marked("死亡人数"))
    missing: People = Field(title=marked("失踪人数"))
    evacuated: People = Field(title=marked("转移人数"))
    roads: Text | None = Field(default=None, title=marked("道路"))
    rivers: Text | None = Field(default=None, title=marked("河流"))
    power: Text | None = Field(default=None, title=marked("供电"))
    onward_danger: Text | None = Field(default=None, title=marked("次生危险"))
    warning_colour: WarningColour | None = Field(default=None, title=marked("预警颜色"))
