"""Drafts that are not sent yet, in a file of the county (``drafts.sqlite3``).

Rule 1: every answer is on the disk before the next question is asked: a kill loses at most what is being typed.
Rule 2: a draft may be incomplete and wrong; it is checked in full before it is sent.
Rule 3: a draft is sent under a reference, its own or ``draft_reference``, and the outbox sends a reference once: a
        kill in between sends nothing twice. ``sending`` is written before; with it, the outbox is searched first.
Rule 4: sent or dropped drafts leave no content here; the last signer is kept, to be proposed the next time, and of
        a sent one its number, event and officers.
Rule 5: each change gives a draft a new version; whoever changes one names the version that he saw. What is in review
        or queued is not edited.
Rule 6: in a restored file nothing is queued: what was queued at the time of the backup may have been changed, dropped
        or sent since. An officer looks at it, and queues it again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from yizhan.producers.draft_rows import (
    EDITABLE,
    DraftState,
    Refusal,
    SentRecord,
    StoredDraft,
    json_text,
    person_text,
    refusal_text,
    stored_draft,
)
from yizhan.producers.errors import NotPublishable
from yizhan.runtime.clock import utc_now
from yizhan.runtime.store import Store, open_store, read_store, transaction
from yizhan.schemas import strictjson
from yizhan.schemas.actions import Action
from yizhan.schemas.errors import NotFound
from yizhan.schemas.i18n import marked
from yizhan.schemas.timestamps import written

FILE: Final = "drafts.sqlite3"
OFFICE: Final = ("org_code", "drafted_by", "reviewed_by", "signed_off_by", "contact")
"""Fields of a payload that are proposed the next time."""
_FILE_NAME: Final = "file"
"""In ``memory``: device and inode of the file, as it was opened last."""
_RESTORED: Final = marked(
    "草稿是从备份恢复的，备份之后它可能已经改过、删除或发出，所以没有自动发送；请核对已发事件，再提交发送或删除"
)

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
    """
    ALTER TABLE drafts ADD COLUMN state TEXT NOT NULL DEFAULT 'writing';
    ALTER TABLE drafts ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE drafts ADD COLUMN author TEXT;       -- JSON: the officer who submitted or queued it
    ALTER TABLE drafts ADD COLUMN reviewer TEXT;     -- JSON: the officer who approved it, or gave it back
    ALTER TABLE drafts ADD COLUMN moved TEXT;        -- since when it is in this state
    ALTER TABLE drafts ADD COLUMN remark TEXT;       -- why it was given back
    ALTER TABLE drafts ADD COLUMN refused TEXT;      -- JSON: why it could not be sent
    ALTER TABLE drafts ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0; -- 1: an officer said that it goes nevertheless
    ALTER TABLE drafts ADD COLUMN once TEXT;         -- of the request that queued it
    CREATE INDEX drafts_queued ON drafts (n) WHERE state = 'queued';
    CREATE UNIQUE INDEX drafts_once ON drafts (once) WHERE once IS NOT NULL;

    -- Files to be sealed with a draft; they lie beside this database.
    CREATE TABLE uploads (
        n INTEGER NOT NULL REFERENCES drafts (n) ON DELETE CASCADE,
        name TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (n, name)
    ) WITHOUT ROWID;

    -- What became of sent drafts; no content.
    CREATE TABLE sent (
        n INTEGER PRIMARY KEY,
        event TEXT NOT NULL,                 -- id
        author TEXT,                         -- badge numbers
        reviewer TEXT,
        at TEXT NOT NULL,
        once TEXT
    );
    CREATE UNIQUE INDEX sent_once ON sent (once) WHERE once IS NOT NULL;
    """,
)


def no_such_draft(n: int, county: str) -> NotFound:
    """Return the error for an unknown number."""
    return NotFound(marked("没有第 {n} 号草稿"), n=n, hint=Action.to("draft.list", county=county))


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
        return stored_draft(row)

    def all(self) -> tuple[StoredDraft, ...]:
        """List the drafts, the oldest first."""
        return tuple(stored_draft(row) for row in self._conn.execute("SELECT * FROM drafts ORDER BY n"))

    def sent_as(self, n: int) -> SentRecord | None:
        """Return what a draft was sent as; None for one that was not."""
        row = self._conn.execute("SELECT * FROM sent WHERE n = ?", (n,)).fetchone()
        return None if row is None else SentRecord(row["n"], row["event"], row["author"], row["reviewer"], row["at"])

    def last_sent(self, limit: int) -> tuple[SentRecord, ...]:
        """List what was sent last, the newest first."""
        rows = self._conn.execute("SELECT * FROM sent ORDER BY at DESC, n DESC LIMIT ?", (limit,))
        return tuple(SentRecord(row["n"], row["event"], row["author"], row["reviewer"], row["at"]) for row in rows)

    def number_of(self, once: str) -> int | None:
        """Return the number of the draft that a request queued, sent or not."""
        query = "SELECT n FROM drafts WHERE once = :once UNION ALL SELECT n FROM sent WHERE once = :once"
        row = self._conn.execute(query, {"once": once}).fetchone()
        return None if row is None else int(row["n"])

    def next_queued(self) -> StoredDraft | None:
        """Return the draft that is to be sent next: urgent ones first, then those without files."""
        row = self._conn.execute(
            "SELECT * FROM drafts WHERE state = 'queued' ORDER BY coalesce(json_extract(content, '$.priority'), '')"
            " IN ('flash', 'urgent') DESC, EXISTS (SELECT 1 FROM uploads WHERE uploads.n = drafts.n), n LIMIT 1"
        ).fetchone()
        return None if row is None else stored_draft(row)

    def uploads(self, n: int) -> tuple[tuple[str, int], ...]:
        """List the files of a draft: name, bytes."""
        rows = self._conn.execute("SELECT name, bytes FROM uploads WHERE n = ? ORDER BY name", (n,))
        return tuple((row["name"], int(row["bytes"])) for row in rows)

    def office(self) -> dict[str, Any]:
        """Return the last signer; empty at first."""
        row = self._conn.execute("SELECT value FROM memory WHERE name = 'office'").fetchone()
        return {} if row is None else dict(strictjson.loads(row["value"].encode(), floats=True))


class DraftStore(DraftsView):
    """The drafts of one county; one process at a time writes, others wait."""

    def __init__(self, path: Path, county: str) -> None:
        """Open the file, made if absent (``StoreError`` if it cannot be used)."""
        super().__init__(path, county)
        try:
            self._conn.execute("PRAGMA secure_delete = ON")
            _hold_restored(self._conn, path)
        except BaseException:
            self._conn.close()
            raise

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        return open_store(path, MIGRATIONS)

    def begin(
        self, content: Mapping[str, Any], now: datetime, asked: Iterable[str] = (), *, once: str | None = None
    ) -> int:
        """Store a new draft, which has at least a ``type``; return its number.

        ``once`` names the request that asks for it: the same one again gives the same draft, also if it was sent.
        """
        values = (content["type"], json_text(content), json_text(sorted(asked)), written(now), written(now), once)
        with transaction(self._conn) as conn:
            if once is not None and (before := self.number_of(once)) is not None:
                return before
            made = conn.execute(
                "INSERT INTO drafts (type, content, asked, begun, changed, once) VALUES (?, ?, ?, ?, ?, ?)", values
            )
        return int(made.lastrowid or 0)

    def save(
        self, n: int, content: Mapping[str, Any], asked: Iterable[str], now: datetime, version: int | None = None
    ) -> int | None:
        """Store a draft's content; durable on return. Where it is new, the draft is no longer about to be sent.

        Returns the version; None where the draft may not be edited, or is no longer of ``version``: nothing is stored.
        """
        text = json_text(content)
        with transaction(self._conn) as conn:
            if not _stands(conn, n, version, EDITABLE):
                return None
            conn.execute("UPDATE drafts SET asked = ? WHERE n = ?", (json_text(sorted(asked)), n))
            conn.execute(
                "UPDATE drafts SET content = ?, changed = ?, sending = NULL, version = version + 1, state = 'writing'"
                " WHERE n = ? AND content <> ?",
                (text, written(now), n, text),
            )
            return int(conn.execute("SELECT version FROM drafts WHERE n = ?", (n,)).fetchone()["version"])

    def move(self, seen: StoredDraft, to: StoredDraft, now: datetime) -> bool:
        """Bring a draft into another state, with its officers and content; False: it is not as it was ``seen``."""
        before, after = json_text(seen.content), json_text(to.content)
        with transaction(self._conn) as conn:
            if not _stands(conn, seen.n, seen.version, {seen.state}):
                return False
            conn.execute(
                "UPDATE drafts SET state = ?, version = version + 1, author = ?, reviewer = ?, moved = ?, remark = ?,"
                " refused = ?, confirmed = ?, sending = NULL WHERE n = ?",
                (to.state, person_text(to.author), person_text(to.reviewer), written(now), to.remark,
                 refusal_text(to.refused), to.confirmed, seen.n),
            )  # fmt: skip
            if before != after:
                conn.execute("UPDATE drafts SET content = ?, changed = ? WHERE n = ?", (after, written(now), seen.n))
        return True

    def enter_upload(self, n: int, name: str, size: int | None, place: Callable[[], object] = lambda: None) -> bool:
        """Enter a file of a draft, or, without a size, that it is gone; False where the draft may not be edited.

        ``place`` puts the file there, or takes it away: while nobody can submit the draft, and only where it may be
        edited.
        """
        with transaction(self._conn) as conn:
            if not _stands(conn, n, None, EDITABLE):
                return False
            conn.execute("DELETE FROM uploads WHERE n = ? AND name = ?", (n, name))
            if size is not None:
                conn.execute("INSERT INTO uploads VALUES (?, ?, ?)", (n, name, size))
            conn.execute("UPDATE drafts SET version = version + 1 WHERE n = ?", (n,))
            place()
        return True

    def drop(self, n: int) -> bool:
        """Delete a draft (``NotFound`` if there is none); False where it is queued and just being sent."""
        self.get(n)
        with transaction(self._conn) as conn:
            conn.execute("DELETE FROM drafts WHERE n = ? AND (state <> 'queued' OR sending IS NULL)", (n,))
            return conn.execute("SELECT 1 FROM drafts WHERE n = ?", (n,)).fetchone() is None

    def sending(self, n: int, now: datetime, version: int | None = None) -> bool:
        """Record that a draft is about to be sent; False where it is gone, or no longer of ``version``."""
        with transaction(self._conn) as conn:
            if not _stands(conn, n, version, frozenset(DraftState)):
                return False
            conn.execute("UPDATE drafts SET sending = ? WHERE n = ? AND sending IS NULL", (written(now), n))
        return True

    def sent(self, n: int, payload: Mapping[str, Any], event: str, now: datetime) -> None:
        """Delete a draft that was sent; remember its signer, and what it was sent as."""
        office = {name: payload[name] for name in OFFICE if name in payload}
        with transaction(self._conn) as conn:
            conn.execute(
                "INSERT OR IGNORE INTO sent SELECT n, ?, json_extract(author, '$.badge'),"
                " json_extract(reviewer, '$.badge'), ?, once FROM drafts WHERE n = ?",
                (event, written(now), n),
            )
            conn.execute("DELETE FROM drafts WHERE n = ?", (n,))
            if office:
                conn.execute("INSERT OR REPLACE INTO memory VALUES ('office', ?)", (json_text(office),))


def mark_copy(conn: sqlite3.Connection) -> None:
    """Mark the copy of a database of drafts: wherever it is put, it is another file (rule 6)."""
    conn.execute("INSERT OR REPLACE INTO memory VALUES (?, '')", (_FILE_NAME,))


def _hold_restored(conn: sqlite3.Connection, path: Path) -> None:
    """Take what is queued off the queue where the file is another one than before (rule 6)."""
    status = path.stat()
    here, query = f"{status.st_dev}:{status.st_ino}", "SELECT value FROM memory WHERE name = ?"
    row = conn.execute(query, (_FILE_NAME,)).fetchone()
    if row is not None and row["value"] == here:
        return
    held = refusal_text(Refusal.of(NotPublishable(_RESTORED)))
    with transaction(conn):
        before = conn.execute(query, (_FILE_NAME,)).fetchone()
        if before is not None and before["value"] != here:
            conn.execute(
                "UPDATE drafts SET state = 'refused', refused = ?, moved = ?, version = version + 1, sending = NULL"
                " WHERE state = 'queued'",
                (held, written(utc_now())),
            )
        conn.execute("INSERT OR REPLACE INTO memory VALUES (?, ?)", (_FILE_NAME, here))


def _stands(conn: sqlite3.Connection, n: int, version: int | None, states: Collection[DraftState]) -> bool:
    """Return whether a draft is there, of this version (None: any) and in one of these states."""
    row = conn.execute("SELECT state, version FROM drafts WHERE n = ?", (n,)).fetchone()
    return row is not None and row["state"] in states and version in {None, row["version"]}
