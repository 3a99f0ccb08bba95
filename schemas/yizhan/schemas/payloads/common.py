"""What every report carries, whatever its type.

Rule 1: who drafted, checked and issued it is part of the report, with badge numbers.
Rule 2: positions are GeoJSON (RFC 7946): longitude first, WGS 84, and say how exact they are.
Rule 3: 公开, 内部 and 工作秘密 only; 秘密 and above is refused by name (specification, "Payloads").
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from yizhan.schemas.files import MAX_FILE_BYTES
from yizhan.schemas.filetypes import ALLOWED, clean_name
from yizhan.schemas.header import Hex32, MemberCode
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.base import (
    REFUSED_SECRET,
    STATE_SECRETS,
    Day,
    Line,
    Moment,
    Payload,
    Some,
    SomeUnlike,
    Text,
)

MAX_LONGITUDE: Final = 180
MAX_LATITUDE: Final = 90
INTERIM_OR_FINAL: Final = marked("答复要写明报次：中间答复 stage 为 update，最后答复为 final")
"""What the station tells an interim word from an answer by."""

OrgCode = Annotated[str, Field(pattern=r"^(?:[0-9]{12}|[0-9A-HJ-NPQRTUWXY]{18})$", examples=["350924000000"])]
"""机构代码: twelve digits of a public security organ (GA/T 380) or a unified social credit code."""


class Classification(StrEnum):
    """How far a report may go; nothing higher may enter this system."""

    PUBLIC = marked("公开")
    INTERNAL = marked("内部")
    WORK_SECRET = marked("工作秘密")


class Ask(StrEnum):
    """What the other side is asked to do."""

    KNOW = marked("知悉")
    CHECK = marked("核查")
    INTERCEPT = marked("堵截")
    SUPPORT = marked("支援")
    WATCH = marked("布控")
    REPLY = marked("回复")


class Mark(StrEnum):
    """What was asked about at the desk and kept by a person: the reader is told."""

    GRADE = marked("等级与数据不符")
    FUTURE = marked("时间在未来")
    NOWHERE = marked("坐标不在任何县境内")
    OTHER_COUNTY = marked("坐标不在所填县境内")
    NO_UNIT = marked("数量没有单位")


def _refuse_state_secrets(value: Any) -> Any:  # noqa: ANN401 -- whatever was said
    for level in STATE_SECRETS:
        if isinstance(value, str) and value.strip().startswith(level):
            raise ValueError(_(REFUSED_SECRET).format(level=level))
    return value


class Person(Payload):
    """An officer who answers for a report."""

    name: Line = Field(title=marked("姓名"))
    badge: Line = Field(title=marked("警号"))


class Contact(Payload):
    """Whom to call."""

    name: Line = Field(title=marked("姓名"))
    phone: Annotated[str, Field(pattern=r"^\+?[0-9][0-9 -]{2,23}$")] = Field(title=marked("电话"))


def on_earth(coordinates: tuple[float, float]) -> tuple[float, float]:
    """Return [longitude, latitude] if they are degrees in that order."""
    longitude, latitude = coordinates
    if abs(longitude) > MAX_LONGITUDE or abs(latitude) > MAX_LATITUDE:
        raise ValueError(_("应为 [经度, 纬度]，以度为单位，经度在前；请对调，或换算成度"))
    return coordinates


class Position(Payload):
    """A GeoJSON point with its datum and how far off it may be."""

    type: Literal["Point"] = Field(default="Point", title=marked("类型"))
    coordinates: Annotated[tuple[float, float], AfterValidator(on_earth)] = Field(title=marked("经度、纬度"))
    datum: Literal["WGS84"] = Field(
        default="WGS84",
        title=marked("坐标系"),
        description="What comes from 高德 (GCJ-02) or 百度 (BD-09) maps must be converted before.",
    )
    accuracy_m: Annotated[float, Field(ge=0, le=1_000_000)] | None = Field(default=None, title=marked("误差（米）"))


class Place(Payload):
    """Where it happened."""

    county: MemberCode = Field(title=marked("县（市）"))
    township: Line | None = Field(default=None, title=marked("乡镇"))
    village: Line | None = Field(default=None, title=marked("村"))
    spot: Line | None = Field(default=None, title=marked("具体地点"))
    forest_compartment: Line | None = Field(default=None, title=marked("林班/小班"))
    position: Position | None = Field(default=None, title=marked("坐标"))


class Border(Payload):
    """How far the place is from the other side, and in which direction the border lies."""

    distance_m: Annotated[float, Field(ge=0, le=1_000_000)] = Field(title=marked("距界（米）"))
    bearing: Annotated[float, Field(ge=0, lt=360)] | None = Field(default=None, title=marked("方位（度）"))


class SealedFile(Payload):
    """How to open the chunks of an attached file (specification, 19)."""

    key: Hex32 = Field(title=marked("文件密钥"))
    root: Hex32 = Field(title=marked("密文根"))


class Attachment(Payload):
    """A file: sealed and sent with the event (``sealed``), or kept elsewhere; its hash says that it is the one."""

    name: Line = Field(title=marked("文件名"))
    sha256: Hex32 = Field(title=marked("文件指纹（SHA-256）"))
    bytes: Annotated[int, Field(ge=0, le=2**53 - 1)] = Field(title=marked("字节数"))
    kept_at: Line | None = Field(default=None, title=marked("存放处"))
    media_type: Line | None = Field(default=None, title=marked("格式"))
    sealed: SealedFile | None = Field(default=None, title=marked("随文书密封"))

    @model_validator(mode="after")
    def _sealed_is_whole(self) -> Self:
        if self.sealed is None:
            return self
        if self.name != clean_name(self.name):
            raise ValueError(_("随文书密封的文件，文件名应为 {name}，请改正").format(name=clean_name(self.name)))
        if not 1 <= self.bytes <= MAX_FILE_BYTES:
            sentence = _("随文书密封的文件应为 1 至 {most} 字节，更大的请写明存放处（kept_at）")
            raise ValueError(sentence.format(most=MAX_FILE_BYTES))
        if self.media_type not in ALLOWED:
            raise ValueError(
                _("随文书密封的文件应写明格式（media_type），为 {allowed} 之一").format(allowed=", ".join(ALLOWED))
            )
        return self


class Common(Payload):
    """The fields of every report. Who reviewed and signed is the type's own matter: ``Signed``."""

    external_ref: Line | None = Field(default=None, title=marked("接警单号/案件编号"))
    doc_no: Line | None = Field(default=None, title=marked("文号"))
    org_code: OrgCode = Field(title=marked("机构代码"))
    drafted_by: Person | None = Field(default=None, title=marked("拟稿人"))
    reviewed_by: Person | None = Field(default=None, title=marked("审核人"))
    signed_off_by: Person | None = Field(default=None, title=marked("签发人"))
    contact: Contact | None = Field(default=None, title=marked("联系人"))
    classification: Annotated[Classification, BeforeValidator(_refuse_state_secrets)] = Field(title=marked("密级"))
    occurred_at: Moment | None = Field(default=None, title=marked("发生时间"))
    place: Place = Field(title=marked("地点"))
    border: Border | None = Field(default=None, title=marked("距界情况"))
    summary: Text = Field(title=marked("简要情况"))
    ask: SomeUnlike[Ask] = Field(title=marked("请对方"))
    attachments: Some[Attachment] | None = Field(default=None, title=marked("附件"))
    doubtful: SomeUnlike[Mark] | None = Field(default=None, title=marked("存疑（发件方核对后仍报）"))

    def unsigned(self) -> Iterable[tuple[str, str]]:
        """Yield (field, message) for each of the three officers that is missing."""
        for name in ("drafted_by", "reviewed_by", "signed_off_by"):
            if getattr(self, name) is None:
                yield name, _("应写明这位民警的姓名和警号（name、badge）；得到 空")


class Drafted(Common):
    """A report that names its drafter and whom to call: the least that an officer sends."""

    drafted_by: Person = Field(title=marked("拟稿人"))
    contact: Contact = Field(title=marked("联系人"))


class Signed(Drafted):
    """A report that was drafted, reviewed and signed."""

    reviewed_by: Person = Field(title=marked("审核人"))
    signed_off_by: Person = Field(title=marked("签发人"))


class Span(Signed):
    """A signed report about some days, the first and the last among them."""

    starts_on: Day = Field(title=marked("开始日期"))
    ends_on: Day = Field(title=marked("结束日期"))

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.ends_on < self.starts_on:
            raise ValueError(_("结束日期（ends_on）早于开始日期（starts_on）"))
        return self
