"""The bell's book: rings and tries, in the inbox's database, on a connection of its own.

Law 4: ``(subject, step, rung)`` is unique: a ring is one row, however often it is planned.

Rule 1: a ring is marked as being sent before it is sent, and its outcome is stored afterwards. A process that dies in
        between leaves it ``tried``, and it is sent again: two messages about a fire are better than none. For the same
        reason this connection does not wait for the disk: what a power cut loses is planned or sent again.
Rule 2: whether a ring is still needed is checked in the transaction that marks it: after an acknowledgement it is not
        sent on any channel.
Rule 3: rows hold ids and words, never content.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from yizhan.consumers import items, metrics
from yizhan.consumers.bell.ended_alarms import as_it_will_be
from yizhan.consumers.bell.planning import NewItem, NewStep
from yizhan.consumers.bell.rings import (
    ABSENCE_STEP,
    ALARM_STEP,
    FINAL_STEP,
    LETTER_STEP,
    NO_CHANNEL,
    OLD,
    SAID_ONCE,
    URGENT,
    MissedAlarms,
    Plan,
    Ring,
    Try,
)
from yizhan.consumers.checkpoints import LONGEST_PAGES
from yizhan.consumers.labels import State, Warn
from yizhan.consumers.store import MIGRATIONS
from yizhan.runtime.store import SharedStore, open_store, read_store, transaction
from yizhan.schemas.header import parse_header
from yizhan.schemas.obligation_steps import Rung
from yizhan.schemas.payloads.table import LIFE_AT_STAKE
from yizhan.schemas.policy import Way
from yizhan.schemas.timestamps import instant, written

BATCH: Final = 500
TOGETHER: Final = 200
"""Most rings of one message. Many: the inbox waits while they are written down."""
_AHEAD: Final = timedelta(minutes=1)
"""What was written down so much later than now was written by a clock that has since been put right."""
_ITEMS: Final = (
    "SELECT seq, id, type, way, state, status, county, thread, received, stored, header, payload"
    " FROM items JOIN letters USING (seq)"
)
_OPEN: Final = "state IN ('due', 'tried', 'failed')"
_URGENT: Final = ", ".join(f"'{each}'" for each in URGENT)
_SAID_ONCE: Final = ", ".join(f"'{each}'" for each in SAID_ONCE)
_FIRST: Final = 50
"""How many reports of a matter are looked at for one that rang; a first report is the first of them."""


@dataclass(frozen=True, slots=True)
class Unless:
    """What makes a ring unnecessary: its age, or an answer under one of these rules."""

    older: timedelta
    rules: tuple[str, ...]


class RingStore(SharedStore):
    """The bell's rows of one inbox; for several threads. Every method raises ``StoreError`` when the disk fails."""

    def __init__(self, path: Path, county: str, *, to_read: bool = False) -> None:
        """Open the inbox's database beside the inbox, or ``to_read`` only (``StoreError`` if it cannot be used)."""
        super().__init__(read_store(path, MIGRATIONS) if to_read else open_store(path, MIGRATIONS))
        self._county = county
        if not to_read:
            self._conn.execute(f"PRAGMA wal_autocheckpoint = {LONGEST_PAGES}")
            self._conn.execute("PRAGMA synchronous = NORMAL")  # rule 1

    # -- what is to ring --

    def place(self) -> tuple[int, int]:
        """Return how far items and followups were looked through; where nobody ever looked, that is the end."""
        with self._lock, transaction(self._conn) as conn:
            conn.execute(
                "INSERT OR IGNORE INTO ring_place SELECT 1, (SELECT coalesce(max(seq), 0) FROM items),"
                " (SELECT coalesce(max(seq), 0) FROM followups)"
            )
            row = conn.execute("SELECT items, followups FROM ring_place").fetchone()
        return int(row["items"]), int(row["followups"])

    def new_items(self, after: int) -> list[NewItem]:
        """Return the next items after a number."""
        with self._reading() as conn:
            rows = conn.execute(f"{_ITEMS} WHERE seq > ? ORDER BY seq LIMIT ?", (after, BATCH)).fetchall()
            return [_new_item(row, _ended_matter(conn, row)) for row in rows]

    def new_steps(self, after: int) -> list[NewStep]:
        """Return the next steps of obligations after a number."""
        query = "SELECT * FROM followups WHERE seq > ? ORDER BY seq LIMIT ?"
        with self._reading() as conn:
            return [_new_step(row) for row in conn.execute(query, (after, BATCH))]

    def waiting(self) -> list[NewItem]:
        """Return the alarms that wait for a person."""
        with self._reading() as conn:
            return [_new_item(row) for row in conn.execute(f"{_ITEMS} WHERE state = 'ringing'")]

    def plan(self, plans: Sequence[Plan], now: datetime, place: tuple[int, int]) -> None:
        """Store planned rings and how far the rows were read. A known ring keeps the earlier instant."""
        with self._lock, transaction(self._conn) as conn:
            for each in plans:
                _insert(conn, each, now)
            conn.execute("UPDATE ring_place SET items = ?, followups = ?", place)

    # -- alarms that came long ago --

    def missed(self, now: datetime, older: timedelta) -> MissedAlarms | None:
        """Return the alarms that wait, are older than that, and rang nowhere by themselves; None if there are none."""
        with self._reading() as conn:
            return self._missed(conn, now, older)

    def absence_told(self, now: datetime, older: timedelta) -> bool:
        """Return whether one ring reported all missed alarms, or is about to."""
        query = f"SELECT 1 FROM rings WHERE subject = '{ABSENCE_STEP}' AND {_OPEN}"  # noqa: S608 -- our words
        last = f"SELECT max(at) AS at FROM rings WHERE subject = '{ABSENCE_STEP}' AND state = 'delivered'"  # noqa: S608
        with self._reading() as conn:
            if conn.execute(query).fetchone() is not None:
                return True
            last_absence = conn.execute(last).fetchone()["at"]
            return last_absence is not None and self._missed(conn, now, older, instant(last_absence)) is None

    @staticmethod
    def _missed(
        conn: sqlite3.Connection, now: datetime, older: timedelta, last_absence: datetime | None = None
    ) -> MissedAlarms | None:
        """Return the missed alarms; with ``last_absence`` only those that the ring of that instant did not report."""
        before, since = written(now - older), None if last_absence is None else written(last_absence)
        known = None if last_absence is None else written(last_absence - older)
        query = (
            "SELECT count(*) AS count, id, county, min(received) AS received FROM items"  # noqa: S608 -- our words
            " WHERE state = 'ringing' AND received < ? AND (? IS NULL OR stored > ? OR received >= ?)"
            " AND NOT EXISTS (SELECT 1 FROM rings WHERE rings.subject = items.id AND rings.state = 'delivered'"
            f" AND step <> '{FINAL_STEP}')"
        )
        row = conn.execute(query, (before, since, since, known)).fetchone()
        return MissedAlarms(row["count"], row["id"], row["county"], instant(row["received"])) if row["count"] else None

    # -- ringing --

    def pending(self, now: datetime) -> list[Ring]:
        """Return what should be rung by now, the urgent first; a clock that was ahead keeps nothing back."""
        # Three look-ups: with OR between them, SQLite reads every ring that is open.
        due = " UNION ".join(
            f"SELECT seq FROM rings WHERE {_OPEN} AND {each}"  # noqa: S608 -- our words
            for each in ("due <= ?", "at > ?", f"step = '{ALARM_STEP}' AND made > ?")
        )
        query = f"SELECT * FROM rings WHERE seq IN ({due}) ORDER BY urgency IN ({_URGENT}) DESC, due, seq"  # noqa: S608
        ahead = written(now + _AHEAD)
        with self._reading() as conn:
            return [_ring(row) for row in conn.execute(query, (written(now), ahead, ahead))]

    def waiting_for(self, rung: str) -> list[Ring]:
        """Return the rings of a rung that are not urgent, due or not, at most one message's worth; due ones first."""
        query = (
            f"SELECT * FROM rings WHERE {_OPEN} AND rung = ? AND urgency NOT IN ({_URGENT}) ORDER BY due, seq LIMIT ?"  # noqa: S608
        )
        with self._reading() as conn:
            return [_ring(row) for row in conn.execute(query, (rung, TOGETHER))]

    def begin(
        self, rings: Sequence[Ring], channel: str, tells: str, now: datetime, unless: Unless
    ) -> list[tuple[Ring, int]]:
        """Note that rings go out on a channel: those still wanted, each with its item and the number of its try."""
        begun = []
        with self._lock, transaction(self._conn) as conn:
            for ring in self._wanted(conn, rings, now, unless):
                conn.execute("UPDATE rings SET state = 'tried', at = ? WHERE seq = ?", (written(now), ring.seq))
                made = conn.execute(
                    "INSERT INTO ring_tries (ring, channel, tells, at) VALUES (?, ?, ?, ?)",
                    (ring.seq, channel, tells, written(now)),
                )
                missed = self._missed(conn, now, unless.older) if ring.plan.subject == ABSENCE_STEP else None
                whole = replace(ring, item=self._item(conn, ring), missed=missed)
                begun.append((whole, int(made.lastrowid or 0)))
            # The crash line: from here on a ring may have been heard, and is sent again if we die.
        return begun

    def end(
        self, tries: Collection[tuple[Ring, int]], channel: str, outcome: str, now: datetime, *, good: bool
    ) -> None:
        """Store the outcome of tries; "delivered" is never changed again."""
        at = written(now)
        with self._lock, transaction(self._conn) as conn:
            for ring, number in tries:
                conn.execute("UPDATE ring_tries SET ended = ?, outcome = ? WHERE seq = ?", (at, outcome, number))
                if good:
                    conn.execute(
                        "UPDATE rings SET state = 'delivered', at = ?, channel = ?, why = NULL WHERE seq = ?",
                        (at, channel, ring.seq),
                    )

    def failed(
        self, rings: Sequence[Ring], now: datetime, again: datetime | None, instead: Rung | None, unless: Unless
    ) -> list[Ring]:
        """Note that nothing carried rings, when they are tried again (None: no channel), and who is rung instead."""
        at = written(now)
        with self._lock, transaction(self._conn) as conn:
            wanted = self._wanted(conn, rings, now, unless)
            for ring in wanted:
                if instead is not None:
                    _insert(conn, replace(ring.plan, rung=instead, due=min(ring.plan.due, now)), now)
                if again is None:
                    _drop(conn, ring, at, NO_CHANNEL)
                    continue
                conn.execute(
                    "UPDATE rings SET state = 'failed', why = 'dead', at = ?, due = ?, rounds = rounds + 1"
                    " WHERE seq = ?",
                    (at, written(again), ring.seq),
                )
        return wanted

    def _wanted(self, conn: sqlite3.Connection, rings: Sequence[Ring], now: datetime, unless: Unless) -> list[Ring]:
        """Drop what nobody need hear any more, pass over what another thread brought to an end; return the rest."""
        wanted = []
        for ring in rings:
            row = conn.execute(f"SELECT rounds FROM rings WHERE seq = ? AND {_OPEN}", (ring.seq,)).fetchone()  # noqa: S608
            if row is None or row["rounds"] != ring.rounds:
                continue
            why = self._unwanted(conn, ring, now, unless)
            if why is None:
                wanted.append(ring)
            else:
                _drop(conn, ring, written(now), why)
        return wanted

    def _unwanted(self, conn: sqlite3.Connection, ring: Ring, now: datetime, unless: Unless) -> str | None:
        plan = ring.plan
        if now - ring.made > unless.older:
            return OLD
        if plan.subject == ABSENCE_STEP:
            return None if self._missed(conn, now, unless.older) is not None else str(State.ACKNOWLEDGED)
        if plan.step in {FINAL_STEP, LETTER_STEP} and _is_withdrawn(conn, str(plan.about)):
            return str(State.WITHDRAWN)  # nobody must go home, or out, because of it
        if plan.step in SAID_ONCE:
            return None
        if plan.urgency == "alarm":
            row = conn.execute("SELECT state FROM items WHERE id = ?", (plan.about,)).fetchone()
            if row is not None and row["state"] != State.RINGING:
                return str(row["state"])
            ended = conn.execute(
                "SELECT rule, owes, ended FROM obligations WHERE about = ? AND ended IS NOT NULL", (plan.about,)
            )
            mine = (each for each in ended if each["rule"] in unless.rules and self._county in each["owes"].split())
            return next((str(each["ended"]) for each in mine), None)
        row = conn.execute("SELECT ended FROM obligations WHERE obligation = ?", (plan.subject,)).fetchone()
        return None if row is None or row["ended"] is None else str(row["ended"])

    def _item(self, conn: sqlite3.Connection, ring: Ring) -> items.Item | None:
        """Return the event of a ring; a message about an obligation names its rule only."""
        about_event = ring.plan.urgency in {"alarm", "notice"} and ring.plan.about is not None
        return items.one(conn, str(ring.plan.about)) if about_event else None

    # -- looking --

    def tested(self, channel: str, tells: str, at: datetime, ended: datetime, outcome: str) -> None:
        """Note a test of a channel."""
        with self._lock, transaction(self._conn) as conn:
            conn.execute(
                "INSERT INTO ring_tries (channel, tells, at, ended, outcome) VALUES (?, ?, ?, ?, ?)",
                (channel, tells, written(at), written(ended), outcome),
            )

    def last(self, channel: str, *, good: bool | None = None) -> Try | None:
        """Return the last try of a channel that ended, or the last that was delivered, or was not; None if none."""
        query = (
            "SELECT * FROM ring_tries WHERE channel = ? AND ended IS NOT NULL"
            " AND (? IS NULL OR (outcome = 'delivered') = ?) ORDER BY seq DESC LIMIT 1"
        )
        with self._reading() as conn:
            row = conn.execute(query, (channel, good, good)).fetchone()
        return None if row is None else _try(row)

    def rings(self, limit: int | None = None) -> list[tuple[Ring, list[Try]]]:
        """Return the last rings, the newest last, each with its tries."""
        with self._reading() as conn:
            rows = conn.execute("SELECT * FROM rings ORDER BY seq DESC LIMIT ?", (-1 if limit is None else limit,))
            found = [as_it_will_be(conn, _ring(row)) for row in rows.fetchall()]
            tries = "SELECT * FROM ring_tries WHERE ring = ? ORDER BY seq"
            return [(ring, [_try(row) for row in conn.execute(tries, (ring.seq,))]) for ring in reversed(found)]

    def unheard(self) -> int:
        """Count the alarms that still wait, whose channels were all tried in vain, and that no rung heard."""
        query = (
            f"SELECT count(DISTINCT subject) FROM rings AS one WHERE {_OPEN} AND urgency IN ({_URGENT}) AND rounds > 0"  # noqa: S608
            " AND NOT EXISTS (SELECT 1 FROM rings WHERE rings.subject = one.subject AND rings.state = 'delivered'"
            f" AND (one.step = '{FINAL_STEP}' OR rings.step <> '{FINAL_STEP}'))"
            f" AND (step IN ({_SAID_ONCE}) OR NOT EXISTS"
            " (SELECT 1 FROM items WHERE items.id = one.about AND items.state <> 'ringing'))"
        )
        with self._reading() as conn:
            return int(conn.execute(query).fetchone()[0])


