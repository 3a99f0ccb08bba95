"""How a station grows: 6, 60 and 600 members; one station and two parts that share the members; a standby of a part.

A broker of its own for each size, with the topics that the station uses. Members are synthetic (``big_world``): each
sends to its neighbour on the grid, every tenth event a fire. Processor time is the worker's own (user and system), less
what it takes while nothing happens.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    NewTopic,
    ResourcePattern,
    ResourceType,
)
from kafka.errors import InvalidReplicationFactorError, TopicAlreadyExistsError

from bench.big_world import BigCeremony, BigWorld
from bench.harness import say, significant
from tests.world.cluster import Cluster
from tests.world.processes import YIZHAN, running
from tests.world.waiting import until
from yizhan.charter import rolekeys
from yizhan.charter.archive import Archive, write_durably
from yizhan.charter.fetch import MemorySource
from yizhan.charter.layout import TIMESTAMP
from yizhan.charter.reader import CharterReader
from yizhan.deploy.home import bring_up
from yizhan.schemas import keys, topics
from yizhan.schemas.admit import Record
from yizhan.schemas.sample import SIX
from yizhan.schemas.timestamps import written
from yizhan.services.home import Home
from yizhan.services.station import move_members
from yizhan.streams.errors import StationError
from yizhan.streams.followups import Follower
from yizhan.streams.followups_kafka import Ends
from yizhan.streams.obligation_table import ObligationTable
from yizhan.streams.ticks import Tick

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.harness import Ground

SIZES = (6, 60, 600)
EVENTS, ROUNDS = 1500, 3
IDLE_SECONDS = 12.0
TICKS = 200
EAST = "east"
_AT_ONCE = 50
"""Topics in one request to the broker."""
_FIRE_EVERY = 10
_AUDIT = TopicPartition(topics.AUDIT, 0)


@dataclass
class Alliance:
    """A broker, and a station's home with the charter of so many members."""

    cluster: Cluster
    world: BigWorld
    reader: KafkaConsumer

    @property
    def codes(self) -> tuple[str, ...]:
        """Its members."""
        return tuple(self.world.counties)

    def neighbour(self, code: str) -> str:
        """Return the next member on the grid; of the last one the one before."""
        place = self.codes.index(code)
        return self.codes[place + 1 if place + 1 < len(self.codes) else place - 1]

    def events(self, count: int) -> list[tuple[str, bytes]]:
        """Seal events, members in turn: topic and value of each."""
        found, now = [], written(datetime.now(UTC))
        plain: dict[str, Any] = {
            "type": "yizhan.intelligence.report.v1", "priority": "routine", "stage": None, "touches": None
        }  # fmt: skip
        for number in range(count):
            code = self.codes[number % len(self.codes)]
            how = {} if number % _FIRE_EVERY == 0 else plain
            header = self.world.header(code, (self.neighbour(code),), time=now, **how)
            found.append((topics.events(code), self.world.seal(header, b'{"summary":"' + b"x" * 1000 + b'"}')))
        return found

    def publish(self, events: Sequence[tuple[str, bytes]]) -> None:
        """Write them, as the administrator."""
        with self.cluster.producer("admin", linger_ms=20) as producer:
            for topic, value in events:
                producer.send(topic, value=value, key=b"k", partition=0)
            producer.flush()

    def end(self) -> int:
        """Offset after the last record of the audit."""
        return int(self.reader.end_offsets([_AUDIT])[_AUDIT])

    @contextlib.contextmanager
    def station(self, *words: str, host: str = "") -> Iterator[subprocess.Popen[bytes]]:
        """Run a station, under another host name if one is given."""
        argv = [*YIZHAN, "--home", str(self.cluster.home), "station", "run", *words]
        if host:
            argv = ["unshare", "--uts", "sh", "-c", f'hostname {host}; exec "$@"', "sh", *argv]
        log = self.cluster.home / f"bench-{time.monotonic_ns()}.log"
        with running(argv, log, "Worker ready") as process:
            yield process


