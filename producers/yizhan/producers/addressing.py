"""From a draft to an event: its recipients, its references, its thread.

Rule 1: an event that refers to another goes also to everybody who has that one, or to its sender, unless the
        draft says otherwise: a correction must reach everybody who has the original.
Rule 2: a matter goes to the members that it touches; one that names none, to the county's partners.
Rule 3: ``external_ref`` names an own event; it becomes id and hash here, or raises an error.
Rule 4: a dispute moves along its table (``dispute_case.MOVES``) from where this outbox last reported it.
Rule 5: an event that the station would refuse for its time is refused here, where it can still be corrected.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from yizhan.producers.errors import NotPublishable, UnknownReference
from yizhan.producers.numbering import OutgoingEvent, SigningContext, payload_bytes
from yizhan.schemas import strictjson
from yizhan.schemas.admit import CLOCK_TOLERANCE
from yizhan.schemas.header import Ref, split_id
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads.dispute_case import MOVES, DisputeState, may_move
from yizhan.schemas.payloads.table import DISPUTE, LIFE_AT_STAKE
from yizhan.schemas.timestamps import instant, written

if TYPE_CHECKING:
    from yizhan.producers.drafts import Draft, Reference

_REFERENCES: Final = ("withdraws", "supersedes", "reply_to")
_COPIED: Final = ("type", "status", "priority", "grade", "certainty", "stage", "worse", "expires", "wants", "period")


def outgoing_event(conn: sqlite3.Connection, draft: Draft, signing: SigningContext, now: datetime) -> OutgoingEvent:
    """Make an event of a draft, reading the events that it refers to.

    Raises:
        UnknownReference: it refers to what this outbox did not send, or not under that hash.
        NotPublishable: its payload is not JSON, or its time is in the future (except fires and disasters).
    """
    references = {
        name: _resolve(conn, reference, draft.type, signing.source, name)
        for name in _REFERENCES
        if (reference := getattr(draft, name)) is not None
    }
    attributes: dict[str, Any] = {name: getattr(draft, name) for name in _COPIED}
    attributes |= references
    attributes["time"] = draft.time or written(now)
    _check_time(draft.type, attributes["time"], now)
    attributes["touches"] = None if draft.touches is None else tuple(sorted(set(draft.touches)))
    attributes["subject"] = draft.subject or _thread(conn, references)
    if draft.type == DISPUTE:
        _check_course(conn, draft, attributes["subject"])
    to = draft.to or _audience(conn, attributes["touches"] or (), references, signing)
    return OutgoingEvent(attributes, tuple(sorted(set(to))), payload_bytes(draft.payload), draft.external_ref)


def _check_time(type: str, time: str, now: datetime) -> None:
    if type not in LIFE_AT_STAKE and instant(time) - now > CLOCK_TOLERANCE:
        sentence = marked("获知时间 {time} 晚于现在（{now}），驿站会拒收（future_dated）；请改正 time，不写则取现在")
        raise NotPublishable(sentence, time=time, now=written(now))


def _check_course(conn: sqlite3.Connection, draft: Draft, thread: str | None) -> None:
    """Refuse a state that cannot follow the last one of this thread; corrections and withdrawals are not checked."""
    reported = conn.execute(
        "SELECT id, payload, CAST(header AS TEXT) AS header FROM events JOIN sealed USING (seq)"
        " WHERE type = ? AND refused IS NULL AND replaced_by IS NULL"
        " AND ? IN (id, json_extract(CAST(header AS TEXT), '$.subject')) ORDER BY seq DESC",
        (DISPUTE, thread),
    ).fetchall()
    gone = {None if draft.supersedes is None else draft.supersedes.id}
    for row in reported:
        header = strictjson.loads(row["header"].encode())
        gone |= {header[name]["id"] for name in ("supersedes", "withdraws") if name in header}
        if row["id"] not in gone and "withdraws" not in header and draft.withdraws is None:
            before = DisputeState(strictjson.loads(row["payload"], floats=True)["state"])
            after = DisputeState(draft.payload["state"])
            if not may_move(before, after):
                sentence = marked("争议在 {id} 已报为{before}，不能报为{after}；之后可以是：{next}")
                following = ", ".join(_(state) for state in sorted(MOVES[before])) or _("没有，已经办结")
                raise NotPublishable(sentence, id=row["id"], before=_(before), after=_(after), next=following)
            return


def _audience(
    conn: sqlite3.Connection, touches: Iterable[str], references: dict[str, Ref], signing: SigningContext
) -> set[str]:
    county = signing.source[:6]
    to = set(touches) & signing.charter.members.keys()
    for reference in references.values():
        to |= set(recipients_of(conn, reference.id) or (split_id(reference.id)[0][:6],))
    return (to - {county}) or set(signing.charter.partners(county))


def recipients_of(conn: sqlite3.Connection, event_id: str) -> tuple[str, ...]:
    """Return the recipients of an event of this outbox; empty for an unknown event."""
    rows = conn.execute(
        "SELECT recipient FROM recipients WHERE seq = (SELECT seq FROM events WHERE id = ?) ORDER BY recipient",
        (event_id,),
    )
    return tuple(row["recipient"] for row in rows)


def _thread(conn: sqlite3.Connection, references: dict[str, Ref]) -> str | None:
    """Return the id that opened the thread of an own event; another county's event is its own thread."""
    for name in _REFERENCES:
        if name in references:
            row = conn.execute(
                "SELECT header FROM sealed WHERE seq = (SELECT seq FROM events WHERE id = ?)", (references[name].id,)
            ).fetchone()
            if row is not None:
                return str(strictjson.loads(row["header"]).get("subject") or references[name].id)
    return references["reply_to"].id if "reply_to" in references else None


