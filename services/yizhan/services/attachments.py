"""Attached files at the command line: put to an event, listed, saved.

Rule 1: whoever takes a file out is written down before it is written out.
Rule 2: one file that cannot be saved does not keep the others.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from yizhan.cli.output import progress, say
from yizhan.consumers.files import AttachmentProblem, AttachmentStatus, FileStore, attachments_of, pick
from yizhan.producers.file_sealing import attach
from yizhan.schemas.errors import FileRefused
from yizhan.schemas.i18n import _, marked
from yizhan.services.access_log import record
from yizhan.services.actor import Actor, process_account
from yizhan.services.errors import ServiceError
from yizhan.services.outbox import files_wait
from yizhan.services.progress import Progress
from yizhan.services.stores import inbox_path, read_inbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from yizhan.consumers.items import Item
    from yizhan.producers.drafts import Draft
    from yizhan.producers.outbox import Outbox
    from yizhan.services.home import Home


class _Advance:
    """Moves a bar by what was done since the last call, file after file."""

    def __init__(self, bar: Progress) -> None:
        self._bar, self._done = bar, 0

    def __call__(self, done: int, _all: int) -> None:
        self._bar.advance(done - self._done if done > self._done else done)
        self._done = done


def attach_files(outbox: Outbox, draft: Draft, paths: Sequence[str]) -> Draft:
    """Seal files beside the outbox with a bar, and return the draft that names them; say if they cannot go yet.

    Raises:
        FileRefused, PayloadInvalid, StoreError: as ``attach``.
    """
    if (trouble := outbox.files_trouble()) is not None:
        say(files_wait(trouble))
    files = [Path(path) for path in paths]
    total = sum(path.stat().st_size for path in files if path.is_file())
    with progress(_("密封附件"), total) as bar:
        advance = _Advance(bar)
        return attach(outbox, draft, files, progress=lambda _name, done, whole: advance(done, whole))


def attached(home: Home, county: str, item_id: str) -> tuple[list[AttachmentStatus], list[AttachmentProblem]]:
    """Tell how the attached files of an item stand, and what is wrong with what its sender wrote.

    Raises:
        CommandError: there is no such item, or its content was destroyed.
    """
    raw = _item(home, county, item_id)
    with FileStore(inbox_path(home, county)) as store:
        return store.standing(raw), attachments_of(raw)[1]


def save_files(
    home: Home, county: str, item_id: str, name: str | None, folder: str
) -> tuple[list[str], list[dict[str, str]]]:
    """Save one or all attached files of an item. Returns the paths, and for each that cannot be: name and error."""
    raw, target = _item(home, county, item_id), Path(folder)
    if not target.is_dir():
        raise ServiceError(marked("{path} 不是目录；请先建好，或用 -o 换一个"), path=folder)
    saved, refused = list[str](), list[dict[str, str]]()
    with FileStore(inbox_path(home, county)) as store:
        chosen = pick(store.standing(raw), name, item_id)
        with progress(_("存附件"), sum(each.attachment.bytes for each in chosen)) as bar:
            advance = _Advance(bar)
            for each in chosen:
                record(
                    home, county, Actor(process_account(), "inbox save"), "exported", [item_id, each.attachment.name]
                )
                try:
                    saved.append(str(store.save(each.attachment, target, advance)))
                except FileRefused as error:
                    refused.append({"name": each.attachment.name, "cause": error.cause, "error": str(error)})
    return saved, refused


def _item(home: Home, county: str, item_id: str) -> dict[str, object]:
    with read_inbox(home, county) as inbox:
        item: Item | None = None if inbox is None else inbox.item(item_id)
    if item is None:
        sentence = marked("{county} 的收件箱里没有 {id}；请看 yizhan inbox list --county {code}")
        raise ServiceError(sentence, county=home.member_name(county), id=item_id, code=county)
    return {} if item.contents is None else dict(item.contents.raw)
