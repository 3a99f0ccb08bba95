"""Files attached to an event: sealed next to the outbox, kept until every recipient has them.

Law 1: the sealed chunks are on the disk, synced, before the event that names them is committed; they stay until
        every recipient has confirmed them (``fetched``), or reported that it cannot open the event.
Rule 1: a file is sealed once, under a key of its own that is in the sealed payload and nowhere else.
Rule 2: files without an event are deleted by the publisher after an hour.
Rule 3: chunks are sent after their event, and after everything that is prompt: the event's time shows
        where to look for them.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from yizhan.producers.errors import NotPublishable
from yizhan.schemas import strictjson
from yizhan.schemas.actions import Action
from yizhan.schemas.files import (
    chunk_count,
)
from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads.common import Attachment

FOLDER: Final = ".files"
"""What the name of the folder of sealed files adds to the outbox's."""
LONGEST_PAUSE_SECONDS: Final = 86_400.0

log = logging.getLogger(__name__)


def enter(conn: sqlite3.Connection, path: Path, event_id: str, payload: bytes, *, accepted: bool = False) -> None:
    """Attach the sealed files that a payload names to its event.

    Raises:
        NotPublishable: a file is missing: it could never be sent. An event that was ``accepted`` before
            is sent without it.
    """
    for each in _attachments(payload):
        root = bytes.fromhex(each.sealed.root) if each.sealed is not None else b""
        if not root:
            continue
        folder = path.with_name(path.name + FOLDER)
        if not (folder / root.hex()).exists() or not (folder / f"{root.hex()}.leaves").exists():
            if accepted:
                log.error("%s: its attached file %s is missing: the event is sent without it", event_id, root.hex())
                continue
            sentence = marked("{name}：文书说它随文书密封，发件箱旁却没有；请作为附件附上")
            raise NotPublishable(sentence, name=each.name, hint=Action.to("event.attach"))
        conn.execute(
            "INSERT OR IGNORE INTO files (seq, root, name, bytes, chunks)"
            " SELECT seq, ?, ?, ?, ? FROM events WHERE id = ?",
            (root, each.name, each.bytes, chunk_count(each.bytes), event_id),
        )


def _attachments(payload: bytes) -> list[Attachment]:
    if b'"sealed"' not in payload:
        return []
    content = strictjson.loads(payload, floats=True, max_depth=32)
    found = content.get("attachments") if isinstance(content, Mapping) else None
    return [Attachment.model_validate(each) for each in found or () if isinstance(each, Mapping) and "sealed" in each]


def enter_receipt(conn: sqlite3.Connection, event_id: str, stage: str, now: float, patience_seconds: float) -> None:
    """Enter a recipient's receipt for an event's files: it has them, or the broker lost some.

    Only completely sent files are sent again, after a pause that doubles from ``patience_seconds`` to a day, and after
    files not sent yet: nobody can make us flood the line, fill the broker's disk or delay others.
    """
    of_event = "seq = (SELECT seq FROM events WHERE id = ?)"
    if stage == "unfetched":
        pause = "min(? * (1 << min(again, 16)), ?)"
        again = (
            f"UPDATE files SET sent = 0, finished = NULL, again = again + 1 WHERE {of_event} AND done = 0"  # noqa: S608 -- ours
            f" AND finished + {pause} <= ?"
        )
        conn.execute(again, (event_id, patience_seconds, max(patience_seconds, LONGEST_PAUSE_SECONDS), now))
    elif stage in {"fetched", "unopenable"}:
        conn.execute(f"UPDATE files SET done = 1 WHERE {of_event} AND NOT EXISTS ({_WAITING})", (event_id,))  # noqa: S608 -- ours


_WAITING: Final = (
    "SELECT 1 FROM recipients AS r WHERE r.seq = files.seq AND NOT EXISTS (SELECT 1 FROM receipts AS s"
    " WHERE s.seq = r.seq AND s.recipient = r.recipient AND s.stage IN ('fetched', 'unopenable'))"
)


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file of an event: how much of it the broker has, and which recipients have it."""

    event: str
    name: str
    bytes: int
    sha256: str
    chunks: int
    sent: int
    fetched: tuple[str, ...]
    waiting: tuple[str, ...]


def trouble(conn: sqlite3.Connection) -> str | None:
    """Return why the broker accepts no files, and what to do; None if it does, as far as known."""
    row = conn.execute("SELECT said FROM files_trouble").fetchone()
    return None if row is None else str(row["said"])


def rows(conn: sqlite3.Connection) -> Iterable[FileRow]:
    """Yield the files that some recipient does not have yet, the oldest first."""
    query = (
        "SELECT files.*, id, payload FROM files JOIN events USING (seq) JOIN sealed USING (seq)"
        " WHERE done = 0 ORDER BY files.n"
    )
    for row in conn.execute(query).fetchall():
        receipts = conn.execute(
            "SELECT r.recipient, EXISTS (SELECT 1 FROM receipts AS s WHERE s.seq = r.seq AND s.recipient = r.recipient"
            " AND s.stage = 'fetched') AS has FROM recipients AS r WHERE r.seq = ? ORDER BY r.recipient",
            (row["seq"],),
        ).fetchall()
        digest = next(
            each.sha256
            for each in _attachments(row["payload"])
            if each.sealed and each.sealed.root == row["root"].hex()
        )
        yield FileRow(
            row["id"], row["name"], row["bytes"], digest, row["chunks"], row["sent"],
            tuple(each["recipient"] for each in receipts if each["has"]),
            tuple(each["recipient"] for each in receipts if not each["has"]),
        )  # fmt: skip