@contextlib.contextmanager
def alliance(count: int, parts: Sequence[str] = ()) -> Iterator[Alliance]:
    """Bring up an alliance of so many members."""
    home, now = Path(tempfile.mkdtemp(prefix="yizhan-sharing-")), datetime.now(UTC)
    (home / "yizhan.toml").write_text(f"station_parts = {list(parts)!r}\n".replace("'", '"'))
    brokers, _ = bring_up(home, SIX, now=now)
    try:
        begun = time.monotonic()
        world = BigWorld(count, now - timedelta(days=1))
        ceremony = BigCeremony.begin(world.files, now - timedelta(minutes=1))
        say(f"sharing: a charter of {count} members in {time.monotonic() - begun:.1f} s")
        assert ceremony.newest is not None
        world.charter = ceremony.newest.charter
        for path, data in ceremony.published.items():
            write_durably(home / "station" / "public" / path, data)
        CharterReader(ceremony.archive(home / "station" / "charter"), MemorySource(ceremony.published))
        rolekeys.save(ceremony.station[TIMESTAMP][0], home / "station" / "roles", TIMESTAMP)
        keys.save(world.station, home / "station" / "keys")
        cluster = Cluster(home, brokers.first)
        _make_topics(cluster, tuple(world.counties), parts)
        say(f"sharing: topics after {time.monotonic() - begun:.1f} s")
        with cluster.consumer("admin") as reader:
            yield Alliance(cluster, world, reader)
    finally:
        brokers.stop(0)
        shutil.rmtree(home, ignore_errors=True)


def _make_topics(cluster: Cluster, codes: Sequence[str], parts: Sequence[str]) -> None:
    """Make what the station reads and writes; counties' own rights are left out, they do not concern it."""
    used = {name(code) for name in (topics.events, topics.alerts, topics.pending, topics.postings) for code in codes}
    declared = [each for each in topics.declare(codes, parts) if each.name in used]
    with cluster.admin() as client:
        for begin in range(0, len(declared), _AT_ONCE):
            some = declared[begin : begin + _AT_ONCE]
            wanted = [NewTopic(each.name, 1, 1, topic_configs=each.config()) for each in some]
            until(partial(_created, client, wanted), "the broker makes topics")
        pattern = ResourcePattern(ResourceType.TOPIC, "yizhan.", ACLResourcePatternType.PREFIXED)
        rights = [
            ACL("User:station", "*", operation, ACLPermissionType.ALLOW, pattern)
            for operation in (ACLOperation.READ, ACLOperation.WRITE)
        ]
        answer = client.create_acls(rights)
        assert not answer["failed"], answer
    with cluster.consumer(topics.STATION) as reader:
        until(lambda: used <= reader.topics(), "the station may read its topics")


def _created(client: KafkaAdminClient, wanted: list[NewTopic]) -> bool:
    """Make topics; a broker that is busy with the last ones is fenced for a moment."""
    with contextlib.suppress(TopicAlreadyExistsError):
        try:
            client.create_topics(wanted)
        except InvalidReplicationFactorError:
            return False
    return True


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Memory of a process now."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(significant(int(line.split()[1]) / 1024) for line in lines if line.startswith("VmRSS"))


def _idle(pids: Sequence[int]) -> float:
    """Processor seconds a second while nothing happens."""
    before, begun = sum(map(cpu_seconds, pids)), time.monotonic()
    time.sleep(IDLE_SECONDS)
    return (sum(map(cpu_seconds, pids)) - before) / (time.monotonic() - begun)


def _rounds(made: Alliance, pids: Sequence[int], idle: float) -> list[float]:
    """Processor milliseconds an event, of all stations together, in each round."""
    found = []
    for number in range(ROUNDS + 1):
        events = made.events(EVENTS)
        before, begun, start = sum(map(cpu_seconds, pids)), time.monotonic(), made.end()
        made.publish(events)
        while made.end() < start + EVENTS:
            time.sleep(0.5)
        time.sleep(1)
        used = sum(map(cpu_seconds, pids)) - before - idle * (time.monotonic() - begun)
        if number:  # the first warms up
            found.append(1000 * used / EVENTS)
    return found


