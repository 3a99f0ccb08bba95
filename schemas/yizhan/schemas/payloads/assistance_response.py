"""``assistance.response`` 办案协作答复 (程序规定 2020 arts. 348, 349, 353), in answer to a request.

Rule 1: nothing is declined at will: done, partly done, papers incomplete (which), passed on (to whom),
        nothing found (art. 348).
Rule 2: an interim word is an update (办理中, or papers that are missing), the answer is final.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import ClassVar, Final, Self

from pydantic import Field, model_validator

from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.assistance_request import PaperName
from yizhan.schemas.payloads.base import Line, Some, SomeUnlike, Text
from yizhan.schemas.payloads.common import INTERIM_OR_FINAL, Person, Signed


class Outcome(StrEnum):
    """What became of the request."""

    DONE = marked("已办")
    PARTLY = marked("部分")
    PAPERS_INCOMPLETE = marked("手续不完备")
    PASSED_ON = marked("非本地管辖已移交")
    NOTHING_FOUND = marked("查无")
    IN_HAND = marked("办理中")


INTERIM: Final = frozenset({Outcome.IN_HAND, Outcome.PAPERS_INCOMPLETE})
"""Never a final word."""


class AssistanceResponse(Signed):
    """The answer to an ``assistance.request``."""

    answers_others: ClassVar[bool] = True
    may_need: ClassVar[tuple[str, ...]] = ("answers", "documents", "missing", "passed_to")

    outcome: Outcome = Field(title=marked("办理结果"))
    answers: Some[Text] | None = Field(default=None, title=marked("答复事项"))
    documents: Some[Line] | None = Field(default=None, title=marked("所附文书"))
    missing: SomeUnlike[PaperName] | None = Field(default=None, title=marked("还缺的文书"))
    passed_to: Line | None = Field(default=None, title=marked("移交单位"))
    unit: Line = Field(title=marked("承办单位"))
    handled_by: Person = Field(title=marked("承办人"))

    @model_validator(mode="after")
    def _says_what_its_outcome_asks(self) -> Self:
        if self.outcome in {Outcome.DONE, Outcome.PARTLY} and not (self.answers or self.documents):
            raise ValueError(_("已办、部分应写明答复事项（answers）或所附文书（documents）"))
        if (self.outcome is Outcome.PAPERS_INCOMPLETE) != (self.missing is not None):
            raise ValueError(_("手续不完备应写明还缺的文书（missing），其他结果不写"))
        if (self.outcome is Outcome.PASSED_ON) != (self.passed_to is not None):
            raise ValueError(_("已移交应写明移交给哪个单位（passed_to），其他结果不写"))
        return self

    def against_header(self, *, stage: str | None, grade: int | None) -> Iterable[tuple[str, str]]:
        """Rule 2."""
        del grade
        if self.outcome in INTERIM and stage != "update":
            sentence = _("{outcome}是中间答复，stage 应为 update")
            yield "outcome", sentence.format(outcome=_(self.outcome))
        elif stage not in {"update", "final"}:
            yield "outcome", _(INTERIM_OR_FINAL)
