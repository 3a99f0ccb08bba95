"""A county's books as it gives them to an auditor: the events it sent and received, without any content.

JSON Lines. The first line names the county, the last has the number of lines between, so that a truncated
book is noticed. Events travel as counterfoils: signature, header and hash can be checked.

Law 2: an event's header is believed only if its counterfoil verifies; the row says whether it did.

Rule 1: a book is its county's own account. Each line is proven by others' signatures: the sender's on the
        counterfoil, the station's on the postmark. What a book omits shows against the log and the partner's book.
Rule 2: an ``external_ref`` is given as a hash with the county's code: only a reader who knows the reference
        can recognise it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from yizhan.ledger.errors import BookInvalid
from yizhan.runtime.access_log import AccessLogHead
from yizhan.schemas import strictjson
from yizhan.schemas.charter import Charters
from yizhan.schemas.counterfoils import verify_counterfoil
from yizhan.schemas.dsse import decode_base64
from yizhan.schemas.errors import Refused, StatementInvalid, UnknownKey
from yizhan.schemas.header import (
    CharterName,
    ContractModel,
    Epoch,
    EventId,
    Header,
    Hex32,
    LaneName,
    MemberCode,
    Source,
)
from yizhan.schemas.keys import SigningPublicKey
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.policy import Way
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.statements import read_dated
from yizhan.schemas.timestamps import Timestamp, instant

Kind = Literal["outbox", "inbox"]
_Text = Annotated[str, Field(max_length=1024 * 1024)]
_Number = Annotated[int, Field(ge=0, le=strictjson.MAX_INTEGER)]


class BookHeader(ContractModel):
    """The first line: county, time of export, and the head of the county's access log at that time."""

    line: Literal["book"] = "book"
    format: Literal[1] = 1
    kind: Kind
    county: MemberCode
    at: Timestamp
    charter: CharterName
    journal: AccessLogHead


class _Letter(ContractModel):
    id: EventId
    hash: Hex32
    counterfoil: _Text | None = None
    postmark: _Text | None = None


class OutboxRow(_Letter):
    """One own event."""

    line: Literal["sent"] = "sent"
    record: Hex32
    accepted: Timestamp
    first_sent: Timestamp | None = None
    refused: str | None = None
    void: bool = False
    replaced_by: EventId | None = None
    ref: Hex32 | None = None


class Destroyed(ContractModel):
    """Says that content was destroyed: its class of retention, when, and the event that reports it."""

    retention: str
    at: Timestamp
    notice: EventId | None = None


class InboxRow(_Letter):
    """One event in an inbox. ``answers``: stage → time of the county officer's receipt."""

    line: Literal["came"] = "came"
    stored: Timestamp
    received: Timestamp
    way: Annotated[Way, Field(strict=False)]
    rule: str
    state: str
    warnings: Annotated[tuple[str, ...], Field(strict=False)] = ()
    answers: Annotated[dict[str, Timestamp], Field(default_factory=dict)]
    destroyed: Destroyed | None = None


class Rival(ContractModel):
    """Another event under an id that was in the inbox already."""

    line: Literal["rival"] = "rival"
    id: EventId
    hash: Hex32
    stored: Timestamp


class AsideRecord(ContractModel):
    """A record that an inbox did not let in."""

    line: Literal["aside"] = "aside"
    reason: str
    place: str
    stored: Timestamp


class DigestRecord(ContractModel):
    """A digest that was received: manifest as signed, verdict, the hashes of its events in order."""

    line: Literal["digest"] = "digest"
    label: str
    verdict: str
    stored: Timestamp
    manifest: _Text
    members: Annotated[tuple[Hex32, ...], Field(strict=False)]


class LaneRecord(ContractModel):
    """Numbers of one lane that were received or never will be, as the inbox remembers them; spans of (first, last)."""

    line: Literal["lane"] = "lane"
    source: Source
    book: Epoch
    lane: LaneName
    head: _Number
    spans: Annotated[tuple[Annotated[tuple[_Number, _Number], Field(strict=False)], ...], Field(strict=False)]


class Access(ContractModel):
    """One line of the county's access log, unchanged."""

    line: Literal["access"] = "access"
    entry: _Text


class BookTrailer(ContractModel):
    """The last line: the number of lines between it and the first."""

    line: Literal["end"] = "end"
    lines: _Number


Row = OutboxRow | InboxRow | Rival | AsideRecord | DigestRecord | LaneRecord | Access
_ROWS: Final[TypeAdapter[Any]] = TypeAdapter(
    Annotated[
        BookHeader | OutboxRow | InboxRow | Rival | AsideRecord | DigestRecord | LaneRecord | Access | BookTrailer,
        Field(discriminator="line"),
    ]
)


def hash_reference(county: str, external_ref: str) -> str:
    """Hash a desk's own reference, so that only a reader who knows it can recognise it."""
    return hashlib.sha256(f"yizhan/ref/v1\0{county}\0{external_ref}".encode()).hexdigest()


def encode_base64(data: bytes | None) -> str | None:
    """Encode bytes as a row carries them."""
    return None if data is None else base64.b64encode(data).decode()


