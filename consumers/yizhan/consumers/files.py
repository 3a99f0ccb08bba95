"""Attached files of received events: fetched as ciphertext, opened only when an officer saves one.

Law 2: a chunk is stored only if its proof leads to a root named by an event with a valid signature.
Rule 1: a chunk is on the disk, synced, before its row says so: after a kill at most one is fetched again.
Rule 2: nothing is overwritten; a saved file has a cleaned name, mode 0600, and content that is what the event
        says, by hash and by type, before it has its name. It is never executed, unpacked or shown here.
Rule 3: which files are wanted follows from the inbox alone: this folder may be deleted, and is fetched again.
Rule 4: when an item's content is destroyed, its key and its chunks are deleted too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from yizhan.consumers.attachments import AttachmentStatus, attachments_of
from yizhan.consumers.file_saving import open_file, save_file
from yizhan.consumers.view import Carrier
from yizhan.runtime.errors import StoreError
from yizhan.runtime.folders import sync_folder
from yizhan.runtime.store import SharedStore, open_store, read_store, transaction, wrapped
from yizhan.schemas.actions import Action
from yizhan.schemas.errors import FileRefused
from yizhan.schemas.files import (
    CHUNK_BYTES,
    TAG_BYTES,
    ChunkRecord,
    chunk_bytes,
    chunk_count,
)
from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads.common import Attachment
from yizhan.schemas.sentences import os_error

FOLDER: Final = ".files"
"""What the name of the folder adds to the inbox's."""
LONGEST_ASKING_SECONDS: Final = 86_400.0
MOST_ASKED: Final = 16
"""Events that a county is asked for again at once."""
RESERVE_BYTES: Final = 1024 * 1024 * 1024
"""Disk that stays free for the inbox itself: a film must not keep out a fire."""

MIGRATIONS: Final = (
    """
    CREATE TABLE files (
        n INTEGER PRIMARY KEY,
        id TEXT NOT NULL,                    -- of the event
        hash BLOB NOT NULL,
        county TEXT NOT NULL,
        received INTEGER NOT NULL,           -- by the station, ms since 1970: its chunks came later
        root BLOB NOT NULL,
        bytes INTEGER NOT NULL,
        chunks INTEGER NOT NULL,
        whole INTEGER NOT NULL DEFAULT 0,    -- 1: all its chunks are here
        placed TEXT,                         -- cluster in whose log it is looked for
        UNIQUE (id, root)
    );
    CREATE INDEX files_by_root ON files (root);
    CREATE INDEX files_wanted ON files (county) WHERE whole = 0;

    -- Chunks that are on the disk.
    CREATE TABLE chunks (
        root BLOB NOT NULL,
        i INTEGER NOT NULL,
        PRIMARY KEY (root, i)
    ) WITHOUT ROWID;

    -- What was said to senders; ``asked`` is when we last asked for chunks again, and how often.
    CREATE TABLE said (
        id TEXT PRIMARY KEY,
        fetched INTEGER NOT NULL DEFAULT 0,
        asked REAL NOT NULL DEFAULT 0,
        times INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;

    CREATE TABLE scans (
        cluster TEXT NOT NULL,
        county TEXT NOT NULL,
        next INTEGER NOT NULL,
        PRIMARY KEY (cluster, county)
    ) WITHOUT ROWID;

    -- How far the inbox was looked through: its last item then.
    CREATE TABLE looked (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        seq INTEGER NOT NULL,
        id TEXT NOT NULL
    );
    """,
    """
    -- A root says which chunks, not how many: the last of three leads to it as the second of two, too. So what is
    -- here is told by both, and what was kept by the root alone is fetched again.
    DROP TABLE chunks;
    CREATE TABLE chunks (
        root BLOB NOT NULL,
        of INTEGER NOT NULL,                 -- chunks of the file
        i INTEGER NOT NULL,
        PRIMARY KEY (root, of, i)
    ) WITHOUT ROWID;
    UPDATE files SET whole = 0, placed = NULL;
    DELETE FROM scans;
    DELETE FROM said;
    """,
)


