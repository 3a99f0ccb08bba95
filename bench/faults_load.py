"""The load of a fault run: events in both directions at a steady pace, written down when they are accepted."""

from __future__ import annotations

import itertools
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yizhan.producers.drafts import Draft, parse_draft
from yizhan.producers.outbox import Outbox
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.sample import TWO

if TYPE_CHECKING:
    from collections.abc import Iterator

PER_SECOND = 15
"""Fifty fill two cores: then a silence is the machine's, not the fault's."""
MIX = ("alarm", "alarm", "alarm", "notice", "notice", "digest", "digest", "digest", "digest", "digest")
"""Of ten events of a county: how they are meant to reach its partner."""
_LOOK = 100
"""At every so many events the load looks how many answers the station owes."""
PARTNER = dict(itertools.permutations(TWO, 2))


def draft(county: str, way: str) -> Draft:
    """Write an event of about 1 KiB that reaches the partner in this way."""
    partner = PARTNER[county]
    officer = {"name": "陈立新", "badge": "352017"}
    payload: dict[str, Any] = {
        "org_code": f"{county}000000", "drafted_by": officer, "reviewed_by": officer, "signed_off_by": officer,
        "contact": {"name": "陈立新", "phone": "0593-5520110"}, "classification": "内部",
        "summary": "林场后山起火，火势向省界蔓延。" * 10, "ask": ["知悉"], "place": {"county": county},
    }  # fmt: skip
    if way == "digest":
        report = {"title": "界山沿线发现猎套", "kind": "线索", "origin": "巡查", "handling": "可核查"}
        return parse_draft({"type": "yizhan.intelligence.report.v1", "to": [partner], "payload": payload | report})
    fire = {"state": "燃烧", "forest_ha": 0.3, "dead": 0, "injured": 0, "crossing": "无"}
    stage = "first" if way == "alarm" else "update"
    return parse_draft({
        "type": "yizhan.incident.forest_fire.v1", "to": [partner], "touches": [partner], "stage": stage,
        "priority": "flash", "payload": payload | fire,
    })  # fmt: skip


@dataclass(frozen=True, slots=True)
class Accepted:
    """One event whose ``publish`` returned. ``at`` is the monotonic time of the return."""

    section: str
    county: str
    id: str
    way: str
    at: float


class Load(threading.Thread):
    """Publishes at a steady pace in both directions, while the other processes fail."""

    def __init__(self, outboxes: dict[str, Outbox], ledger: Path, rate: float) -> None:
        """Prepare it; ``ledger`` is the harness's own file of accepted ids."""
        super().__init__(name="load", daemon=True)
        self.accepted: list[Accepted] = []
        self.refused: list[str] = []
        self._outboxes, self._ledger, self._rate, self._usual = outboxes, ledger, rate, rate
        self._most_awaited: int | None = None
        self._drafts = {(county, way): draft(county, way) for county in TWO for way in set(MIX)}
        self._section, self._going, self._ended = "", threading.Event(), threading.Event()
        self._idle = threading.Event()
        self._idle.set()

    def begin(self, section: str) -> None:
        """Publish from now on, in the name of a section."""
        self._section = section
        self._going.set()

    def pause(self) -> None:
        """Publish nothing more; returns when the last event was accepted."""
        self._going.clear()
        self._idle.wait()

    def end(self) -> None:
        """End the thread."""
        self._ended.set()
        self._going.set()
        if self.is_alive():
            self.join(timeout=30)

    def pace(self, rate: float | None = None, most_awaited: int | None = None) -> None:
        """Publish at another rate (None: the usual one), and wait while the station owes more answers than this."""
        self._rate, self._most_awaited = rate or self._usual, most_awaited

    def probe(self, county: str, since: float) -> str | None:
        """Return the first event of this county that is sent at once and was accepted after an instant."""
        later = itertools.takewhile(lambda each: each.at > since, reversed(self.accepted[:]))
        ids = [each.id for each in later if each.county == county and each.way != "digest"]
        return ids[-1] if ids else None

    def awaited(self) -> int:
        """Count the events that are to be sent, or that the station has not answered."""
        figures = [outbox.figures() for outbox in self._outboxes.values()]
        return sum(each.depth + each.awaited for each in figures)

    def run(self) -> None:
        """Publish until the end."""
        numbers = itertools.count()
        with self._ledger.open("ab", buffering=0) as ledger:
            while self._going.wait() and not self._ended.is_set():
                self._idle.clear()
                self._stretch(numbers, ledger.fileno())
                self._idle.set()

    def _stretch(self, numbers: Iterator[int], ledger: int) -> None:
        due = time.monotonic()
        while True:
            time.sleep(max(0.0, due - time.monotonic()))
            if not self._going.is_set() or self._ended.is_set():
                return
            n = next(numbers)
            if self._most_awaited is not None and n % _LOOK == 0 and self.awaited() > self._most_awaited:
                due = time.monotonic() + 1
                continue
            due += 1 / self._rate
            self._one(TWO[n % 2], MIX[n // 2 % len(MIX)], ledger)

    def _one(self, county: str, way: str, ledger: int) -> None:
        try:
            sent = self._outboxes[county].publish(self._drafts[county, way])
        except YizhanError as error:
            self.refused.append(str(error))
            return
        # From here on the event is accepted, and losing it counts.
        made = sent.decisions[PARTNER[county]].way.value
        os.write(ledger, f"{self._section} {county} {sent.id} {made}\n".encode())
        os.fsync(ledger)
        self.accepted.append(Accepted(self._section, county, sent.id, made, time.monotonic()))
