"""The table of event types, by the agreement's five mechanisms.

Rule 1: a new type is a model and a row here: whatever any folder must know of a type is a field of its row.
Rule 2: a type that stands in no row is not refused: it is kept for ever, counted among the others, shown by its name.
Rule 3: a rule for one type only (a dispute's course, a plan's countersignature) imports that type's constant from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from yizhan.schemas.header import NOTICE, RECEIPT
from yizhan.schemas.i18n import _, marked
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

FOREST_FIRE: Final = "yizhan.incident.forest_fire.v1"
HOTSPOT: Final = "yizhan.incident.hotspot.v1"
NATURAL_DISASTER: Final = "yizhan.incident.natural_disaster.v1"
ECO_CRIME: Final = "yizhan.incident.eco_crime.v1"
CONTACT: Final = "yizhan.liaison.contact.v1"
CONSULTATION: Final = "yizhan.liaison.consultation.v1"
INTELLIGENCE_REPORT: Final = "yizhan.intelligence.report.v1"
FEEDBACK: Final = "yizhan.intelligence.feedback.v1"
BULLETIN: Final = "yizhan.intelligence.bulletin.v1"
PATROL_PLAN: Final = "yizhan.patrol.plan.v1"
PATROL_REPORT: Final = "yizhan.patrol.report.v1"
DISPUTE: Final = "yizhan.dispute.case.v1"
ASSISTANCE_REQUEST: Final = "yizhan.assistance.request.v1"
ASSISTANCE_RESPONSE: Final = "yizhan.assistance.response.v1"

LIAISON: Final = marked("联管")
INTELLIGENCE: Final = marked("联享")
PATROLS: Final = marked("联排")
ASSISTANCE: Final = marked("联查")
OUTREACH: Final = marked("联宣")
SYSTEM: Final = marked("系统")


class Retention(StrEnum):
    """How long an inbox keeps content (``consumers.retention``)."""

    PERMANENT = "permanent"
    YEARS_30 = "30-years"
    YEARS_10 = "10-years"


class Counted(StrEnum):
    """Among what a quarterly bulletin counts an event."""

    NOWHERE = "nowhere"
    """What the system says to itself, and bulletins: a bulletin does not count bulletins."""
    CASES = "cases"
    FIRES = "fires"
    DISASTERS = "disasters"
    HOTSPOTS = "hotspots"
    REPORTS = "reports"
    FEEDBACK = "feedback"
    REQUESTS = "requests"
    RESPONSES = "responses"
    DISPUTES = "disputes"
    OTHERS = "others"
    """By its number only."""


@dataclass(frozen=True, slots=True)
class PayloadType:
    """One row."""

    model: type[Payload]
    mechanism: str
    """Which of the five mechanisms of the agreement it serves, in Chinese."""
    title: str
    """Chinese name; translate it where it is shown."""
    retention: Retention
    counted: Counted = Counted.OTHERS
    graded: bool = False
    """Whether a desk is asked for a grade: the law or the routes of a policy grade it."""
    own_territory: bool = False
    """Whether it happens at a place, so that the county reports it whose territory that is."""
    happens: bool = False
    """Whether it reports something that happened: then a desk asks how certain and how bad it is."""
    life_at_stake: bool = False
    """Whether life goes before tidiness: it passes with a clock ahead, and rings although it expired."""

    @property
    def is_system(self) -> bool:
        """Whether programs write it to each other: never receipted, awaited or listed among what people wrote."""
        return self.mechanism == SYSTEM


TYPES: Final[dict[str, PayloadType]] = {
    FOREST_FIRE: PayloadType(
        ForestFire, LIAISON, marked("森林火灾"), Retention.YEARS_30, Counted.FIRES,
        graded=True, own_territory=True, happens=True, life_at_stake=True,
    ),
    HOTSPOT: PayloadType(
        Hotspot, LIAISON, marked("卫星热点"), Retention.YEARS_10, Counted.HOTSPOTS,
        graded=True, own_territory=True, happens=True,
    ),
    NATURAL_DISASTER: PayloadType(
        NaturalDisaster, LIAISON, marked("自然灾害"), Retention.YEARS_30, Counted.DISASTERS,
        graded=True, own_territory=True, happens=True, life_at_stake=True,
    ),
    ECO_CRIME: PayloadType(
        EcoCrime, LIAISON, marked("环境资源案件"), Retention.YEARS_30, Counted.CASES,
        graded=True, own_territory=True, happens=True,
    ),
    CONTACT: PayloadType(LiaisonContact, LIAISON, marked("每月联系"), Retention.YEARS_10),
    CONSULTATION: PayloadType(LiaisonConsultation, LIAISON, marked("会商"), Retention.YEARS_10),
    INTELLIGENCE_REPORT: PayloadType(
        IntelligenceReport, INTELLIGENCE, marked("情报信息"), Retention.YEARS_10, Counted.REPORTS,
        graded=True, happens=True,
    ),
    FEEDBACK: PayloadType(
        IntelligenceFeedback, INTELLIGENCE, marked("情报反馈"), Retention.YEARS_10, Counted.FEEDBACK,
    ),
    BULLETIN: PayloadType(
        IntelligenceBulletin, INTELLIGENCE, marked("季度情报通报"), Retention.YEARS_30, Counted.NOWHERE,
    ),
    PATROL_PLAN: PayloadType(PatrolPlan, PATROLS, marked("巡护计划"), Retention.YEARS_10),
    PATROL_REPORT: PayloadType(PatrolReport, PATROLS, marked("巡护报告"), Retention.YEARS_10),
    DISPUTE: PayloadType(
        DisputeCase, PATROLS, marked("林权争议"), Retention.YEARS_30, Counted.DISPUTES, happens=True,
    ),
    ASSISTANCE_REQUEST: PayloadType(
        AssistanceRequest, ASSISTANCE, marked("办案协作请求"), Retention.YEARS_30, Counted.REQUESTS,
    ),
    ASSISTANCE_RESPONSE: PayloadType(
        AssistanceResponse, ASSISTANCE, marked("办案协作答复"), Retention.YEARS_30, Counted.RESPONSES,
    ),
    "yizhan.outreach.campaign.v1": PayloadType(OutreachCampaign, OUTREACH, marked("宣传活动"), Retention.YEARS_10),
    "yizhan.outreach.case_brief.v1": PayloadType(OutreachCaseBrief, OUTREACH, marked("以案释法"), Retention.YEARS_10),
    RECEIPT: PayloadType(Receipt, SYSTEM, marked("回执"), Retention.YEARS_10, Counted.NOWHERE),
    NOTICE: PayloadType(Notice, SYSTEM, marked("通知"), Retention.YEARS_10, Counted.NOWHERE),
}  # fmt: skip

SYSTEM_TYPES: Final = tuple(name for name, row in TYPES.items() if row.is_system)
LIFE_AT_STAKE: Final = frozenset(name for name, row in TYPES.items() if row.life_at_stake)
NEVER_COUNTED: Final = frozenset(name for name, row in TYPES.items() if row.counted is Counted.NOWHERE)


def counted_as(name: str) -> Counted:
    """Return among what a bulletin counts events of a type."""
    return TYPES[name].counted if name in TYPES else Counted.OTHERS


def type_name(name: str) -> str:
    """Return a type's name in the language chosen; an unknown one as it is.

    >>> type_name("yizhan.weather.v9")
    'yizhan.weather.v9'
    """
    return _(TYPES[name].title) if name in TYPES else name


def middle_name(name: str) -> str:
    """Return a type's name without ``yizhan.`` and its version, which tells any two types apart.

    >>> middle_name(FOREST_FIRE)
    'incident.forest_fire'
    """
    return name.removeprefix("yizhan.").removesuffix(".v1")


def short_name(name: str) -> str:
    """Return the last part of a type's name; where two types share it, as much as tells them apart.

    >>> short_name(FOREST_FIRE), short_name(PATROL_REPORT)
    ('forest_fire', 'patrol.report')
    """
    last = _last_part(name)
    shared = sum(_last_part(each) == last for each in TYPES) > 1
    return middle_name(name) if shared else last


def _last_part(name: str) -> str:
    return middle_name(name).rpartition(".")[2]


def types_called(word: str) -> tuple[str, ...]:
    """Return the types that a word may mean: in full, without ``yizhan.`` and ``.v1``, its last part, its name.

    >>> types_called("forest_fire"), types_called("report")
    (('yizhan.incident.forest_fire.v1',), ('yizhan.intelligence.report.v1', 'yizhan.patrol.report.v1'))
    """
    if word in TYPES:
        return (word,)
    return tuple(
        name for name, row in TYPES.items() if word in {_last_part(name), middle_name(name), row.title, _(row.title)}
    )
