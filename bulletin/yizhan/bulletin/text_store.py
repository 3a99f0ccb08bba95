"""Versions of the analyst's text, and how far each bulletin is, in a file of the county (``bulletins.sqlite3``).

::

    writing ──submit──► review ──sign (another officer)──► queued
       ▲────return, take back──┘                             │
       └────────────withdrawn, or it could not be sent───────┘

Rule 1: every change is a version of its own, kept with the officer who made it; none is changed or removed.
Rule 2: a text is named by its token, the hash of what it says: whoever changes it names the one that he saw.
Rule 3: what is in review or queued is not edited.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from yizhan.runtime.store import Store, open_store, read_store
from yizhan.schemas import strictjson
from yizhan.schemas.payloads.common import Person
from yizhan.schemas.timestamps import written

FILE: Final = "bulletins.sqlite3"
MIGRATIONS: Final = (
    """
    CREATE TABLE bulletins (
        label TEXT NOT NULL,
        partner TEXT NOT NULL,
        state TEXT NOT NULL,
        moved TEXT NOT NULL,                 -- since when it is in this state
        author TEXT,                         -- JSON: the officer who submitted it
        reviewer TEXT,                       -- JSON: the officer who signed it, or gave it back
        remark TEXT,                         -- why it was given back
        office TEXT,                         -- JSON: organisation and contact, as they were submitted
        token TEXT,                          -- of the text that was submitted
        draft INTEGER,                       -- number of the draft that was queued
        PRIMARY KEY (label, partner)
    ) WITHOUT ROWID;

    CREATE TABLE versions (
        seq INTEGER PRIMARY KEY,
        label TEXT NOT NULL,
        partner TEXT NOT NULL,
        at TEXT NOT NULL,
        by TEXT,                             -- JSON: the officer; NULL: it was written on the command line
        content TEXT NOT NULL,               -- JSON
        file TEXT NOT NULL                   -- SHA-256 of the text's file as it was then; empty: there was none
    );
    CREATE INDEX versions_of ON versions (label, partner, seq);
    """,
)


class BulletinState(StrEnum):
    """How far a bulletin is that is not sent."""

    WRITING = "writing"
    REVIEW = "review"
    QUEUED = "queued"
    """The sending process seals it."""


@dataclass(frozen=True, slots=True)
class BulletinText:
    """What an analyst wrote.

    ``passages`` is the text of each section, ``cases`` that of each case by its event id (None: as proposed), ``kept``
    are numbers typed by hand that stay as they are: (section, number).
    """

    passages: Mapping[str, str] = field(default_factory=dict, hash=False)
    cases: Mapping[str, str] | None = field(default=None, hash=False)
    kept: tuple[tuple[str, str], ...] = ()

    @property
    def token(self) -> str:
        """The hash of what it says, in hex."""
        return hashlib.sha256(_text_json(self).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class TextVersion:
    """One version: its number from 1, when and by whom (None: on the command line), and the hash of the file."""

    n: int
    at: str
    by: Person | None
    text: BulletinText
    file: str


@dataclass(frozen=True, slots=True)
class BulletinRow:
    """How far one bulletin is. ``token`` is of the text that was submitted, ``draft`` what was queued."""

    state: BulletinState = BulletinState.WRITING
    moved: str = ""
    author: Person | None = None
    reviewer: Person | None = None
    remark: str | None = None
    office: Mapping[str, object] = field(default_factory=dict, hash=False)
    token: str | None = None
    draft: int | None = None


class BulletinTextsView(Store):
    """The bulletins of one county, opened to read only."""

    def __init__(self, path: Path) -> None:
        """Open the file (``StoreError`` if it cannot be used); one that is not there yet is empty."""
        super().__init__(self._connect(path))

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        return read_store(path, MIGRATIONS, or_empty=True)

    def row(self, label: str, partner: str) -> BulletinRow:
        """Return how far a bulletin is."""
        found = self._conn.execute(
            "SELECT * FROM bulletins WHERE label = ? AND partner = ?", (label, partner)
        ).fetchone()
        return BulletinRow() if found is None else _row(found)

    def newest(self, label: str, partner: str) -> TextVersion | None:
        """Return the newest version of a text; None where nobody wrote one."""
        found = self._conn.execute(
            "SELECT *, (SELECT count(*) FROM versions AS v WHERE v.label = :label AND v.partner = :partner) AS n"
            " FROM versions WHERE label = :label AND partner = :partner ORDER BY seq DESC LIMIT 1",
            {"label": label, "partner": partner},
        ).fetchone()
        return None if found is None else _version(found)

    def editors(self, label: str, partner: str) -> frozenset[str]:
        """Return the badge numbers of all who changed a text."""
        query = (
            "SELECT DISTINCT json_extract(by, '$.badge') AS badge FROM versions"
            " WHERE label = ? AND partner = ? AND by IS NOT NULL"
        )
        return frozenset(str(row["badge"]) for row in self._conn.execute(query, (label, partner)))


class BulletinTexts(BulletinTextsView):
    """The bulletins of one county. The caller begins and ends each transaction (``immediate``)."""

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        return open_store(path, MIGRATIONS)

    @property
    def conn(self) -> sqlite3.Connection:
        """The connection, for a transaction of the caller."""
        return self._conn

    def add(self, label: str, partner: str, version: TextVersion) -> None:
        """Add a version, the newest; its number does not count."""
        self._conn.execute(
            "INSERT INTO versions (label, partner, at, by, content, file) VALUES (?, ?, ?, ?, ?, ?)",
            (label, partner, version.at, _person_json(version.by), _text_json(version.text), version.file),
        )

    def move(self, label: str, partner: str, row: BulletinRow, now: datetime) -> None:
        """Bring a bulletin into another state."""
        self._conn.execute(
            "INSERT OR REPLACE INTO bulletins VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (label, partner, row.state, written(now), _person_json(row.author), _person_json(row.reviewer), row.remark,
             strictjson.dumps(dict(row.office)).decode(), row.token, row.draft),
        )  # fmt: skip


def _text_json(text: BulletinText) -> str:
    content: dict[str, object] = {"passages": dict(text.passages), "kept": [list(each) for each in text.kept]}
    if text.cases is not None:
        content["cases"] = [[name, words] for name, words in text.cases.items()]
    return strictjson.dumps(content).decode()


def _version(row: sqlite3.Row) -> TextVersion:
    content = strictjson.loads(row["content"].encode())
    cases = dict(content["cases"]) if "cases" in content else None
    text = BulletinText(content["passages"], cases, tuple((one, other) for one, other in content["kept"]))
    return TextVersion(int(row["n"]), row["at"], _person(row["by"]), text, row["file"])


def _row(found: sqlite3.Row) -> BulletinRow:
    office = {} if found["office"] is None else strictjson.loads(found["office"].encode())
    return BulletinRow(
        BulletinState(found["state"]), found["moved"], _person(found["author"]), _person(found["reviewer"]),
        found["remark"], office, found["token"], found["draft"],
    )  # fmt: skip


def _person(text: str | None) -> Person | None:
    return None if text is None else Person.model_validate_json(text)


def _person_json(person: Person | None) -> str | None:
    return None if person is None else person.model_dump_json()
