"""The signed header: what the station may know about an event.

Rule 1: strict JSON (``strictjson``), at most 16 KiB; an attribute that is not in this file is refused.
Rule 2: no person, place name or free text: everything else belongs in the sealed payload.
Rule 3: the bytes that were signed are kept; a header is never written again to check it.

Names are those of CloudEvents 1.0 and CAP 1.2 where they exist.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from yizhan.schemas import strictjson
from yizhan.schemas.errors import Malformed
from yizhan.schemas.timestamps import Timestamp

MAX_HEADER_BYTES: Final = 16 * 1024
MAX_MEMBERS: Final = 64
MAX_BEYOND: Final = 64
RECEIPT: Final = "yizhan.receipt.v1"
NOTICE: Final = "yizhan.notice.v1"

_MEMBER = r"[0-9]{6}"
_SOURCE = _MEMBER + r"(?:\.[a-z0-9-]{1,32})?"
_EPOCH = r"[a-z0-9]{4,20}"
_ID = re.compile(rf"({_SOURCE})-({_EPOCH})-([1-9][0-9]{{0,14}})")

MemberCode = Annotated[str, Field(pattern=rf"^{_MEMBER}$", examples=["350924"])]
"""A member's six-digit GB/T 2260 code, ASCII digits."""
Source = Annotated[str, Field(pattern=rf"^{_SOURCE}$", examples=["350924", "350924.forest"])]
Epoch = Annotated[str, Field(pattern=rf"^{_EPOCH}$")]
"""One life of an outbox: its numbers are given once. Attributes and columns that hold one are called ``book``."""
EventId = Annotated[str, Field(pattern=rf"^{_ID.pattern}$", max_length=80, examples=["350924-20261123k7qf-17"])]
EventType = Annotated[str, Field(pattern=r"^yizhan(?:\.[a-z][a-z0-9_]{0,31}){1,3}\.v[1-9][0-9]?$", max_length=120)]
Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
CharterName = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}-[0-9a-f]{16}$", examples=["1-9f86d081884c7d65"])]
Count = Annotated[int, Field(ge=1, le=strictjson.MAX_INTEGER)]
LaneName = Literal["prompt", "digest"]
Wants = Literal["feedback", "identity", "identity-far", "assistance", "countersign"]
"""Which answer the sender asks for, in one closed word: the station cannot open payloads."""
Period = Annotated[
    str, Field(pattern=r"^2[01][0-9]{2}(?:-(?:0[1-9]|1[0-2])|Q[1-4])?$", examples=["2026-07", "2026Q3", "2026"])
]
"""Which month, quarter or year the matter belongs to."""
# JSON has arrays, Python has tuples: only here is an array taken for a tuple.
_Codes = Annotated[tuple[MemberCode, ...], Field(strict=False, max_length=MAX_MEMBERS)]


