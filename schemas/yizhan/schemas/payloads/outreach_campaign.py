"""``outreach.campaign`` 宣传活动 (联宣)."""

from __future__ import annotations

from pydantic import Field

from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads.base import Line, People, Some
from yizhan.schemas.payloads.common import Span


class OutreachCampaign(Span):
    """A campaign among the people of the border villages."""

    theme: Line = Field(title=marked("宣传主题"))
    villages: Some[Line] = Field(title=marked("村庄"))
    rangers: People = Field(title=marked("护林员人数"))
    households: People | None = Field(default=None, title=marked("户数"))
    people_reached: People | None = Field(default=None, title=marked("受众人数"))
    materials: People | None = Field(default=None, title=marked("宣传材料份数"))
