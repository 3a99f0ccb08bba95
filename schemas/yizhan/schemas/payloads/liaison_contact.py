"""``liaison.contact`` 每月联系 (联管: 每月定期联系一次).

Rule 1: the month stands in the header too (``period``), so that the station sees which month is done.
Rule 2: people of both sides are named: nobody has a contact alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from yizhan.schemas.header import MemberCode
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.base import Line, Payload, Some, Text
from yizhan.schemas.payloads.common import Signed


class Mode(StrEnum):
    """How they spoke."""

    PHONE = marked("电话")
    VIDEO = marked("视频")
    MEETING = marked("会面")


class Participant(Payload):
    """Who took part, for which side."""

    county: MemberCode = Field(title=marked("县（市）"))
    name: Line = Field(title=marked("姓名"))
    post: Line | None = Field(default=None, title=marked("职务"))


class LiaisonContact(Signed):
    """The monthly contact of two counties."""

    month: Annotated[str, Field(pattern=r"^2[01][0-9]{2}-(?:0[1-9]|1[0-2])$", examples=["2026-11"])] = Field(
        title=marked("月份")
    )
    mode: Mode = Field(title=marked("方式"))
    people: Some[Participant] = Field(title=marked("双方人员"))
    items: Some[Text] = Field(title=marked("联系事项"))
    open_items: Annotated[tuple[Text, ...], Field(max_length=200)] = Field(title=marked("未了事项"))

    @model_validator(mode="after")
    def _both_sides(self) -> Self:
        if len({person.county for person in self.people}) < 2:  # noqa: PLR2004 -- a contact has two sides
            raise ValueError(_("应写明双方的人员（people），只有一方"))
        return self

    def for_header(self) -> Mapping[str, str]:
        """Rule 1."""
        return {"period": self.month}
