"""``incident.hotspot`` 卫星热点, as NASA FIRMS and China's own services publish them.

Rule 1: a detection is not a fire: ``verification`` says what people found out so far.
Rule 2: while nobody verified it (待核查) a program may send it, and no officer need sign; what
        was verified on the ground names all three officers and whom to call.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.base import Amount, Line, Moment
from yizhan.schemas.payloads.common import Common


class Verification(StrEnum):
    """What people found out."""

    PENDING = marked("待核查")
    FOREST_FIRE = marked("林火")
    FARM_FIRE = marked("农事用火")
    PLANNED_BURN = marked("计划烧除")
    INDUSTRY = marked("工业热源")
    NO_FIRE = marked("无火")


Percent = Annotated[int, Field(ge=0, le=100)]
Kilometres = Annotated[float, Field(gt=0, le=100)]


class Hotspot(Common):
    """One satellite detection."""

    may_need: ClassVar[tuple[str, ...]] = ("drafted_by", "reviewed_by", "signed_off_by", "contact")

    satellite: Line = Field(title=marked("卫星"))
    detected_at: Moment = Field(title=marked("探测时间"))
    confidence: Percent | Literal["low", "nominal", "high"] = Field(title=marked("置信度"))
    frp_mw: Amount = Field(title=marked("火辐射功率（兆瓦）"))
    pixel_km: tuple[Kilometres, Kilometres] = Field(title=marked("像元大小（公里）"))
    verification: Verification = Field(title=marked("核查结果"))
    product: Line | None = Field(default=None, title=marked("数据产品"))

    @model_validator(mode="after")
    def _verified_is_signed(self) -> Self:
        if self.verification is not Verification.PENDING:
            missing = [name for name, _message in self.unsigned()]
            missing += [] if self.contact else ["contact"]
            if missing:
                raise ValueError(_("核查过的应写明经办民警；还缺 {names}").format(names=", ".join(missing)))
        return self
