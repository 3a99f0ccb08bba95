"""``intelligence.feedback`` 情报反馈: what became of a report, in answer to it (联享).

Rule 1: while it is being checked (核查中) the feedback is an update, and no final word.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.base import Amount, People, Some
from yizhan.schemas.payloads.common import INTERIM_OR_FINAL, Signed
from yizhan.schemas.payloads.eco_crime import CaseObject


class Result(StrEnum):
    """What the check found."""

    TRUE = marked("查实")
    PARTLY = marked("部分查实")
    FALSE = marked("查否")
    UNCHECKABLE = marked("无法核查")
    CHECKING = marked("核查中")


class Use(StrEnum):
    """What the report was used for; the weightiest, where there are several."""

    CASE = marked("立案")
    WATCH = marked("布控")
    PATROL = marked("巡防")
    NONE = marked("未使用")


class IntelligenceFeedback(Signed):
    """The answer to an ``intelligence.report``."""

    answers_others: ClassVar[bool] = True

    result: Result = Field(title=marked("核查结论"))
    use: Use = Field(title=marked("使用情况"))
    cases_filed: People | None = Field(default=None, title=marked("立案数"))
    cases_solved: People | None = Field(default=None, title=marked("侦破数"))
    persons_caught: People | None = Field(default=None, title=marked("抓获人数"))
    seized: Some[CaseObject] | None = Field(default=None, title=marked("查扣物"))
    value_cny: Amount | None = Field(default=None, title=marked("价值（元）"))

    def against_header(self, *, stage: str | None, grade: int | None) -> Iterable[tuple[str, str]]:
        """Refuse to call final what is still being checked."""
        del grade
        if stage == "final" and self.result is Result.CHECKING:
            yield "result", _("还在核查的是续报（stage 为 update），不是终报")
        elif stage not in {"update", "final"}:
            yield "result", _(INTERIM_OR_FINAL)
