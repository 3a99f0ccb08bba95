"""``incident.forest_fire`` 森林火灾 (森林防火条例 arts. 32, 40, 41; a county's fire call sheet).

Rule 1: a first report needs its drafter only: minutes count; from the second on, all three sign.
Rule 2: 0 dead, 0 injured is an answer and must be given.
Rule 3: the grade goes by ``forest_ha``, deaths and injuries; it stands in the header.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import Field

from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads.base import Amount, Moment, People, SomeUnlike, Text
from yizhan.schemas.payloads.common import Contact, Drafted


class DiscoveredBy(StrEnum):
    """How it became known."""

    CALL = marked("报警")
    LOOKOUT = marked("瞭望")
    SATELLITE = marked("卫星")
    RANGER = marked("护林员")


class FireState(StrEnum):
    """Where the fight stands."""

    BURNING = marked("燃烧")
    CONTROLLED = marked("控制")
    FLAMES_OUT = marked("明火扑灭")
    MOPPING_UP = marked("余火清理")
    WATCHED = marked("看守")


FIRE_OUT: Final = frozenset({FireState.FLAMES_OUT, FireState.MOPPING_UP, FireState.WATCHED})
"""States of a fire that no longer burns: its flames are out (what smoulders is then cleared, and the place watched)."""


class Threatens(StrEnum):
    """What the fire may reach."""

    HOMES = marked("居民区")
    FACILITIES = marked("设施")
    RESERVE = marked("保护区")


class Crossing(StrEnum):
    """Whether the fire crossed the border, seen from the county that reports."""

    IN = marked("烧入")
    OUT = marked("烧出")
    NONE = marked("无")


class WindDirection(StrEnum):
    """From where the wind blows."""

    N = marked("北")
    NE = marked("东北")
    E = marked("东")
    SE = marked("东南")
    S = marked("南")
    SW = marked("西南")
    W = marked("西")
    NW = marked("西北")
    CALM = marked("静风")


class ForestFire(Drafted):
    """A forest fire."""

    after_first: ClassVar[tuple[str, ...]] = ("reviewed_by", "signed_off_by")

    discovered_by: DiscoveredBy | None = Field(default=None, title=marked("发现方式"))
    started_at: Moment | None = Field(default=None, title=marked("起火时间"))
    found_at: Moment | None = Field(default=None, title=marked("发现时间"))
    cause: Text | None = Field(default=None, title=marked("起火原因"))
    wind_direction: WindDirection | None = Field(default=None, title=marked("风向"))
    wind_force: Annotated[int, Field(ge=0, le=17)] | None = Field(default=None, title=marked("风力（级）"))
    temperature_c: Annotated[float, Field(ge=-60, le=60)] | None = Field(default=None, title=marked("气温（℃）"))
    rain: Text | None = Field(default=None, title=marked("降雨"))
    state: FireState = Field(title=marked("火势状态"))
    trend: Text | None = Field(default=None, title=marked("火势趋势"))
    burnt_ha: Amount | None = Field(default=None, title=marked("过火面积（公顷）"))
    forest_ha: Amount | None = Field(default=None, title=marked("受害森林面积（公顷）"))
    threatens: SomeUnlike[Threatens] | None = Field(default=None, title=marked("威胁"))
    dead: People = Field(title=marked("死亡人数"))
    injured: People = Field(title=marked("受伤人数"))
    crews: People | None = Field(default=None, title=marked("扑救人数"))
    vehicles: People | None = Field(default=None, title=marked("车辆数"))
    commander: Contact | None = Field(default=None, title=marked("前线指挥"))
    crossing: Crossing = Field(title=marked("越界情况"))
    help: Text | None = Field(default=None, title=marked("请求支援"))

    def against_header(self, *, stage: str | None, grade: int | None) -> Iterable[tuple[str, str]]:
        """After the first report all three officers sign."""
        del grade
        if stage in {"update", "final"}:
            yield from self.unsigned()
