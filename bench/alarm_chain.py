"""The processes that an alarm goes through, from one county's outbox to its partner's inbox, and their references."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psutil
from kafka import TopicPartition

from bench.throughput import PARTNER, PAYLOAD, SOURCE
from tests.schemas.payloads.examples import FIRE
from yizhan.consumers.inbox import Inbox
from yizhan.producers.drafts import Draft
from yizhan.producers.outbox import Outbox
from yizhan.schemas import strictjson, topics

if TYPE_CHECKING:
    from pathlib import Path

    from bench.harness import Ground

PATIENCE_SECONDS: Final = 60.0
_ALARM: Final = (
    b'{"type":"yizhan.incident.forest_fire.v1","to":["%b"],"touches":["%b"],"stage":"first","priority":"flash",'
    b'"payload":%b}'
)
_FIRE: Final = strictjson.dumps(FIRE)
_BELL: Final = """quiet_hours = ""
[channels.pipe]
command = ["/bin/sh", "-c", "exec cat > '{pipe}'"]
tells = "summary"
[rungs]
duty = ["pipe"]
"""


def paced(rate: float, count: int, do: Callable[[int], None]) -> None:
    """Call ``do`` ``rate`` times a second."""
    begun = time.monotonic()
    for n in range(count):
        time.sleep(max(0.0, begun + n / rate - time.monotonic()))
        do(n)


def raw(ground: Ground, source: str, target: str, rate: float, count: int) -> list[float]:
    """Milliseconds from ``send`` to the consumer's hand; ``source`` and ``target`` are topics."""
    consumer = ground.consumer("admin", target)
    arrived: dict[bytes, float] = {}

    def listen() -> None:
        while len(arrived) < count:
            for records in consumer.poll(timeout_ms=1000).values():
                now = time.perf_counter()
                for record in records:
                    arrived.setdefault(record.key, now)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    sent: dict[bytes, float] = {}
    with ground.producer("admin") as producer:

        def send(n: int) -> None:
            key = b"%d-%d" % (time.monotonic_ns(), n)
            sent[key] = time.perf_counter()
            producer.send(source, value=PAYLOAD, key=key, partition=0)

        paced(rate, count, send)
        listener.join(timeout=PATIENCE_SECONDS)
    consumer.close()
    return [(arrived[key] - begun) * 1000 for key, begun in sent.items()]


def alarm() -> Draft:
    """Write an alarm of about 1 KiB: a report of a fire with all that a form asks for."""
    to = PARTNER.encode()
    return Draft.model_validate_json(_ALARM % (to, to, _FIRE))


