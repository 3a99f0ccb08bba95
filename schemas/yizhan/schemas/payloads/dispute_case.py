"""``dispute.case`` 林权争议 (联排; 森林法 art. 22: governments decide, police keep the peace).

Rule 1: ``MOVES`` says from which state a case may go to which; a case stays where it is as long as it must.
Rule 2: the final report is the one that closes it, and no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import Field

from yizhan.schemas.header import MemberCode
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.base import Amount, Line, Payload
from yizhan.schemas.payloads.common import Signed


class DisputeKind(StrEnum):
    """What is disputed."""

    TREES = marked("林木")
    LAND = marked("林地")


class DisputeState(StrEnum):
    """How far the case has come."""

    FOUND = marked("发现")
    FIRST_AID = marked("先期处置")
    HANDED_OVER = marked("移交政府")
    MEDIATION = marked("调解中")
    AGREED = marked("达成协议")
    DECIDED = marked("裁决")
    LAWSUIT = marked("诉讼")
    CLOSED = marked("办结")


_S = DisputeState
MOVES: Final[Mapping[DisputeState, frozenset[DisputeState]]] = MappingProxyType(
    {
        _S.FOUND: frozenset({_S.FIRST_AID, _S.HANDED_OVER}),
        _S.FIRST_AID: frozenset({_S.HANDED_OVER}),
        _S.HANDED_OVER: frozenset({_S.MEDIATION, _S.DECIDED}),
        _S.MEDIATION: frozenset({_S.AGREED, _S.DECIDED}),
        _S.AGREED: frozenset({_S.CLOSED}),
        _S.DECIDED: frozenset({_S.LAWSUIT, _S.CLOSED}),
        _S.LAWSUIT: frozenset({_S.CLOSED}),
        _S.CLOSED: frozenset(),
    }
)
"""State → states that may follow. Nothing is agreed, decided or closed but by way of the government."""


class Risk(StrEnum):
    """How near it is to blows."""

    LOW = marked("低")
    MIDDLE = marked("中")
    HIGH = marked("高")


class Party(Payload):
    """A unit or a person on one side of the dispute."""

    name: Line = Field(title=marked("单位或个人"))
    county: MemberCode = Field(title=marked("县（市）"))


class DisputeCase(Signed):
    """A dispute about trees or woodland between two sides of the border."""

    parties: Annotated[tuple[Party, ...], Field(min_length=2, max_length=200)] = Field(title=marked("争议各方"))
    kind: DisputeKind = Field(title=marked("争议类别"))
    area_mu: Amount | None = Field(default=None, title=marked("争议面积（亩）"))
    title_deeds: Line | None = Field(default=None, title=marked("权证"))
    state: DisputeState = Field(title=marked("办理状态"))
    competent_government: Line = Field(title=marked("有权处理的人民政府"))
    risk: Risk = Field(title=marked("激化风险"))

    def against_header(self, *, stage: str | None, grade: int | None) -> Iterable[tuple[str, str]]:
        """Rule 2."""
        del grade
        if (stage == "final") != (self.state is DisputeState.CLOSED):
            yield "state", _("办结的是终报（stage 为 final），没有办结的不是")


def may_move(before: DisputeState, after: DisputeState) -> bool:
    """Tell whether a case may go from one state to another, or stay (not once it is closed)."""
    return after in MOVES[before] or (before is after and before is not DisputeState.CLOSED)
