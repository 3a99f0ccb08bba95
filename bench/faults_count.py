"""Counts of a fault run, each read from its original source.

Rule 1: accepted comes from the harness's own file; received from the rows of the inboxes, read as
        plain SQLite, not through our own code.
Rule 2: a duplicate is what a person would notice: a second ring for one event, or a second row.
Rule 3: order is the order of first appearance per lane; numbers that never come leave no mark on it.
        An alarm whose row was committed and whose process died before it said so is named by the next process at its
        start, among what waits for a person; one that no line ever named is counted (``alarms_not_announced``).
Rule 4: a section's figures are taken when it is over, before the next fault could mend or hide them.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer, TopicPartition

from bench.faults_load import PARTNER
from bench.faults_world import inbox
from yizhan.schemas import topics
from yizhan.schemas.sample import TWO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.faults_load import Accepted
    from bench.faults_world import World


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an inbox."""

    seq: int
    id: str
    kind: str
    way: str
    stored: float
    lane: tuple[str, str, str]
    n: int


def rows(world: World, county: str, after: int = 0) -> list[Row]:
    """Read the rows of an inbox in the order of arrival, from after a place on."""
    uri = f"{world.database(county).as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=30)) as conn:
        found = conn.execute(
            "SELECT seq, id, kind, way, stored, source, book, lane, n FROM items"
            " WHERE seq > ? AND lane IS NOT NULL ORDER BY seq",
            (after,),
        ).fetchall()
    ahead = world.clock_ahead.get(county, 0)
    return [
        Row(seq, name, kind, way, datetime.fromisoformat(stored).timestamp() - ahead, (source, book, lane), n)
        for seq, name, kind, way, stored, source, book, lane, n in found
    ]


def has(world: World, county: str, event_id: str) -> bool:
    """Return whether an inbox has an event."""
    uri = f"{world.database(county).as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=30)) as conn:
        return conn.execute("SELECT 1 FROM items WHERE id = ?", (event_id,)).fetchone() is not None


def missing(world: World, accepted: Sequence[Accepted], *, prompt_only: bool = False) -> list[Accepted]:
    """Return what was accepted, is not in its recipient's inbox, and was not refused by the station."""
    held = {county: {row.id for row in rows(world, county)} for county in TWO}
    told = turned_down(world)
    return [
        each
        for each in accepted
        if each.id not in held[PARTNER[each.county]]
        and each.id not in told
        and not (prompt_only and each.way == "digest")
    ]


def turned_down(world: World) -> dict[str, str]:
    """Return what the senders were told that the station refused: event → reason."""
    found: dict[str, str] = {}
    for county in TWO:
        uri = f"{world.database(county).with_name('outbox.sqlite3').as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=30)) as conn:
            found |= dict(conn.execute("SELECT id, refused FROM events WHERE refused IS NOT NULL"))
    return found


@dataclass
class Wire:
    """The records of the alerts topics: duplicates, and records that overtook others."""

    places: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TWO, 0))
    seen: set[tuple[str, bytes]] = field(default_factory=set)
    earlier: int = 0
    """Duplicates that were on a disk that is lost."""

    def duplicates(self, world: World) -> int:
        """Read on in both topics, and count the records whose event was there before."""
        return sum(self._read(world, county) for county in TWO)

    def before_disk_loss(self, world: World) -> None:
        """Read what the disk has, for the count that comes later; then begin again at the first record."""
        self.earlier += self.duplicates(world)
        self.places = dict.fromkeys(TWO, 0)

    def since(self, world: World) -> int:
        """Return the duplicates since the last time, lost disks included."""
        found, self.earlier = self.duplicates(world) + self.earlier, 0
        return found

    def _read(self, world: World, county: str) -> int:
        partition = TopicPartition(topics.alerts(county), 0)
        consumer = KafkaConsumer(**world.settings.connection("admin").kafka_python(), enable_auto_commit=False)
        again = 0
        try:
            consumer.assign([partition])
            end = consumer.end_offsets([partition])[partition]
            consumer.seek(partition, self.places[county])
            while consumer.position(partition) < end:
                for record in (record for batch in consumer.poll(timeout_ms=500).values() for record in batch):
                    again += (county, record.key) in self.seen
                    self.seen.add((county, record.key))
            self.places[county] = end
        finally:
            consumer.close()
        return again


