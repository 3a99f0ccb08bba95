"""The postmark (邮戳): the station's signed statement about one record.

Rule 1: it says what was seen, where and when, and what was decided by which rule, or why refused.
Rule 2: the same record under the same charter gives the same bytes; only the two words about the
        station's own charter, ``charter_stale`` and ``charter_behind``, may come or go meanwhile.
Rule 3: what it says of an event comes from verified bytes; of a refused record only its hash is said.
Rule 4: of an admitted event it says which obligations the event opens and ends, signed once
        (:mod:`~yizhan.schemas.postmark_steps`). Former stations said that by statements of their own: their postmarks
        have another type, and say nothing of obligations.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from yizhan.schemas.errors import Reason
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import CharterName, ContractModel, EventId, Hex32, MemberCode, Ref
from yizhan.schemas.policy import Way
from yizhan.schemas.postmark_steps import MOST, Ends, EventStamp, Opens
from yizhan.schemas.statements import StationStatement
from yizhan.schemas.timestamps import Timestamp

CONTENT_TYPE: Final = "application/vnd.yizhan.postmark.v1+json"
"""Of a refused record; former stations wrote it of admitted events, too."""
CONTENT_TYPE_ADMITTED: Final = "application/vnd.yizhan.postmark.v2+json"
"""Of an admitted event, with what it opens and ends."""
CONTENT_TYPES: Final = frozenset({CONTENT_TYPE, CONTENT_TYPE_ADMITTED})
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

    Admitted: ``id``, ``hash``, ``decisions``, ``opens`` and ``ends`` are there (by a former station: without the last
    two). Refused: ``refused`` is the reason,
    ``detail`` one sentence for the sender's engineer; with ``first``, every record of the topic from that offset on was
    refused, too, and has no postmark of its own. ``charter_stale``: the station could not
    refresh its charter. ``charter_behind``: the sender has a newer one.
    """

    content_type: ClassVar[str] = CONTENT_TYPE_ADMITTED
    former_types: ClassVar[frozenset[str]] = frozenset({CONTENT_TYPE})
    made_attribute: ClassVar[str] = "received"

    record_sha256: Hex32
    origin: Origin
    received: Timestamp
    charter: CharterName
    id: EventId | None = None
    hash: Hex32 | None = None
    decisions: Annotated[dict[MemberCode, Decided], Field(min_length=1)] | None = None
    opens: Annotated[tuple[Opens, ...], Field(strict=False, max_length=MOST)] | None = None
    ends: Annotated[tuple[Ends, ...], Field(strict=False, max_length=MOST)] | None = None
    clock_suspect: Literal[True] | None = None
    refused: Annotated[Reason, Field(strict=False)] | None = None
    detail: Annotated[str, Field(max_length=1000)] | None = None
    first: Annotated[int, Field(ge=0)] | None = None
    charter_stale: Literal[True] | None = None
    charter_behind: Literal[True] | None = None

    @property
    def form(self) -> str:
        """The type under which it is signed."""
        return CONTENT_TYPE if self.opens is None else CONTENT_TYPE_ADMITTED

    @property
    def tells_all(self) -> bool:
        """Whether its entries are all that the event opens and ends: not so by a former station, nor if it is full."""
        return all(each is not None and len(each) < MOST for each in (self.opens, self.ends))

    def steps(self) -> tuple[Followup, ...]:
        """Return the steps of obligations that it says, each as its own statement would say it."""
        if self.id is None or self.hash is None:
            return ()
        stamp = EventStamp(Ref(id=self.id, hash=self.hash), self.received, self.charter)
        entries: tuple[Opens | Ends, ...] = (*(self.ends or ()), *(self.opens or ()))
        return tuple(step for entry in entries for step in entry.followups(stamp))

    @model_validator(mode="after")
    def _admitted_or_refused(self) -> Self:
        admitted = [part is not None for part in (self.id, self.hash, self.decisions)]
        if (self.opens is None) != (self.ends is None):
            message = "a postmark has both opens and ends, or (a refusal, a former station's) neither"
            raise ValueError(message)
        if self.refused is None:
            if not all(admitted) or self.detail is not None or self.first is not None:
                message = "a postmark that does not refuse admits, with id, hash, decisions, without detail and first"
                raise ValueError(message)
        elif any(admitted) or self.opens is not None or self.clock_suspect or self.charter_behind:
            message = "a postmark that refuses says nothing else of the event"
            raise ValueError(message)
        elif self.first is not None and self.first >= self.origin.offset:
            message = "the first refused record stands before the last"
            raise ValueError(message)
        return self
