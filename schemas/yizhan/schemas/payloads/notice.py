"""``notice``: what one outbox, or one desk, tells another.

Rule 1: ``lane_heads`` says how far each lane to this recipient has come, so that a lost tail shows
        too, and which numbers will never come; it tells nobody of the lanes to others.
Rule 2: ``text`` is a plain word to the other side.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from yizhan.schemas.header import Book, Count, LaneName
from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads.base import Payload, Text
from yizhan.schemas.strictjson import MAX_INTEGER

MAX_LANES: Final = 16
"""Lanes told of, the newest books; one has two to a recipient, and a new book is rare."""
MAX_VOID: Final = 200
"""Void numbers a lane, the newest, should there be more."""


class LaneHead(Payload):
    """How far one lane to the recipient has come."""

    book: Book = Field(title=marked("册号"))
    lane: LaneName = Field(title=marked("通道"))
    head: Annotated[int, Field(ge=0, le=MAX_INTEGER)] = Field(title=marked("末号"))
    void: Annotated[tuple[Count, ...], Field(max_length=MAX_VOID)] = Field(default=(), title=marked("空号"))


class Notice(Payload):
    """Lane heads, or a text."""

    kind: Literal["lane_heads", "text"] = Field(title=marked("类别"))
    lanes: Annotated[tuple[LaneHead, ...], Field(max_length=MAX_LANES)] | None = Field(
        default=None, title=marked("通道末号")
    )
    text: Text | None = Field(default=None, title=marked("内容"))

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        if (self.kind == "text") != (self.text is not None) or (self.kind == "lane_heads") != (self.lanes is not None):
            raise ValueError("kind lane_heads has lanes, kind text has text, and neither has the other's")
        return self
