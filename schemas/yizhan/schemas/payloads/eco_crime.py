"""``incident.eco_crime`` 环境资源案件 (刑法 ch. 6 s. 6 and neighbours; code list "charges").

Rule 1: a criminal case names its charge; what the law does not grade has no grade.
Rule 2: a grade says on what it rests.
Rule 3: a quantity without a unit is asked about at the desk, and marked if kept: a figure is worth more than none.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.base import Amount, Charge, Line, Payload, Protection, Some, Text
from yizhan.schemas.payloads.common import Signed


class Nature(StrEnum):
    """What kind of case it is."""

    CRIMINAL = marked("刑事")
    PUBLIC_ORDER = marked("治安")
    FORESTRY = marked("林业行政")
    CLUE = marked("线索")


class CaseStage(StrEnum):
    """How far the case has come."""

    ACCEPTED = marked("受案")
    FILED = marked("立案")
    SOLVED = marked("侦破")
    TO_PROSECUTOR = marked("移诉")
    WITHDRAWN = marked("撤案")


class Unit(StrEnum):
    """In what the objects are counted."""

    CUBIC_METRE = "m³"
    PLANT = marked("株")
    ANIMAL = marked("只")
    MU = marked("亩")
    KILOGRAM = marked("公斤")


class SuspectStatus(StrEnum):
    """Where a suspect is."""

    AT_LARGE = marked("在逃")
    DETAINED = marked("刑拘")
    BAIL = marked("取保")
    ARRESTED = marked("逮捕")


class CaseObject(Payload):
    """What was cut, caught or taken."""

    species: Line = Field(title=marked("物种"))
    protection: Protection = Field(title=marked("保护级别"))
    quantity: Annotated[float, Field(gt=0, le=1e9)] = Field(title=marked("数量"))
    unit: Unit | None = Field(default=None, title=marked("单位"))


class Suspect(Payload):
    """A person under suspicion: in sealed payloads only."""

    name: Line = Field(title=marked("姓名"))
    id_no: Annotated[str, Field(pattern=r"^[0-9A-Za-z()-]{4,32}$")] | None = Field(
        default=None, title=marked("证件号码")
    )
    domicile: Line | None = Field(default=None, title=marked("户籍地"))
    status: SuspectStatus = Field(title=marked("状态"))


class EcoCrime(Signed):
    """A case or clue."""

    may_need: ClassVar[tuple[str, ...]] = ("charge",)

    nature: Nature = Field(title=marked("案件性质"))
    charge: Charge | None = Field(default=None, title=marked("罪名"))
    case_stage: CaseStage = Field(title=marked("办案阶段"))
    objects: Some[CaseObject] | None = Field(default=None, title=marked("涉案物"))
    value_cny: Amount | None = Field(default=None, title=marked("价值（元）"))
    suspects: Some[Suspect] | None = Field(default=None, title=marked("嫌疑人"))
    vehicles: Some[Line] | None = Field(default=None, title=marked("车辆"))
    grade: Annotated[int, Field(ge=1, le=4)] | None = Field(default=None, title=marked("等级"))
    grade_basis: Text | None = Field(default=None, title=marked("定级依据"))

    @model_validator(mode="after")
    def _says_what_the_law_asks(self) -> Self:
        if self.nature is Nature.CRIMINAL and self.charge is None:
            raise ValueError(_("刑事案件应写明罪名（charge）"))
        if (self.grade is None) != (self.grade_basis is None):
            raise ValueError(_("等级（grade）和定级依据（grade_basis）应同时写明，或都不写"))
        return self

    def against_header(self, *, stage: str | None, grade: int | None) -> Iterable[tuple[str, str]]:
        """Header and payload name the same grade, or neither names one."""
        del stage
        if self.grade != grade:
            sentence = _("内容里的等级是 {payload}，外层的 grade 是 {header}；两处应相同，或都不写")
            yield "grade", sentence.format(payload=self.grade or _("空"), header=grade or _("空"))
