"""What became of each event: the outbox read back, and what its recipients said entered.

Rule 1: everything here is told from rows that were verified when they were written.
Rule 2: a receipt binds only from a recipient, about an event or lane that this outbox gave.
Rule 3: every function works inside its caller's lock or transaction; none opens one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

from yizhan.producers.numbering import stored_decision
from yizhan.schemas import strictjson
from yizhan.schemas.header import NOTICE, RECEIPT, Header, LaneName, parse_header
from yizhan.schemas.payloads.letters import is_letter
from yizhan.schemas.payloads.reading import MAX_DEPTH, read
from yizhan.schemas.policy import Policy
from yizhan.schemas.sent_events import SentEvent
from yizhan.schemas.timestamps import instant, written

State = Literal["queued", "sent", "accepted", "refused"]
"""To be sent now; acknowledged by the broker; let in by the station; refused by it."""


@dataclass(frozen=True, slots=True)
class OutboxQuery:
    """Which events: the last ``limit`` (None: all) that match everything given; with ``after`` the first ones.

    ``before`` and ``after`` are compared with ``seq``. ``people``: only what a person wrote, without receipts and
    the notices of programs.
    """

    id: str | None = None
    type: str | None = None
    external_ref: str | None = None
    state: State | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None
    before: int | None = None
    after: int | None = None
    people: bool = False


EVERYTHING: Final = OutboxQuery()


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event as its sender sees it. Times are written instants (UTC, milliseconds).

    ``state`` is its first standing; ``attempts`` how often a broker acknowledged it; ``reason`` and
    ``detail`` say why the station refused it; ``trouble`` what the broker has against it.
    """

    id: str
    type: str
    time: str
    accepted: str
    to: tuple[str, ...]
    state: State
    prompt: bool
    attempts: int
    answered: str | None
    clock_suspect: bool
    reason: str | None
    detail: str | None
    trouble: str | None
    external_ref: str | None
    replaced_by: str | None
    hash: str
    first_sent: str | None
    """When a broker first acknowledged it; None before that."""
    seq: int = 0
    """Its place in the order of acceptance, from 1."""


@dataclass(frozen=True, slots=True)
class RecipientReceipt:
    """A receipt of one recipient for one event."""

    stage: str
    time: str
    payload: Mapping[str, object] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Posting:
    """One event with one of its recipients.

    ``way`` and ``rule`` are our own decision, ``stamped_…`` the station's (None before it answered);
    ``delivered`` when the recipient's inbox had it; ``opened`` the same, but None where the recipient says
    that it cannot open it; ``awaits``: it goes at once, and a receipt is awaited; ``said`` by stage, the first word
    first: unopenable, acknowledged, acted, declined.
    """

    id: str
    type: str
    recipient: str
    lane: LaneName
    n: int
    state: State
    way: str
    rule: str
    stamped_way: str | None
    stamped_rule: str | None
    answered: str | None
    reason: str | None
    detail: str | None
    delivered: str | None
    opened: str | None
    awaits: bool
    said: Mapping[str, tuple[RecipientReceipt, ...]] = field(hash=False)


@dataclass(frozen=True, slots=True)
class OwnEvent:
    """One own event whole; ``envelope`` is None once its bytes were dropped."""

    row: EventRow
    header: Header
    payload: bytes
    envelope: bytes | None
    postmark: bytes | None


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One epoch and why it was opened."""

    epoch: str
    opened: str
    because: str


@dataclass(frozen=True, slots=True)
class LaneProgress:
    """How far one lane has come: its last number, and how many the recipient has not confirmed.

    ``void`` are those of them that will never come to anybody.
    """

    recipient: str
    book: str
    lane: LaneName
    head: int
    unconfirmed: int
    void: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ForeignPosting:
    """A posting that matches nothing that this outbox sent, and why it was kept aside."""

    cluster: str
    offset: int
    read_at: str
    why: str
    id: str | None
    value: bytes


@dataclass(frozen=True, slots=True)
class Figures:
    """What waits: to be sent now, for the station's answer, for overdue receipts."""

    depth: int
    oldest_seconds: float
    awaited: int
    receipts_overdue: int


_STATE: Final = (
    "CASE WHEN refused IS NOT NULL THEN 'refused' WHEN answered IS NOT NULL THEN 'accepted'"
    " WHEN attempts > 0 THEN 'sent' ELSE 'queued' END"
)
_DECIDED: Final = (
    "SELECT recipient, coalesce(stamped_way, way) AS way, coalesce(stamped_rule, rule) AS rule"
    " FROM recipients WHERE seq = ?"
)
# Every condition is a constant of this file; what is asked for goes in as a parameter.
_CONDITIONS: Final = {
    "id": "id = :id",
    "type": "type = :type",
    "external_ref": "external_ref = :external_ref",
    "state": f"{_STATE} = :state",
    "since": "accepted >= :since",
    "until": "accepted < :until",
    "before": "events.seq < :before",
    "after": "events.seq > :after",
    "people": f"type <> '{RECEIPT}' AND (type <> '{NOTICE}' OR is_letter(header, payload))",
}


