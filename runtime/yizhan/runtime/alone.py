"""One process a file: a lock that the kernel frees when its holder ends, however it does."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from yizhan.runtime.errors import AlreadyRunning


@contextlib.contextmanager
def alone(path: Path, doing: str) -> Iterator[None]:
    """Hold the lock file ``path`` (made with mode 0600).

    Args:
        path: its name says whose work is locked.
        doing: what the holder does, as in "publishes this outbox".

    Raises:
        AlreadyRunning: another process holds it.
    """
    with path.open("ab") as file:
        path.chmod(0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            message = f"another process {doing} (it holds {path}); stop that one first, or wait for it to end"
            raise AlreadyRunning(message) from None
        yield
