"""Numbers, seals and stores an event inside one transaction.

Law 1: an event is accepted when this transaction's commit has returned, and not before.
Rule 1: the number, the places in the lanes and the sealed bytes are written together or not at all.
Rule 2: an event is sealed once; its bytes are read from here whenever they are needed again.
Rule 3: lanes are counted by the sender's own ``decide`` under the charter that it has in force.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from yizhan.producers import epochs
from yizhan.producers.errors import NotPublishable
from yizhan.schemas import strictjson
from yizhan.schemas.admit import CLOCK_TOLERANCE
from yizhan.schemas.charter import Charter
from yizhan.schemas.envelope import parse_envelope, seal
from yizhan.schemas.header import NOTICE, Header, Lane
from yizhan.schemas.i18n import marked
from yizhan.schemas.keys import SigningKey
from yizhan.schemas.payloads import Payload, encode
from yizhan.schemas.payloads.codec import faults, not_json
from yizhan.schemas.payloads.letters import PRESSING, is_letter, presses
from yizhan.schemas.payloads.reading import read
from yizhan.schemas.policy import Decision, Policy, Way, decide
from yizhan.schemas.policy_facts import Words
from yizhan.schemas.timestamps import instant, written


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """An event to be sealed.

    ``attributes`` are the header's but for those that numbering adds (``source id kid to lanes
    charter``); ``to`` sorted member codes; ``payload`` the bytes to be sealed.
    """

    attributes: Mapping[str, Any]
    to: tuple[str, ...]
    payload: bytes
    external_ref: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted event: from now on it cannot be lost.

    ``decisions`` are the sender's own, by recipient. ``duplicate``: it was there already, under
    the same ``external_ref``; ``differs``: its content differs from the one sent, and was *not* sent.
    ``clock_suspect``: its time is in the future; the station admits it with a mark. ``rings``: it is no alarm, but
    rings once where it arrives at once, at any hour, because of its ``priority``. ``waits``: it is an update that is
    flash or urgent and no alarm: in the quiet hours of the other side its bell waits for their end.
    """

    id: str
    hash: bytes
    to: tuple[str, ...]
    decisions: Mapping[str, Decision] = field(hash=False)
    duplicate: bool = False
    differs: bool = False
    clock_suspect: bool = False
    rings: bool = False
    priority: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class SigningContext:
    """The sender: source, signing key, and the charter in force now."""

    source: str
    signer: SigningKey
    charter: Charter


def accept(conn: sqlite3.Connection, event: OutgoingEvent, signing: SigningContext, now: datetime) -> Accepted:
    """Accept an event: number, seal and store it inside the caller's transaction.

    Raises:
        NotPublishable: an attribute or recipient that the contract or the charter does not know.
        CharterInvalid: a recipient has no sealing key that holds.
        Oversize: it does not fit into an envelope.
    """
    _check_parties(event.to, signing)
    epoch = epochs.current(conn)
    n = epochs.last_number(conn, epoch) + 1
    header = draft_header(event, signing, f"{signing.source}-{epoch}-{n}")
    decisions = {member: decide(header, member, signing.charter.policy) for member in event.to}
    lanes = {member: _next_place(conn, member, epoch, made.way) for member, made in decisions.items()}
    header = header.model_copy(update={"lanes": lanes})
    keys = [signing.charter.sealing_key(member, now) for member in event.to]
    envelope = seal(header, event.payload, keys, signing.signer)
    event_hash = parse_envelope(envelope).hash
    _store(conn, event, header, envelope, event_hash, decisions, now)
    suspect = instant(header.time) - now > CLOCK_TOLERANCE
    quiet = any(each.way == Way.NOTICE for each in decisions.values())
    rings = quiet and presses(header)
    return Accepted(
        header.id,
        event_hash,
        event.to,
        decisions,
        clock_suspect=suspect,
        rings=rings,
        priority=header.priority,
        waits=quiet and not rings and header.priority in PRESSING and header.stage == "update",
    )


def _check_parties(to: tuple[str, ...], signing: SigningContext) -> None:
    county, charter = signing.source[:6], signing.charter
    if not to:
        sentence = marked("没有收件县：章程 {charter} 里 {county} 没有结对的县；请在 to 里写明")
        raise NotPublishable(sentence, charter=charter.name, county=county)
    for member in to:
        if member == county:
            raise NotPublishable(marked("收件县（to）里不能有本县 {county}，请去掉"), county=county)
        if member not in charter.members:
            sentence = marked("{member} 不是章程 {charter} 的成员；请改正 to")
            raise NotPublishable(sentence, member=member[:20], charter=charter.name)
    if signing.signer.kid not in charter.signing.get(county, {}):
        sentence = marked("章程 {charter} 没有登记 {county} 的签名密钥 {kid}…，驿站会拒收；请用登记过的密钥")
        raise NotPublishable(sentence, charter=charter.name, county=county, kid=signing.signer.kid[:16])