def _drop(conn: sqlite3.Connection, ring: Ring, at: str, why: str) -> None:
    conn.execute("UPDATE rings SET state = 'dropped', at = ?, why = ? WHERE seq = ?", (at, why, ring.seq))
    metrics.BELL_RINGS.labels(ring.plan.urgency, "dropped").inc()


def _insert(conn: sqlite3.Connection, plan: Plan, now: datetime) -> None:
    conn.execute(
        "INSERT INTO rings (subject, step, rung, urgency, about, rule, counties, made, due, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'due') ON CONFLICT (subject, step, rung) DO UPDATE"
        " SET due = min(due, excluded.due) WHERE state = 'due'",
        (
            plan.subject, plan.step, plan.rung, plan.urgency, plan.about, plan.rule, " ".join(plan.counties),
            written(now), written(plan.due),
        ),
    )  # fmt: skip


def _ended_matter(conn: sqlite3.Connection, row: sqlite3.Row) -> str | None:
    """Return the matter that rang here and that its county reports as over for the first time; else None.

    What takes a final report back has its stage too: neither of the two ends anything.
    """
    if row["way"] != Way.NOTICE or row["status"] != "Actual" or row["type"] not in LIFE_AT_STAKE:
        return None
    header = parse_header(row["header"])
    if header.stage != "final" or header.withdraws is not None or _is_withdrawn(conn, row["id"]):
        return None
    rang = conn.execute(
        "SELECT 1 FROM (SELECT * FROM items WHERE thread = ? AND seq < ? ORDER BY seq LIMIT ?)"
        " WHERE county = ? AND (way = 'alarm' OR instr(warnings, ?)) AND state <> 'withdrawn' LIMIT 1",
        (row["thread"], row["seq"], _FIRST, row["county"], Warn.FIRST_MISSING),
    ).fetchone()
    query = "SELECT 1 FROM rings WHERE subject = ? AND step = ?"
    told = conn.execute(query, (row["thread"], FINAL_STEP)).fetchone()
    return str(row["thread"]) if rang is not None and told is None else None


