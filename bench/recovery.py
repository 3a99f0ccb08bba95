"""Recovery: time from ``kill -9`` of the station to its next output, compared with other ways to run Faust.

Each worker is killed and started again at once, as its supervisor would; events go on coming. The
references are the bare agent with the station's session settings but without static membership
(6 s), and with Faust's own settings (60 s): measured, not quoted.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from kafka import TopicPartition

from bench.harness import PLAIN, say, significant, summary
from bench.throughput import PARTNER, SOURCE, envelopes
from yizhan.schemas import topics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.harness import Ground

KILLS = 3
FLOWING_SECONDS = 2.0
"""How long a worker works before it is killed."""


@contextlib.contextmanager
def _flowing(ground: Ground, topic: str, values: Sequence[bytes]) -> Iterator[None]:
    """Send the values round and round, 20 a second, while the block runs."""
    stop = threading.Event()

    def flow() -> None:
        with ground.producer("admin") as producer:
            n = 0
            while not stop.wait(0.05):
                producer.send(topic, value=values[n % len(values)], key=b"k", partition=0)
                n += 1

    thread = threading.Thread(target=flow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def silence(ground: Ground, argv: Sequence[str], topic: str, target: str, kills: int) -> list[float]:
    """Seconds from each kill to the next record on ``target``."""
    values = envelopes(ground, 50, f"recover{kills}")
    found = []
    log = ground.home / "recovery.log"
    with log.open("wb") as file, _flowing(ground, topic, values):
        consumer, partition = ground.consumer("admin", target), TopicPartition(target, 0)
        running = subprocess.Popen(argv, stdout=file, stderr=file)
        try:
            for _ in range(kills):
                _next(consumer, 120)
                time.sleep(FLOWING_SECONDS)
                running.kill()
                begun = time.monotonic()
                running.wait()
                consumer.seek_to_end()  # what the dead worker wrote is no recovery
                consumer.position(partition)
                running = subprocess.Popen(argv, stdout=file, stderr=file)
                _next(consumer, 120)
                found.append(time.monotonic() - begun)
        finally:
            running.kill()
            running.wait()
            consumer.close()
    return found


def _next(consumer: Any, seconds: float) -> None:  # noqa: ANN401 -- kafka-python ships no types
    deadline = time.monotonic() + seconds
    while not consumer.poll(timeout_ms=100):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no record within {seconds} s")


def measure(ground: Ground) -> dict[str, Any]:
    """Return seconds of silence of ours and of both references, and the ratio to Faust's own settings."""
    bare = [sys.executable, "-m", "bench.bare_agent", str(ground.home), *PLAIN]
    station = silence(ground, ground.yizhan("station", "run"), topics.events(SOURCE), topics.pending(PARTNER), KILLS)
    say(f"recovery: station {station}")
    six = silence(ground, [*bare, "--dynamic"], PLAIN[0], PLAIN[1], 1)
    say(f"recovery: 6 s session, no static membership {six}")
    stock = silence(ground, [*bare, "--stock"], PLAIN[0], PLAIN[1], 1)
    say(f"recovery: Faust's own settings {stock}")
    ours = summary(station)
    return {
        "what": "seconds from kill -9 of the worker, started again at once, to its next output",
        "seconds": ours,
        "session_6_s_seconds": summary(six),
        "reference_seconds": summary(stock),
        "ratio": significant(ours["median"] / summary(stock)["median"]),
    }