def draft_header(event: OutgoingEvent, signing: SigningContext, event_id: str) -> Header:
    """Check the attributes (``NotPublishable``). Its lanes are placeholders: they follow from the decisions."""
    values = {
        **{name: value for name, value in event.attributes.items() if value is not None},
        "source": signing.source,
        "id": event_id,
        "kid": signing.signer.kid,
        "to": event.to,
        "charter": signing.charter.name,
        "lanes": {},
    }
    try:
        return Header.model_validate(values)
    except ValidationError as error:
        raise NotPublishable("; ".join(f"{path}: {problem}" for path, problem in faults(error))) from None


def _next_place(conn: sqlite3.Connection, recipient: str, epoch: str, way: Way) -> Lane:
    row = conn.execute(
        "SELECT coalesce(max(n), 0) FROM recipients WHERE recipient = ? AND book = ? AND lane = ?",
        (recipient, epoch, way.lane),
    ).fetchone()
    return Lane(lane=way.lane, n=int(row[0]) + 1)


def _store(
    conn: sqlite3.Connection,
    event: OutgoingEvent,
    header: Header,
    envelope: bytes,
    event_hash: bytes,
    decisions: Mapping[str, Decision],
    now: datetime,
) -> None:
    prompt = any(lane.lane == "prompt" for lane in header.lanes.values())
    seq = conn.execute(
        "INSERT INTO events"
        " (id, book, n, type, external_ref, accepted, hash, record_sha256, prompt, awaits, cumulative)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            header.id,
            header.epoch,
            int(header.id.rpartition("-")[2]),
            header.type,
            event.external_ref,
            written(now),
            event_hash,
            hashlib.sha256(envelope).digest(),
            prompt,
            prompt and is_letter(header, read(NOTICE, event.payload).raw if header.type == NOTICE else None),
            _cumulative(header),
        ),
    ).lastrowid
    conn.execute("INSERT INTO sealed VALUES (?, ?, ?, ?, NULL)", (seq, header.to_bytes(), event.payload, envelope))
    conn.executemany(
        "INSERT INTO recipients (seq, recipient, book, lane, n, way, rule) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (seq, member, header.epoch, header.lanes[member].lane, header.lanes[member].n, made.way.value, made.rule)
            for member, made in decisions.items()
        ],
    )


def _cumulative(header: Header) -> str | None:
    """Return the lane of a cumulative receipt: a later one includes it."""
    receipt = header.receipt
    if receipt is None or receipt.stage != "delivered":
        return None
    return f"{receipt.source}/{receipt.book}/{receipt.lane}"


def stored_decision(way: str, rule: str, policy: Policy) -> Decision:
    """Make a decision from a stored row; a rule that the charter no longer has is named by its id."""
    known = {route.id: route.because for route in policy.routes}
    return Decision(Way(way), rule, known.get(rule) or Words(zh=rule, en=rule))


def first_sent_as(conn: sqlite3.Connection, event: OutgoingEvent, policy: Policy) -> Accepted | None:
    """Return the event that was accepted before with this type and ``external_ref``, or None."""
    if event.external_ref is None:
        return None
    row = conn.execute(
        "SELECT seq, id, hash FROM events WHERE type = ? AND external_ref = ?",
        (event.attributes["type"], event.external_ref),
    ).fetchone()
    if row is None:
        return None
    made = {
        each["recipient"]: stored_decision(each["way"], each["rule"], policy)
        for each in conn.execute("SELECT recipient, way, rule FROM recipients WHERE seq = ?", (row["seq"],))
    }
    payload = conn.execute("SELECT payload FROM sealed WHERE seq = ?", (row["seq"],)).fetchone()[0]
    return Accepted(row["id"], row["hash"], tuple(made), made, duplicate=True, differs=payload != event.payload)


def payload_bytes(payload: Payload | Mapping[str, Any] | bytes) -> bytes:
    """Serialise a payload as it is sealed; bytes stay as they are (``NotPublishable`` if it is not JSON)."""
    if isinstance(payload, bytes):
        return payload
    try:
        return encode(payload) if isinstance(payload, Payload) else strictjson.dumps(payload)
    except (TypeError, ValueError) as error:
        raise NotPublishable(f"payload: {not_json(error)}") from None
