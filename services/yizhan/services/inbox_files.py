"""The attached files of what came: listed, and saved as an officer asks.

Rule 1: whoever sees or takes what a partner sealed is in the access log before it is returned or written.
Rule 2: one file that cannot be saved does not stop the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from yizhan.consumers.attachments import AttachmentProblem, AttachmentStatus, attachments_of, choose_attachments
from yizhan.consumers.files import FilesView
from yizhan.schemas.errors import FileRefused
from yizhan.schemas.i18n import marked
from yizhan.schemas.payloads.common import Attachment
from yizhan.services.access_log import record
from yizhan.services.actor import Actor
from yizhan.services.errors import ServiceError
from yizhan.services.home import Home
from yizhan.services.inbox import find_item
from yizhan.services.progress import SILENT, FileProgress, Progress
from yizhan.services.stores import inbox_path


@dataclass(frozen=True, slots=True)
class ItemFiles:
    """The attached files of an item, and those that its sender named wrongly."""

    files: tuple[AttachmentStatus, ...]
    problems: tuple[AttachmentProblem, ...]


@dataclass(frozen=True, slots=True)
class SavedFiles:
    """Paths that were written, and for each file that could not be: its name and why."""

    saved: tuple[Path, ...]
    refused: tuple[tuple[str, FileRefused], ...]


def list_item_files(home: Home, county: str, item_id: str, actor: Actor) -> ItemFiles:
    """List the attached files of an item, and how much of each is here (``NotFound``, ``StoreError``)."""
    item = find_item(home, county, item_id)
    raw = {} if item.contents is None else item.contents.raw
    with FilesView(inbox_path(home, county)) as files:
        found = ItemFiles(tuple(files.status(raw)), tuple(attachments_of(raw)[1]))
    record(home, county, actor, "listed", [item_id])
    return found


def save_item_files(
    home: Home, county: str, item_id: str, name: str | None, folder: Path, actor: Actor, progress: Progress = SILENT
) -> SavedFiles:
    """Save one attached file of an item, by its name, or all; each is in the access log before it is written.

    ``progress`` advances by bytes. One file that cannot be saved does not stop the others.

    Raises:
        NotFound: there is no such item, or no such file of it.
        ServiceError: ``folder`` is not there and cannot be made.
        StoreError: the inbox cannot be read, or the access log not written.
    """
    item = find_item(home, county, item_id)
    raw = {} if item.contents is None else item.contents.raw
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        raise ServiceError(marked("{path} 不是目录，也建不了；请换一个"), path=folder) from None
    saved, refused = list[Path](), list[tuple[str, FileRefused]]()
    with FilesView(inbox_path(home, county)) as files:
        advance = FileProgress(progress)
        for each in choose_attachments(files.status(raw), name, item_id, county):
            record(home, county, actor, "exported", [item_id, each.attachment.name])
            try:
                saved.append(files.save(each.attachment, folder, advance))
            except FileRefused as error:
                refused.append((each.attachment.name, error))
    return SavedFiles(tuple(saved), tuple(refused))


def open_item_file(home: Home, county: str, item_id: str, name: str, actor: Actor) -> tuple[Attachment, BinaryIO]:
    """Open one attached file of an item, by its name; it is checked in full before a byte is given.

    The stream is a file without a name; the caller closes it.

    Raises:
        NotFound: there is no such item, or no such file of it.
        FileRefused: it is not whole yet, or not what the event says.
        StoreError: the disk fails, or the access log is not written.
    """
    item = find_item(home, county, item_id)
    raw = {} if item.contents is None else item.contents.raw
    with FilesView(inbox_path(home, county)) as files:
        chosen = choose_attachments(files.status(raw), name, item_id, county)[0].attachment
        record(home, county, actor, "exported", [item_id, chosen.name])
        return chosen, files.open(chosen)