def _tick_milliseconds(made: Alliance) -> dict[str, float]:
    """How long a tick takes: asking the broker for the ends, and the work of the pure core, once all is open."""
    world = made.world
    charters = CharterReader(Archive(made.cluster.home / "station" / "charter"))
    follower = Follower(ObligationTable(), charters, lambda _moment: world.station, made.codes, {})
    now, ends = datetime.now(UTC), Ends(made.cluster.connection(topics.STATION), [topics.events(c) for c in made.codes])
    asked, acted = [], []
    known: dict[str, int] = {}
    for number in range(TICKS):
        begun = time.perf_counter()
        if number < TICKS // 10:
            known = dict(ends.ask())
        asked.append(time.perf_counter() - begun)
        value = Tick(at=written(now), ends=known).to_bytes()
        begun = time.perf_counter()
        follower.tick(Record(topics.TICKS, 0, number, now, value))
        acted.append(time.perf_counter() - begun)
    ask = sorted(asked[1 : TICKS // 10])
    return {
        "ends_asked_ms": significant(1000 * ask[len(ask) // 2]),
        "first_tick_ms": significant(1000 * acted[0]),
        "tick_ms": significant(1000 * sorted(acted[1:])[TICKS // 2]),
    }


def _size(count: int) -> dict[str, Any]:
    with alliance(count) as made:
        begun = time.monotonic()
        with made.station() as process:
            started = time.monotonic() - begun
            idle = _idle([process.pid])
            quiet = resident_mib(process.pid)
            rounds = _rounds(made, [process.pid], idle)
            found = {
                "members": count,
                "start_seconds": significant(started),
                "memory_mib": quiet,
                "memory_after_events_mib": resident_mib(process.pid),
                "idle_cpu_share": significant(idle),
                "cpu_ms_an_event": significant(sorted(rounds)[len(rounds) // 2]),
                "cpu_ms_an_event_runs": [significant(each) for each in rounds],
                **_tick_milliseconds(made),
            }
    say(f"sharing: {found}")
    return found


def _move(made: Alliance, codes: Sequence[str], to: str) -> float:
    """Move members, once their part has left its group; return seconds from the first attempt."""
    begun = time.monotonic()
    while True:
        try:
            move_members(Home(made.cluster.home), codes, to)
            return time.monotonic() - begun
        except StationError:
            time.sleep(0.2)


def _two(count: int) -> dict[str, Any]:
    """One station, then two that share the members, on the same events; then the death of one that has a standby."""
    with alliance(count, (EAST,)) as made:
        with made.station() as one:
            alone = _rounds(made, [one.pid], _idle([one.pid]))
        stopped = time.monotonic()
        _move(made, made.codes[count // 2 :], EAST)
        with made.station() as main, made.station("--part", EAST) as east:
            silence = time.monotonic() - stopped
            pids = [main.pid, east.pid]
            shared = _rounds(made, pids, _idle(pids))
            takeover = _takeover(made, east)
    one_ms, two_ms = (sorted(each)[len(each) // 2] for each in (alone, shared))
    found = {
        "members": count,
        "one_cpu_ms_an_event": [significant(each) for each in alone],
        "two_cpu_ms_an_event": [significant(each) for each in shared],
        "ratio": significant(two_ms / one_ms),
        "move_silence_seconds": significant(silence),
        "takeover_seconds": takeover,
    }
    say(f"sharing: {found}")
    return found


def _takeover(made: Alliance, active: subprocess.Popen[bytes]) -> float:
    """Seconds from ``kill -9`` of a part for good to the first output of its standby."""
    code = made.codes[-1]
    with made.station("--part", EAST, host="standby"):
        start = made.end()
        active.kill()
        begun = time.monotonic()
        header = made.world.header(code, (made.neighbour(code),), time=written(datetime.now(UTC)))
        made.publish([(topics.events(code), made.world.seal(header))])
        while made.end() == start:
            time.sleep(0.05)
        return significant(time.monotonic() - begun)


def measure(_ground: Ground) -> dict[str, Any]:
    """Return figures of each size, and of two parts."""
    found = [_size(count) for count in SIZES]
    first, last = found[0], found[-1]
    return {
        "what": "a station of 6, 60 and 600 synthetic members, and two parts that share 60",
        "sizes": found,
        "cpu_ratio_largest_to_smallest": significant(last["cpu_ms_an_event"] / first["cpu_ms_an_event"]),
        "two_parts": _two(60),
    }
