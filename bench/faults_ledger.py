"""What became of the ledger while everything was hurt: counted from topics and files, not from its own words.

Rule 1: what must be in the log is what the harness itself read from ``yizhan.audit``, before a disk is
        lost too.
Rule 2: a fork is a checkpoint on the topic that the log does not have, a file that is not what was signed,
        or evidence that a county kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kafka import KafkaConsumer, TopicPartition

from bench.harness import say
from tests.ledger.fsck import tool
from tests.ledger.injection import Trial, points
from tests.world.ledger import LedgerWorld
from yizhan.charter.archive import Archive
from yizhan.charter.reader import CharterReader
from yizhan.ledger.log_source import LogFolder, Tiles
from yizhan.ledger.verify import verify
from yizhan.schemas import notes, tiles, topics
from yizhan.schemas.checkpoints import Checkpoint, parse_checkpoint
from yizhan.schemas.logrecords import MAGIC
from yizhan.schemas.sample import TWO

if TYPE_CHECKING:
    from bench.faults_world import World

LEDGER: Final = "ledger"
PATIENCE_SECONDS: Final = 90.0


def cosigner(county: str) -> str:
    """Name of a county's cosigning process."""
    return f"cosign-{county}"


@dataclass
class LedgerCount:
    """Checks section by section: at the end of each, every statement so far must be in the log."""

    world: World
    said: set[bytes] = field(default_factory=set)
    checkpoints: set[Checkpoint] = field(default_factory=set)
    _places: Counter[str] = field(default_factory=Counter)

    def read(self) -> None:
        """Read on in both topics."""
        for value in self._values(topics.AUDIT):
            self.said.add(hashlib.sha256(value).digest())
        for value in self._values(topics.CHECKPOINTS):
            if not value.startswith(MAGIC):
                self.checkpoints.add(parse_checkpoint(notes.parse(value).text))

    def disk_lost(self) -> None:
        """Begin again at the first record."""
        self._places.clear()

    def section(self) -> dict[str, float]:
        """Wait until the statements are in the log and cosigned by a quorum, and count."""
        self.read()
        begun = time.monotonic()
        while self._not_final() and time.monotonic() < begun + PATIENCE_SECONDS:
            time.sleep(0.5)
        waited = time.monotonic() - begun
        not_final, entries = self._not_final(), self._entries()
        return {
            "statements": len(self.said),
            "statements_lost": len(self.said - set(entries)),
            "statements_doubled": len(entries) - len(set(entries)),
            "forks": self._forks(entries),
            "not_final": not_final,
            "final_after_seconds": round(waited, 1),
        }

    def _values(self, topic: str) -> list[bytes]:
        partition = TopicPartition(topic, 0)
        consumer = KafkaConsumer(**self.world.settings.connection("admin").kafka_python(), enable_auto_commit=False)
        values: list[bytes] = []
        try:
            consumer.assign([partition])
            end = consumer.end_offsets([partition])[partition]
            consumer.seek(partition, self._places[topic])
            while consumer.position(partition) < end:
                values += [record.value for batch in consumer.poll(timeout_ms=500).values() for record in batch]
            self._places[topic] = end
        finally:
            consumer.close()
        return values

    def _entries(self) -> list[bytes]:
        uri = f"{(self.world.home / 'ledger' / 'statements.sqlite3').as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=30)) as conn:
            rows = conn.execute("SELECT statement FROM statements ORDER BY place")
            return [hashlib.sha256(statement).digest() for (statement,) in rows]

    def _not_final(self) -> int:
        """Count what was said before and no final checkpoint covers; what the station says meanwhile is not asked for.

        Obligations fall due while this waits, so the log grows and its newest checkpoint is rarely the final one.
        """
        final = LogFolder(self.world.home / "ledger" / "log").read("final")
        size = 0 if final is None else parse_checkpoint(notes.parse(final).text).size
        return len(self.said - set(self._entries()[:size]))

    def _forks(self, entries: list[bytes]) -> int:
        folder = self.world.home / "ledger" / "log"
        found = verify(LogFolder(folder), CharterReader(Archive(self.world.home / "station" / "charter")))
        size = found.newest.checkpoint.size
        reader = Tiles(LogFolder(folder), size, folder)
        forks = sum(
            each.size > len(entries) or tiles.root_at(each.size, reader.tile) != each.root for each in self.checkpoints
        )
        for county in TWO:
            status = json.loads(self.world.yizhan("ledger", "status", "--county", county, "--json"))
            forks += sum(each["offence"] != "missing" for each in status["evidence"])
        return forks


def inject() -> dict[str, Any]:
    """Let every system call of the writer fail, and kill it at each, one at a time; count."""
    world = LedgerWorld()
    tool()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="yizhan-inject-") as folder:
        trial = Trial(world, Path(folder))
        every, wrong = list(points(trial.counted)), []
        for number, point in enumerate(every, 1):
            try:
                trial.run(point)
            except AssertionError as error:
                wrong.append(str(error)[:300])
            if number % 100 == 0:
                say(f"  {number} of {len(every)} calls")
    say(f"ledger_calls: {len(every)} faults, {dict(trial.outcomes)}, {len(wrong)} wrong")
    return {
        "what": "every system call of the ledger's writer that touches the disk fails, or is where it is killed, "
        "one at a time; then it starts again, and Tessera's fsck and the same bytes are asked for",
        "calls": dict(trial.counted),
        "faults": len(every),
        "outcomes": dict(trial.outcomes),
        "wrong": len(wrong),
        "examples": wrong[:5],
        "seconds": round(time.monotonic() - begun, 1),
    }