def _chosen(conn: sqlite3.Connection, query: OutboxQuery) -> list[sqlite3.Row]:
    given = {name: found for name in _CONDITIONS if (found := getattr(query, name)) is not None and found is not False}
    values = {name: written(value) if isinstance(value, datetime) else value for name, value in given.items()}
    where = " AND ".join(_CONDITIONS[name] for name in given) or "1"
    joined = "events"
    if query.people:
        joined = "events JOIN sealed USING (seq)"
        # SQLite then prepares every statement of the connection again: only where it is needed.
        conn.create_function("is_letter", 2, _is_letter, deterministic=True)
    order = "DESC" if query.after is None else "ASC"
    sql = f"SELECT events.*, {_STATE} AS state FROM {joined} WHERE {where} ORDER BY seq {order} LIMIT :limit"  # noqa: S608
    found = conn.execute(sql, {**values, "limit": -1 if query.limit is None else query.limit}).fetchall()
    return found[::-1] if query.after is None else found


def _is_letter(header: bytes, payload: bytes) -> bool:
    return is_letter(parse_header(header), read(NOTICE, payload).raw)


def rows(conn: sqlite3.Connection, query: OutboxQuery) -> Iterator[EventRow]:
    """Yield events, the newest last."""
    return (_event_row(conn, row) for row in _chosen(conn, query))


def _event_row(conn: sqlite3.Connection, row: sqlite3.Row) -> EventRow:
    header = strictjson.loads(conn.execute("SELECT header FROM sealed WHERE seq = ?", (row["seq"],)).fetchone()[0])
    return EventRow(
        id=row["id"],
        type=row["type"],
        time=header["time"],
        accepted=row["accepted"],
        to=tuple(header["to"]),
        state=row["state"],
        prompt=bool(row["prompt"]),
        attempts=row["attempts"],
        answered=row["answered"],
        clock_suspect=bool(row["clock_suspect"]),
        reason=row["refused"],
        detail=row["detail"],
        trouble=row["trouble"],
        external_ref=row["external_ref"],
        replaced_by=row["replaced_by"],
        hash=row["hash"].hex(),
        first_sent=None if row["first_sent"] is None else written(datetime.fromtimestamp(row["first_sent"], UTC)),
        seq=row["seq"],
    )


def postings(conn: sqlite3.Connection, query: OutboxQuery) -> Iterator[Posting]:
    """Yield each recipient of the events, the newest last."""
    for row in _chosen(conn, query):
        said: dict[str, dict[str, tuple[RecipientReceipt, ...]]] = {}
        for each in conn.execute("SELECT * FROM receipts WHERE seq = ? ORDER BY said_at, id", (row["seq"],)):
            payload = strictjson.loads(each["payload"].encode(), floats=True, max_depth=MAX_DEPTH)
            receipt = RecipientReceipt(each["stage"], each["said_at"], payload)
            stages = said.setdefault(each["recipient"], {})
            stages[each["stage"]] = (*stages.get(each["stage"], ()), receipt)
        for each in conn.execute("SELECT * FROM recipients WHERE seq = ? ORDER BY recipient", (row["seq"],)):
            yield Posting(
                id=row["id"],
                type=row["type"],
                recipient=each["recipient"],
                lane=each["lane"],
                n=each["n"],
                state=row["state"],
                way=each["way"],
                rule=each["rule"],
                stamped_way=each["stamped_way"],
                stamped_rule=each["stamped_rule"],
                answered=row["answered"],
                reason=row["refused"],
                detail=row["detail"],
                delivered=each["delivered"],
                awaits=bool(row["awaits"]),
                opened=None if "unopenable" in said.get(each["recipient"], {}) else each["delivered"],
                said=said.get(each["recipient"], {}),
            )


def event(conn: sqlite3.Connection, event_id: str) -> OwnEvent | None:
    """Return one event whole."""
    found = _chosen(conn, OutboxQuery(id=event_id))
    if not found:
        return None
    row = found[0]
    sealed = conn.execute("SELECT header, payload, envelope FROM sealed WHERE seq = ?", (row["seq"],)).fetchone()
    header = parse_header(sealed["header"])
    return OwnEvent(_event_row(conn, row), header, sealed["payload"], sealed["envelope"], row["postmark"])


_NAMED: Final = tuple(
    f"json_extract(CAST(header AS TEXT), '$.{name}')"
    for name in ("subject", "reply_to.id", "supersedes.id", "withdraws.id")
)
_BESIDE: Final = tuple(
    f"SELECT {what} FROM events JOIN sealed USING (seq) WHERE {name} = :id AND type <> :receipt"  # noqa: S608 -- our words
    for what, name in ((", ".join(_NAMED), "id"), *(("id", each) for each in _NAMED))
)


