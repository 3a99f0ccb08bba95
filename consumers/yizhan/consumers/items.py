"""What an officer sees: items in their present state, and what is stored with them.

Rule 1: everything here is read from rows that were verified when they were written.
Rule 2: superseded and withdrawn are looked up, never stored, so the order of arrival does not matter.
        They count only from the same county and for the same hash; an exercise withdraws no real event.
Rule 3: every function works inside its caller's lock; none opens a transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from yizhan.consumers.labels import State, Warn
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.header import ID_ENDS, NOTICE, RECEIPT, Header, LaneName, id_end, parse_header
from yizhan.schemas.matters import Answer
from yizhan.schemas.payloads import ReadPayload, read
from yizhan.schemas.payloads.letters import is_letter, status_mark
from yizhan.schemas.payloads.table import type_name
from yizhan.schemas.policy import Way
from yizhan.schemas.timestamps import written


@dataclass(frozen=True)
class Item:
    """One event in the inbox. Times are written instants (UTC, milliseconds).

    ``time`` is when its sender learnt of it, ``received`` when the station had it, ``stored`` when we
    did. ``payload`` is None where it could not be opened; ``unopenable`` then says why in one word.
    ``superseded_by`` and ``withdrawn_by`` are ids. ``digests`` are labels of the digests that hold it.
    """

    id: str
    hash: bytes
    kind: str
    source: str
    county: str
    type: str
    status: str
    thread: str
    time: str
    received: str
    stored: str
    expires: str | None
    way: Way
    rule: str
    charter: str
    state: State
    unopenable: str | None
    warnings: tuple[Warn, ...]
    superseded_by: str | None
    withdrawn_by: str | None
    answers: tuple[Answer, ...]
    digests: tuple[str, ...]
    header_bytes: bytes
    payload: bytes | None
    destroyed: str | None = None
    """When its content was destroyed, its term of retention being over."""
    update: int | None = None
    """Of an update: its number among those of its sender in this matter that are here; None where they are many."""
    seq: int = 0
    """Its place in the order of arrival, from 1."""

    @cached_property
    def header(self) -> Header:
        """The header as its county signed it."""
        return parse_header(self.header_bytes)

    @cached_property
    def contents(self) -> ReadPayload | None:
        """The payload as far as it is understood; None where it could not be opened."""
        return None if self.payload is None else read(self.type, self.payload)

    @cached_property
    def is_letter(self) -> bool:
        """Whether a person wrote it, so that a person is to see it."""
        return is_letter(self.header, None if self.contents is None else self.contents.raw)

    @property
    def mark(self) -> str:
        """【演练】 before an exercise, 【测试】 before a test, nothing before what is real."""
        return status_mark(self.status)

    @property
    def title(self) -> str:
        """The type's name in the language chosen, with its mark; an unknown type as it is."""
        return self.mark + type_name(self.type)


@dataclass(frozen=True, slots=True)
class InboxQuery:
    """Which items: the last ``limit`` (None: all) that match everything given; with ``after`` the first ones.

    Receipts, notices that no person wrote and what waits for its manifest are left out unless asked for by
    ``system``, ``type`` or ``state``. ``since`` is compared with ``stored``, ``before`` and ``after`` with ``seq``.
    ``drills``: only exercises and tests, or only what is real.
    """

    id: str | None = None
    way: Way | None = None
    state: State | None = None
    type: str | None = None
    county: str | None = None
    thread: str | None = None
    since: datetime | None = None
    text: str | None = None
    system: bool = False
    limit: int | None = None
    before: int | None = None
    after: int | None = None
    drills: bool | None = None
    ids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Aside:
    """A record that was not let in; ``value`` are its first bytes, ``size`` how many there were.

    ``place`` is partition/offset where it was first read, ``times`` how often it was.
    """

    seq: int
    kind: str
    reason: str
    detail: str
    place: str
    stored: str
    times: int
    size: int
    value: bytes | None
    postmark: bytes | None


@dataclass(frozen=True, slots=True)
class RivalEvent:
    """Another event under an id that was here: evidence against its sender."""

    id: str
    hash: bytes
    first_hash: bytes
    stored: str
    header: Header
    envelope: bytes
    postmark: bytes | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers of a lane that have not arrived.

    ``kind`` is ``lost`` (later ones came), ``tail`` (its sender announced them, none came after) or
    ``waiting`` (of the digest lane: their quarter is not closed).
    """

    source: str
    book: str
    lane: LaneName
    first: int
    last: int
    kind: str


_COLUMNS: Final = """
    items.*, letters.header, letters.payload, (SELECT at FROM destroyed WHERE destroyed.id = items.id) AS destroyed,
    (SELECT by.id FROM items AS by WHERE by.supersedes = items.id AND by.supersedes_hash = items.hash
     AND by.county = items.county AND (by.status = 'Actual' OR items.status <> 'Actual')
     ORDER BY by.seq DESC LIMIT 1) AS superseded_by,
    (SELECT by.id FROM items AS by WHERE by.withdraws = items.id AND by.withdraws_hash = items.hash
     AND by.county = items.county AND (by.status = 'Actual' OR items.status <> 'Actual')
     ORDER BY by.seq LIMIT 1) AS withdrawn_by
