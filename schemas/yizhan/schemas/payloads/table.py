"""The table of types, by the agreement's five mechanisms. A new type is one more row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads.base import Payload
from yizhan.schemas.payloads.eco_crime import EcoCrime
from yizhan.schemas.payloads.forest_fire import ForestFire
from yizhan.schemas.payloads.hotspot import Hotspot
from yizhan.schemas.payloads.intelligence_report import IntelligenceReport
from yizhan.schemas.payloads.natural_disaster import NaturalDisaster
from yizhan.schemas.payloads.notice import Notice
from yizhan.schemas.payloads.receipt import Receipt

LIAISON: Final = marked("联管")
INTELLIGENCE: Final = marked("联享")
SYSTEM: Final = marked("系统")


@dataclass(frozen=True, slots=True)
class PayloadType:
    """One row."""

    model: type[Payload]
    mechanism: str
    """Which of the five mechanisms of the agreement it serves, in Chinese."""
    title: str
    """Chinese name; translate it where it is shown."""


TYPES: Final[dict[str, PayloadType]] = {
    "yizhan.incident.forest_fire.v1": PayloadType(ForestFire, LIAISON, marked("森林火灾")),
    "yizhan.incident.hotspot.v1": PayloadType(Hotspot, LIAISON, marked("卫星热点")),
    "yizhan.incident.natural_disaster.v1": PayloadType(NaturalDisaster, LIAISON, marked("自然灾害")),
    "yizhan.incident.eco_crime.v1": PayloadType(EcoCrime, LIAISON, marked("环境资源案件")),
    "yizhan.intelligence.report.v1": PayloadType(IntelligenceReport, INTELLIGENCE, marked("情报信息")),
    "yizhan.receipt.v1": PayloadType(Receipt, SYSTEM, marked("回执")),
    "yizhan.notice.v1": PayloadType(Notice, SYSTEM, marked("通知")),
}