def latencies(accepted: Mapping[str, float], rang: Mapping[str, float]) -> list[float]:
    """Wait until every alarm rang; milliseconds from the instant at which each was accepted.

    Raises:
        TimeoutError: some did not ring within a minute.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not accepted.keys() <= rang.keys():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(accepted.keys() - rang.keys())} alarms did not ring")
        time.sleep(0.05)
    return [(rang[each] - at) * 1000 for each, at in accepted.items()]


class Listener:
    """Listens to what the partner's inbox process writes for each alarm, right after its commit."""

    def __init__(self, ground: Ground) -> None:
        """Start the partner's inbox and listen."""
        self.rang: dict[str, float] = {}
        self.ready = threading.Event()
        self._process = subprocess.Popen(
            ground.yizhan("inbox", "run", "--county", PARTNER, "--json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for listen in (self._listen, self._wait_ready):
            threading.Thread(target=listen, daemon=True).start()
        if not self.ready.wait(PATIENCE_SECONDS):
            raise TimeoutError("the inbox did not get ready")

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            now = time.perf_counter()
            said = json.loads(line)
            if said["rings"]:
                self.rang.setdefault(said["item"]["id"], now)

    def _wait_ready(self) -> None:
        for line in self._process.stderr or ():
            if "ready" in line:
                self.ready.set()

    @property
    def pid(self) -> int:
        """Process id of the inbox."""
        return self._process.pid

    def close(self) -> None:
        """Stop the inbox."""
        self._process.terminate()
        self._process.wait(timeout=20)


@dataclass
class Chain:
    """Running station, outbox and inbox, and the outbox that alarms are published with."""

    ground: Ground
    outbox: Outbox
    listener: Listener
    processes: Mapping[str, psutil.Process]
    publish_seconds: float = 0.0
    """Processor time that publishing took."""
    sent_seconds: float = 0.0
    """How long the last call of :meth:`alarms` published."""

    def alarms(self, rate: float, count: int, until: Mapping[str, float] | None = None) -> list[float]:
        """Publish alarms; milliseconds from each commit to the word of the inbox, or to the instant in ``until``.

        Raises:
            TimeoutError: some did not ring within a minute.
        """
        accepted: dict[str, float] = {}
        rang = self.listener.rang if until is None else until

        def publish(_: int) -> None:
            draft, before = alarm(), time.thread_time()
            sent = self.outbox.publish(draft)
            accepted[sent.id] = time.perf_counter()
            self.publish_seconds += time.thread_time() - before

        begun = time.monotonic()
        paced(rate, count, publish)
        self.sent_seconds = time.monotonic() - begun
        return latencies(accepted, rang)

    def cpu_seconds(self) -> dict[str, float]:
        """Return the processor time of each process since its start; of the broker too."""
        times = {name: process.cpu_times() for name, process in self.processes.items()}
        return {name: each.user + each.system for name, each in times.items()}

    def records(self) -> dict[str, int]:
        """Return the end of every topic but ``ticks``."""
        consumer = self.ground.consumer("admin", topics.AUDIT)
        try:
            names = [name for name in consumer.topics() if name.startswith("yizhan.") and name != topics.TICKS]
            ends = consumer.end_offsets([TopicPartition(name, 0) for name in sorted(names)])
        finally:
            consumer.close()
        return {partition.topic: end for partition, end in ends.items()}

    def acknowledge(self) -> None:
        """Acknowledge all that rings, as officers do, and wait for every receipt of what was published.

        So nothing is reminded of, or sent again, while something else is measured.

        Raises:
            TimeoutError: receipts were missing after a minute.
        """
        folder, ground = self.ground.home / "counties" / PARTNER, self.ground
        own = Outbox(folder / "outbox.sqlite3", PARTNER, ground.signing[PARTNER], ground.charters)
        inbox = Inbox(folder / "inbox.sqlite3", PARTNER, [ground.sealing[PARTNER]], ground.charters, outbox=own)
        with own, inbox:
            for item in inbox.ringing():
                inbox.acknowledge(item.id, "王强", "P001")
            deadline, missing = time.monotonic() + PATIENCE_SECONDS, 0
            while own.depth() or (missing := self.outbox.figures(0).receipts_overdue):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{missing} receipts are missing")
                time.sleep(0.1)

    @contextlib.contextmanager
    def bell_command(self) -> Iterator[Mapping[str, float]]:
        """Let a command of the partner's bell write to a pipe; yields event id → instant at which it was read."""
        folder = self.ground.home / "counties" / PARTNER
        pipe, settings, heard = folder / "bell.pipe", folder / "bell.toml", dict[str, float]()
        os.mkfifo(pipe, 0o600)
        settings.touch(0o600)
        settings.write_text(_BELL.format(pipe=pipe), encoding="utf-8")
        threading.Thread(target=_read_pipe, args=(pipe, heard), daemon=True).start()
        try:
            yield heard
        finally:
            settings.unlink()
            pipe.unlink()
            time.sleep(2)  # the inbox looks for it each second


def _read_pipe(pipe: Path, heard: dict[str, float]) -> None:
    """Note when each message was read; one is at most 4,096 bytes, so they do not mix (pipe(7))."""
    reader, pending = json.JSONDecoder(), ""
    opened = os.open(pipe, os.O_RDWR)  # so that it does not end when a writer closes it
    while part := os.read(opened, 65536):
        now, pending = time.perf_counter(), pending + part.decode()
        with contextlib.suppress(ValueError):
            while pending:
                said, end = reader.raw_decode(pending)
                pending = pending[end:]
                heard.setdefault(said["rings"][0]["id"], now)


@contextlib.contextmanager
def chain(ground: Ground) -> Iterator[Chain]:
    """Run the station and both counties, with nobody at the desk but the caller.

    The partner's outbox and the sender's inbox carry receipts: without them the sender sends all again after 2 minutes.
    """
    path = ground.home / "counties" / SOURCE / "outbox.sqlite3"
    with (
        ground.process(ground.yizhan("station", "run"), "Worker ready") as station,
        ground.process(ground.yizhan("outbox", "run", "--county", SOURCE), "ready") as publisher,
        ground.process(ground.yizhan("outbox", "run", "--county", PARTNER), "ready"),
        ground.process(ground.yizhan("inbox", "run", "--county", SOURCE, "--quiet"), "ready"),
        contextlib.closing(Listener(ground)) as listener,
        Outbox(path, SOURCE, ground.signing[SOURCE], ground.charters) as outbox,
    ):
        pids = {"station": station.pid, "outbox": publisher.pid, "inbox": listener.pid, "broker": ground.broker_pid}
        yield Chain(ground, outbox, listener, {name: psutil.Process(pid) for name, pid in pids.items()})