"""
_BESIDE: Final = tuple(
    f"SELECT {what} FROM items WHERE {name} = :id AND type <> :receipt"  # noqa: S608 -- our words
    for what, name in (
        ("thread, supersedes, withdraws, reply_to", "id"), ("id", "thread"), ("id", "supersedes"), ("id", "withdraws"),
        ("id", "reply_to"),
    )
)  # fmt: skip
# Every condition is a constant of this file; what is asked for goes in as a parameter.
_CONDITIONS: Final = {
    "id": "items.id = :id",
    "ids": "items.id IN (SELECT value FROM json_each(:ids))",
    "way": "way = :way",
    "state": "state = :state",
    "type": "type = :type",
    "county": "county = :county",
    "thread": "(thread = :thread OR items.id = :thread)",
    "since": "stored >= :since",
    "text": "(items.id LIKE :text OR CAST(letters.payload AS TEXT) LIKE :text)",
    "before": "items.seq < CAST(:before AS INTEGER)",
    "after": "items.seq > CAST(:after AS INTEGER)",
    "drills": "(items.status <> 'Actual') = (:drills = 'True')",
}
_PLAIN: Final = (
    f"state <> 'waiting' AND type <> '{RECEIPT}' AND (type <> '{NOTICE}' OR is_letter(letters.header, letters.payload))"
)
_MOST_UPDATES: Final = 100
"""Updates of one matter that are counted: a count must not make a list slow."""


def chosen(conn: sqlite3.Connection, query: InboxQuery) -> Iterator[Item]:
    """Yield items, the newest last."""
    given = {name: getattr(query, name) for name in _CONDITIONS if getattr(query, name) is not None}
    values = {name: _asked(value) for name, value in given.items()}
    if query.text is not None:
        values["text"] = f"%{query.text}%"
    conditions = [_CONDITIONS[name] for name in given]
    if not query.system and not given.keys() & {"id", "ids", "type", "state", "thread"}:
        conditions.append(_PLAIN)
        # SQLite then prepares every statement of the connection again: only where it is needed.
        conn.create_function("is_letter", 2, _is_letter, deterministic=True)
    where = " AND ".join(conditions) or "1"
    order = "DESC" if query.after is None else "ASC"
    sql = f"SELECT {_COLUMNS} FROM items JOIN letters USING (seq) WHERE {where} ORDER BY seq {order} LIMIT :limit"  # noqa: S608
    found = conn.execute(sql, {**values, "limit": -1 if query.limit is None else query.limit}).fetchall()
    if query.after is None:
        found.reverse()
    answers, labels, updates = _answers(conn, found), _labels(conn, found), _update_numbers(conn, found)
    return (_item(row, answers.get(row["id"], ()), labels.get(row["id"], ()), updates.get(row["seq"])) for row in found)


def _asked(value: object) -> str:
    """Return what is asked for, as SQLite compares it; of several, a JSON array."""
    return (
        written(value) if isinstance(value, datetime) else json.dumps(value) if isinstance(value, tuple) else str(value)
    )


def row_is_letter(row: sqlite3.Row) -> bool:
    """Return whether a person wrote the event of a row with ``type``, ``header`` and ``payload``."""
    return bool(row["type"] != RECEIPT and (row["type"] != NOTICE or _is_letter(row["header"], row["payload"])))


def _is_letter(header: bytes, payload: bytes | None) -> bool:
    try:
        return is_letter(parse_header(header), None if payload is None else read(NOTICE, payload).raw)
    except YizhanError:
        return True  # what cannot be told is shown


def one(conn: sqlite3.Connection, item_id: str) -> Item | None:
    """Return one item, or None."""
    return next(chosen(conn, InboxQuery(id=item_id)), None)


def reply_ids(conn: sqlite3.Connection, event_id: str, most: int) -> list[str]:
    """Return the ids of the newest events that answer one, the newest first; receipts are not among them."""
    query = "SELECT id FROM items WHERE reply_to = ? AND type <> ? ORDER BY seq DESC LIMIT ?"
    return [row["id"] for row in conn.execute(query, (event_id, RECEIPT, most))]


def related_ids(conn: sqlite3.Connection, event_id: str) -> Iterator[str]:
    """Return which events one names, and which name it: by thread or by a reference."""
    for sql in _BESIDE:
        for row in conn.execute(sql, {"id": event_id, "receipt": RECEIPT}):
            yield from (each for each in row if each is not None)


def ids_ending(conn: sqlite3.Connection, end: str) -> list[str]:
    """Return the ids of letters that end so, the newest last."""
    conn.create_function("is_letter", 2, _is_letter, deterministic=True)
    query = f"SELECT id FROM items JOIN letters USING (seq) WHERE {ID_ENDS} AND {_PLAIN} ORDER BY seq"  # noqa: S608
    return [row["id"] for row in conn.execute(query, id_end(end))]


def by_hash(conn: sqlite3.Connection, event_hash: bytes) -> Item | None:
    """Return the item of an event hash, or None."""
    row = conn.execute("SELECT id FROM items WHERE hash = ?", (event_hash,)).fetchone()
    return None if row is None else one(conn, row["id"])


def _update_numbers(conn: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> dict[int, int]:
    """Return which update of its sender's matter each update is, by seq: one query, however many items there are.

    What is no update, and what comes after the first hundred of a matter, has no number.
    """
    threads = list(dict.fromkeys(row["thread"] for row in rows if _is_update(row["header"])))
    if not threads:
        return {}
    sql = (
        "SELECT seq, thread, county, type, header FROM (SELECT seq, thread, county, type, row_number() OVER"
        " (PARTITION BY thread, county, type ORDER BY seq) AS place FROM items WHERE thread IN"
        " (SELECT value FROM json_each(?))) JOIN letters USING (seq) WHERE place <= ? ORDER BY seq"
    )
    counts: dict[tuple[str, str, str], int] = {}
    found: dict[int, int] = {}
    for seq, *matter, header in conn.execute(sql, (json.dumps(threads), _MOST_UPDATES)):
        if _is_update(header):
            thread, county, kind = matter
            before = counts.get((thread, county, kind), 0)
            found[seq] = before + 1
            counts[thread, county, kind] = before + (parse_header(header).supersedes is None)
    return found


def _is_update(header: bytes) -> bool:
    return b'"update"' in header and parse_header(header).stage == "update"


def _answers(conn: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> dict[str, list[Answer]]:
    """Read the officers' answers of items, by id: one query, however many there are."""
    found: dict[str, list[Answer]] = {}
    sql = (
        "SELECT id, stage, name, badge, note, at FROM answers WHERE id IN (SELECT value FROM json_each(?)) ORDER BY seq"
    )
    for item_id, *answer in conn.execute(sql, (_ids(rows),)):
        found.setdefault(item_id, []).append(Answer(*answer))
    return found


