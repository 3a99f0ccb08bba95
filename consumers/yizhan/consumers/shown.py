"""What a screen shows of what comes in: entered with the events themselves, and copied into the access log afterwards.

The access log is a file, and its entry must be on the disk before the content is shown. Entered in the transaction that
stores the event, it costs an alarm no second wait for the disk.

Rule 1: an entry stays until it is in the access log. This connection does not wait for the disk: what a power cut takes
        back is copied twice.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from yizhan.consumers import metrics
from yizhan.consumers.arrivals import ReceiveOutcome
from yizhan.consumers.checkpoints import LONGEST_PAGES
from yizhan.consumers.store import MIGRATIONS
from yizhan.runtime.store import SharedStore, open_store, transaction

TOGETHER: Final = 500
"""Most entries that are copied at once."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is shown what comes in, as the access log names it. ``sees``: whether the content of an outcome is shown."""

    who: str
    command: str
    how: Literal["opened", "listed"]
    sees: Callable[[ReceiveOutcome], bool]


@dataclass(frozen=True, slots=True)
class Shown:
    """One event that was shown; ``at`` as written."""

    seq: int
    at: str
    who: str
    command: str
    how: Literal["opened", "listed"]
    id: str


def enter(
    conn: sqlite3.Connection, viewer: Viewer, outcomes: Sequence[ReceiveOutcome], now: str
) -> list[ReceiveOutcome]:
    """Enter what a viewer is shown, in the caller's transaction; the outcomes say what was entered."""
    return [_entered(conn, viewer, each, now) if _sees(viewer, each) else each for each in outcomes]


def _entered(conn: sqlite3.Connection, viewer: Viewer, outcome: ReceiveOutcome, now: str) -> ReceiveOutcome:
    conn.execute(
        "INSERT INTO shown (at, who, command, how, id) VALUES (?, ?, ?, ?, ?)",
        (now, viewer.who, viewer.command, viewer.how, "" if outcome.item is None else outcome.item.id),
    )
    return replace(outcome, entered=True)


def _sees(viewer: Viewer, outcome: ReceiveOutcome) -> bool:
    try:
        return outcome.item is not None and viewer.sees(outcome)
    except Exception:
        log.exception("a fault of this program; the access is written down when the event is shown")
        metrics.FAULTS.inc()
        return False


class ShownStore(SharedStore):
    """The entries of an inbox that are not in the access log yet; ``StoreError`` when the disk fails."""

    def __init__(self, path: Path) -> None:
        """Open the inbox's database beside the inbox."""
        super().__init__(open_store(path, MIGRATIONS))
        self._conn.execute(f"PRAGMA wal_autocheckpoint = {LONGEST_PAGES}")
        self._conn.execute("PRAGMA synchronous = NORMAL")  # rule 1

    def next(self) -> list[Shown]:
        """Return the oldest entries, in order."""
        query = "SELECT seq, at, who, command, how, id FROM shown ORDER BY seq LIMIT ?"
        with self._reading() as conn:
            return [Shown(*row) for row in conn.execute(query, (TOGETHER,))]

    def forget(self, last: int) -> None:
        """Remove entries up to a number: they are in the access log."""
        with self._lock, transaction(self._conn) as conn:
            conn.execute("DELETE FROM shown WHERE seq <= ?", (last,))
