"""Files that wait to be sealed with a draft: uploaded piece by piece, kept beside the drafts, mode 0600.

Rule 1: a file lies in ``uploads/<draft>/`` of the county, under a name as it may be sent; a row of the draft names it
        once it is whole and may be attached. What is not whole yet has the ending ``.part``.
Rule 2: files change only while their draft may be edited.
Rule 3: they are deleted when their draft was sealed or dropped; what a kill left is deleted at the next start of the
        sending process.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

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
    found += [UploadedFile(each.name.removesuffix(_PART), each.stat().st_size, whole=False) for each in parts]
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
            size = _append(part, name, pieces, offset, total)
            if size == total:
                return _finish(store, part, county, n)
        except OSError as error:
            raise StoreError(f"{part}: {os_error(error)}") from error
    return UploadedFile(name, size, whole=False)


def _append(part: Path, name: str, pieces: Iterable[bytes], offset: int, total: int) -> int:
    part.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    leave_room(part.parent, name, total - offset)
    flags = os.O_CREAT | os.O_WRONLY | (os.O_TRUNC if offset == 0 else 0)
    with os.fdopen(os.open(part, flags, 0o600), "wb") as file:
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


def _finish(store: DraftStore, part: Path, county: str, n: int) -> UploadedFile:
    """Check a whole file and enter it."""
    path = part.with_name(part.name.removesuffix(_PART))
    part.replace(path)
    try:
        size = check_file(path)
    except FileRefused:
        path.unlink()
        raise
    if not store.enter_upload(n, path.name, size):
        raise draft_changed(n, county)
    return UploadedFile(path.name, size, whole=True)


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
        if not store.enter_upload(n, name, None):
            raise draft_changed(n, county)
    for path in (_folder(home, county, n) / name, _folder(home, county, n) / f"{name}{_PART}"):
        path.unlink(missing_ok=True)


def upload_paths(home: Home, county: str, store: DraftStore, n: int) -> list[str]:
    """Return where the files of a draft lie."""
    return [str(_folder(home, county, n) / name) for name, _size in store.uploads(n)]


def delete_uploads(home: Home, county: str, n: int) -> None:
    """Delete the files of a draft that is gone."""
    shutil.rmtree(_folder(home, county, n), ignore_errors=True)


def sweep_uploads(home: Home, county: str, store: DraftStore) -> None:
    """Delete the files of drafts that are gone: what a kill left behind."""
    known = {str(each.n) for each in store.all()}
    for folder in (home.county_folder(county) / FOLDER).glob("*"):
        if folder.name not in known:
            shutil.rmtree(folder, ignore_errors=True)


def _folder(home: Home, county: str, n: int) -> Path:
    return home.county_folder(county) / FOLDER / str(n)