def _labels(conn: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> dict[str, list[str]]:
    """Read which quarters' digests name items, by id."""
    found: dict[str, list[str]] = {}
    sql = (
        "SELECT DISTINCT items.id, label FROM items JOIN digest_members ON digest_members.hash = items.hash"
        " JOIN digests ON digests.seq = digest_members.digest WHERE items.id IN (SELECT value FROM json_each(?))"
        " ORDER BY label"
    )
    for item_id, label in conn.execute(sql, (_ids(rows),)):
        found.setdefault(item_id, []).append(label)
    return found


def _ids(rows: Sequence[sqlite3.Row]) -> str:
    return json.dumps([row["id"] for row in rows])


def _item(row: sqlite3.Row, answers: Sequence[Answer], labels: Sequence[str], update: int | None) -> Item:
    return Item(
        id=row["id"],
        hash=row["hash"],
        kind=row["kind"],
        source=row["source"],
        county=row["county"],
        type=row["type"],
        status=row["status"],
        thread=row["thread"],
        time=row["time"],
        received=row["received"],
        stored=row["stored"],
        expires=row["expires"],
        way=Way(row["way"]),
        rule=row["rule"],
        charter=row["charter"],
        state=State(row["state"]),
        unopenable=row["unopenable"],
        warnings=tuple(Warn(word) for word in row["warnings"].split()),
        superseded_by=row["superseded_by"],
        withdrawn_by=row["withdrawn_by"],
        answers=tuple(answers),
        digests=tuple(labels),
        header_bytes=row["header"],
        payload=row["payload"],
        destroyed=row["destroyed"],
        update=update,
        seq=row["seq"],
    )


def asides(conn: sqlite3.Connection) -> Iterator[Aside]:
    """Return what was kept aside, the newest last."""
    columns = "seq, kind, reason, detail, place, stored, times, size, value, postmark"
    return (Aside(*row) for row in conn.execute(f"SELECT {columns} FROM aside ORDER BY seq"))  # noqa: S608 -- ours


def conflicts(conn: sqlite3.Connection) -> Iterator[RivalEvent]:
    """Yield events under an id that was here, the newest last."""
    for row in conn.execute(
        "SELECT conflicts.*, items.hash AS first_hash FROM conflicts JOIN items USING (id) ORDER BY conflicts.seq"
    ):
        header = parse_header(row["header"])
        yield RivalEvent(
            row["id"], row["hash"], row["first_hash"], row["stored"], header, row["envelope"], row["postmark"]
        )
