"""Durable and private files: a name is durable once its folder is synced; only the owner may read our files."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def private_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that only its owner may read, even if it existed with other rights.

    Pipes and devices are written as they are.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid():
            os.fchmod(descriptor, 0o600)
        yield file


def write_private(path: Path, data: bytes) -> None:
    """Write a whole file, opened as by :func:`private_file`."""
    with private_file(path) as file:
        file.write(data)


def private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner only (``OSError`` if it cannot be made)."""
    for each in reversed([folder, *folder.parents]):
        each.mkdir(mode=0o700, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that its names are durable (``OSError`` if the disk fails)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
