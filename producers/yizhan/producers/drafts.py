"""Drafts: JSON objects that officers or other systems submit for sending.

Rule 1: nothing is derived: the attributes of the header come from the draft; texts are cleaned (``text_cleaning``).
Rule 2: a bad line names file, line and field, and the lines after it are still read.
Rule 3: the payload is checked in full, by its type, before anything is sealed.
Rule 4: what the header says for the station (``wants``, ``period``, a plan's ``expires``) follows from the payload.
Rule 5: events that only the system may send (receipts, lane heads) cannot be drafts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, BinaryIO, Final, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from yizhan.producers.json_pieces import json_pieces, numbered_lines
from yizhan.producers.officers import officer_faults
from yizhan.producers.text_cleaning import private_characters, tidy
from yizhan.schemas import strictjson
from yizhan.schemas.errors import PayloadInvalid
from yizhan.schemas.header import (
    MAX_MEMBERS,
    NOTICE,
    RECEIPT,
    ContractModel,
    EventId,
    EventType,
    Hex32,
    MemberCode,
    Period,
    Wants,
)
from yizhan.schemas.i18n import _
from yizhan.schemas.payloads import TYPES, encode, parse_strict
from yizhan.schemas.payloads.base import Line, Moment, Payload
from yizhan.schemas.payloads.codec import faults, not_json
from yizhan.schemas.payloads.common import Contact, OrgCode, Person
from yizhan.schemas.sentences import GOT

MAX_LINE_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 16
MAX_PROBLEMS: Final = 20
"""Most problems reported for one line."""
_SHOWN: Final = 60


class Reference(ContractModel):
    """An event: by ``id`` (with ``hash``, unless it is one's own), or by one's own ``external_ref``."""

    id: EventId | None = None
    hash: Hex32 | None = None
    external_ref: Line | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.id is None) == (self.external_ref is None) or (self.hash is not None and self.id is None):
            raise ValueError(_("用 id 和 hash，或用 external_ref 指明一件，不要两样都写"))
        return self


def _once(codes: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(codes)) != len(codes):
        raise ValueError(_("有一个县重复，写一次即可"))
    return tuple(sorted(codes))


Codes = Annotated[tuple[MemberCode, ...], Field(max_length=MAX_MEMBERS), AfterValidator(_once)]


class Draft(ContractModel):
    """One event to be sent. Header attributes are the specification's; absent ones stay absent."""

    type: EventType
    time: Moment | None = None
    """When the sender learnt of it; the outbox takes its own clock if absent."""
    to: Annotated[Codes, Field(min_length=1)] | None = None
    status: Literal["Actual", "Exercise", "Test"] = "Actual"
    priority: Literal["flash", "urgent", "routine"] = "routine"
    grade: Annotated[int, Field(ge=1, le=4)] | None = None
    certainty: Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"] | None = None
    touches: Codes | None = None
    stage: Literal["first", "update", "final"] | None = None
    worse: bool | None = None
    subject: EventId | None = None
    reply_to: Reference | None = None
    supersedes: Reference | None = None
    withdraws: Reference | None = None
    expires: Moment | None = None
    wants: Wants | None = None
    period: Period | None = None
    external_ref: Line | None = None
    """接警单号/案件编号: the same one of the same type is sent once. Also stands in the payload."""
    payload: Annotated[dict[str, Any], Field(description="As the schema of its type says.")]
    """As its sender's model writes it; ``parse_draft`` has checked it."""


def draft_content(draft: Draft) -> dict[str, Any]:
    """Return a draft as the JSON object that ``parse_draft`` reads."""
    return draft.model_dump(mode="json", exclude_none=True)


class Office(Payload):
    """Who imports, for the payload; all of it may be absent while nobody verified a detection."""

    org_code: OrgCode | None = None
    drafted_by: Person | None = None
    reviewed_by: Person | None = None
    signed_off_by: Person | None = None
    contact: Contact | None = None


class DraftInvalid(PayloadInvalid):
    """A draft that must be mended; ``errors`` are (field path, message) pairs."""


@dataclass(frozen=True, slots=True)
class LineProblem:
    """What is wrong with one line of a file, and where."""

    file: str
    line: int
    """From 1."""
    field: str
    """Path of the field; empty for the line as a whole."""
    expected: str
    came: str

    def __str__(self) -> str:
        """Say it in one line."""
        where = f"{self.file}:{self.line}" + (f": {self.field}" if self.field else "")
        return f"{where}: {self.expected}" + (f"{_(GOT)}{self.came}" if self.came else "")


def parse_draft(value: Mapping[str, Any]) -> Draft:
    """Check a draft and its payload.

    Raises:
        DraftInvalid: with every fault.
    """
    errors: list[tuple[str, str]] = []
    content = tidy(dict(value))
    errors += private_characters(content)
    given, kind = content.get("payload"), content.get("type")
    if (unsendable := _unsendable(kind, given)) is not None:
        errors.append(("type", unsendable))
    elif isinstance(given, Mapping) and isinstance(kind, str):
        _check_payload(content, kind, given, errors)
    try:
        draft = Draft.model_validate_json(strictjson.dumps(content))
    except (TypeError, ValueError, RecursionError) as error:
        found = faults(error) if isinstance(error, ValidationError) else [("", not_json(error))]
        errors += [one for one in found if one not in errors and not (unsendable and one[0] == "type")]
        raise DraftInvalid(tuple(errors)) from None
    if errors:
        raise DraftInvalid(tuple(errors))
    return draft


def _unsendable(kind: object, given: object) -> str | None:
    """Return why officers may not send a type; None if they may, or if the draft has no valid type."""
    if not isinstance(kind, str):
        return None
    if kind == RECEIPT or (kind == NOTICE and isinstance(given, Mapping) and given.get("kind") != "text"):
        return _("回执和系统通知由系统自己写，值班室只发 kind 为 text 的通知") + f"{_(GOT)}{kind}"
    if kind in TYPES:
        return None
    types = ", ".join(name for name in TYPES if name != RECEIPT)
    return _("应为其中之一：{expected}").format(expected=types) + f"{_(GOT)}{kind[:_SHOWN]!r}"


def _check_payload(content: dict[str, Any], kind: str, given: Mapping[str, Any], errors: list[tuple[str, str]]) -> None:
    """Put the checked payload and the one ``external_ref`` into ``content``, or name the faults."""
    payload = dict(given)
    outer, inner = content.get("external_ref"), given.get("external_ref")
    if outer is not None and inner is not None and outer != inner:
        errors.append(("external_ref", _("应与 payload.external_ref 相同") + f"{_(GOT)}{str(outer)[:_SHOWN]!r}"))
    if (reference := inner if inner is not None else outer) is not None and kind != NOTICE:
        payload["external_ref"] = content["external_ref"] = reference
    try:
        model = parse_strict(kind, payload)
    except PayloadInvalid as error:
        errors += [(f"payload.{path}".rstrip("."), problem) for path, problem in error.errors]
        return
    errors += [(f"payload.{path}", problem) for path, problem in officer_faults(payload)]
    stage, grade = content.get("stage"), content.get("grade")
    disagreeing = model.against_header(
        stage=stage if isinstance(stage, str) else None, grade=grade if isinstance(grade, int) else None
    )
    errors += [(f"payload.{path}", problem) for path, problem in disagreeing]
    follows = dict(model.for_header())
    if content.get("reply_to") is not None and follows.get("wants") == "countersign":
        del follows["wants"]  # a plan in answer to a plan is the countersignature, and wants none
    for name in sorted({"wants", "period", *follows}):
        if content.get(name) not in (None, follows.get(name)):
            sentence = _("应由内容得出，不必写；内容得出的是 {expected}")
            got = f"{_(GOT)}{str(content[name])[:_SHOWN]!r}"
            errors.append((name, sentence.format(expected=follows.get(name) or _("空")) + got))
    content |= follows
    content["payload"] = strictjson.loads(encode(model), floats=True)


def read_jsonl(stream: BinaryIO, name: str) -> Iterator[tuple[int, Draft | LineProblem]]:
    """Read drafts: (line number, draft), or each problem of what begins at that line.

    JSON Lines; or the same objects laid out for people, over several lines and in an array. Blank lines are passed
    over, and so is a byte order mark at the very start (Windows writes one).

    Args:
        stream: open in binary mode; read line by line, so that a file may be of any length.
        name: how to call the file in problems.

    Raises:
        OSError: the file cannot be read any further.
    """
    for number, piece in json_pieces(numbered_lines(stream, MAX_LINE_BYTES), MAX_LINE_BYTES):
        if isinstance(piece, int):
            yield number, too_long(name, number, piece)
        else:
            for found in _one_line(piece, name, number):
                yield number, found


def too_long(name: str, number: int, length: int) -> LineProblem:
    """Say that a line of a file is too long to be read."""
    expected = _("一行至多 {most} 字节").format(most=MAX_LINE_BYTES)
    return LineProblem(name, number, "", expected, _("{count} 字节").format(count=length))


def _object(value: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON is any
    if not isinstance(value, dict):
        raise strictjson.StrictJsonError("not an object but an array, a text or a number")
    return value


def _one_line(line: bytes, name: str, number: int) -> Iterator[Draft | LineProblem]:
    try:
        yield parse_draft(_object(strictjson.loads(line, floats=True, max_depth=MAX_DEPTH)))
    except strictjson.StrictJsonError as error:
        got = line[:_SHOWN].decode("utf-8", "backslashreplace")
        yield LineProblem(name, number, "", not_json(error), repr(got))
    except DraftInvalid as error:
        for path, problem in islice(error.errors, MAX_PROBLEMS):
            expected, found, got = problem.rpartition(_(GOT))
            yield LineProblem(name, number, path, expected if found else problem, got if found else "")
