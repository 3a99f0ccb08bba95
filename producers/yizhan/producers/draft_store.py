"""Drafts that are not sent yet, in a file of the county (``drafts.sqlite3``).

Rule 1: every answer is on the disk before the next question is asked: a kill loses at most what is being typed.
Rule 2: a draft may be incomplete and wrong; it is checked in full before it is sent.
Rule 3: a draft is sent under a reference, its own or ``draft_reference``, and the outbox sends a reference once: a
        kill in between sends nothing twice. ``sending`` is written before; with it, the outbox is searched first.
Rule 4: sent or dropped drafts leave no content here; the last signer is kept, to be proposed the next time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from yizhan.runtime.store import Store, open_store, read_store, transaction
from yizhan.schemas import strictjson
from yizhan.schemas.actions import Action
from yizhan.schemas.errors import NotFound
from yizhan.schemas.i18n import marked
from yizhan.schemas.timestamps import written

FILE: Final = "drafts.sqlite3"
OFFICE: Final = ("org_code", "drafted_by", "reviewed_by", "signed_off_by", "contact")
"""Fields of a payload that are proposed the next time."""

MIGRATIONS: Final = (
    """
    CREATE TABLE drafts (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        type TEXT NOT NULL,
        content TEXT NOT NULL,               -- the draft's JSON, as far as it is known
        asked TEXT NOT NULL,                 -- JSON: names of the questions that were answered or passed over
        begun TEXT NOT NULL,
        changed TEXT NOT NULL,
        sending TEXT                         -- when it was about to be sent
    );
    CREATE TABLE memory (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    );
    """,
)


def no_such_draft(n: int, county: str) -> NotFound:
    """Return the error for an unknown number."""
    return NotFound(marked("没有第 {n} 号草稿"), n=n, hint=Action.to("draft.list", county=county))


@dataclass(frozen=True, slots=True)
class StoredDraft:
    """One draft. Times are written instants; ``sending`` is set if it may have been sent already."""

    n: int
    type: str
    content: Mapping[str, Any] = field(hash=False)
    asked: tuple[str, ...]
    begun: str
    changed: str
    sending: str | None


class DraftsView(Store):
    """The drafts of one county, opened to read only."""

    def __init__(self, path: Path, county: str) -> None:
        """Open the file, which exists (``StoreError`` if it cannot be used)."""
        super().__init__(self._connect(path))
        self._county = county

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        return read_store(path, MIGRATIONS)

    def get(self, n: int) -> StoredDraft:
        """Return a draft.

        Raises:
            NotFound: there is none of that number.
        """
        row = self._conn.execute("SELECT * FROM drafts WHERE n = ?", (n,)).fetchone()
        if row is None:
            raise no_such_draft(n, self._county)
        return _stored_draft(row)

    def all(self) -> tuple[StoredDraft, ...]:
        """List the drafts, the oldest first."""
        return tuple(_stored_draft(row) for row in self._conn.execute("SELECT * FROM drafts ORDER BY n"))

    def office(self) -> dict[str, Any]:
        """Return the last signer; empty at first."""
        row = self._conn.execute("SELECT value FROM memory WHERE name = 'office'").fetchone()
        return {} if row is None else dict(strictjson.loads(row["value"].encode(), floats=True))


class DraftStore(DraftsView):
    """The drafts of one county; one process at a time writes, others wait."""

    def __init__(self, path: Path, county: str) -> None:
        """Open the file, made if absent (``StoreError`` if it cannot be used)."""
        super().__init__(path, county)
        self._conn.execute("PRAGMA secure_delete = ON")

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        return open_store(path, MIGRATIONS)

    def begin(self, content: Mapping[str, Any], now: datetime, asked: Iterable[str] = ()) -> int:
        """Store a new draft, which has at least a ``type``; return its number."""
        values = (content["type"], _text(content), _text(sorted(asked)), written(now), written(now))
        with transaction(self._conn) as conn:
            made = conn.execute(
                "INSERT INTO drafts (type, content, asked, begun, changed) VALUES (?, ?, ?, ?, ?)", values
            )
        return int(made.lastrowid or 0)

    def save(self, n: int, content: Mapping[str, Any], asked: Iterable[str], now: datetime) -> None:
        """Store a draft's content; durable on return. Where it is new, the draft is no longer about to be sent."""
        text = _text(content)
        with transaction(self._conn) as conn:
            conn.execute("UPDATE drafts SET asked = ? WHERE n = ?", (_text(sorted(asked)), n))
            conn.execute(
                "UPDATE drafts SET content = ?, changed = ?, sending = NULL WHERE n = ? AND content <> ?",
                (text, written(now), n, text),
            )

    def drop(self, n: int) -> None:
        """Delete a draft (``NotFound`` if there is none)."""
        self.get(n)
        with transaction(self._conn) as conn:
            conn.execute("DELETE FROM drafts WHERE n = ?", (n,))

    def sending(self, n: int, now: datetime) -> None:
        """Record that a draft is about to be sent."""
        with transaction(self._conn) as conn:
            conn.execute("UPDATE drafts SET sending = ? WHERE n = ? AND sending IS NULL", (written(now), n))

    def sent(self, n: int, payload: Mapping[str, Any]) -> None:
        """Delete a draft that was sent; remember its signer."""
        office = {name: payload[name] for name in OFFICE if name in payload}
        with transaction(self._conn) as conn:
            conn.execute("DELETE FROM drafts WHERE n = ?", (n,))
            if office:
                conn.execute("INSERT OR REPLACE INTO memory VALUES ('office', ?)", (_text(office),))


def draft_reference(draft: StoredDraft) -> str:
    """Return the reference under which a draft that has none of its own is sent; it never leaves the county.

    It is another one once the content has changed: that is another event.
    """
    return f"draft:{draft.n}:{draft.changed}"


def _stored_draft(row: sqlite3.Row) -> StoredDraft:
    content = strictjson.loads(row["content"].encode(), floats=True)
    asked = strictjson.loads(row["asked"].encode())
    return StoredDraft(row["n"], row["type"], content, tuple(asked), row["begun"], row["changed"], row["sending"])


def _text(value: Any) -> str:  # noqa: ANN401 -- JSON is any
    return strictjson.dumps(value).decode()
