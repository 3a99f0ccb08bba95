"""What every measurement needs: a broker, keys, a charter, and the processes."""

from __future__ import annotations

import contextlib
import shutil
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from tests.world.processes import YIZHAN, running
from yizhan.charter.archive import Archive
from yizhan.charter.reader import CharterReader
from yizhan.deploy.home import bring_up
from yizhan.runtime.settings import Settings
from yizhan.schemas.keys import SealingKey, SigningKey, load_sealing, load_signing
from yizhan.schemas.sample import SIX
from yizhan.services.sample import make_sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

    from yizhan.runtime.connection import KafkaConnection

PLAIN = ("bench.in", "bench.out")
"""Two topics for the references, with the settings of ours."""


@dataclass
class Ground:
    """A home folder with a running broker, the keys of six counties and a charter."""

    home: Path
    signing: dict[str, SigningKey]
    sealing: dict[str, SealingKey]
    station: SigningKey
    broker_pid: int
    kept: contextlib.ExitStack | None = None
    """Where processes go on for the next part that asks for the same (the short form); None: each part ends its own."""
    _running: dict[tuple[str, ...], Any] = field(default_factory=dict)

    @property
    def charters(self) -> CharterReader:
        """The charter as the station's commands find it."""
        return CharterReader(Archive(self.home / "station" / "charter"))

    def connection(self, principal: str) -> KafkaConnection:
        """How a principal reaches the broker."""
        return Settings.load(self.home).connection(principal)

    def producer(self, principal: str, **settings: Any) -> KafkaProducer:  # noqa: ANN401 -- kafka-python's own
        """Make a producer with the publisher's settings."""
        return KafkaProducer(
            **self.connection(principal).kafka_python(),
            **{"acks": "all", "enable_idempotence": True, "linger_ms": 0, **settings},
        )

    def consumer(self, principal: str, topic: str, start: int | None = None) -> KafkaConsumer:
        """Make a consumer at an offset of a topic, or at its end."""
        consumer = KafkaConsumer(
            **self.connection(principal).kafka_python(), enable_auto_commit=False, auto_offset_reset="earliest"
        )
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        if start is None:
            consumer.seek_to_end(partition)
            consumer.position(partition)
        else:
            consumer.seek(partition, start)
        return consumer

    def end(self, topic: str) -> int:
        """Offset after a topic's last record."""
        consumer = self.consumer("admin", topic)
        try:
            return int(consumer.position(TopicPartition(topic, 0)))
        finally:
            consumer.close()

    def times(self, topic: str, start: int, count: int, seconds: float = 120) -> list[int]:
        """Append times (ms) of ``count`` records from an offset on; waits for them."""
        consumer = self.consumer("admin", topic, start)
        found: list[int] = []
        deadline = time.monotonic() + seconds
        try:
            while len(found) < count:
                if time.monotonic() > deadline:
                    message = f"{topic}: {len(found)} of {count} records after {seconds} s"
                    raise TimeoutError(message)
                for records in consumer.poll(timeout_ms=200).values():
                    found += [record.timestamp for record in records]
        finally:
            consumer.close()
        return found[:count]

    @contextlib.contextmanager
    def process(self, argv: Sequence[str], ready: str, env: Mapping[str, str] | None = None) -> Iterator[Any]:
        """Run a process until the block ends; begin when its log has the words ``ready``."""
        log = self.home / f"bench-{time.monotonic_ns()}.log"
        if self.kept is None:
            with running(argv, log, ready, env) as process:
                yield process
            return
        known = self._running.get(tuple(argv))
        if known is None or known.poll() is not None:
            self._running[tuple(argv)] = self.kept.enter_context(running(argv, log, ready, env))
        yield self._running[tuple(argv)]

    def yizhan(self, *words: str) -> list[str]:
        """Return a command line of ours in this home."""
        return [*YIZHAN, "--home", str(self.home), *words]


@contextlib.contextmanager
def ground(*, keep_running: bool = False) -> Iterator[Ground]:
    """Bring up a broker in a temporary home, with keys and charter; take it down at the end.

    ``keep_running``: processes that a part started go on for the next (:attr:`Ground.kept`).
    """
    home = Path(tempfile.mkdtemp(prefix="yizhan-bench-"))
    now = datetime.now(UTC)
    broker, _ = bring_up(home, SIX, now=now, progress=say)
    try:
        make_sample(home, SIX, now, since=now - timedelta(days=200))
        signing = {code: load_signing(_key(home, code, "sign")) for code in SIX}
        sealing = {code: load_sealing(_key(home, code, "seal")) for code in SIX}
        (station,) = (load_signing(path) for path in (home / "station" / "keys").glob("sign-*.pem"))
        admin = KafkaAdminClient(**Settings.load(home).connection("admin").kafka_python())
        same = {"message.timestamp.type": "LogAppendTime", "compression.type": "uncompressed"}
        admin.create_topics([NewTopic(name, 1, 1, topic_configs=same) for name in PLAIN])
        admin.close()
        with contextlib.ExitStack() as kept:
            yield Ground(home, signing, sealing, station, broker.pid() or 0, kept if keep_running else None)
    finally:
        broker.stop(0)  # its data go too
        shutil.rmtree(home, ignore_errors=True)


def _key(home: Path, code: str, role: str) -> Path:
    (path,) = (home / "counties" / code / "keys").glob(f"{role}-*.pem")
    return path


def end_in_order() -> None:
    """Let SIGTERM take everything down, as Ctrl-C does: a broker would go on otherwise."""
    signal.signal(signal.SIGTERM, _interrupted)


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def say(words: str) -> None:
    """Print what is being done."""
    print(f"[{datetime.now(UTC):%H:%M:%S}] {words}", file=sys.stderr, flush=True)


def peak_mib(pid: int | str = "self") -> float:
    """Largest resident set of a process since it began; unlike ``ru_maxrss`` it knows nothing of its parent's."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(significant(int(line.split()[1]) / 1024) for line in lines if line.startswith("VmHWM"))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share (0 to 1) of the values lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def summary(runs: Sequence[float]) -> dict[str, Any]:
    """Median and all runs, rounded to four significant digits."""
    return {"median": significant(statistics.median(runs)), "runs": [significant(run) for run in runs]}


def significant(value: float) -> float:
    """Round to four significant digits."""
    return float(f"{value:.4g}")
