"""``intelligence.bulletin`` 季度情报通报: what one county signs of a quarter between two (联享: 每季度定期通报和交流).

Rule 1: it names the station's manifests of both counties, as far as its sender has them: what both sides name
        of one county must be the same.
Rule 2: ``figures`` is the SHA-256 of the figures' JSON, which the other side recomputes; ``numbers`` are those
        that people quote, and ``directions`` the letters that were counted.
Rule 3: the quarter stands in the header too (``period``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from yizhan.schemas.header import EventId, Hex32, MemberCode
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.base import Amount, Moment, Payload, People, Some, SomeUnlike, Text
from yizhan.schemas.payloads.common import Signed


class NamedManifest(Payload):
    """One manifest of the station."""

    county: MemberCode = Field(title=marked("县（市）"))
    hash: Hex32 = Field(title=marked("清单指纹"))
    count: People = Field(title=marked("件数"))
    prompt: People = Field(title=marked("其中即时"))
    root: Hex32 = Field(title=marked("树根"))
    closed: Moment = Field(title=marked("结算时间"))


class DirectionCount(Payload):
    """The letters of one direction: how many, and the Merkle root over their hashes, sorted (RFC 9162)."""

    source: MemberCode = Field(title=marked("发件县"))
    to: MemberCode = Field(title=marked("收件县"))
    letters: People = Field(title=marked("件数"))
    root: Hex32 = Field(title=marked("树根"))


class QuotedNumber(Payload):
    """One of the figures that people quote, by its place in the figures' JSON: ``fires.burnt_ha``."""

    name: Annotated[str, Field(pattern=r"^[\w.]{1,80}$")] = Field(title=marked("名目"))
    value: Amount = Field(title=marked("数值"))


class TypicalCase(Payload):
    """A case that an analyst chose."""

    id: EventId = Field(title=marked("编号"))
    text: Text | None = Field(default=None, title=marked("案情"))


class IntelligenceBulletin(Signed):
    """The bulletin of a quarter, signed by one of the two."""

    label: Annotated[str, Field(pattern=r"^2[01][0-9]{2}Q[1-4]$", examples=["2026Q3"])] = Field(title=marked("季度"))
    partner: MemberCode = Field(title=marked("伙伴县"))
    manifests: SomeUnlike[NamedManifest] = Field(title=marked("驿站清单"))
    directions: Annotated[tuple[DirectionCount, ...], Field(min_length=2, max_length=2)] = Field(title=marked("收发"))
    figures: Hex32 = Field(title=marked("数据指纹"))
    numbers: SomeUnlike[QuotedNumber] = Field(title=marked("主要数据"))
    typical: Some[TypicalCase] | None = Field(default=None, title=marked("典型案例"))
    judgement: Text | None = Field(default=None, title=marked("形势研判"))
    suggestions: Text | None = Field(default=None, title=marked("工作建议"))

    @model_validator(mode="after")
    def _between_two(self) -> Self:
        pair = {(each.source, each.to) for each in self.directions}
        codes = {code for direction in pair for code in direction}
        if len(pair) != 2 or len(codes) != 2 or self.partner not in codes:  # noqa: PLR2004 -- two counties
            raise ValueError(_("应为两县之间往来两个方向（directions），其中一县是伙伴县（partner）"))
        if {each.county for each in self.manifests} - codes:
            raise ValueError(_("只列这两个县的驿站清单（manifests）"))
        return self

    def for_header(self) -> Mapping[str, str]:
        """Rule 3."""
        return {"period": self.label}
