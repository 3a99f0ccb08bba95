"""``patrol.plan`` 巡护计划 (联排).

Rule 1: a plan that names crews of two counties is a joint one and wants the other's ``countersign``: the
        plan sent back in answer, signed by that county's officers. Such an answer wants none itself.
Rule 2: the last millisecond of its last day (UTC+8) stands in the header too (``expires``): the term of the
        reports counts from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, timezone
from enum import StrEnum
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, model_validator

from yizhan.schemas.header import MemberCode
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.base import Line, Moment, Payload, Some, Text
from yizhan.schemas.payloads.common import Contact, Position, Span
from yizhan.schemas.timestamps import written

_CHINA: Final = timezone(timedelta(hours=8))
_LAST: Final = time(23, 59, 59, 999_000)
"""A day's last millisecond: the day after it is the first to count."""


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

    may_need: ClassVar[tuple[str, ...]] = ("area", "route")

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
        """Rules 1 and 2."""
        last = datetime.combine(date.fromisoformat(self.ends_on), _LAST, _CHINA)
        wants = {"wants": "countersign"} if len({crew.county for crew in self.crews}) > 1 else {}
        return {"expires": written(last)} | wants

    def terms(self) -> tuple[object, ...]:
        """Return what the sides agree on: all but who wrote it, and how."""
        return (
            self.starts_on, self.ends_on, self.area, self.route, self.theme, self.crews, self.meeting_point,
        )  # fmt: skip
