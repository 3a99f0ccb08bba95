"""Admission (clause 8) and references (clause 9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.schemas.second.basics import Json, Refused, sha256
from tests.schemas.second.envelope import Envelope, parse
from tests.schemas.second.names import read_header, source_of
from tests.schemas.second.policy import LIFE, facts, matches
from tests.schemas.second.strict import instant

if TYPE_CHECKING:
    from datetime import datetime

    from tests.schemas.second.charter import Charter
    from tests.schemas.second.keys import Key


@dataclass
class Admitted:
    """What comes in."""

    envelope: Envelope
    header: Json
    hash: bytes
    decisions: dict[str, Json]
    clock_suspect: bool


def admit(value: bytes | None, topic: str, kafka_header_bytes: int, received: datetime, charter: Charter) -> Admitted:
    """Judge a record, in the order of 8.2."""
    if kafka_header_bytes > 65_536:
        raise Refused("oversize")
    if value is None:
        raise Refused("malformed")
    envelope = parse(value)
    header = read_header(envelope.header)
    county = header["source"][:6]
    key = author_key(header, charter)
    if not key.verifies(envelope.signature, envelope.signed):
        raise Refused("bad_signature")
    if key.is_revoked(received):
        raise Refused("key_revoked")
    if not key.holds(received):
        raise Refused("key_not_valid")
    _check_audience(envelope, header, received, charter)
    _check_references(header)
    if topic != f"yizhan.events.{county}":
        raise Refused("wrong_topic")
    ahead = instant(header["time"]) - received > timedelta(minutes=5)
    if ahead and header["type"] not in LIFE:
        raise Refused("future_dated")
    decisions = {member: decide(header, member, charter) for member in header["to"]}
    return Admitted(envelope, header, sha256(envelope.signed), decisions, ahead)


def author_key(header: Json, charter: Charter) -> Key:
    """Find the key that a header names (8.2, 5 and 6)."""
    county = header["source"][:6]
    if county not in charter.members:
        raise Refused("not_a_member")
    if header["kid"] not in charter.signing[county]:
        raise Refused("unknown_key")
    return charter.signing[county][header["kid"]]


def decide(header: Json, recipient: str, charter: Charter) -> Json:
    """Decide for one recipient (10.1)."""
    known = facts(header, recipient)
    route = next(route for route in charter.routes if any(matches(row, known) for row in route["when"]))
    return {"way": route["then"], "rule": route["id"]}


def _check_audience(envelope: Envelope, header: Json, received: datetime, charter: Charter) -> None:
    to = header["to"]
    if not charter.members.issuperset(to):
        raise Refused("not_a_member")
    owners = {name: member for member in to for name, key in charter.sealing[member].items() if key.holds(received)}
    found = sorted(owners.get(name.hex(), "") for name in envelope.kids)
    own = header["source"][:6]
    if not to or to != sorted(set(to)) or own in to or set(header["lanes"]) != set(to) or found != to:
        raise Refused("bad_audience")


def _check_references(header: Json) -> None:
    county = header["source"][:6]
    for name in ("withdraws", "supersedes", "reply_to"):
        if name in header and header[name]["id"] == header["id"]:
            raise Refused("bad_reference")
    for name in ("withdraws", "supersedes"):
        if name in header and source_of(header[name]["id"])[:6] != county:
            raise Refused("bad_reference")
    if (receipt := header.get("receipt")) is not None:
        target = receipt["source"] if "source" in receipt else source_of(receipt["event"]["id"])
        if header["to"] != [target[:6]]:
            raise Refused("bad_reference")