@dataclass
class Counting:
    """Counts section by section; each figure belongs to one section."""

    world: World
    wire: Wire = field(default_factory=Wire)
    _places: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TWO, 0))
    _heads: dict[tuple[str, tuple[str, str, str]], int] = field(default_factory=dict)
    _rung: Counter[tuple[str, str]] = field(default_factory=Counter)
    _listed: set[tuple[str, str]] = field(default_factory=set)
    _log_places: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TWO, 0))

    def section(self, accepted: Sequence[Accepted], begun: float, *, refuses: bool = False) -> dict[str, Any]:
        """Count what became of a section; ``begun`` is its first instant, in seconds since 1970.

        ``refuses``: what the station refused, and told the sender, is not lost.
        """
        new = {county: rows(self.world, county, self._places[county]) for county in TWO}
        overtaken = [name for county in TWO for name in self._overtaken(county, new[county])]
        ours = {each.id for each in accepted}
        silence = max(_silence([row for row in new[county] if row.id in ours], begun) for county in TWO)
        for county in TWO:
            self._places[county] = max([self._places[county], *(row.seq for row in new[county])])
        again, torn = self._rings()
        told = turned_down(self.world)
        alarms = [(PARTNER[each.county], each.id) for each in accepted if each.way == "alarm" and each.id not in told]
        refused = [each for each in accepted if each.id in told]
        lost = [*missing(self.world, accepted), *([] if refuses else refused)]
        return {
            "accepted": len(accepted),
            "lost": len(lost),
            "refused_by_station": len(refused),
            "duplicates_in_inbox": again + self._double_rows(),
            "reordered": len(overtaken),
            "wire_duplicates": self.wire.since(self.world),
            "alarms_not_announced": sum(self._rung[each] == 0 and each not in self._listed for each in alarms),
            "torn_lines": torn,
            "longest_silence_seconds": round(silence, 1),
            "examples": {
                "lost": [each.id for each in lost[:5]],
                "reordered": overtaken[:5],
                "refused": sorted({told[each.id] for each in refused}),
            },
        }

    def _overtaken(self, county: str, new: Sequence[Row]) -> Iterator[str]:
        for row in new:
            lane = (county, row.lane)
            if row.n < self._heads.get(lane, 0):
                yield f"{row.id} ({row.lane[2]} {row.n} after {self._heads[lane]})"
            self._heads[lane] = max(self._heads.get(lane, 0), row.n)

    def _rings(self) -> tuple[int, int]:
        """Read on in what the inboxes wrote: rings beyond the first of an event, and lines cut short."""
        again = torn = 0
        for county in TWO:
            with self.world.log(inbox(county)).open("rb") as log:
                log.seek(self._log_places[county])
                lines = log.read().splitlines(keepends=True)
            for line in lines:
                self._log_places[county] += len(line)
                if not line.startswith(b"{"):
                    continue
                try:
                    said = json.loads(line)
                except ValueError:
                    torn += 1
                    continue
                if said["rings"]:
                    key = (county, said["item"]["id"])
                    again += self._rung[key] > 0
                    self._rung[key] += 1
                elif said["became"] == "ringing":
                    self._listed.update((county, each) for each in said["ids"])
        return again, torn

    def _double_rows(self) -> int:
        double = 0
        for county in TWO:
            uri = f"{self.world.database(county).as_uri()}?mode=ro"
            with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=30)) as conn:
                for column in ("id", "hash"):
                    double += conn.execute(f"SELECT count(*) - count(DISTINCT {column}) FROM items").fetchone()[0]  # noqa: S608 -- two words of ours
        return double


def _silence(new: Sequence[Row], begun: float) -> float:
    """Longest time without an arrival of an event that is sent at once."""
    times = [begun, *(row.stored for row in new if row.kind == "alert")]
    return max((later - earlier for earlier, later in itertools.pairwise(times)), default=0.0)
