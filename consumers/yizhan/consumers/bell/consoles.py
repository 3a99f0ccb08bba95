"""Consoles: the open pages of a web desk, in a file of the county (``consoles.sqlite3``), and as a channel of the bell.

Rule 1: a page reports itself every twenty seconds or so, and at once which alarms it shows and whether they sound. One
        that was not seen, or not heard, for ``LIVE_SECONDS`` counts no longer.
Rule 2: an alarm is delivered by this channel only if a live page that can be heard says that it shows this alarm.
        No page, or none with sound, is a dead channel at once; a page that does not confirm in time is one, too.
Rule 3: it carries what rings on the page, alarms that wait for a person, and nothing else.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from yizhan.consumers.bell.channels import DELIVERED, FAULT
from yizhan.consumers.bell.rings import ABSENCE_STEP, SAID_ONCE, Ring
from yizhan.consumers.bell.settings import Channel, Tells
from yizhan.runtime.errors import StoreError
from yizhan.runtime.store import Store, open_store, read_store, transaction, wrapped
from yizhan.schemas.timestamps import written

FILE: Final = "consoles.sqlite3"
LIVE_SECONDS: Final = 60.0
"""How long a page counts after it was seen last. Short: a page that loses two reports is dead; long: an alarm waits
for one that is closed.
"""
NO_CONSOLE: Final = "no console"
NO_SOUND: Final = "no sound"
NOT_OPEN: Final = (NO_CONSOLE, NO_SOUND)
"""Outcomes that are over as soon as a page with sound is open."""
_LOOK_SECONDS: Final = 0.1
_KEPT: Final = timedelta(days=7)

MIGRATIONS: Final = (
    """
    CREATE TABLE consoles (
        id TEXT PRIMARY KEY,                 -- chosen by the desk, one an open page
        badge TEXT NOT NULL,                 -- of the officer who is signed in
        label TEXT NOT NULL,                 -- what an officer calls this page
        seen TEXT NOT NULL,
        audible INTEGER NOT NULL,            -- 1: it could be heard when it was seen last
        heard TEXT                           -- when it could be heard last
    ) WITHOUT ROWID;

    CREATE TABLE marks (
        event TEXT NOT NULL,                 -- id of an alarm
        console TEXT NOT NULL REFERENCES consoles (id) ON DELETE CASCADE,
        shown TEXT NOT NULL,                 -- when the page said so first
        audible TEXT,                        -- when it said first that this alarm sounds
        PRIMARY KEY (event, console)
    ) WITHOUT ROWID;
    CREATE INDEX marks_by_time ON marks (shown);
    CREATE INDEX marks_by_console ON marks (console);
    """,
)


@dataclass(frozen=True, slots=True)
class Console:
    """One page of the desk. Times are written instants; ``heard``: when it could be heard last."""

    id: str
    badge: str
    label: str
    seen: str
    audible: bool
    heard: str | None


class ConsolesView(Store):
    """The consoles of a county, opened to read only; the file exists."""

    def __init__(self, path: Path) -> None:
        """Open the file (``StoreError`` if it cannot be used)."""
        super().__init__(self._connect(path))

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        return read_store(path, MIGRATIONS)

    def live(self, now: datetime) -> tuple[Console, ...]:
        """List the consoles that count as open, those seen last first."""
        with wrapped(self._conn):
            rows = self._conn.execute("SELECT * FROM consoles WHERE seen >= ? ORDER BY seen DESC", (_since(now),))
            return tuple(
                Console(row["id"], row["badge"], row["label"], row["seen"], bool(row["audible"]), row["heard"])
                for row in rows
            )

    def trouble(self, now: datetime) -> str | None:
        """Return why an alarm would not be heard: no page, or none with sound; None if one would be."""
        live = self.live(now)
        heard = any(each.heard is not None and each.heard >= _since(now) for each in live)
        return None if heard else NO_SOUND if live else NO_CONSOLE

    def sounds(self, event: str, now: datetime) -> bool:
        """Return whether a live page that can be heard shows an alarm, and it sounds there."""
        query = (
            "SELECT 1 FROM marks JOIN consoles ON id = console"
            " WHERE event = ? AND marks.audible IS NOT NULL AND seen >= ? AND consoles.audible"
        )
        with wrapped(self._conn):
            return self._conn.execute(query, (event, _since(now))).fetchone() is not None


class ConsoleStore(ConsolesView):
    """The same, opened to write."""

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        return open_store(path, MIGRATIONS)

    def report(self, console: Console, shown: Iterable[str]) -> None:
        """Enter that a page was seen, whether it can be heard, and which alarms it shows now (``StoreError``)."""
        with transaction(self._conn) as conn:
            new = conn.execute("SELECT 1 FROM consoles WHERE id = ?", (console.id,)).fetchone() is None
            conn.execute(
                "INSERT INTO consoles VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET badge = excluded.badge,"
                " label = excluded.label, seen = excluded.seen, audible = excluded.audible,"
                " heard = coalesce(excluded.heard, heard)",
                (console.id, console.badge, console.label, console.seen, console.audible, console.heard),
            )
            conn.executemany(
                "INSERT OR IGNORE INTO marks VALUES (?, ?, ?, NULL)",
                [(event, console.id, console.seen) for event in shown],
            )
            if console.audible:  # a page that was unblocked sounds for all that it shows
                silent = "UPDATE marks SET audible = ? WHERE console = ? AND audible IS NULL"
                conn.execute(silent, (console.seen, console.id))
            if new:
                old = written(datetime.fromisoformat(console.seen) - _KEPT)
                conn.execute("DELETE FROM consoles WHERE seen < ?", (old,))
                conn.execute("DELETE FROM marks WHERE shown < ?", (old,))


def _since(now: datetime) -> str:
    return written(now - timedelta(seconds=LIVE_SECONDS))


def console_trouble(path: Path, now: datetime) -> str | None:
    """Return why an alarm would not be heard on any page; None if it would be (``StoreError``)."""
    if not path.exists():
        return NO_CONSOLE
    with ConsolesView(path) as consoles:
        return consoles.trouble(now)


def rings_on_pages(rings: Sequence[Ring]) -> bool:
    """Return whether all of these are for an alarm that waits for a person: what a page of the desk rings for."""
    plans = [each.plan for each in rings]
    return all(
        plan.urgency == "alarm" and plan.about is not None and plan.step not in {*SAID_ONCE, ABSENCE_STEP}
        for plan in plans
    )


class ConsoleNotifier:
    """Waits until a page confirms an alarm; the page has it from the inbox, so nothing is sent."""

    def __init__(self, path: Path, channel: Channel, clock: Callable[[], datetime], stop: threading.Event) -> None:
        """Take the file of the consoles, how long to wait, the clock, and what ends the waiting."""
        self._path, self._clock, self._stop = path, clock, stop
        self.tells: Tells = "kind"
        self._seconds = channel.timeout_seconds

    def notify(self, rings: Sequence[Ring]) -> str:
        """Return ``delivered``, or why nobody is known to hear it."""
        try:
            if (trouble := console_trouble(self._path, self._clock())) is not None:
                return trouble
            return self._confirmed({each.plan.about for each in rings if each.plan.about is not None})
        except StoreError:
            return FAULT

    def _confirmed(self, events: set[str]) -> str:
        deadline = time.monotonic() + self._seconds
        with ConsolesView(self._path) as consoles:
            while True:
                events = {each for each in events if not consoles.sounds(each, self._clock())}
                if not events:
                    return DELIVERED
                if time.monotonic() >= deadline or self._stop.wait(_LOOK_SECONDS):
                    return "timeout"
