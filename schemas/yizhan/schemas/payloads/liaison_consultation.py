"""``liaison.consultation`` 会商 (联管; 联享: 每年一至两次).

Rule 1: it is called (first), and minuted (final): minutes and decisions belong to the final report, and to it alone.
Rule 2: every decision says what, who and by which day; no decision is an answer (an empty list).
Rule 3: the year of an annual consultation (情报年度) stands in the header too (``period``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import Field

from yizhan.schemas.header import MemberCode
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.base import Day, Line, Moment, Payload, Some, Text
from yizhan.schemas.payloads.common import Signed
from yizhan.schemas.payloads.liaison_contact import Participant
from yizhan.schemas.timestamps import instant

_CHINA: Final = timedelta(hours=8)


class ConsultationKind(StrEnum):
    """What it is about."""

    AD_HOC = marked("临时")
    ANNUAL = marked("情报年度")


class Decided(Payload):
    """One thing that somebody will do."""

    what: Text = Field(title=marked("事项"))
    who: MemberCode = Field(title=marked("责任县（市）"))
    unit: Line | None = Field(default=None, title=marked("责任单位"))
    due: Day = Field(title=marked("期限"))


class LiaisonConsultation(Signed):
    """A consultation of two counties or more."""

    may_need: ClassVar[tuple[str, ...]] = ("minutes", "decisions")

    kind: ConsultationKind = Field(title=marked("会商类别"))
    at: Moment = Field(title=marked("会商时间"))
    venue: Line = Field(title=marked("会商地点"))
    agenda: Some[Text] = Field(title=marked("议题"))
    people: Some[Participant] | None = Field(default=None, title=marked("参加人员"))
    minutes: Text | None = Field(default=None, title=marked("纪要"))
    decisions: Annotated[tuple[Decided, ...], Field(max_length=200)] | None = Field(
        default=None, title=marked("议定事项")
    )

    def against_header(self, *, stage: str | None, grade: int | None) -> Iterable[tuple[str, str]]:
        """Rule 1."""
        del grade
        for name in ("minutes", "decisions"):
            if (stage == "final") != (getattr(self, name) is not None):
                yield name, _("终报（final）应写明纪要和议定事项（没有议定事项写空表），通知会商时不写")

    def for_header(self) -> Mapping[str, str]:
        """Rule 3. The year is the one that the calendar of the alliance shows."""
        if self.kind is not ConsultationKind.ANNUAL:
            return {}
        return {"period": str((instant(self.at) + _CHINA).year)}


@dataclass(frozen=True, slots=True)
class DecisionDue:
    """One decision of a consultation, as an obligation."""

    number: int
    """From 1, in the order of the minutes."""
    what: str
    who: str
    """Member code of the county that owes it."""
    unit: str | None
    due: date


def decisions_due(payload: Payload) -> tuple[DecisionDue, ...]:
    """Return what a minuted consultation decided, in its order; nothing for any other payload."""
    if not isinstance(payload, LiaisonConsultation):
        return ()
    return tuple(
        DecisionDue(n, each.what, each.who, each.unit, date.fromisoformat(each.due))
        for n, each in enumerate(payload.decisions or (), 1)
    )