def _is_withdrawn(conn: sqlite3.Connection, item_id: str) -> bool:
    item = items.one(conn, item_id)
    return item is not None and item.withdrawn_by is not None


def _new_item(row: sqlite3.Row, ends: str | None = None) -> NewItem:
    return NewItem(
        seq=row["seq"],
        id=row["id"],
        type=row["type"],
        way=row["way"],
        state=row["state"],
        received=instant(row["received"]),
        stored=instant(row["stored"]),
        header=row["header"],
        letter=items.row_is_letter(row),
        ends=ends,
    )


def _new_step(row: sqlite3.Row) -> NewStep:
    return NewStep(
        seq=row["seq"],
        obligation=row["obligation"],
        rule=row["rule"],
        step=row["step"],
        owes=tuple(row["owes"].split()),
        owed=tuple(row["owed"].split()),
        about=row["about"],
        opened=instant(row["opened"]),
        due=instant(row["due"]),
        at=instant(row["at"]),
        to_whom=row["to_whom"],
    )


def _ring(row: sqlite3.Row) -> Ring:
    plan = Plan(
        subject=row["subject"],
        step=row["step"],
        rung=row["rung"],
        urgency=row["urgency"],
        due=instant(row["due"]),
        about=row["about"],
        rule=row["rule"],
        counties=tuple(row["counties"].split()),
    )
    at = None if row["at"] is None else instant(row["at"])
    return Ring(row["seq"], plan, instant(row["made"]), row["state"], at, row["channel"], row["rounds"], row["why"])


def _try(row: sqlite3.Row) -> Try:
    ended = None if row["ended"] is None else instant(row["ended"])
    return Try(row["seq"], row["ring"], row["channel"], row["tells"], instant(row["at"]), ended, row["outcome"])
