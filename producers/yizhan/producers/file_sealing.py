"""Seals files next to the outbox, before the event that names them is accepted.

Rule 1: a file is sealed once, under a key of its own that is in the sealed payload and nowhere else.
Rule 2: the sealed chunks are on the disk, synced, when the function returns.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from yizhan.producers.drafts import Draft
from yizhan.producers.files import FOLDER
from yizhan.producers.outbox import Outbox
from yizhan.runtime.errors import StoreError
from yizhan.runtime.folders import sync_folder
from yizhan.schemas import merkle, strictjson
from yizhan.schemas.envelope import padded_length
from yizhan.schemas.errors import FileRefused, PayloadInvalid
from yizhan.schemas.files import CHUNK_BYTES, KEY_BYTES, MAX_FILE_BYTES, MAX_FILES, chunk_count, seal_chunk
from yizhan.schemas.filetypes import clean_name, media_type
from yizhan.schemas.i18n import _, marked
from yizhan.schemas.payloads import encode, parse_strict
from yizhan.schemas.payloads.common import Attachment, SealedFile
from yizhan.schemas.sentences import os_error

RESERVE_BYTES: Final = 1024 * 1024 * 1024
"""Disk that stays free for the outbox itself: a film must not keep back a fire."""

Progress = Callable[[str, int, int], None]
"""Called with (name, bytes sealed so far, bytes in all)."""


# -- sealing --


def attach(
    outbox: Outbox, draft: Draft, paths: Iterable[Path], random_bytes: Callable[[int], bytes] = os.urandom,
    progress: Progress = lambda _name, _done, _all: None,
) -> Draft:  # fmt: skip
    """Seal files next to an outbox, and return the draft that names them; ``Outbox.publish`` then attaches them.

    Raises:
        FileRefused: a file that may not be sent; the message names it.
        PayloadInvalid: the type of the draft has no attachments, or too many.
        StoreError: the disk is full or fails.
    """
    named = [*draft.payload.get("attachments", ())]
    chosen = list(paths)
    check_count(draft, len(chosen))  # before the first byte is sealed
    folder = outbox.path.with_name(outbox.path.name + FOLDER)
    made = [
        seal_file(folder, path, random_bytes, progress).model_dump(mode="json", exclude_none=True) for path in chosen
    ]
    return draft.model_copy(update={"payload": _checked(draft, named + made)})


def check_count(draft: Draft, count: int) -> None:
    """Raise ``PayloadInvalid`` where so many files more cannot be attached: the type has none, or too many."""
    probe = Attachment(name="probe", sha256="0" * 64, bytes=0).model_dump(mode="json", exclude_none=True)
    _checked(draft, [*draft.payload.get("attachments", ()), *(probe for _ in range(count))])


def _checked(draft: Draft, attachments: list[dict[str, Any]]) -> dict[str, Any]:
    payload = {**draft.payload, "attachments": attachments}
    if sum("kept_at" not in each for each in attachments) > MAX_FILES:
        raise PayloadInvalid((("attachments", _("一件文书至多附 {most} 个文件，请分几件发").format(most=MAX_FILES)),))
    checked: dict[str, Any] = strictjson.loads(encode(parse_strict(draft.type, payload)), floats=True)
    return checked


def seal_file(folder: Path, path: Path, random_bytes: Callable[[int], bytes], progress: Progress) -> Attachment:
    """Seal one file into ``folder``; on the disk, synced, when this returns. Raises as ``attach``."""
    with _sendable(path, path.name) as (stream, name, size, media):
        return _sealed(folder, stream, name, size, media, random_bytes(KEY_BYTES), progress)


def check_file(path: Path, name: str | None = None) -> int:
    """Return the size of a file that may be sent, in bytes (``FileRefused``); ``name``: the one under which it goes."""
    with _sendable(path, name or path.name) as (_stream, _name, size, _media):
        return size


@contextlib.contextmanager
def _sendable(path: Path, name: str) -> Iterator[tuple[BinaryIO, str, int, str]]:
    name = clean_name(name)
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
    check_size(name, status.st_size)
    return status.st_size


def check_size(name: str, size: int) -> None:
    """Raise ``FileRefused`` where a file of so many bytes may not be sent."""
    if not 1 <= size <= MAX_FILE_BYTES:
        sentence = marked(
            "{name}：附件应为 1 至 {most} 字节，得到 {got} 字节；更大的请另行移交，并写明存放处（kept_at）"
        )
        raise FileRefused("size", sentence, name=name, most=MAX_FILE_BYTES, got=size)


def _sealed(
    folder: Path, stream: BinaryIO, name: str, size: int, media: str, key: bytes, progress: Progress
) -> Attachment:
    count, digest, leaves = chunk_count(size), hashlib.sha256(), list[bytes]()
    part, root = folder / f"{hashlib.sha256(key).hexdigest()}.part", bytes(32)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        leave_room(folder, name, padded_length(size))
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


def leave_room(folder: Path, name: str, size: int) -> None:
    """Raise ``StoreError`` where a file of so many bytes would take the room that alarms need."""
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
