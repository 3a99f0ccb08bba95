"""The postmark (邮戳): the station's signed statement about one record.

Rule 1: it says what was seen, where and when, and what was decided by which rule, or why refused.
Rule 2: the same record under the same charter gives the same bytes; only the two words about the
        station's own charter, ``charter_stale`` and ``charter_behind``, may come or go meanwhile.
Rule 3: what it says of an event comes from verified bytes; of a refused record only its hash is said.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from yizhan.schemas.errors import Reason
from yizhan.schemas.header import CharterName, ContractModel, EventId, Hex32, MemberCode
from yizhan.schemas.policy import Way
from yizhan.schemas.statements import StationStatement
from yizhan.schemas.timestamps import Timestamp

CONTENT_TYPE: Final = "application/vnd.yizhan.postmark.v1+json"
KAFKA_HEADER: Final = "yizhan-postmark"
"""Kafka record header in which a postmark travels beside the untouched envelope."""


class Origin(ContractModel):
    """Where the record stands: one place in one cluster."""

    cluster: Annotated[str, Field(min_length=1, max_length=64)]
    topic: Annotated[str, Field(min_length=1, max_length=249)]
    partition: Annotated[int, Field(ge=0)]
    offset: Annotated[int, Field(ge=0)]

    def __str__(self) -> str:
        """Write it as a Kafka key: ``topic/partition/offset``."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class Decided(ContractModel):
    """One recipient's decision: the way, and the id of the route."""

    way: Annotated[Way, Field(strict=False)]
    rule: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,31}$")]


class Postmark(StationStatement):
    """What the station says about one record.

    Admitted: ``id``, ``hash`` and ``decisions`` are there. Refused: ``refused`` is the reason,
    ``detail`` one sentence for the sender's engineer; with ``first``, every record of the topic from that offset on was
    refused, too, and has no postmark of its own. ``charter_stale``: the station could not
    refresh its charter. ``charter_behind``: the sender has a newer one.
    """

    content_type: ClassVar[str] = CONTENT_TYPE
    made_attribute: ClassVar[str] = "received"

    record_sha256: Hex32
    origin: Origin
    received: Timestamp
    charter: CharterName
    id: EventId | None = None
    hash: Hex32 | None = None
    decisions: Annotated[dict[MemberCode, Decided], Field(min_length=1)] | None = None
    clock_suspect: Literal[True] | None = None
    refused: Annotated[Reason, Field(strict=False)] | None = None
    detail: Annotated[str, Field(max_length=1000)] | None = None
    first: Annotated[int, Field(ge=0)] | None = None
    charter_stale: Literal[True] | None = None
    charter_behind: Literal[True] | None = None

    @model_validator(mode="after")
    def _admitted_or_refused(self) -> Self:
        admitted = [part is not None for part in (self.id, self.hash, self.decisions)]
        if self.refused is None:
            if not all(admitted) or self.detail is not None or self.first is not None:
                message = "a postmark that does not refuse admits, with id, hash, decisions, without detail and first"
                raise ValueError(message)
        elif any(admitted) or self.clock_suspect or self.charter_behind:
            message = "a postmark that refuses says nothing else of the event"
            raise ValueError(message)
        elif self.first is not None and self.first >= self.origin.offset:
            message = "the first refused record stands before the last"
            raise ValueError(message)
        return self