@dataclass(frozen=True, slots=True)
class EventFiles:
    """An event with an incomplete file."""

    id: str
    hash: bytes
    asked: float
    times: int


class FilesView(SharedStore):
    """The attached files of one inbox, opened to read only, where there are any."""

    def __init__(self, inbox: Path) -> None:
        """Open the folder of the inbox at ``inbox``; a missing one is empty (``StoreError``)."""
        self._folder = inbox.with_name(inbox.name + FOLDER)
        super().__init__(self._connect(self._folder / "files.sqlite3"))

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        return read_store(path, MIGRATIONS, or_empty=True)

    def status(self, raw: Mapping[str, Any]) -> list[AttachmentStatus]:
        """Return how many chunks of each sealed attachment of a payload are here."""
        return [self._status(each) for each in attachments_of(raw)[0]]

    def _status(self, attachment: Attachment) -> AttachmentStatus:
        root = bytes.fromhex(attachment.sealed.root) if attachment.sealed else b""
        count = chunk_count(attachment.bytes)
        with self._reading() as conn:
            query = "SELECT count(*) FROM chunks WHERE root = ? AND of = ?"
            here = conn.execute(query, (root, count)).fetchone()[0]
        return AttachmentStatus(attachment, count, int(here))

    def save(
        self, attachment: Attachment, folder: Path, progress: Callable[[int, int], None] = lambda _a, _b: None
    ) -> Path:
        """Open a file and write it into a folder under its cleaned name; nothing is overwritten.

        Raises:
            FileRefused: not whole yet, another content or type than the event says, or the name is taken.
        """
        return save_file(self._whole(attachment), attachment, folder, progress)

    def open(self, attachment: Attachment) -> BinaryIO:
        """Open a file to be read; on the disk it has no name. The caller closes it.

        Raises:
            FileRefused: not whole yet, or another content or type than the event says.
            StoreError: the disk fails.
        """
        sealed = self._whole(attachment)
        try:
            with contextlib.ExitStack() as stack:
                stream = stack.enter_context(tempfile.TemporaryFile(dir=self._folder))
                open_file(sealed, attachment, stream)
                stream.seek(0)
                stack.pop_all()
                return stream
        except OSError as error:
            sentence = marked("{path}：{error}；请腾出空间，检查目录归谁所有")
            raise StoreError(sentence, path=self._folder, error=os_error(error)) from error

    def _whole(self, attachment: Attachment) -> Path:
        """Return where the sealed chunks of a file are (``FileRefused`` if one is missing)."""
        status = self._status(attachment)
        if not status.complete:
            sentence = marked("{name}：应有 {all} 块，已到 {here} 块；接收时会继续取，缺的会自动请发件县再送")
            values = {"name": attachment.name, "all": status.chunks, "here": status.here}
            raise FileRefused("incomplete", sentence, hint=Action.to("inbox.run"), **values)
        root = bytes.fromhex(attachment.sealed.root) if attachment.sealed else b""
        return self._folder / _name(root, status.chunks)


