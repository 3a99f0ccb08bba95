"""``assistance.request`` 办案协作请求 (公安机关办理刑事案件程序规定 2020, arts. 346-353).

Rule 1: which papers go with which kind is dated data (``data/papers.json``); a request without them is
        refused before it is sealed, each missing one named (art. 347).
Rule 2: the header says which answer is wanted, because its days differ (art. 353): ``identity``,
        ``identity-far`` where travel is very hard, ``assistance`` for everything else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, ClassVar, Final

from pydantic import Field

from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.base import Line, Moment, Payload, Some, Text, code_list, code_schema
from yizhan.schemas.payloads.common import Person, Signed

OFFICERS_NEEDED: Final = 2
"""Two officers show their 人民警察证."""
TWO_OFFICERS: Final = "两名办案民警的人民警察证"
"""How a request without them names what is missing."""

PaperName = Annotated[str, code_list("papers"), code_schema("papers")]
"""Name of a legal paper."""


class RequestKind(StrEnum):
    """What is asked for."""

    IDENTITY = marked("身份/年龄/前科")
    HOUSEHOLD = marked("户籍证明")
    CLUE = marked("线索移交")
    EVIDENCE = marked("调查取证")
    INFORMATION = marked("查询信息")
    QUESTIONING = marked("询问/讯问")
    IDENTIFICATION = marked("辨认")
    SEIZURE = marked("查封/扣押/冻结")
    SUMMONS = marked("传唤/拘传")
    ARREST = marked("拘留/逮捕")
    SERVICE = marked("送达")


IDENTITY_KINDS: Final = frozenset({RequestKind.IDENTITY, RequestKind.HOUSEHOLD})
"""Kinds that have the shorter term."""


@dataclass(frozen=True, slots=True)
class Needed:
    """What one kind of request must bring."""

    papers: tuple[tuple[str, ...], ...]
    """Each an "any one of these"."""
    officers: bool
    article: str


def _load() -> Mapping[RequestKind, Needed]:
    text = files("yizhan.schemas").joinpath("data").joinpath("papers.json").read_text(encoding="utf-8")
    kinds = json.loads(text)["kinds"]
    return MappingProxyType(
        {
            kind: Needed(tuple(map(tuple, kinds[kind]["papers"])), kinds[kind]["officers"], kinds[kind]["article"])
            for kind in RequestKind
        }
    )


NEEDED: Final = _load()
"""Kind → papers, as ``data/papers.json`` has them with date and source."""


class Paper(Payload):
    """A legal paper that goes with the request; its copy is an attachment."""

    name: PaperName = Field(title=marked("文书名称"))
    doc_no: Line | None = Field(default=None, title=marked("文号"))


class Subject(Payload):
    """Whom or what the request is about."""

    name: Line = Field(title=marked("姓名或名称"))
    id_no: Annotated[str, Field(pattern=r"^[0-9A-Za-z()-]{4,32}$")] | None = Field(
        default=None, title=marked("证件号码")
    )
    note: Text | None = Field(default=None, title=marked("说明"))


class AssistanceRequest(Signed):
    """A request for assistance in a case."""

    may_need: ClassVar[tuple[str, ...]] = ("papers", "officers")

    kind: RequestKind = Field(title=marked("协作类别"))
    case_no: Line = Field(title=marked("案件编号"))
    filed_at: Moment = Field(title=marked("立案时间"))
    subject: Subject = Field(title=marked("协作对象"))
    questions: Some[Text] = Field(title=marked("请求事项"))
    papers: Some[Paper] | None = Field(default=None, title=marked("法律文书"))
    officers: Some[Person] | None = Field(default=None, title=marked("办案民警（人民警察证）"))
    custody: bool = Field(title=marked("有人在押"))
    scope: Text = Field(title=marked("协作范围"))
    far: bool = Field(default=False, title=marked("交通十分不便"))

    def against_header(self, *, stage: str | None, grade: int | None) -> Iterable[tuple[str, str]]:
        """Every paper that the kind needs is there (art. 347)."""
        del stage, grade
        needed = NEEDED[self.kind]
        for name in missing_papers(self):
            sentence = _("{kind}协作应附{paper}（{article}）；还缺，请补上再发")
            field = "officers" if name == TWO_OFFICERS else "papers"
            yield field, sentence.format(kind=_(self.kind), paper=name, article=needed.article)

    def for_header(self) -> Mapping[str, str]:
        """Rule 2."""
        if self.kind in IDENTITY_KINDS:
            return {"wants": "identity-far" if self.far else "identity"}
        return {"wants": "assistance"}


def missing_papers(request: AssistanceRequest) -> tuple[str, ...]:
    """Name each paper that a request of its kind must bring and this one does not, in Chinese."""
    needed = NEEDED[request.kind]
    there = {paper.name for paper in request.papers or ()}
    missing = ["或".join(any_of) for any_of in needed.papers if not there & set(any_of)]
    badges = {officer.badge for officer in request.officers or ()}
    if needed.officers and len(badges) < OFFICERS_NEEDED:
        missing.append(TWO_OFFICERS)
    return tuple(missing)
