"""Classifies and checks a record before anything is stored. Pure.

Law 2: the county's signature alone decides whether an event is shown.
Law 5: the routing decision is computed here again; if the station's differs, that is a warning.

Rule 1: a missing, wrong or copied postmark is a warning, never a reason to hide a fire.
Rule 2: of two decisions about one event the louder one counts, so that nobody can silence a fire.
Rule 3: every record gives one of a few results; only a bug of ours raises.
Rule 4: what an event opens and ends stands in its postmark. Where rule and policy do not give it, the item says so; the
        station's word is kept, because it reminds by it.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from yizhan.consumers.labels import Warn
from yizhan.schemas import dsse, followups, topics
from yizhan.schemas import manifest as manifests
from yizhan.schemas import postmark as postmark_form
from yizhan.schemas.admit import CLOCK_TOLERANCE, authenticate, check_contract
from yizhan.schemas.envelope import VerifiedEnvelope, open_verified, parse_envelope
from yizhan.schemas.errors import Malformed, Reason, Refused, StatementInvalid, Unopenable
from yizhan.schemas.followups import Followup
from yizhan.schemas.header import Ref
from yizhan.schemas.manifest import Manifest
from yizhan.schemas.obligation_events import Event
from yizhan.schemas.payloads import TYPES, ReadPayload, read
from yizhan.schemas.payloads.letters import is_letter
from yizhan.schemas.payloads.table import SYSTEM_TYPES
from yizhan.schemas.policy import Way, decide
from yizhan.schemas.postmark import KAFKA_HEADER, Postmark
from yizhan.schemas.statements import read_dated
from yizhan.schemas.timestamps import from_milliseconds, instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yizhan.consumers.arrivals import Arrived
    from yizhan.schemas.charter import Charter, Charters
    from yizhan.schemas.header import Header
    from yizhan.schemas.keys import SealingKey

UNDECIDED: Final = "undecided"
"""The rule of an event that neither the station nor the table decided for us."""
FOLLOWUP: Final = "followup"
"""How the detail of a followup that stays aside begins."""
_LOUDNESS: Final = {Way.DIGEST: 0, Way.NOTICE: 1, Way.ALARM: 2}


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reader:
    """The reading county, its sealing keys, its adopted charters."""

    county: str
    keys: Sequence[SealingKey]
    charters: Charters


@dataclass(frozen=True, slots=True)
class VerifiedStep:
    """A step of an obligation, verified.

    ``signed`` is the statement or the postmark that says it; ``hash`` (32 bytes) names the step's own statement, signed
    or not: a step that comes both ways is one.
    """

    followup: Followup
    hash: bytes
    signed: bytes


@dataclass(frozen=True)
class SignedEvent:
    """An event with a valid signature of its county; everything else in it may be faulty.

    ``received`` is the postmark's time, or the broker's if there is no valid postmark. ``contents``
    is None if it could not be opened; ``unopenable`` then says why in one word.
    """

    verified: VerifiedEnvelope
    envelope: bytes
    charter: Charter
    received: datetime
    way: Way
    rule: str
    addressed: bool
    payload: bytes | None
    contents: ReadPayload | None
    unopenable: str | None
    postmark: bytes | None
    steps: tuple[VerifiedStep, ...] = ()
    """What the event opens and ends of our obligations, as its postmark says."""
    warnings: frozenset[Warn] = field(default=frozenset())

    @property
    def header(self) -> Header:
        """The signed header."""
        return self.verified.header

    @property
    def is_letter(self) -> bool:
        """Whether a person wrote it."""
        return is_letter(self.header, None if self.contents is None else self.contents.raw)


@dataclass(frozen=True, slots=True)
class DigestReference:
    """A digest's statement that an urgent event belongs to it: postmark, no bytes."""

    id: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class VerifiedManifest:
    """A digest's manifest, verified; ``charter_known`` whether we have the version it names."""

    manifest: Manifest
    hash: bytes
    signed: bytes
    charter_known: bool


