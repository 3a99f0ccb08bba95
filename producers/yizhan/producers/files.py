"""Files that go with an event: sealed beside the outbox, kept until every recipient has them.

Law 1: the sealed chunks are on the disk, synced, before the event that names them is committed; they stay until
        every recipient has said that it has them (``fetched``), or that it cannot open the event.
Rule 1: a file is sealed once, under a key of its own that stands in the sealed payload and nowhere else.
Rule 2: what was sealed for an event that never came to be is swept away by the publisher after an hour.
Rule 3: chunks go after their event, and after everything that is prompt: whoever has the event's time knows
        where to look for them.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from yizhan.producers.errors import NotPublishable
from yizhan.producers.store import MIGRATIONS
from yizhan.runtime.errors import StoreError
from yizhan.runtime.folders import sync_folder
from yizhan.runtime.store import Store, open_store, transaction, wrapped
from yizhan.schemas import merkle, strictjson
from yizhan.schemas.envelope import padded_length
from yizhan.schemas.errors import FileRefused, PayloadInvalid
from yizhan.schemas.files import (
    CHUNK_BYTES,
    KEY_BYTES,
    MAX_FILE_BYTES,
    MAX_FILES,
    TAG_BYTES,
    chunk_count,
    seal_chunk,
    write_record,
)
from yizhan.schemas.filetypes import clean_name, media_type
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads import encode, parse_strict
from yizhan.schemas.payloads.common import Attachment, SealedFile
from yizhan.schemas.sentences import os_error

if TYPE_CHECKING:
    from typing import BinaryIO

    from yizhan.producers.drafts import Draft
    from yizhan.producers.outbox import Outbox

FOLDER: Final = ".files"
"""What the name of the folder of sealed files adds to the outbox's."""
ORPHAN_SECONDS: Final = 3600.0
"""How long a sealed file may wait for its event. Short: an officer who hesitates seals again."""
RESERVE_BYTES: Final = 1024 * 1024 * 1024
"""Disk that stays free for the outbox itself: a film must not keep back a fire."""
REFUSED_SECONDS: Final = 7 * 86_400.0
"""How long the files of a refused event stay: a second copy of it may yet be let in, under a newer charter."""
LONGEST_PAUSE_SECONDS: Final = 86_400.0
_LEAF: Final = 32

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Told (name, bytes sealed so far, bytes in all)."""


# -- sealing --


def attach(
    outbox: Outbox, draft: Draft, paths: Iterable[Path], noise: Callable[[int], bytes] = os.urandom,
    progress: Progress = lambda _name, _done, _all: None,
) -> Draft:  # fmt: skip
    """Seal files beside an outbox, and return the draft that names them; ``Outbox.publish`` then makes them its own.

    Raises:
        FileRefused: a file that may not be sent; the sentence names it.
        PayloadInvalid: the type of the draft has no attachments, or too many.
        StoreError: the disk is full or fails.
    """
    named = [*draft.payload.get("attachments", ())]
    chosen = list(paths)
    # Refused before the first byte is sealed: a type that carries no files, and too many of them.
    probe = Attachment(name="probe", sha256="0" * 64, bytes=0).model_dump(mode="json", exclude_none=True)
    _checked(draft, [*named, *(probe for _path in chosen)])
    folder = outbox.path.with_name(outbox.path.name + FOLDER)
    made = [seal_file(folder, path, noise, progress).model_dump(mode="json", exclude_none=True) for path in chosen]
    return draft.model_copy(update={"payload": _checked(draft, named + made)})


def _checked(draft: Draft, attachments: list[dict[str, Any]]) -> dict[str, Any]:
    payload = {**draft.payload, "attachments": attachments}
    if sum("kept_at" not in each for each in attachments) > MAX_FILES:
        raise PayloadInvalid((("attachments", _("一件文书至多附 {most} 个文件，请分几件发").format(most=MAX_FILES)),))
    checked: dict[str, Any] = strictjson.loads(encode(parse_strict(draft.type, payload)), floats=True)
    return checked


def seal_file(folder: Path, path: Path, noise: Callable[[int], bytes], progress: Progress) -> Attachment:
    """Seal one file into ``folder``; on the disk, synced, when this returns. Raises as ``attach``."""
    with _sendable(path) as (stream, name, size, media):
        return _sealed(folder, stream, name, size, media, noise(KEY_BYTES), progress)


def check_file(path: Path) -> int:
    """Return the size of a file that may be sent, in bytes (``FileRefused``); nothing is sealed."""
    with _sendable(path) as (_stream, _name, size, _media):
        return size


@contextlib.contextmanager
def _sendable(path: Path) -> Iterator[tuple[BinaryIO, str, int, str]]:
    name = clean_name(path.name)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            size = _size_of(stream, name)
            media = media_type(stream, name)
            stream.seek(0)
            yield stream, name, size, media
    except OSError as error:
        raise FileRefused("unreadable", f"{path}: {os_error(error)}") from error


def _size_of(stream: BinaryIO, name: str) -> int:
    status = os.fstat(stream.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise FileRefused("type", marked("{name}：应是一个普通文件，请给出文件的路径"), name=name)
    if not 1 <= status.st_size <= MAX_FILE_BYTES:
        sentence = marked(
            "{name}：附件应为 1 至 {most} 字节，得到 {came} 字节；更大的请另行移交，并写明存放处（kept_at）"
        )
        raise FileRefused("size", sentence, name=name, most=MAX_FILE_BYTES, came=status.st_size)
    return status.st_size


def _sealed(
    folder: Path, stream: BinaryIO, name: str, size: int, media: str, key: bytes, progress: Progress
) -> Attachment:
    count, digest, leaves = chunk_count(size), hashlib.sha256(), list[bytes]()
    part, root = folder / f"{hashlib.sha256(key).hexdigest()}.part", bytes(32)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        _leave_room(folder, name, padded_length(size))
        with _new(part) as sealed:
            for index in range(count):
                plain = _read(stream, max(0, min(CHUNK_BYTES, size - index * CHUNK_BYTES)), name)
                digest.update(plain)
                whole = plain.ljust(min(CHUNK_BYTES, padded_length(size) - index * CHUNK_BYTES), b"\0")
                chunk = seal_chunk(key, index, whole, last=index == count - 1)
                leaves.append(merkle.leaf_hash(chunk))
                sealed.write(chunk)
                progress(name, min(size, (index + 1) * CHUNK_BYTES), size)
            _check_whole(stream, size, name)
            sealed.flush()
            os.fsync(sealed.fileno())
        root = merkle.root(leaves)
        part.rename(folder / root.hex())
        _write(folder / f"{root.hex()}.leaves", b"".join(leaves))
        sync_folder(folder)
        sync_folder(folder.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            for left in (part, folder / root.hex(), folder / f"{root.hex()}.leaves"):
                left.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        sentence = marked("{path}：{error}；请腾出空间，检查目录归谁所有")
        raise StoreError(sentence, path=folder, error=os_error(error)) from error
    return Attachment(
        name=name, sha256=digest.hexdigest(), bytes=size, media_type=media,
        sealed=SealedFile(key=key.hex(), root=root.hex()),
    )  # fmt: skip


def _leave_room(folder: Path, name: str, size: int) -> None:
    if shutil.disk_usage(folder).free < size + RESERVE_BYTES:
        sentence = marked("{name}：{path} 余量不足，要为报警留出 {reserve} 字节，附件没有封；请腾出空间")
        raise StoreError(sentence, name=name, path=folder, reserve=RESERVE_BYTES)


def _read(stream: BinaryIO, size: int, name: str) -> bytes:
    try:
        return stream.read(size)
    except OSError as error:
        raise FileRefused("unreadable", f"{name}: {os_error(error)}") from error


def _check_whole(stream: BinaryIO, size: int, name: str) -> None:
    if stream.tell() != size or _read(stream, 1, name):
        raise FileRefused("size", marked("{name}：读取时还在变化；请等它写完再附上"), name=name)


def _new(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600), "wb")


def _write(path: Path, data: bytes) -> None:
    with _new(path) as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


# -- inside the outbox's transactions --


def enter(conn: sqlite3.Connection, path: Path, event_id: str, payload: bytes, *, accepted: bool = False) -> None:
    """Make the sealed files that a payload names part of its event.

    Raises:
        NotPublishable: one is not beside the outbox: nobody could ever send it. An event that was ``accepted`` before
            goes without.
    """
    for each in _attachments(payload):
        root = bytes.fromhex(each.sealed.root) if each.sealed is not None else b""
        if not root:
            continue
        folder = path.with_name(path.name + FOLDER)
        if not (folder / root.hex()).exists() or not (folder / f"{root.hex()}.leaves").exists():
            if accepted:
                log.error(
                    "%s: its attached file %s is not beside the outbox any more: it goes without", event_id, root.hex()
                )
                continue
            sentence = marked("{name}：文书说它随文书密封，发件箱旁却没有；请用 yizhan publish --attach 附上")
            raise NotPublishable(sentence, name=each.name)
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


def hear(conn: sqlite3.Connection, event_id: str, stage: str, now: float, patience_seconds: float) -> None:
    """Take in what a recipient said of an event's files: it has them, or the broker lost some.

    Sent again only what went out whole, after a pause that doubles from ``patience_seconds`` to a day, and behind
    what was not sent yet: nobody can make us flood the line, fill the broker's disk or keep others waiting.
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