class ContractModel(BaseModel):
    """Base of everything in the contract: frozen, strict, nothing extra."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", defer_build=True)


class Ref(ContractModel):
    """Names one event: ``id`` for people, ``hash`` so that it cannot be swapped."""

    id: EventId
    hash: Hex32


class Lane(ContractModel):
    """The sender's contiguous count of events to one recipient: 1, 2, 3 … in each lane.

    ``prompt`` counts what the sender's own ``decide`` sends at once, ``digest`` what waits for
    the quarter, so that a gap in ``prompt`` shows a loss at once and a gap in ``digest`` when
    the period closes.
    """

    lane: LaneName
    n: Count


class ReceiptRef(ContractModel):
    """What a receipt confirms.

    ``delivered`` is cumulative for one lane: everything up to ``up_to`` (0 for nothing) and the
    numbers in ``beyond``, which arrived past a gap: rising, from ``up_to + 2``. Every other stage
    names one ``event``.
    """

    stage: Literal["delivered", "unopenable", "fetched", "unfetched", "acknowledged", "acted", "declined"]
    source: Source | None = None
    book: Epoch | None = None
    lane: LaneName | None = None
    up_to: Annotated[int, Field(ge=0, le=strictjson.MAX_INTEGER)] | None = None
    beyond: Annotated[tuple[Count, ...], Field(strict=False, max_length=MAX_BEYOND)] | None = None
    event: Ref | None = None

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        lane = (self.source, self.book, self.lane, self.up_to)
        if self.stage == "delivered":
            if None in lane or self.event is not None:
                message = "a delivered receipt names source, book, lane and up_to, and no event"
                raise ValueError(message)
            if any(left >= right for left, right in pairwise(((self.up_to or 0) + 1, *(self.beyond or ())))):
                message = "beyond rises, and begins past the gap: up_to + 2 or more"
                raise ValueError(message)
        elif self.event is None or any(part is not None for part in (*lane, self.beyond)):
            message = f"a receipt of stage {self.stage} names one event and nothing else"
            raise ValueError(message)
        return self

    @property
    def target_source(self) -> str:
        """Source of what is confirmed."""
        return self.source if self.event is None else split_id(self.event.id)[0]  # type: ignore[return-value] # _one_shape


class Header(ContractModel):
    """The attributes of one event; the table in the specification says what each means."""

    specversion: Literal["1.0"] = "1.0"
    source: Source
    id: EventId
    type: EventType
    time: Timestamp
    kid: Hex32
    to: _Codes
    lanes: Annotated[dict[MemberCode, Lane], Field(max_length=MAX_MEMBERS)]
    charter: CharterName
    status: Literal["Actual", "Exercise", "Test"]
    priority: Literal["flash", "urgent", "routine"]
    subject: EventId | None = None
    grade: Annotated[int, Field(ge=1, le=4)] | None = None
    certainty: Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"] | None = None
    touches: _Codes | None = None
    stage: Literal["first", "update", "final"] | None = None
    worse: bool | None = None
    reply_to: Ref | None = None
    supersedes: Ref | None = None
    withdraws: Ref | None = None
    receipt: ReceiptRef | None = None
    expires: Timestamp | None = None
    wants: Wants | None = None
    period: Period | None = None

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if split_id(self.id)[0] != self.source:
            message = f"id {self.id} was not numbered by source {self.source}"
            raise ValueError(message)
        if (self.type == RECEIPT) != (self.receipt is not None):
            message = f'"receipt" belongs to the type {RECEIPT} and to no other'
            raise ValueError(message)
        return self

    @property
    def county(self) -> str:
        """Member code of the source, whatever its unit."""
        return self.source[:6]

    @property
    def epoch(self) -> str:
        """Epoch of the id."""
        return split_id(self.id)[1]

    @property
    def refers(self) -> str:
        """The strongest reference: ``withdraws``, ``supersedes``, ``reply_to`` or ``none``."""
        for name in ("withdraws", "supersedes", "reply_to"):
            if getattr(self, name) is not None:
                return name
        return "none"

    def to_bytes(self) -> bytes:
        """Write the header as its sender signs it: compact, names sorted, absent ones left out."""
        return strictjson.dumps(self.model_dump(mode="json", exclude_none=True))


_SHORTEST_BOOK: Final = 4
ID_ENDS: Final = (
    "(substr(id, -length(:end)) = :end OR substr(rtrim(id, '0123456789'), -length(:without_number)) = :without_number)"
)
"""The condition of a query for ids that end in what ``id_end`` returns."""


def id_end(word: str) -> dict[str, str]:
    """Return the parameters for ``ID_ENDS``: a word without a dash is a whole number, not the end of one.

    A word that is no number may also be the end of what stands before the number: it means every event of that book.
    A short one does not: nobody means an event by nothing, or by one letter.

    >>> id_end("17"), id_end("qf-17")["end"], id_end("k7qf")["without_number"], id_end("")["without_number"]
    ({'end': '-17', 'without_number': ''}, 'qf-17', 'k7qf-', '')
    """
    book = word.rstrip("-")
    return {
        "end": word if "-" in word else f"-{word}",
        "without_number": "" if word.isdecimal() or len(book) < _SHORTEST_BOOK else f"{book}-",
    }


def split_id(event_id: str) -> tuple[str, str, int]:
    """Take an id apart into source, epoch and number.

    Raises:
        ValueError: not an event id.

    >>> split_id("350924.forest-20261123k7qf-17")
    ('350924.forest', '20261123k7qf', 17)
    """
    match = _ID.fullmatch(event_id)
    if match is None:
        message = f"expected <source>-<book>-<n>, got {event_id[:80]!r}"
        raise ValueError(message)
    return match[1], match[2], int(match[3])


def is_event_id(text: str) -> bool:
    """Tell whether a text is an event id.

    >>> is_event_id("350924-20261123k7qf-17"), is_event_id("350924-331126")
    (True, False)
    """
    return _ID.fullmatch(text) is not None


def parse_header(data: bytes) -> Header:
    """Read header bytes. Whether they were signed is the caller's business.

    Raises:
        Malformed: not strict JSON, an unknown attribute, or a value outside its list.
    """
    try:
        value: Any = strictjson.loads(data, nulls=False)
    except strictjson.StrictJsonError as error:
        message = f"header: {error}"
        raise Malformed(message) from None
    if isinstance(value, dict) and "specversion" not in value:
        message = 'header: expected "specversion":"1.0", it is missing'
        raise Malformed(message)
    try:
        return Header.model_validate(value)
    except ValidationError as error:
        raise Malformed(_say(error)) from None


def _say(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    # A stranger chose these names: they must not steer the terminal that shows them.
    where = ascii(".".join(str(part) for part in first["loc"]))[1:-1][:80] or "header"
    return f"header attribute {where}: {first['msg']} ({error.error_count()} problem(s) in all)"
