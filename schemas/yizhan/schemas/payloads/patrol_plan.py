"""``patrol.plan`` 巡护计划 (联排).

Rule 1: a plan that names crews of two counties is a joint one and wants the other's ``countersign``: the
        plan sent back in answer, signed by that county's officers. Such an answer wants none itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from yizhan.schemas.header import MemberCode
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.base import Line, Moment, Payload, Some, Text
from yizhan.schemas.payloads.common import Contact, Position, Span


class Theme(StrEnum):
    """What the patrol looks for."""

    FIRE = marked("防火")
    WILDLIFE = marked("野生动植物")
    ORDER = marked("治安")


class Crew(Payload):
    """Who comes from one side."""

    county: MemberCode = Field(title=marked("县（市）"))
    people: Annotated[int, Field(ge=1, le=10_000)] = Field(title=marked("人数"))
    leader: Contact = Field(title=marked("带队人"))


class MeetingPoint(Payload):
    """Where and when the sides meet."""

    spot: Line = Field(title=marked("地点"))
    at: Moment | None = Field(default=None, title=marked("时间"))
    position: Position | None = Field(default=None, title=marked("坐标"))


class Patrol(Span):
    """What plan and report have in common."""

    area: Text | None = Field(default=None, title=marked("巡护区域"))
    route: Text | None = Field(default=None, title=marked("巡护路线"))
    theme: Theme = Field(title=marked("巡护主题"))

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        if self.area is None and self.route is None:
            raise ValueError(_("巡护区域（area）和巡护路线（route）至少写一项"))
        return self


class PatrolPlan(Patrol):
    """A patrol to come."""

    crews: Some[Crew] = Field(title=marked("各方人员"))
    meeting_point: MeetingPoint = Field(title=marked("会合点"))

    def for_header(self) -> Mapping[str, str]:
        """Rule 1."""
        return {"wants": "countersign"} if len({crew.county for crew in self.crews}) > 1 else {}
