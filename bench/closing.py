"""Closing a period of 3,000 and of 30,000 pending events: time per event and memory stay flat."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.harness import peak_mib, say, significant
from bench.throughput import envelopes
from yizhan.charter.archive import Archive
from yizhan.charter.reader import CharterReader
from yizhan.runtime.settings import Settings
from yizhan.schemas import topics
from yizhan.schemas.admit import Record
from yizhan.schemas.keys import load_signing
from yizhan.schemas.timestamps import written
from yizhan.streams.closing import CloseRequest
from yizhan.streams.closing_kafka import Closer
from yizhan.streams.station import handle

if TYPE_CHECKING:
    from bench.harness import Ground

SIZES = {"330327": ("350982", 3_000), "331181": ("350722", 30_000)}
"""Member whose book is closed → (who sends to it, how many events)."""


def _fill(ground: Ground, partner: str, source: str, count: int) -> None:
    """Put what the station would have written into a member's book, straight into the topic."""
    charter = ground.charters.latest()
    with ground.producer("admin", batch_size=1 << 20, linger_ms=20) as producer:
        for begin in range(0, count, 5000):
            values = envelopes(ground, min(5000, count - begin), f"close{begin}", source, partner)
            for n, value in enumerate(values):
                record = Record(topics.events(source), 0, begin + n, datetime.now(UTC), value)
                for output in handle(record, charter, ground.station, "bench").outputs:
                    if output.topic == topics.pending(partner) and output.header:
                        producer.send(
                            output.topic, value=output.value, key=output.key, headers=[output.header], partition=0
                        )
        producer.flush()


def close(home: Path, county: str) -> None:
    """Close one member's period in this process, and print count, seconds and peak memory (MiB)."""
    settings = Settings.load(home)
    keys = [load_signing(path) for path in (home / "station" / "keys").glob("sign-*.pem")]
    charters = CharterReader(Archive(home / "station" / "charter"))
    with Closer(settings.connection(topics.STATION), home / "station", charters, keys) as closer:
        begun = time.monotonic()
        request = CloseRequest(label="2026Q4", closed=written(datetime.now(UTC)))
        (closed,) = closer.run(county, request, interim=False, progress=lambda _: None)
        spent = time.monotonic() - begun
    print(closed.manifest.count, spent, peak_mib())


def measure(ground: Ground) -> dict[str, Any]:
    """Return µs per event and peak memory of both sizes, and their ratios."""
    results: dict[str, Any] = {"what": "one process closes a member's period; reference: the smaller period"}
    spent, memory = [], []
    for partner, (source, count) in SIZES.items():
        say(f"closing: filling the book of {partner} with {count} events")
        _fill(ground, partner, source, count)
        done = subprocess.run(
            [sys.executable, "-m", "bench.closing", str(ground.home), partner],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        counted, seconds, peak = done.stdout.split()
        assert int(counted) == count
        spent.append(float(seconds) / count * 1e6)
        memory.append(float(peak))
        results[str(count)] = {"us_per_event": significant(spent[-1]), "peak_mib": significant(memory[-1])}
        say(f"closing: {count} events: {seconds} s, peak {peak} MiB")
    return results | {
        "ratio": {
            "us_per_event": significant(spent[-1] / spent[0]),
            "peak_mib": significant(memory[-1] / memory[0]),
        }
    }


if __name__ == "__main__":
    close(Path(sys.argv[1]), sys.argv[2])
