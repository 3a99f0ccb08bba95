"""Moves SQLite's checkpoints off the thread that stores alarms.

A commit writes to the log; from time to time the log must be copied into the database, which takes many
times as long as a commit. By default the committing thread does it: every seventieth alarm would wait for it.

Rule 1: a thread with its own connection does it instead; writers do not wait for it (PASSIVE).
Rule 2: nothing depends on it: should it stop, the log grows, and a writer copies it at ``LONGEST_PAGES``.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Final, Self

from yizhan.consumers.store import MIGRATIONS
from yizhan.runtime.errors import StoreError
from yizhan.runtime.store import open_store, wrapped

LONGEST_PAGES: Final = 25_000
"""Pages of 4 KiB after which a writer copies the log itself: 100 MB."""
EVERY_SECONDS: Final = 1.0

log = logging.getLogger(__name__)


class Checkpointer:
    """Copies the log of a database once a second, in a thread. Use it as a context manager."""

    def __init__(self, path: Path) -> None:
        """Prepare it for the database at ``path``."""
        self._path = path
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        try:
            conn = open_store(self._path, MIGRATIONS)
            try:
                while not self._over.wait(EVERY_SECONDS):
                    with wrapped(conn):
                        conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            finally:
                conn.close()
        except StoreError:
            log.exception("no checkpoints are made; the writer makes them itself, later")
