"""The table of types, by the agreement's five mechanisms. A new type is one more row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads.assistance_request import AssistanceRequest
from yizhan.schemas.payloads.assistance_response import AssistanceResponse
from yizhan.schemas.payloads.base import Payload
from yizhan.schemas.payloads.dispute_case import DisputeCase
from yizhan.schemas.payloads.eco_crime import EcoCrime
from yizhan.schemas.payloads.forest_fire import ForestFire
from yizhan.schemas.payloads.hotspot import Hotspot
from yizhan.schemas.payloads.intelligence_bulletin import IntelligenceBulletin
from yizhan.schemas.payloads.intelligence_feedback import IntelligenceFeedback
from yizhan.schemas.payloads.intelligence_report import IntelligenceReport
from yizhan.schemas.payloads.liaison_consultation import LiaisonConsultation
from yizhan.schemas.payloads.liaison_contact import LiaisonContact
from yizhan.schemas.payloads.natural_disaster import NaturalDisaster
from yizhan.schemas.payloads.notice import Notice
from yizhan.schemas.payloads.outreach_campaign import OutreachCampaign
from yizhan.schemas.payloads.outreach_case_brief import OutreachCaseBrief
from yizhan.schemas.payloads.patrol_plan import PatrolPlan
from yizhan.schemas.payloads.patrol_report import PatrolReport
from yizhan.schemas.payloads.receipt import Receipt

LIAISON: Final = marked("联管")
INTELLIGENCE: Final = marked("联享")
PATROLS: Final = marked("联排")
ASSISTANCE: Final = marked("联查")
OUTREACH: Final = marked("联宣")
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
    "yizhan.liaison.contact.v1": PayloadType(LiaisonContact, LIAISON, marked("每月联系")),
    "yizhan.liaison.consultation.v1": PayloadType(LiaisonConsultation, LIAISON, marked("会商")),
    "yizhan.intelligence.report.v1": PayloadType(IntelligenceReport, INTELLIGENCE, marked("情报信息")),
    "yizhan.intelligence.feedback.v1": PayloadType(IntelligenceFeedback, INTELLIGENCE, marked("情报反馈")),
    "yizhan.intelligence.bulletin.v1": PayloadType(IntelligenceBulletin, INTELLIGENCE, marked("季度情报通报")),
    "yizhan.patrol.plan.v1": PayloadType(PatrolPlan, PATROLS, marked("巡护计划")),
    "yizhan.patrol.report.v1": PayloadType(PatrolReport, PATROLS, marked("巡护报告")),
    "yizhan.dispute.case.v1": PayloadType(DisputeCase, PATROLS, marked("林权争议")),
    "yizhan.assistance.request.v1": PayloadType(AssistanceRequest, ASSISTANCE, marked("办案协作请求")),
    "yizhan.assistance.response.v1": PayloadType(AssistanceResponse, ASSISTANCE, marked("办案协作答复")),
    "yizhan.outreach.campaign.v1": PayloadType(OutreachCampaign, OUTREACH, marked("宣传活动")),
    "yizhan.outreach.case_brief.v1": PayloadType(OutreachCaseBrief, OUTREACH, marked("以案释法")),
    "yizhan.receipt.v1": PayloadType(Receipt, SYSTEM, marked("回执")),
    "yizhan.notice.v1": PayloadType(Notice, SYSTEM, marked("通知")),
}
