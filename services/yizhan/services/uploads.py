"""Files that wait to be sealed with a draft: uploaded piece by piece, kept beside the drafts, mode 0600.

Rule 1: a file lies in ``uploads/<draft>/`` of the county, under a name as it may be sent; a row of the draft names it
        once it is whole and may be attached. What is not whole yet has the ending ``.part``.
Rule 2: files change only while their draft may be edited: what an officer approves is what is sealed. One request at a
        time writes into a file.
Rule 3: they are deleted when their draft was sealed or dropped; what a kill left is deleted at the next start of the
        sending process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from yizhan.producers.draft_rows import EDITABLE
from yizhan.producers.draft_store import DraftStore
from yizhan.producers.file_sealing import check_file, check_size, leave_room
from yizhan.runtime.errors import StoreError
from yizhan.schemas.errors import FileRefused, NotFound
from yizhan.schemas.filetypes import clean_name
from yizhan.schemas.i18n import marked
from yizhan.schemas.sentences import os_error
from yizhan.services.errors import Conflict, draft_changed
from yizhan.services.home import Home
from yizhan.services.stores import open_drafts, read_drafts

FOLDER: Final = "uploads"
_PART: Final = ".part"
_WAIT_SECONDS: Final = 5.0
"""How long a request waits for another one that writes into the same file: that of a line that was cut just now."""
_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file of a draft: its bytes so far, and whether it is whole."""

    name: str
    bytes: int
    whole: bool


def list_uploads(home: Home, county: str, n: int) -> tuple[UploadedFile, ...]:
    """List the files of a draft, those that are not whole yet last."""
    with read_drafts(home, county) as drafts:
        whole = () if drafts is None else drafts.uploads(n)
    found = [UploadedFile(name, size, whole=True) for name, size in whole]
    parts = sorted(_folder(home, county, n).glob(f"*{_PART}"))
    for each in parts:
        with contextlib.suppress(FileNotFoundError):  # it became whole just now
            found.append(UploadedFile(each.name.removesuffix(_PART), each.stat().st_size, whole=False))
    return tuple(found)


def upload_piece(
    home: Home, county: str, n: int, name: str, pieces: Iterable[bytes], *, offset: int, total: int
) -> UploadedFile:
    """Append to a file of a draft; with its last byte it is checked, and goes with the draft.

    Args:
        home: of the installation.
        county: whose draft it is.
        n: number of the draft.
        name: of the file, cleaned as it will be sent.
        pieces: the bytes from ``offset`` on, as many as come.
        offset: how many bytes came before: ``bytes`` of what was returned last, 0 at first (and to begin anew).
        total: bytes of the whole file.

    Raises:
        NotFound: there is no such draft.
        Conflict: the draft may not be edited, or other bytes came meanwhile.
        FileRefused: a file that may not be sent; it is deleted.
        StoreError: the disk is full or fails; what came so far is kept.
    """
    name = clean_name(name)
    check_size(name, total)
    with open_drafts(home, county) as store:
        if store.get(n).state not in EDITABLE:
            raise draft_changed(n, county)
        part = _folder(home, county, n) / f"{name}{_PART}"
        try:
            part.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            leave_room(part.parent, name, total - offset)
            with _alone(part, name) as file:
                size = _append(file, name, pieces, offset, total)
                if size == total:
                    return _finish(store, part, name, county, n, file)
        except OSError as error:
            raise StoreError(f"{part}: {os_error(error)}") from error
    return UploadedFile(name, size, whole=False)


@contextlib.contextmanager
def _alone(part: Path, name: str) -> Iterator[BinaryIO]:
    """Open a file that is not whole yet; no other request writes into it meanwhile (``Conflict``)."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            if _locks(file) and _is_there(file, part):
                yield file
                return
        if time.monotonic() >= deadline:
            raise Conflict(marked("{name} 正由另一处上传，请等它传完再传"), name=name)
        time.sleep(_LOOK_SECONDS)


def _locks(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_there(file: BinaryIO, part: Path) -> bool:
    """Return whether an open file still has its name: it may have been taken away, or another come in its place."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), part.stat())
    except FileNotFoundError:
        return False


def _append(file: BinaryIO, name: str, pieces: Iterable[bytes], offset: int, total: int) -> int:
    if offset == 0:
        file.truncate(0)
    if (size := file.seek(0, os.SEEK_END)) != offset:
        sentence = marked("{name} 已收到 {size} 字节，应从那里接着传")
        raise Conflict(sentence, name=name, size=size)
    for piece in pieces:
        if (size := size + len(piece)) > total:
            raise Conflict(marked("{name} 比所说的 {total} 字节长，请重新上传"), name=name, total=total)
        file.write(piece)
    file.flush()
    os.fsync(file.fileno())
    return size


def _finish(store: DraftStore, part: Path, name: str, county: str, n: int, file: BinaryIO) -> UploadedFile:
    """Check a whole file, and enter it in the place of one of the same name."""
    if not _is_there(file, part):
        raise Conflict(marked("{name} 在上传当中被取消或换掉了，请重新上传"), name=name)
    try:
        size = check_file(part, name)
    except FileRefused:
        part.unlink()
        raise
    if not store.enter_upload(n, name, size, lambda: part.replace(part.with_name(name))):
        raise draft_changed(n, county)
    return UploadedFile(name, size, whole=True)


def delete_upload(home: Home, county: str, n: int, name: str) -> None:
    """Take a file away from a draft.

    Raises:
        NotFound: there is no such draft or file.
        Conflict: the draft may not be edited.
    """
    with open_drafts(home, county) as store:
        store.get(n)
        if name not in {each.name for each in list_uploads(home, county, n)}:
            raise NotFound(marked("草稿 {n} 没有附件 {name}"), n=n, name=clean_name(name))
        if not store.enter_upload(n, name, None, lambda: _unlink(_folder(home, county, n), name)):
            raise draft_changed(n, county)


def _unlink(folder: Path, name: str) -> None:
    for path in (folder / name, folder / f"{name}{_PART}"):
        path.unlink(missing_ok=True)


def upload_paths(home: Home, county: str, store: DraftStore, n: int) -> list[str]:
    """Return where the files of a draft lie."""
    return [str(_folder(home, county, n) / name) for name, _size in store.uploads(n)]


def delete_uploads(home: Home, county: str, n: int) -> None:
    """Delete the files of a draft that is gone."""
    shutil.rmtree(_folder(home, county, n), ignore_errors=True)


def sweep_uploads(home: Home, county: str, store: DraftStore) -> None:
    """Delete the files of drafts that are gone: what a kill left behind."""
    folders = list((home.county_folder(county) / FOLDER).glob("*"))
    known = {str(each.n) for each in store.all()}  # after that: a draft that was begun meanwhile is among them
    for folder in folders:
        if folder.name not in known:
            shutil.rmtree(folder, ignore_errors=True)


def _folder(home: Home, county: str, n: int) -> Path:
    return home.county_folder(county) / FOLDER / str(n)