def write_book(opening: BookHeader, rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield a book's lines, each with its newline."""
    yield _line(opening)
    count = 0
    for row in rows:
        yield _line(row)
        count += 1
    yield _line(BookTrailer(lines=count))


def _line(row: ContractModel) -> bytes:
    return strictjson.dumps(row.model_dump(mode="json", exclude_none=True)) + b"\n"


@dataclass(frozen=True)
class BookEvent:
    """An event of a book, checked.

    ``header`` is None where the counterfoil is missing or does not verify. ``mark`` is the postmark in the book,
    None where it is missing or does not verify. ``problem`` says what does not verify.
    """

    row: OutboxRow | InboxRow
    header: Header | None
    mark: Postmark | None
    problem: str | None

    @cached_property
    def id(self) -> str:
        """Its id, as in the book."""
        return self.row.id

    @cached_property
    def statement(self) -> bytes | None:
        """The postmark's bytes."""
        return None if self.row.postmark is None else self.row.postmark.encode()


@dataclass(frozen=True)
class Book:
    """A book that was read and checked."""

    opening: BookHeader
    events: Mapping[str, BookEvent]
    rivals: tuple[Rival, ...] = ()
    asides: tuple[AsideRecord, ...] = ()
    digests: tuple[DigestRecord, ...] = ()
    lanes: tuple[LaneRecord, ...] = ()
    accesses: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def county(self) -> str:
        """The county that exported it."""
        return self.opening.county


def read_book(lines: Iterable[bytes], charters: Charters, name: str = "book") -> Book:
    """Read a book and check every event and manifest in it.

    Args:
        lines: of the file.
        charters: versions with the keys to check with.
        name: the file's name for error messages.

    Raises:
        BookInvalid: it is not a book, or was truncated.
    """
    parsed = [_parsed(line, number, name) for number, line in enumerate(lines, 1)]
    if not parsed or not isinstance(parsed[0], BookHeader):
        raise BookInvalid(f"{name}: expected the exported book of an outbox or an inbox, got another file")
    opening, *rows = parsed
    if not rows or not isinstance(rows[-1], BookTrailer) or rows[-1].lines != len(rows) - 1:
        raise BookInvalid(
            f"{name}: the book was truncated or joined: it has {len(rows)} lines after its first; export it again"
        )
    ids = [row.id for row in rows if isinstance(row, OutboxRow | InboxRow)]
    if len(set(ids)) != len(ids):
        raise BookInvalid(f"{name}: it has an event twice; export it again")
    events = [check_row(row, charters) for row in rows if isinstance(row, OutboxRow | InboxRow)]
    wrong = OutboxRow if opening.kind == "inbox" else InboxRow
    if any(isinstance(event.row, wrong) for event in events) or any(isinstance(row, BookHeader) for row in rows):
        raise BookInvalid(f"{name}: an {opening.kind} book with lines of another kind; export it again")
    if opening.kind == "outbox" and any(id[:6] != opening.county for id in ids):
        raise BookInvalid(f"{name}: the outbox book of {opening.county} has another county's event; export it again")
    return Book(
        opening,
        {event.id: event for event in events},
        tuple(row for row in rows if isinstance(row, Rival)),
        tuple(row for row in rows if isinstance(row, AsideRecord)),
        tuple(row for row in rows if isinstance(row, DigestRecord)),
        tuple(row for row in rows if isinstance(row, LaneRecord)),
        tuple(row.entry.encode() + b"\n" for row in rows if isinstance(row, Access)),
    )


def _parsed(line: bytes, number: int, name: str) -> Any:  # noqa: ANN401 -- one of the rows above
    try:
        return _ROWS.validate_python(strictjson.loads(line, nulls=False))
    except (strictjson.StrictJsonError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise BookInvalid(f"{name}:{number}: not a line of a book: {first}; export it again") from None


def check_row(row: OutboxRow | InboxRow, charters: Charters) -> BookEvent:
    """Check an event's postmark and counterfoil against the charters."""
    mark, problems = None, []
    if row.postmark is not None:
        try:
            mark = read_dated(Postmark, row.postmark.encode(), charters)[0]
        except StatementInvalid as error:
            problems.append(f"postmark: {error}")
    at = instant(row.received if isinstance(row, InboxRow) else row.accepted) if mark is None else mark.made

    def key_of(header: Header) -> SigningPublicKey:
        known = charters.in_force(at).signing.get(header.county, {}).get(header.kid)
        known = known or charters.latest().signing.get(header.county, {}).get(header.kid)
        if known is None:
            raise UnknownKey(f"no charter knows key {header.kid[:16]}… of {header.county}")
        return known.key

    header = None
    try:
        found = verify_counterfoil(decode_base64(row.counterfoil or ""), key_of)
        if (found.header.id, found.hash.hex()) == (row.id, row.hash):
            header = found.header
        else:
            problems.append("the counterfoil is another event's")
    except (Refused, ValueError) as error:
        problems.append(f"counterfoil: {error}" if row.counterfoil else "no counterfoil")
    return BookEvent(row, header, mark, "; ".join(problems) or None)


def manifest_of(digest: DigestRecord, charters: Charters) -> Manifest | None:
    """Return a digest's manifest, verified; None if it does not verify."""
    try:
        return read_dated(Manifest, digest.manifest.encode(), charters)[0]
    except StatementInvalid:
        return None
