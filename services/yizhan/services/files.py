"""Files that a person names: written only where nothing is yet."""

from __future__ import annotations

import os
from pathlib import Path

from yizhan.schemas.i18n import marked
from yizhan.services.errors import Conflict


def already_there(name: str) -> Conflict:
    """Return the error for a file that would be overwritten."""
    return Conflict(marked("{name} 已经有了，没有覆盖；请另起名字，或先移走它"), name=name)


def write_again(name: str, data: bytes, *, force: bool) -> None:
    """Write a file that is not there yet, or holds the same already; ``force``: whatever it holds.

    Raises:
        Conflict: it holds something else; nothing was changed.
        OSError: it cannot be read or written.
    """
    path = Path(name)
    if force:
        path.write_bytes(data)
    elif not (path.is_file() and path.read_bytes() == data):
        write_new(name, data)


def write_new(name: str, data: bytes, mode: int = 0o666) -> None:
    """Write a file that is not there yet.

    Raises:
        Conflict: it is there; nothing was changed.
        OSError: it cannot be written; it names the file, of which nothing is left.
    """
    try:
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise already_there(name) from None
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 -- a descriptor
            file.write(data)
    except OSError as error:
        # Half a file would stand in the way of the next attempt, and be taken for a whole one.
        os.unlink(name)  # noqa: PTH108 -- the name as it was typed
        raise OSError(error.errno, error.strerror, name) from None
