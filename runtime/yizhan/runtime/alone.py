"""One process a file: a lock that the kernel frees when its holder ends, however it does."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from yizhan.runtime.errors import AlreadyRunning
from yizhan.schemas.i18n import _


@contextlib.contextmanager
def alone(path: Path, doing: str) -> Iterator[None]:
    """Hold the lock file ``path`` (made with mode 0600).

    Args:
        path: its name says whose work is locked.
        doing: what the holder does, in the language chosen, as in ``_("在发送这个发件箱")``.

    Raises:
        AlreadyRunning: another process holds it.
    """
    with path.open("ab") as file:
        path.chmod(0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sentence = _("另有一个进程{doing}（占着 {path}）；请先停下它，或等它结束")
            raise AlreadyRunning(sentence.format(doing=doing, path=path)) from None
        yield