class FileStore(FilesView):
    """The attached files of one inbox; its methods may be called from several threads, which take turns."""

    def __init__(self, inbox: Path) -> None:
        """Open the folder of the inbox at ``inbox``, created if absent (``StoreError`` if it cannot be used)."""
        super().__init__(inbox)

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        return open_store(path, MIGRATIONS)

    # -- what is wanted --

    def scan_position(self) -> tuple[int, str]:
        """Return number and id of the last inbox item that was scanned; (0, "") before the first."""
        with self._reading() as conn:
            row = conn.execute("SELECT seq, id FROM looked").fetchone()
        return (0, "") if row is None else (row["seq"], row["id"])

    def want(self, carriers: Collection[Carrier]) -> None:
        """Enter the files of these items, and the scan position.

        A position alone does not wait for the disk: what a power cut takes back is scanned again.
        """
        with self._lock:
            if any(each.raw for each in carriers):
                self._want(carriers)
                return
            self._conn.execute("PRAGMA synchronous = NORMAL")
            try:
                self._want(carriers)
            finally:
                self._conn.execute("PRAGMA synchronous = FULL")

    def _want(self, carriers: Collection[Carrier]) -> None:
        with transaction(self._conn) as conn:
            for each in carriers:
                for attachment in attachments_of(each.raw)[0]:
                    root = bytes.fromhex(attachment.sealed.root) if attachment.sealed else b""
                    values = (
                        each.id,
                        each.hash,
                        each.county,
                        each.received_ms,
                        root,
                        attachment.bytes,
                        chunk_count(attachment.bytes),
                    )
                    conn.execute(
                        "INSERT OR IGNORE INTO files (id, hash, county, received, root, bytes, chunks)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?)",
                        values,
                    )
                    _count(conn, root)
                conn.execute("INSERT OR REPLACE INTO looked VALUES (1, ?, ?)", (each.seq, each.id))

    def restart_scan(self) -> None:
        """Scan the inbox from its beginning: it is another one than before (a restored backup)."""
        with self._lock, transaction(self._conn) as conn:
            conn.execute("DELETE FROM looked")

    def unfinished(self) -> bool:
        """Return whether any file is incomplete."""
        with self._reading() as conn:
            return conn.execute("SELECT 1 FROM files WHERE whole = 0 LIMIT 1").fetchone() is not None

    def unplaced(self, cluster: str) -> list[tuple[int, str, int]]:
        """List files whose place in a cluster's logs is not known: (number, county, ms since 1970)."""
        with self._reading() as conn:
            rows = conn.execute(
                "SELECT n, county, received FROM files WHERE placed IS NOT ? AND whole = 0",
                (cluster,),
            )
            return [(row["n"], row["county"], row["received"]) for row in rows]

    def place(self, n: int, cluster: str, county: str, offset: int) -> None:
        """Read a file's chunks from an offset on; its county's log is read again from there if necessary."""
        with self._lock, transaction(self._conn) as conn:
            others = conn.execute(
                "SELECT 1 FROM files WHERE county = ? AND placed = ? AND whole = 0 LIMIT 1",
                (county, cluster),
            ).fetchone()
            conn.execute("UPDATE files SET placed = ? WHERE n = ?", (cluster, n))
            row = conn.execute("SELECT next FROM scans WHERE cluster = ? AND county = ?", (cluster, county)).fetchone()
            start = offset if row is None or others is None else min(row["next"], offset)
            conn.execute("INSERT OR REPLACE INTO scans VALUES (?, ?, ?)", (cluster, county, start))

    def scans(self, cluster: str) -> dict[str, int]:
        """Return the counties whose logs are to be read, and the offsets to start from."""
        with self._reading() as conn:
            rows = conn.execute(
                "SELECT county, next FROM scans WHERE cluster = ? AND county IN"
                " (SELECT county FROM files WHERE placed = ? AND whole = 0)",
                (cluster, cluster),
            )
            return {row["county"]: row["next"] for row in rows}

    # -- input --

    def keep(self, cluster: str, county: str, records: Collection[ChunkRecord], next_offset: int) -> int:
        """Store a county's wanted chunks, and the offset read in its log. Return the number of new chunks.

        Raises:
            StoreError: the disk is full or fails; then nothing is stored.
        """
        with self._lock:
            wanted = [each for each in records if self._wants(county, each)]
            for name in {_name(each.root, each.count) for each in wanted}:
                self._write(name, [each for each in wanted if _name(each.root, each.count) == name])
            with transaction(self._conn) as conn:
                # Crash point: the chunks of the rows are on the disk.
                conn.executemany(
                    "INSERT OR IGNORE INTO chunks VALUES (?, ?, ?)",
                    [(each.root, each.count, each.index) for each in wanted],
                )
                for root in {each.root for each in wanted}:
                    _count(conn, root)
                conn.execute("INSERT OR REPLACE INTO scans VALUES (?, ?, ?)", (cluster, county, next_offset))
        return len(wanted)

    def _wants(self, county: str, record: ChunkRecord) -> bool:
        with wrapped(self._conn):
            rows = self._conn.execute(
                "SELECT bytes FROM files WHERE root = ? AND county = ?", (record.root, county)
            ).fetchall()
            here = self._conn.execute(
                "SELECT 1 FROM chunks WHERE root = ? AND of = ? AND i = ?", (record.root, record.count, record.index)
            ).fetchone()
        return here is None and any(
            record.count == chunk_count(row["bytes"]) and len(record.chunk) == chunk_bytes(row["bytes"], record.index)
            for row in rows
        )

    def _write(self, name: str, records: list[ChunkRecord]) -> None:
        path = self._folder / name
        try:
            if shutil.disk_usage(self._folder).free < RESERVE_BYTES:
                sentence = marked("{path}：磁盘余量不足 {reserve} 字节，附件暂不接收，报警照收；请腾出空间")
                raise StoreError(sentence, path=self._folder, reserve=RESERVE_BYTES)
            new = not path.exists()
            descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
            try:
                for each in records:
                    os.pwrite(descriptor, each.chunk, each.index * (CHUNK_BYTES + TAG_BYTES))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if new:
                sync_folder(self._folder)
        except OSError as error:
            sentence = marked("{path}：{error}；请腾出空间，检查目录归谁所有")
            raise StoreError(sentence, path=path, error=os_error(error)) from error

    # -- notifications to senders --

    def complete_events(self) -> list[EventFiles]:
        """List events with complete files whose senders were not notified."""
        return self._events("1 GROUP BY id HAVING min(whole) = 1")

    def events_to_request(self, county: str, now: float, overdue_seconds: float) -> list[EventFiles]:
        """List a county's events to request again now, at most ``MOST_ASKED``, the longest waiting first.

        The pause doubles each time, up to a day: a sender whose files never arrive gets few requests.
        """
        due = [
            each
            for each in self._events("whole = 0 AND county = ? GROUP BY id", county)
            if now - each.asked >= min(overdue_seconds * (1 << min(each.times, 16)), LONGEST_ASKING_SECONDS)
        ]
        return sorted(due, key=lambda each: each.asked)[:MOST_ASKED]

    def _events(self, chosen: str, *values: str) -> list[EventFiles]:
        query = (
            "SELECT id, hash, coalesce(asked, 0) AS asked, coalesce(times, 0) AS times"  # noqa: S608 -- ours
            f" FROM files LEFT JOIN said USING (id) WHERE coalesce(fetched, 0) = 0 AND {chosen}"
        )
        with self._reading() as conn:
            return [EventFiles(*row) for row in conn.execute(query, values)]

    def enter_notified(self, event_id: str, *, fetched: bool, now: float) -> None:
        """Store when a sender was notified that its files arrived, or was asked for them again (seconds since 1970)."""
        with self._lock, transaction(self._conn) as conn:
            conn.execute("INSERT OR IGNORE INTO said (id) VALUES (?)", (event_id,))
            conn.execute(
                "UPDATE said SET fetched = ?, asked = ?, times = times + ? WHERE id = ?",
                (int(fetched), now, int(not fetched), event_id),
            )

    def forget(self, gone: Collection[str]) -> None:
        """Delete the chunks of items whose content was destroyed (``StoreError`` if the disk fails)."""
        with self._lock:
            with transaction(self._conn) as conn:
                conn.executemany("DELETE FROM files WHERE id = ?", [(each,) for each in gone])
                conn.execute("DELETE FROM chunks WHERE (root, of) NOT IN (SELECT root, chunks FROM files)")
                known = {_name(row["root"], row["chunks"]) for row in conn.execute("SELECT root, chunks FROM files")}
            for path in self._folder.iterdir():
                if not path.name.startswith("files.sqlite3") and path.name not in known:
                    with contextlib.suppress(FileNotFoundError):
                        path.unlink()


def _name(root: bytes, count: int) -> str:
    """Return the paths of the sealed chunks of a file in the folder."""
    return f"{root.hex()}.{count}"


def _count(conn: sqlite3.Connection, root: bytes) -> None:
    """Note whether all chunks of a file are here."""
    here = "SELECT count(*) FROM chunks AS c WHERE c.root = files.root AND c.of = files.chunks"
    conn.execute(f"UPDATE files SET whole = chunks = ({here}) WHERE root = ?", (root,))  # noqa: S608 -- ours
