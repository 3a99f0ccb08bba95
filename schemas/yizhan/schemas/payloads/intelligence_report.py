"""``intelligence.report`` 情报信息, graded by source and content (the 6×6 scheme; defaults say "unknown").

Rule 1: what is not judged is F6: a default never claims reliability.
Rule 2: who sets a day for feedback, or asks for a reply, wants ``feedback``: the header says so (联享: 反馈).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads.base import Line, Moment, Payload, Some, Text
from yizhan.schemas.payloads.common import Ask, Signed


class Kind(StrEnum):
    """What it is."""

    CLUE = marked("线索")
    MOVES = marked("动态")
    WARNING = marked("预警")
    ASSESSMENT = marked("研判")


class Origin(StrEnum):
    """Where it comes from."""

    PUBLIC_TIP = marked("群众举报")
    CASE = marked("案件延伸")
    INFORMANT = marked("耳目")
    PATROL = marked("巡查")
    INTERNET = marked("网络")
    TECHNICAL = marked("技术")


class Handling(StrEnum):
    """What the recipient may do with it."""

    KNOW_ONLY = marked("仅知悉")
    MAY_CHECK = marked("可核查")
    MAY_USE = marked("可使用")


class KnownPerson(Payload):
    """A person whom the report names."""

    name: Line = Field(title=marked("姓名"))
    id_no: Annotated[str, Field(pattern=r"^[0-9A-Za-z()-]{4,32}$")] | None = Field(
        default=None, title=marked("证件号码")
    )
    note: Text | None = Field(default=None, title=marked("说明"))


class IntelligenceReport(Signed):
    """Intelligence for the other side."""

    title: Line = Field(title=marked("标题"))
    kind: Kind = Field(title=marked("情报类别"))
    origin: Origin = Field(title=marked("来源"))
    persons: Some[KnownPerson] | None = Field(default=None, title=marked("涉及人员"))
    vehicles: Some[Line] | None = Field(default=None, title=marked("车辆"))
    routes: Some[Line] | None = Field(default=None, title=marked("路线"))
    source_reliability: Literal["A", "B", "C", "D", "E", "F"] = Field(default="F", title=marked("来源可靠性"))
    credibility: Annotated[int, Field(ge=1, le=6)] = Field(default=6, title=marked("内容可信度"))
    handling: Handling = Field(title=marked("使用限制"))
    feedback_by: Moment | None = Field(default=None, title=marked("反馈期限"))

    def for_header(self) -> Mapping[str, str]:
        """Feedback is wanted where a day is set for it, or a reply is asked for."""
        return {"wants": "feedback"} if self.feedback_by or Ask.REPLY in self.ask else {}
