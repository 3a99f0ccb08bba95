"""A lock file for one process at a time: the kernel releases it when its holder ends, for whatever reason."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from yizhan.runtime.errors import AlreadyRunning
from yizhan.schemas.i18n import _

_TRIES = 5
"""Whoever only asks who holds a lock holds it for a moment."""


@contextlib.contextmanager
def exclusive(path: Path, doing: str) -> Iterator[None]:
    """Hold the lock file ``path`` (created with mode 0600), and write the holder's process id into it.

    Args:
        path: the lock file.
        doing: the holder's work, in the chosen language, as in ``_("在发送这个发件箱")``.

    Raises:
        AlreadyRunning: another process holds it.
    """
    with path.open("ab") as file:
        path.chmod(0o600)
        for tries in range(_TRIES):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if tries == _TRIES - 1:
                    sentence = _("另有一个进程{doing}（进程号 {pid}，占着 {path}）；请先停下它，或等它结束")
                    message = sentence.format(doing=doing, pid=_written(path), path=path)
                    raise AlreadyRunning(message) from None
                time.sleep(0.02)
        file.truncate(0)
        file.write(str(os.getpid()).encode())
        file.flush()
        yield


@contextlib.contextmanager
def shared(path: Path) -> Iterator[None]:
    """Hold a lock file together with others that do the same work, so that ``is_shared`` is true."""
    with path.open("ab") as file:
        path.chmod(0o600)
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def is_shared(path: Path) -> bool:
    """Return whether a process holds a lock file as ``shared``; two that ask in one moment may see each other."""
    return _is_refused(path, fcntl.LOCK_EX)


def holder(path: Path) -> str | None:
    """Return the process id of a lock file's holder ("?" if it is not written yet), or None."""
    return _written(path) if _is_refused(path, fcntl.LOCK_SH) else None


def _is_refused(path: Path, kind: int) -> bool:
    """Return whether a lock of this kind cannot be had now; one that can is let go at once."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _written(path: Path) -> str:
    return path.read_text("ascii", "replace").strip() or "?"