def reply_ids(conn: sqlite3.Connection, event_id: str, most: int) -> list[str]:
    """Return the ids of our newest events that answer one, the newest first; receipts are not among them."""
    query = (
        f"SELECT id FROM events JOIN sealed USING (seq) WHERE {_NAMED[1]} = ? AND type <> ?"  # noqa: S608 -- our words
        " AND refused IS NULL ORDER BY seq DESC LIMIT ?"
    )
    return [row["id"] for row in conn.execute(query, (event_id, RECEIPT, most))]


def related_ids(conn: sqlite3.Connection, event_id: str) -> Iterator[str]:
    """Return which events one names, and which name it: by thread or by a reference."""
    for sql in _BESIDE:
        for row in conn.execute(sql, {"id": event_id, "receipt": RECEIPT}):
            yield from (each for each in row if each is not None)


def sent(
    conn: sqlite3.Connection, since: datetime | None, until: datetime | None, policy: Policy
) -> Iterator[SentEvent]:
    """Yield events by when the station received them (not yet: when they were accepted), oldest first."""
    found = conn.execute(
        "SELECT seq, hash, header, payload, answered FROM events JOIN sealed USING (seq)"
        " WHERE refused IS NULL AND replaced_by IS NULL"
        " AND coalesce(answered, accepted) >= ? AND coalesce(answered, accepted) < ? ORDER BY seq",
        ("" if since is None else written(since), "9" if until is None else written(until)),
    )
    for row in found:
        chosen = conn.execute(_DECIDED, (row["seq"],))
        decisions = {each["recipient"]: stored_decision(each["way"], each["rule"], policy) for each in chosen}
        yield SentEvent(
            parse_header(row["header"]), row["hash"], row["payload"], decisions, row["answered"] is not None
        )


def epoch_rows(conn: sqlite3.Connection) -> Iterator[EpochRow]:
    """Yield the epochs, the oldest first."""
    for row in conn.execute("SELECT book, opened, because FROM books ORDER BY ordinal"):
        yield EpochRow(row["book"], row["opened"], row["because"])


def foreign_postings(conn: sqlite3.Connection) -> Iterator[ForeignPosting]:
    """Yield postings that were kept aside."""
    for row in conn.execute("SELECT * FROM foreign_postings ORDER BY read_at, posting"):
        yield ForeignPosting(row["cluster"], row["posting"], row["read_at"], row["why"], row["id"], row["value"])


def lane_heads(conn: sqlite3.Connection) -> Iterator[LaneProgress]:
    """Return how far every lane has come."""
    heads = conn.execute(
        "SELECT recipient, book, lane, max(n) AS head, sum(delivered IS NULL) AS unconfirmed"
        " FROM recipients GROUP BY recipient, book, lane"
    ).fetchall()
    for row in heads:
        void = conn.execute(
            "SELECT recipients.n FROM recipients JOIN events USING (seq)"
            " WHERE recipient = ? AND recipients.book = ? AND lane = ?"
            " AND delivered IS NULL AND void = 1 ORDER BY recipients.n",
            (row["recipient"], row["book"], row["lane"]),
        )
        numbers = tuple(each[0] for each in void)
        yield LaneProgress(row["recipient"], row["book"], row["lane"], row["head"], row["unconfirmed"], numbers)


def figures(conn: sqlite3.Connection, now: datetime, receipt_overdue_seconds: float) -> Figures:
    """Count what waits."""
    depth = conn.execute("SELECT count(*) FROM events WHERE queued = 1").fetchone()[0]
    oldest = conn.execute("SELECT accepted FROM events WHERE queued = 1 AND attempts = 0 ORDER BY seq LIMIT 1")
    oldest_row = oldest.fetchone()
    awaited = conn.execute(
        "SELECT count(*) FROM events WHERE answered IS NULL AND refused IS NULL AND attempts > 0"
        " AND void = 0 AND replaced_by IS NULL"
    ).fetchone()[0]
    overdue = conn.execute(
        "SELECT count(DISTINCT seq) FROM recipients JOIN events USING (seq) WHERE delivered IS NULL"
        " AND lane = 'prompt' AND awaits = 1 AND refused IS NULL AND first_sent < ?",
        (now.timestamp() - receipt_overdue_seconds,),
    ).fetchone()[0]
    age = 0.0 if oldest_row is None else max(0.0, (now - instant(oldest_row[0])).total_seconds())
    return Figures(int(depth), age, int(awaited), int(overdue))


def stamps(conn: sqlite3.Connection, after: int, limit: int) -> Iterator[tuple[int, bytes]]:
    """Yield (number, postmark) of those stored after a number; of one event only the latest."""
    query = "SELECT stamps.n, postmark FROM stamps JOIN events USING (seq) WHERE stamps.n > ? ORDER BY stamps.n LIMIT ?"
    return ((int(row["n"]), bytes(row["postmark"])) for row in conn.execute(query, (after, limit)))