def _resolve(conn: sqlite3.Connection, reference: Reference, type: str, source: str, name: str) -> Ref:
    """Resolve a reference to id and hash."""
    if reference.external_ref is not None:
        return _by_external_ref(conn, reference.external_ref, type, name)
    event_id, named_hash = str(reference.id), reference.hash
    row = conn.execute("SELECT hash FROM events WHERE id = ?", (event_id,)).fetchone()
    if row is not None:
        if named_hash not in (None, row["hash"].hex()):
            sentence = marked("{name}：{id} 发出时的 hash 是 {hash}…，不是 {said}…")
            raise UnknownReference(
                sentence, name=name, id=event_id, hash=row["hash"].hex()[:16], said=str(named_hash)[:16]
            )
        return Ref(id=event_id, hash=row["hash"].hex())
    if name != "reply_to" and split_id(event_id)[0][:6] != source[:6]:
        sentence = marked("{name}：{id} 是别县发出的，只有发件县可以；请改用 reply_to")
        raise UnknownReference(sentence, name=name, id=event_id)
    if named_hash is None:
        sentence = marked("{name}：{id} 不在本县发件箱里，请同时给出 hash")
        raise UnknownReference(sentence, name=name, id=event_id)
    return Ref(id=event_id, hash=named_hash)


def _by_external_ref(conn: sqlite3.Connection, external_ref: str, type: str, name: str) -> Ref:
    rows = conn.execute("SELECT id, type, hash FROM events WHERE external_ref = ?", (external_ref,)).fetchall()
    of_type = [row for row in rows if row["type"] == type]
    if len(found := of_type or rows) != 1:
        sentence = (
            _("{name}：没有以 external_ref {ref} 发出过事件；请用 id 和 hash 指明")
            if not found
            else _("{name}：以 external_ref {ref} 发出过 {count} 件其他类型的事件；请用 id 和 hash 指明")
        )
        raise UnknownReference(sentence.format(name=name, ref=repr(external_ref[:60]), count=len(found)))
    return Ref(id=found[0]["id"], hash=found[0]["hash"].hex())