_NOT_HERE: Final = marked("{path}：{error}；附件的密文应在发件箱旁，请恢复备份")
_WAITING: Final = (
    "SELECT 1 FROM recipients AS r WHERE r.seq = files.seq AND NOT EXISTS (SELECT 1 FROM receipts AS s"
    " WHERE s.seq = r.seq AND s.recipient = r.recipient AND s.stage IN ('fetched', 'unopenable'))"
)


# -- sending --


@dataclass(frozen=True, slots=True)
class Piece:
    """The next chunk to be sent: its record, which file it is of, and how many chunks that has."""

    n: int
    root: bytes
    index: int
    count: int
    record: bytes


@dataclass(frozen=True, slots=True)
class FileRow:
    """One file of an event: how much of it the broker has, and who has it whole."""

    event: str
    name: str
    bytes: int
    sha256: str
    chunks: int
    sent: int
    fetched: tuple[str, ...]
    waiting: tuple[str, ...]


class FileQueue(Store):
    """The sealed files of one outbox that are to be sent; one thread at a time, on a connection of its own."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Open the outbox's database at ``path`` (``StoreError`` as there)."""
        self._folder, self._clock = path.with_name(path.name + FOLDER), clock
        self._damaged = set[int]()
        super().__init__(open_store(path, MIGRATIONS))
        self._conn.execute("PRAGMA synchronous = NORMAL")  # what a power cut takes from it is sent again

    def arrive(self, cluster: str, end: int) -> None:
        """Note whose broker this is and where its log ends; begin anew where it lost chunks."""
        with transaction(self._conn) as conn:
            row = conn.execute("SELECT cluster, next FROM files_place").fetchone()
            if row is not None and (row["cluster"] != cluster or row["next"] > end):
                conn.execute("UPDATE files SET sent = 0 WHERE done = 0")
            conn.execute("INSERT OR REPLACE INTO files_place VALUES (1, ?, ?)", (cluster, end))

    def troubled(self, said: str | None) -> bool:
        """Note why the broker takes no files, or that it does (None); tell whether that is news."""
        with transaction(self._conn) as conn:
            before = trouble(conn)
            conn.execute("DELETE FROM files_trouble")
            if said is not None:
                conn.execute("INSERT INTO files_trouble VALUES (1, ?)", (said,))
        return said != before

    def prompt_waits(self) -> bool:
        """Tell whether something prompt is to go first."""
        with wrapped(self._conn):
            return (
                self._conn.execute("SELECT 1 FROM events WHERE queued = 1 AND prompt = 1 LIMIT 1").fetchone()
                is not None
            )

    def waits(self) -> bool:
        """Tell whether there is a chunk to be sent."""
        with wrapped(self._conn):
            return self._next() is not None

    def _next(self) -> sqlite3.Row | None:
        rows = self._conn.execute(
            "SELECT files.n, id, root, chunks, sent FROM files JOIN events USING (seq) WHERE done = 0 AND attempts > 0"
            " AND refused IS NULL AND replaced_by IS NULL AND sent < chunks ORDER BY again, files.n"
        )
        return next((row for row in rows if row["n"] not in self._damaged), None)

    def next(self) -> Piece | None:
        """Return the next chunk to be sent, the oldest event first; only of events that the broker has.

        What is not whole on the disk any more is told, and passed over until the next ``sweep``: the others go.
        """
        while True:
            with wrapped(self._conn):
                row = self._next()
            if row is None:
                return None
            try:
                return self._piece(row)
            except StoreError as error:
                self._damaged.add(row["n"])
                log.error("%s: an attached file cannot be sent: %s", row["id"], error)  # noqa: TRY400 -- the disk's doing

    def _piece(self, row: sqlite3.Row) -> Piece:
        name = row["root"].hex()
        try:
            hashes = (self._folder / f"{name}.leaves").read_bytes()
            leaves = [hashes[at : at + _LEAF] for at in range(0, len(hashes), _LEAF)]
            with (self._folder / name).open("rb") as stream:
                stream.seek(row["sent"] * (CHUNK_BYTES + TAG_BYTES))
                chunk = stream.read(CHUNK_BYTES + TAG_BYTES)
        except OSError as error:
            raise StoreError(_NOT_HERE, path=self._folder / name, error=os_error(error)) from error
        if len(leaves) != row["chunks"] or merkle.leaf_hash(chunk) != leaves[row["sent"]]:
            why = _("不是封好时的内容")
            raise StoreError(_NOT_HERE, path=self._folder / name, error=why)
        record = write_record(row["root"], row["sent"], leaves, chunk)
        return Piece(row["n"], row["root"], row["sent"], len(leaves), record)

    def acknowledged(self, piece: Piece, offset: int) -> None:
        """Note that the broker has a chunk."""
        with transaction(self._conn) as conn:
            finished = self._clock() if piece.index == piece.count - 1 else None
            conn.execute(
                "UPDATE files SET sent = ?, finished = coalesce(?, finished) WHERE n = ? AND sent = ?",
                (piece.index + 1, finished, piece.n, piece.index),
            )
            conn.execute("UPDATE files_place SET next = max(next, ?)", (offset + 1,))

    def sweep(self) -> int:
        """Delete what nobody waits for: files that all have, and those sealed for no event. Returns how many."""
        self._damaged.clear()
        with wrapped(self._conn):
            found = self._conn.execute(
                "SELECT root, done = 0 AND replaced_by IS NULL AS wanted, refused IS NULL AS fine"
                " FROM files JOIN events USING (seq)"
            ).fetchall()
        known = {row["root"].hex() for row in found}
        kept = {row["root"].hex() for row in found if row["wanted"] and row["fine"]}
        refused = {row["root"].hex() for row in found if row["wanted"]} - kept
        gone = 0
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            name = path.name.partition(".")[0]
            with contextlib.suppress(FileNotFoundError):
                age = self._clock() - path.stat().st_mtime
                if name in refused:
                    delete = age > REFUSED_SECONDS
                else:
                    delete = name not in kept and (name in known or (age > ORPHAN_SECONDS and self._orphan(name)))
                if delete:
                    path.unlink()
                    gone += 1
        return gone

    def _orphan(self, name: str) -> bool:
        """Look again: an officer who hesitated for long may have sent it this very moment."""
        with transaction(self._conn) as conn:
            return conn.execute("SELECT 1 FROM files WHERE lower(hex(root)) = ?", (name,)).fetchone() is None


def trouble(conn: sqlite3.Connection) -> str | None:
    """Return why the broker takes no files, and what to do; None where it does, for all we know."""
    row = conn.execute("SELECT said FROM files_trouble").fetchone()
    return None if row is None else str(row["said"])


def rows(conn: sqlite3.Connection) -> Iterable[FileRow]:
    """Tell of the files that some recipient does not have yet, the oldest first."""
    query = (
        "SELECT files.*, id, payload FROM files JOIN events USING (seq) JOIN sealed USING (seq)"
        " WHERE done = 0 ORDER BY files.n"
    )
    for row in conn.execute(query).fetchall():
        said = conn.execute(
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
            tuple(each["recipient"] for each in said if each["has"]),
            tuple(each["recipient"] for each in said if not each["has"]),
        )  # fmt: skip
