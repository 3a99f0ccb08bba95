"""Envelopes in files: sealed, judged as the station would, opened.

Rule 1: what is returned as admitted was verified under the charter in force at the instant given.
Rule 2: an envelope in a file was read from no topic: it is judged as if it were read from its sender's topic.
Rule 3: sealing numbers nothing: an id is given, or belongs to a book that is used once and thrown away.
Rule 4: nothing is opened that does not verify, nor before the access is written down.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from yizhan.schemas import strictjson, topics
from yizhan.schemas.actions import Action
from yizhan.schemas.admit import Admitted, Record, admit
from yizhan.schemas.charter import Charter
from yizhan.schemas.envelope import MAGIC, MAX_BYTES, open_verified, parse_envelope, seal
from yizhan.schemas.errors import PayloadInvalid, Refused
from yizhan.schemas.header import Header, Lane
from yizhan.schemas.i18n import join_list, marked
from yizhan.schemas.payloads import encode, parse_strict
from yizhan.schemas.payloads.codec import faults
from yizhan.schemas.policy import decide
from yizhan.schemas.timestamps import written
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.errors import NoKey, ServiceError
from yizhan.services.home import Home
from yizhan.services.keys import PassphraseSource, sealing_keys, signer

_DEFAULTS: Final = {"status": "Actual", "priority": "routine"}


@dataclass(frozen=True, slots=True)
class EnvelopeVerdict:
    """What the station would say of an envelope: ``admitted``, or ``refused`` and why."""

    admitted: Admitted | None
    refused: Refused | None


@dataclass(frozen=True, slots=True)
class SealRequest:
    """What is to be sealed by a county.

    ``attributes`` are the header's, as far as they are given; ``lanes`` recipient → its number in the lane.
    """

    county: str
    to: tuple[str, ...]
    attributes: Mapping[str, Any]
    lanes: Mapping[str, int]
    payload: bytes
    raw: bool = False
    """The payload is sealed as it is, whatever its type says."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An envelope that the station would admit."""

    admitted: Admitted
    envelope: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """A verified envelope and its payload."""

    admitted: Admitted
    payload: bytes


def is_envelope(data: bytes) -> bool:
    """Tell whether the bytes begin as an envelope does."""
    return data.startswith(MAGIC)


def judge_envelope(data: bytes, charter: Charter, at: datetime) -> EnvelopeVerdict:
    """Say what the station would say of an envelope received at an instant."""
    try:
        county = unverified_attributes(data).get("source", "")[:6]
        found = Record(topics.events(county), 0, 0, at, data[: MAX_BYTES + 1])
        return EnvelopeVerdict(admit(found, charter), None)
    except Refused as refused:
        return EnvelopeVerdict(None, refused)


def _admitted(data: bytes, charter: Charter, at: datetime) -> Admitted:
    """Return what the station would admit (``Refused`` if it would not)."""
    verdict = judge_envelope(data, charter, at)
    if verdict.admitted is None:
        raise verdict.refused or ServiceError()
    return verdict.admitted


def unverified_attributes(data: bytes) -> dict[str, Any]:
    """Return the header's attributes before anything is verified; empty where they cannot be read.

    Raises:
        Refused: the framing does not hold.
    """
    try:
        found = strictjson.loads(parse_envelope(data).unverified_header)
    except strictjson.StrictJsonError:
        return {}
    if not isinstance(found, dict) or not isinstance(found.get("source", ""), str):
        return {}
    return found


# -- sealed --


def seal_envelope(
    home: Home, request: SealRequest, charter: Charter, at: datetime, passphrases: PassphraseSource
) -> Sealed:
    """Check, number, sign and seal a payload; nothing is stored.

    Raises:
        UnknownMember, NoKey: who sends or receives is not known, or has no key.
        ServiceError: a header attribute is wrong, or the payload is empty.
        PayloadInvalid: the payload is not as its type says.
        Refused: the station would refuse it.
    """
    for code in (request.county, *request.to):
        home.member(code)
    key = signer(home.county_folder(request.county) / "keys", request.county, charter, at, passphrases)
    attributes = _DEFAULTS | {"source": request.county, "time": written(at)} | dict(request.attributes)
    attributes |= {"to": tuple(sorted(set(request.to))), "kid": key.kid, "charter": charter.name}
    # An id of its own: number 1 in a book that nobody continues.
    attributes.setdefault("id", f"{attributes['source']}-{at:%Y%m%d}x{secrets.token_hex(4)}-1")
    header = _header(attributes, charter, request.lanes)
    payload = _payload(request, header)
    recipients = [charter.sealing_key(code, at) for code in header.to]
    envelope = seal(header, payload, recipients, key)
    return Sealed(_admitted(envelope, charter, at), envelope)


def _header(attributes: dict[str, Any], charter: Charter, numbers: Mapping[str, int]) -> Header:
    """Make the header; the lane of each recipient follows from the rules, unless the attributes say."""
    given = attributes.get("lanes")
    draft = {code: {"lane": "prompt", "n": number} for code, number in numbers.items()}
    try:
        header = Header.model_validate(attributes | {"lanes": given or draft})
    except ValidationError as error:
        where, problem = next(faults(error))
        raise ServiceError(marked("信头属性 {where}：{problem}"), where=where or "header", problem=problem) from None
    if given is not None:
        return header
    lanes = {
        code: Lane(lane=decide(header, code, charter.policy).way.lane, n=number) for code, number in numbers.items()
    }
    return header.model_copy(update={"lanes": lanes})


def _payload(request: SealRequest, header: Header) -> bytes:
    """Check a payload as its sender must, and write it in the one spelling."""
    if not request.payload.strip():
        raise ServiceError(marked("没有内容可以封装：得到的是空的"))
    if request.raw:
        return request.payload
    payload = parse_strict(header.type, request.payload)
    if disagreeing := tuple(payload.against_header(stage=header.stage, grade=header.grade)):
        raise PayloadInvalid(disagreeing)
    return encode(payload)


# -- opened --


def open_envelope(
    home: Home,
    data: bytes,
    county: str | None,
    charter: Charter,
    at: datetime,
    actor: Actor,
    passphrases: PassphraseSource,
) -> Opened:
    """Verify and open an envelope with the keys of ``county``, or of every recipient whose keys are here.

    Raises:
        Refused: it does not verify; nothing was opened.
        NoKey: no recipient's keys are here.
        ServiceError: ``county`` is no recipient.
        Unopenable: the content cannot be opened.
        StoreError: the access cannot be written down; nothing was opened.
    """
    admitted = _admitted(data, charter, at)
    to = admitted.header.to
    here = [code for code in to if code == county or (county is None and (home.county_folder(code) / "keys").is_dir())]
    names = join_list(home.member_name(code) for code in to)
    if county is not None and county not in to:
        raise ServiceError(marked("{county} 不是收件县；收件的是：{to}"), county=county, to=names)
    if not here:
        sentence = marked("{home} 里没有收件县（{to}）的密钥；请改用其中一个县的主目录")
        raise NoKey(sentence, home=home.path, to=names, hint=Action.to("envelope.open_elsewhere"))
    charters = (home.charters.latest(), home.charter, charter)
    keys = tuple(
        key for code in here for key in sealing_keys(home.county_folder(code) / "keys", code, charters, passphrases)
    )
    for code in here:
        record(home, code, actor, "opened", [admitted.header.id])
    return Opened(admitted, open_verified(admitted.verified, keys))
