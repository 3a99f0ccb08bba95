"""Files that an officer attaches to an event: sealed beside the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from yizhan.producers.drafts import Draft
from yizhan.producers.file_sealing import attach
from yizhan.producers.outbox import Outbox
from yizhan.services.progress import SILENT, FileProgress, Progress


def total_bytes(paths: Sequence[str]) -> int:
    """Return how many bytes these files have together; one that is not there counts nothing."""
    files = [Path(path) for path in paths]
    return sum(path.stat().st_size for path in files if path.is_file())


def attach_files(outbox: Outbox, draft: Draft, paths: Sequence[str], progress: Progress = SILENT) -> Draft:
    """Seal files beside the outbox, and return the draft that names them. ``progress`` advances by bytes.

    Whether the broker takes files now is told by ``outbox.files_trouble()``: they are sealed all the same.

    Raises:
        FileRefused, PayloadInvalid, StoreError: as ``attach``.
    """
    advance = FileProgress(progress)
    files = [Path(path) for path in paths]
    return attach(outbox, draft, files, progress=lambda _name, done, total: advance(done, total))
