"""Stores what the station says about obligations, one row per step, and derives their state.

Law 2: only what a signature of the station covers is a row: a statement, or an event's postmark.
Law 4: ``(obligation, step)`` is unique: whatever is read again, a step is one row.

Rule 1: an obligation is over when one of its rows ends it, in any order of arrival; nothing here decides that.
Rule 2: another statement for a known step is set aside: evidence against the station.
Rule 3: every function works inside its caller's lock or transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Literal

from yizhan.schemas import dsse, strictjson
from yizhan.schemas.followups import CONTENT_TYPE, Followup
from yizhan.schemas.header import Ref
from yizhan.schemas.obligation_steps import ENDS, NOT_OWED
from yizhan.schemas.postmark import Postmark
from yizhan.schemas.timestamps import instant

Kept = Literal["kept", "duplicate", "contradiction"]


@dataclass(frozen=True, slots=True)
class Obligation:
    """One obligation as its last step left it; the fields are those of its statements.

    ``about`` and ``by`` are ids of events; ``ended`` is the step that ended it; ``steps`` are those said so far.
    """

    id: str
    rule: str
    owes: tuple[str, ...]
    owed: tuple[str, ...]
    about: str | None
    period: str | None
    opened: datetime
    due: datetime
    ended: str | None
    by: str | None
    steps: tuple[str, ...]

    def overdue(self, now: datetime) -> bool:
        """Return whether it is still owed, and late."""
        return self.ended is None and now > self.due


def keep(conn: sqlite3.Connection, followup: Followup, statement: bytes, its_hash: bytes, now: str) -> Kept:
    """Keep a verified step; the same again is a duplicate.

    ``statement`` is the statement or the postmark that says it, ``its_hash`` (32 bytes) names the step's own statement.
    """
    common = (followup.rule, " ".join(followup.owes), " ".join(followup.owed), _id(followup.about), followup.period)
    times = (followup.opened, followup.due, followup.at)
    new = conn.execute(
        "INSERT INTO followups (obligation, step, rule, owes, owed, about, period, opened, due, at, to_whom, by,"
        " charter, stored, hash, statement) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (obligation, step) DO NOTHING",
        (
            followup.obligation, followup.step, *common, *times, followup.to_whom, _id(followup.by), followup.charter,
            now, its_hash, statement,
        ),
    ).rowcount  # fmt: skip
    if not new:
        query = "SELECT hash FROM followups WHERE obligation = ? AND step = ?"
        first = conn.execute(query, (followup.obligation, followup.step)).fetchone()
        # What is answered wrongly and sent again later is answered again: the station keeps nothing of it.
        return "duplicate" if first["hash"] == its_hash or followup.step == NOT_OWED else "contradiction"
    if followup.step != NOT_OWED:
        ended = followup.step if followup.step in ENDS else None
        conn.execute(
            "INSERT INTO obligations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (obligation) DO UPDATE SET"
            " due = CASE WHEN excluded.at >= at THEN excluded.due ELSE due END, at = max(at, excluded.at),"
            " by = coalesce(by, excluded.by), ended = coalesce(ended, excluded.ended)",
            (followup.obligation, *common, *times, ended, _id(followup.by)),
        )
    return "kept"


def _id(ref: Ref | None) -> str | None:
    return None if ref is None else ref.id


def ended(conn: sqlite3.Connection, obligation: str) -> bool:
    """Return whether an obligation was discharged or cancelled."""
    row = conn.execute("SELECT ended FROM obligations WHERE obligation = ?", (obligation,)).fetchone()
    return row is not None and row["ended"] is not None


def obligations(conn: sqlite3.Connection, *, everything: bool = False) -> Iterator[Obligation]:
    """Yield obligations, the one due first first; those that ended only when asked for ``everything``."""
    which = "" if everything else "WHERE ended IS NULL"
    for row in conn.execute(f"SELECT * FROM obligations {which} ORDER BY due, obligation").fetchall():  # noqa: S608
        steps = conn.execute("SELECT step FROM followups WHERE obligation = ? ORDER BY seq", (row["obligation"],))
        yield Obligation(
            id=row["obligation"],
            rule=row["rule"],
            owes=tuple(row["owes"].split()),
            owed=tuple(row["owed"].split()),
            about=row["about"],
            period=row["period"],
            opened=instant(row["opened"]),
            due=instant(row["due"]),
            ended=row["ended"],
            by=row["by"],
            steps=tuple(step["step"] for step in steps),
        )


def statements(conn: sqlite3.Connection, until: str) -> Iterator[Followup]:
    """Yield every step that fell due before an instant (as written), in the order of coming."""
    query = "SELECT obligation, step, statement FROM followups WHERE at < ? ORDER BY seq"
    for statement, rows in groupby(conn.execute(query, (until,)).fetchall(), itemgetter("statement")):
        payload = strictjson.loads(dsse.unverified_payload(statement))
        if dsse.unverified_type(statement) == CONTENT_TYPE:
            yield Followup.model_validate(payload)
        else:
            kept = {(row["obligation"], row["step"]) for row in rows}
            steps = Postmark.model_validate(payload).steps()
            yield from (each for each in steps if (each.obligation, each.step) in kept)


def counts(conn: sqlite3.Connection, county: str, now: str) -> Iterator[tuple[str, str, bool, int]]:
    """Count obligations at an instant (as written): rule, ``ours`` or ``theirs``, overdue, number."""
    yield from (
        (row["rule"], "ours" if row["ours"] else "theirs", bool(row["late"]), int(row["n"]))
        for row in conn.execute(
            "SELECT rule, instr(owes, ?) > 0 AS ours, due < ? AS late, count(*) AS n FROM obligations"
            " WHERE ended IS NULL GROUP BY rule, ours, late",
            (county, now),
        ).fetchall()
    )
