"""``notice``: what one outbox, or one desk, tells another.

Rule 1: ``lane_heads`` says how far each lane to this recipient has come, so that a lost tail shows
        too, and which numbers will never come; it tells nobody of the lanes to others.
Rule 2: ``text`` is a person's plain word to the other side; ``by`` is who wrote it. In answer to the minutes of a
        consultation it may say which of their ``decisions`` its sender has carried out, by their numbers there.
Rule 3: ``destruction`` tells the sender of events that the recipient's copy of their content was destroyed,
        the term of retention being over: by id and hash, of one class of retention.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from yizhan.schemas.header import Count, Epoch, EventId, Hex32, LaneName
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.base import Line, Payload, Some, Text
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.strictjson import MAX_INTEGER

MAX_LANES: Final = 16
"""Lanes told of, the newest epochs; one has two to a recipient, and a new epoch is rare."""
MAX_VOID: Final = 200
"""Void numbers a lane, the newest, should there be more."""


class LaneHead(Payload):
    """How far one lane to the recipient has come."""

    book: Epoch = Field(title=marked("册号"))
    lane: LaneName = Field(title=marked("通道"))
    head: Annotated[int, Field(ge=0, le=MAX_INTEGER)] = Field(title=marked("末号"))
    void: Annotated[tuple[Count, ...], Field(max_length=MAX_VOID)] = Field(default=(), title=marked("空号"))


class DestroyedEvent(Payload):
    """One event whose content was destroyed."""

    id: EventId = Field(title=marked("编号"))
    hash: Hex32 = Field(title=marked("指纹"))


class Destruction(Payload):
    """Whose content was destroyed, and under which class of retention."""

    retention: Line = Field(title=marked("保管期限"))
    events: Some[DestroyedEvent] = Field(title=marked("销毁的文书"))


class Notice(Payload):
    """Lane heads, a text, or a destruction."""

    kind: Literal["lane_heads", "text", "destruction"] = Field(title=marked("类别"))
    lanes: Annotated[tuple[LaneHead, ...], Field(max_length=MAX_LANES)] | None = Field(
        default=None, title=marked("通道末号")
    )
    text: Text | None = Field(default=None, title=marked("内容"))
    decisions: Some[Annotated[int, Field(ge=1, le=200)]] | None = Field(
        default=None, title=marked("已办结的议定事项（序号）")
    )
    by: Person | None = Field(default=None, title=marked("写信人"))
    destruction: Destruction | None = Field(default=None, title=marked("销毁"))

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        parts = {"lane_heads": self.lanes, "text": self.text, "destruction": self.destruction}
        if [kind for kind, part in parts.items() if part is not None] != [self.kind]:
            raise ValueError(_("类别与内容不符：text 只带 text，lane_heads 只带 lanes，destruction 只带 destruction"))
        if self.decisions is not None and self.text is None:
            raise ValueError(_("议定事项（decisions）只随 text 写"))
        if self.by is not None and self.text is None:
            raise ValueError(_("写信人（by）只随 text 写"))
        return self
