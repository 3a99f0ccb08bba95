"""Admission: the checks that the station makes of a record, and that recipients repeat.

Order of work: length and framing → header → key by (source, kid) → signature → only then the
rest: key validity, members, audience, references, topic, clock.

Rule 1: pure. The record and the charter in force at its received time decide, nothing else.
Rule 2: every refusal is one class of ``errors.Refused``; nothing else is ever raised.
Rule 3: life before tidiness: a fire or disaster from a clock that runs ahead comes in, marked.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from yizhan.schemas import topics
from yizhan.schemas.charter import Charter
from yizhan.schemas.envelope import VerifiedEnvelope, verify_envelope
from yizhan.schemas.errors import (
    BadAudience,
    BadReference,
    FutureDated,
    Malformed,
    NotAMember,
    Oversize,
    UnknownKey,
    WrongTopic,
)
from yizhan.schemas.header import Header, split_id
from yizhan.schemas.keys import SigningPublicKey
from yizhan.schemas.payloads.table import LIFE_AT_STAKE
from yizhan.schemas.policy import Decision, decide
from yizhan.schemas.timestamps import instant

MAX_KAFKA_HEADER_BYTES: Final = 64 * 1024
CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""How far ``time`` may lie ahead of the broker's append time."""


@dataclass(frozen=True, slots=True)
class Record:
    """A Kafka record as it was read. Only ``value`` is verified; the rest are hints.

    ``received`` is the broker's append time; ``header_bytes`` the length of all record headers,
    names and values.
    """

    topic: str
    partition: int
    offset: int
    received: datetime
    value: bytes | None
    header_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Admitted:
    """An accepted record, and how it reaches each of its recipients."""

    verified: VerifiedEnvelope
    decisions: dict[str, Decision]
    clock_suspect: bool

    @property
    def header(self) -> Header:
        """The signed header."""
        return self.verified.header


def admit(record: Record, charter: Charter) -> Admitted:
    """Check a record of an events topic and decide for each recipient.

    Args:
        record: as read from Kafka.
        charter: the version in force at ``record.received``.

    Raises:
        Refused: the first reason found, in the order of work above.
    """
    if record.header_bytes > MAX_KAFKA_HEADER_BYTES:
        message = f"{record.header_bytes} bytes of record headers; at most {MAX_KAFKA_HEADER_BYTES} are allowed"
        raise Oversize(message)
    if record.value is None:
        message = "a record without a value; expected an envelope"
        raise Malformed(message)
    verified = verify(record.value, charter, record.received)
    header = verified.header
    if record.topic != topics.events(header.county):
        message = f"signed by {header.county}, found on {record.topic}; expected on {topics.events(header.county)}"
        raise WrongTopic(message)
    ahead = instant(header.time) - record.received
    if ahead > CLOCK_TOLERANCE and header.type not in LIFE_AT_STAKE:
        message = f"learnt {ahead.total_seconds():.0f} s after it was received; set the sender's clock"
        raise FutureDated(message)
    decisions = {recipient: decide(header, recipient, charter.policy) for recipient in header.to}
    return Admitted(verified, decisions, clock_suspect=ahead > CLOCK_TOLERANCE)


def verify(value: bytes, charter: Charter, received: datetime) -> VerifiedEnvelope:
    """Check everything about an envelope that does not depend on where it was found.

    Args:
        value: the envelope's bytes.
        charter: the version in force at ``received``.
        received: when the station received it.

    Raises:
        Refused: the first reason found.
    """
    verified = authenticate(value, charter, received)
    check_contract(verified, charter, received)
    return verified


def authenticate(value: bytes, charter: Charter, received: datetime) -> VerifiedEnvelope:
    """Check that a member's county really signed it, with a key that held: authorship, nothing else.

    Raises:
        Refused: framing, header, member, key or signature.
    """

    def key_of(header: Header) -> SigningPublicKey:
        _member(charter, header.county)
        entry = charter.signing[header.county].get(header.kid)
        if entry is None:
            message = f"charter {charter.name} knows no signing key {header.kid[:16]}… of {header.county}"
            raise UnknownKey(message)
        return entry.key

    verified = verify_envelope(value, key_of)
    charter.signing[verified.header.county][verified.header.kid].check(received)
    return verified


def check_contract(verified: VerifiedEnvelope, charter: Charter, received: datetime) -> None:
    """Check audience and references of an event whose author is known.

    Raises:
        Refused: ``not_a_member``, ``bad_audience`` or ``bad_reference``.
    """
    _check_audience(verified, charter, received)
    _check_references(verified.header)


def check_receipt(header: Header, target_to: Collection[str]) -> None:
    """Check a receipt against the event it confirms: only its recipients may.

    The station cannot know the target's audience; the target's sender can, and does.

    Raises:
        BadReference: the receipt's source is not among the target's recipients.
    """
    if header.county not in target_to:
        message = f"{header.county} confirms an event that was not addressed to it"
        raise BadReference(message)


def _member(charter: Charter, code: str) -> None:
    if code not in charter.members:
        message = f"{code} is not a member in charter {charter.name}"
        raise NotAMember(message)


def _check_audience(verified: VerifiedEnvelope, charter: Charter, received: datetime) -> None:
    header = verified.header
    for code in header.to:
        _member(charter, code)
    if not header.to or list(header.to) != sorted(set(header.to)) or header.county in header.to:
        message = 'expected "to" to be sorted, each member once, without the sender, not empty'
        raise BadAudience(message)
    if header.lanes.keys() != set(header.to):
        message = f'expected "lanes" to number exactly {", ".join(header.to)}'
        raise BadAudience(message)
    owners = [
        code
        for kid in verified.envelope.kids
        for code in header.to
        if (entry := charter.sealing[code].get(kid)) is not None and entry.holds(received)
    ]
    if len(verified.envelope.kids) != len(header.to) or sorted(owners) != list(header.to):
        message = (
            f"expected one sealing key that holds for each of {len(header.to)} members; of "
            f"{len(verified.envelope.kids)} keys, these members' were found: {', '.join(owners) or 'none'}"
        )
        raise BadAudience(message)


def _check_references(header: Header) -> None:
    for name in ("supersedes", "withdraws"):
        ref = getattr(header, name)
        if ref is not None and split_id(ref.id)[0][:6] != header.county:
            message = f"{header.county} {name} {ref.id}, which another county sent; only its sender may"
            raise BadReference(message)
    for name in ("reply_to", "supersedes", "withdraws"):
        ref = getattr(header, name)
        if ref is not None and ref.id == header.id:
            message = f"{header.id} {name.replace('_', ' ')} itself"
            raise BadReference(message)
    if header.receipt is not None and header.to != (header.receipt.target_source[:6],):
        message = (
            f"a receipt for {header.receipt.target_source} goes to that county alone, not to {', '.join(header.to)}"
        )
        raise BadReference(message)
