"""Epochs: one life of an outbox, in which each number is assigned once (specification, "id").

Rule 1: a number is never assigned to two events. If that could happen, because the database is not the one
        that assigned the last number, a new epoch is opened at once, and the reason is published.
Rule 2: three things show it: the file is another one (device and inode are stored inside it); the small
        file next to it, which holds the last number assigned, is ahead of it; the station's postings
        name numbers of this epoch that it never assigned.
Rule 3: an unnecessary epoch is harmless. A missing one costs a fire: two events with one id, of which
        recipients keep the first.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sqlite3
from base64 import b32encode
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from yizhan.producers import metrics
from yizhan.producers.errors import WrongOutbox
from yizhan.schemas.i18n import marked
from yizhan.schemas.timestamps import written

FIRST: Final = "first"
ANOTHER_FILE: Final = "another_file"
BEHIND: Final = "behind_its_own_numbers"
NEVER_GIVEN: Final = "posting_of_a_number_never_given"
OTHER_EVENT: Final = "posting_of_another_event_with_this_number"
"""Why an epoch was opened: the word in the database, the log and the metric."""

_HEAD: Final = re.compile(r"([a-z0-9]{4,20}) ([0-9]{1,15})\s*")
_HEAD_BYTES: Final = 40

log = logging.getLogger(__name__)


def current(conn: sqlite3.Connection) -> str:
    """Return the epoch that numbers are taken from."""
    return str(conn.execute("SELECT book FROM books ORDER BY ordinal DESC LIMIT 1").fetchone()[0])


def open_epoch(conn: sqlite3.Connection, now: datetime, because: str, random_bytes: Callable[[int], bytes]) -> str:
    """Open a new epoch inside the caller's transaction; its name is the date and 6 random letters."""
    epoch = f"{now:%Y%m%d}" + b32encode(random_bytes(5)).decode()[:6].lower()
    conn.execute("INSERT INTO books (book, opened, because) VALUES (?, ?, ?)", (epoch, written(now), because))
    if because != FIRST:
        metrics.NEW_BOOKS.labels(because).inc()
        log.critical("new epoch %s: %s; is a backup in use, or the same outbox twice?", epoch, because)
    return epoch


def check_identity(
    conn: sqlite3.Connection, path: Path, source: str, now: datetime, random_bytes: Callable[[int], bytes]
) -> None:
    """Open the first epoch, or a new one if rule 2 demands it, inside the caller's transaction.

    Raises:
        WrongOutbox: the file is another source's.
    """
    file = path.stat()
    life = conn.execute("SELECT source, device, inode FROM life").fetchone()
    if life is None:
        conn.execute("INSERT INTO life VALUES (1, ?, ?, ?)", (source, file.st_dev, file.st_ino))
        open_epoch(conn, now, FIRST, random_bytes)
        return
    if life["source"] != source:
        sentence = marked("{path}：应是 {source} 的发件箱，却是 {other} 的；每个发送方各用一个文件")
        raise WrongOutbox(sentence, path=path, source=source, other=life["source"])
    if (life["device"], life["inode"]) != (file.st_dev, file.st_ino):
        conn.execute("UPDATE life SET device = ?, inode = ?", (file.st_dev, file.st_ino))
        open_epoch(conn, now, ANOTHER_FILE, random_bytes)
    elif _is_behind(conn, read_head(path)):
        open_epoch(conn, now, BEHIND, random_bytes)


def mark_copy(conn: sqlite3.Connection) -> None:
    """Mark the copy of an outbox: wherever it is put, it is another file, and opens a new epoch."""
    conn.execute("UPDATE life SET device = 0, inode = 0")


def _is_behind(conn: sqlite3.Connection, head: tuple[str, int] | None) -> bool:
    """Return whether the small file has a higher number than the database."""
    if head is None:
        return False
    epoch, n = head
    if conn.execute("SELECT 1 FROM books WHERE book = ?", (epoch,)).fetchone() is None:
        return True
    return epoch == current(conn) and n > last_number(conn, epoch)


def last_number(conn: sqlite3.Connection, epoch: str) -> int:
    """Return the last number given in an epoch, 0 for none."""
    return int(conn.execute("SELECT coalesce(max(n), 0) FROM events WHERE book = ?", (epoch,)).fetchone()[0])


def head_path(path: Path) -> Path:
    """Return the path of the small file next to the database."""
    return path.with_name(path.name + ".head")


def read_head(path: Path) -> tuple[str, int] | None:
    """Return epoch and last number of the small file; None if it cannot be read."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        match = _HEAD.fullmatch(head_path(path).read_text("ascii"))
        if match is not None:
            return match[1], int(match[2])
    return None


def write_head(path: Path, epoch: str, n: int) -> None:
    """Write epoch and number to the small file *after* the commit: it may lag, never lead.

    It only helps rule 2: a failure to write is ignored.
    """
    with contextlib.suppress(OSError):
        handle = os.open(head_path(path), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(handle, f"{epoch} {n}".ljust(_HEAD_BYTES).encode("ascii"), 0)
        finally:
            os.close(handle)