@dataclass(frozen=True, slots=True)
class VerifiedPosting:
    """The postmark of an event of ours, as far as the inbox needs it: what the event opens and ends."""

    steps: tuple[VerifiedStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Unverified:
    """A record that is set aside. ``event_hash`` is its hash in a digest's tree, if known."""

    reason: str
    detail: str
    event_hash: bytes | None = None


Examined = SignedEvent | DigestReference | VerifiedManifest | VerifiedStep | VerifiedPosting | Unverified


def examine(record: Arrived, reader: Reader) -> Examined:
    """Return what a record is, after every check that needs no database."""
    if record.kind == "posting":
        return _posting(record.value or b"", reader)
    if record.kind == "alert" and _header(record, followups.KAFKA_HEADER) is not None:
        return _step(record, reader)
    if record.kind == "digest" and _header(record, manifests.KAFKA_HEADER) is not None:
        return _closing(record, reader)
    if record.kind == "digest" and not record.value:
        return _reference(record, reader)
    try:
        if record.value is None:
            message = "a record without a value; expected an envelope"
            raise Malformed(message)
        return _letter(record, record.value, reader)
    except Refused as refused:
        return Unverified(refused.reason, str(refused), _hash_in_tree(record))


def _closing(record: Arrived, reader: Reader) -> VerifiedManifest | Unverified:
    try:
        manifest, its_hash, charter = read_dated(Manifest, record.value or b"", reader.charters)
    except StatementInvalid as error:
        return Unverified("malformed", f"manifest: {error}")
    return VerifiedManifest(manifest, its_hash, record.value or b"", charter.name == manifest.charter)


def _step(record: Arrived, reader: Reader) -> VerifiedStep | Unverified:
    try:
        followup, its_hash, _ = read_dated(Followup, record.value or b"", reader.charters)
    except StatementInvalid as error:
        # A newer charter than ours may name the key that signed it: then it is checked again.
        return Unverified(Reason.UNKNOWN_KEY, f"{FOLLOWUP}: {error}")
    return VerifiedStep(followup, its_hash, record.value or b"")


def _posting(value: bytes, reader: Reader) -> VerifiedPosting | Unverified:
    try:
        if dsse.unverified_type(value) == postmark_form.CONTENT_TYPE:
            return VerifiedPosting()  # of a refusal, or by a former station: it says nothing of obligations
        postmark, _, _ = read_dated(Postmark, value, reader.charters)
    except StatementInvalid as error:
        return Unverified(Reason.UNKNOWN_KEY, f"posting: {error}")
    if postmark.origin.topic != topics.events(reader.county):
        return Unverified(Reason.WRONG_TOPIC, f"posting: about a record of {postmark.origin.topic}")
    return VerifiedPosting(_our_steps(postmark, value, reader.county))


def _given(steps: Sequence[VerifiedStep], postmark: Postmark, verified: VerifiedEnvelope, charter: Charter) -> bool:
    """Return whether rule and policy give every step; those of a charter that we do not have are not judged."""
    if not steps or postmark.charter != charter.name:
        return True
    ways = {code: decided.way.value for code, decided in (postmark.decisions or {}).items()}
    ref = Ref(id=verified.header.id, hash=verified.hash.hex())
    event = Event(verified.header, ref, ways, postmark.made, charter)
    return all(event.gives(each.followup) for each in steps)


def _our_steps(postmark: Postmark, signed: bytes, county: str) -> tuple[VerifiedStep, ...]:
    return tuple(VerifiedStep(each, each.signed_hash(), signed) for each in postmark.steps() if county in each.parties)


def _reference(record: Arrived, reader: Reader) -> DigestReference | Unverified:
    try:
        postmark, _, _ = read_dated(Postmark, _header(record, KAFKA_HEADER) or b"", reader.charters)
    except StatementInvalid as error:
        return Unverified("malformed", f"reference: {error}")
    if postmark.id is None or postmark.hash is None:
        return Unverified("malformed", "reference: its postmark refuses, and names no event")
    return DigestReference(postmark.id, bytes.fromhex(postmark.hash))


def _letter(record: Arrived, value: bytes, reader: Reader) -> SignedEvent:
    warnings: set[Warn] = set()
    stamp = _header(record, KAFKA_HEADER)
    postmark = _postmark(stamp, value, reader.charters, warnings)
    received = _append_time(record) if postmark is None else postmark.made
    charter = reader.charters.charter_for(received, None if postmark is None else postmark.charter)
    verified = authenticate(value, charter, received)
    header = verified.header
    try:
        check_contract(verified, charter, received)
    except Refused as refused:  # signed by its county: shown, with a warning; our charter may be outdated
        log.warning("%s: %s: %s", header.id, refused.reason, refused)
        warnings.add(Warn.AGAINST_CONTRACT)
    if postmark is not None:
        if (postmark.id, postmark.hash) != (header.id, verified.hash.hex()) or (
            postmark.origin.topic != topics.events(header.county)
        ):
            warnings.add(Warn.POSTMARK_OTHER_RECORD)
            postmark = None
        elif postmark.charter != charter.name:
            warnings.add(Warn.CHARTER_UNKNOWN)
    if postmark is not None:
        warnings |= {Warn.CHARTER_STALE} if postmark.charter_stale else set()
        warnings |= {Warn.CHARTER_BEHIND} if postmark.charter_behind else set()
    if instant(header.time) - received > CLOCK_TOLERANCE or (postmark is not None and postmark.clock_suspect):
        warnings.add(Warn.CLOCK_SUSPECT)
    steps = () if postmark is None else _our_steps(postmark, stamp or b"", reader.county)
    if postmark is not None and not _given(steps, postmark, verified, charter):
        warnings.add(Warn.OBLIGATIONS_DIFFER)
    addressed = reader.county in header.to
    if not addressed:
        warnings.add(Warn.NOT_ADDRESSED_TO_US)
    way, rule = _decision(header, postmark, charter, reader.county, warnings)
    payload, unopenable = _open(verified, reader.keys)
    if unopenable is not None:
        warnings.add(Warn.UNOPENABLE)
    contents = None if payload is None else read(header.type, payload)
    return SignedEvent(
        verified=verified,
        envelope=value,
        charter=charter,
        received=received,
        way=way,
        rule=rule,
        addressed=addressed,
        payload=payload,
        contents=contents,
        unopenable=unopenable,
        postmark=stamp,
        steps=steps,
        warnings=frozenset(warnings | _odd(contents)),
    )


def _postmark(stamp: bytes | None, value: bytes, charters: Charters, warnings: set[Warn]) -> Postmark | None:
    """Return the postmark if it is the station's and about these bytes; else add a warning."""
    if stamp is None:
        warnings.add(Warn.POSTMARK_MISSING)
        return None
    try:
        postmark, _, _ = read_dated(Postmark, stamp, charters)
    except StatementInvalid:
        warnings.add(Warn.POSTMARK_INVALID)
        return None
    if postmark.record_sha256 != hashlib.sha256(value).hexdigest() or postmark.refused is not None:
        warnings.add(Warn.POSTMARK_OTHER_RECORD)
        return None
    return postmark


def _decision(
    header: Header, postmark: Postmark | None, charter: Charter, county: str, warnings: set[Warn]
) -> tuple[Way, str]:
    """Return way and rule for us: the station's and our own, the louder if they differ."""
    if header.type in SYSTEM_TYPES:
        own = decide(header, county, charter.policy)
        return own.way, own.rule
    found: list[tuple[Way, str]] = []
    if postmark is not None:
        stated = (postmark.decisions or {}).get(county)
        if stated is None:
            warnings.add(Warn.NOT_DECIDED_FOR_US)
        else:
            found.append((stated.way, stated.rule))
    if county in header.to:
        own = decide(header, county, charter.policy)
        if found and found[0] != (own.way, own.rule):
            warnings.add(Warn.DECISION_DIFFERS)
        found.append((own.way, own.rule))
    return max(found, key=lambda decided: _LOUDNESS[decided[0]], default=(Way.NOTICE, UNDECIDED))


def _open(verified: VerifiedEnvelope, keys: Sequence[SealingKey]) -> tuple[bytes | None, str | None]:
    try:
        return open_verified(verified, keys), None
    except Unopenable as error:
        return None, error.cause


def _append_time(record: Arrived) -> datetime:
    """Return the broker's time; an impossible one becomes the earliest time."""
    try:
        return from_milliseconds(record.timestamp)
    except OverflowError:
        return from_milliseconds(0)


def _hash_in_tree(record: Arrived) -> bytes | None:
    """Return the event hash of a record set aside, as a digest's tree counts it."""
    try:
        return parse_envelope(record.value or b"").hash
    except Refused:
        return None


def _header(record: Arrived, name: str) -> bytes | None:
    """Return the value of a Kafka header; the first if there are several, b"" for a null."""
    for key, value in record.headers:
        if key == name:
            return value or b""
    return None


def _odd(contents: ReadPayload | None) -> set[Warn]:
    if contents is None:
        return set()
    if contents.type not in TYPES:
        return {Warn.UNKNOWN_TYPE}
    odd = {Warn.UNKNOWN_FIELDS} if contents.unknown_fields else set()
    return odd | ({Warn.PAYLOAD_INVALID} if contents.problems else set())
