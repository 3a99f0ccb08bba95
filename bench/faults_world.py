"""Two counties, their partner processes and a load between them, all real, all ours to hurt.

Rule 1: every process is the real command; the harness only writes into outboxes, as a desk does.
Rule 2: what was accepted is written down by the harness itself, in a plain file outside every
        outbox, and is on the disk before the next event is published.
Rule 3: a process is killed by its own handle, and started again at once, as its supervisor would.
Rule 4: everything that starts here ends here.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.faults_close import close_quarter
from bench.faults_ledger import LEDGER, cosigner
from bench.harness import say
from tests.world.processes import YIZHAN
from yizhan.charter.archive import Archive
from yizhan.charter.reader import CharterReader
from yizhan.deploy.broker import Broker
from yizhan.deploy.home import bring_up
from yizhan.producers.drafts import Draft, parse_draft
from yizhan.producers.outbox import Outbox
from yizhan.runtime.process import Supervisor
from yizhan.runtime.settings import Settings
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.keys import load_signing
from yizhan.schemas.quarters import Quarter
from yizhan.schemas.sample import TWO
from yizhan.services.sample import make_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PER_SECOND = 15
"""Fifty fill two cores: then a silence is the machine's, not the fault's."""
MIX = ("alarm", "alarm", "alarm", "notice", "notice", "digest", "digest", "digest", "digest", "digest")
"""Of ten events of a county: how they are meant to reach its partner."""
_LOOK = 100
"""At every so many events the load looks how many answers the station owes."""
PARTNER = dict(itertools.permutations(TWO, 2))
STATION = "station"
STANDBY = "standby"
BROKER = "broker"
KEEP = "keep"
"""A file in the home that says: do not remove it."""


def inbox(county: str) -> str:
    """Name of a county's inbox process."""
    return f"inbox-{county}"


def publisher(county: str) -> str:
    """Name of a county's publisher process."""
    return f"outbox-{county}"


def desk(county: str) -> str:
    """Name of a county's web desk."""
    return f"desk-{county}"


def of_county(county: str) -> tuple[str, ...]:
    """Return the names of a county's processes that speak with the broker."""
    return publisher(county), inbox(county), cosigner(county)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


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


@dataclass
class World:
    """A home with broker, station, ledger, and each county's publisher, inbox and cosigner."""

    home: Path
    broker: Broker
    supervisor: Supervisor
    load: Load
    outboxes: dict[str, Outbox]
    prefix: dict[str, list[str]] = field(default_factory=dict)
    """Process → what stands before its command line."""
    env: dict[str, dict[str, str]] = field(default_factory=dict)
    """Process → additions to its environment."""
    clock_ahead: dict[str, float] = field(default_factory=dict)
    """County → seconds by which its clock is ahead just now."""
    desk_port: int = field(default_factory=_free_port)
    _quarter: Quarter = field(default_factory=lambda: Quarter.parse("2026Q4"))

    @property
    def settings(self) -> Settings:
        """The settings of the home, read anew."""
        return Settings.load(self.home)

    def database(self, county: str) -> Path:
        """Where a county's inbox is."""
        return self.home / "counties" / county / "inbox.sqlite3"

    def log(self, name: str) -> Path:
        """Where a process writes."""
        return self.home / "logs" / f"{name}.log"

    def command(self, name: str) -> list[str]:
        """Return the command line of a process."""
        part, _, county = name.partition("-")
        words = {
            "station": ["station", "run"],
            "standby": ["station", "run"],
            "inbox": ["inbox", "run", "--county", county, "--json"],
            "outbox": ["outbox", "run", "--county", county],
            "ledger": ["ledger", "run"],
            "cosign": ["ledger", "cosign", "--county", county],
            "desk": ["desk", "run", "--county", county, "--port", str(self.desk_port)],
        }[part]
        return [*self.prefix.get(name, []), *YIZHAN, "--home", str(self.home), *words]

    def keep(self) -> None:
        """Leave the home where it is when everything ends."""
        (self.home / KEEP).touch()

    def start(self, name: str) -> None:
        """Start a process."""
        self.supervisor.start(name, self.command(name), self.env.get(name))

    def pid(self, name: str) -> int:
        """Return the id of a process that runs."""
        pid = self.broker.pid() if name == BROKER else self.supervisor.pid(name)
        assert pid is not None, f"{name} does not run"
        return pid

    def restart(self, names: Iterable[str]) -> None:
        """Stop processes in order, start them as ``prefix`` and ``env`` say now, and wait until they are ready."""
        places = dict[str, int]()
        for name in names:
            self.supervisor.stop(name)
            places[name] = self.log(name).stat().st_size
            self.start(name)
        for name, place in places.items():
            self.wait_ready(name, place)

    def wait_ready(self, name: str, place: int = 0, seconds: float = 90) -> None:
        """Wait until a process has said that it is ready, after a place of its log.

        Raises:
            TimeoutError: it has not, within the time.
        """
        deadline = time.monotonic() + seconds
        while "ready" not in (text := self.log(name).read_bytes()[place:].decode(errors="replace")):
            if time.monotonic() > deadline:
                message = f"{name} did not get ready within {seconds:.0f} s:\n{text[-2000:]}"
                raise TimeoutError(message)
            time.sleep(0.1)

    def kill(self, name: str) -> None:
        """End a process as a power cut would."""
        pid = self.supervisor.pid(name)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.supervisor.stop(name)

    def yizhan(self, *words: str) -> str:
        """Run one of our commands as a person would, and return what it printed."""
        argv = [*YIZHAN, "--home", str(self.home), *words]
        done = subprocess.run(argv, capture_output=True, check=False, text=True, encoding="utf-8", timeout=180)
        if done.returncode != 0:
            message = f"yizhan {' '.join(words)}: status {done.returncode}: {done.stderr.strip()}"
            raise RuntimeError(message)
        return done.stdout

    def next_quarter(self) -> str:
        """Return the label of the quarter that is to be closed next."""
        self._quarter = self._quarter.next()
        return str(self._quarter)

    def close_quarter(self, label: str) -> None:
        """Close a quarter for both counties, also one that has not begun: the command refuses that, a run needs many.

        Raises:
            StationError: no broker answers, or the station has not handled everything in time.
        """
        close_quarter(self.home, label)

    def stop_broker(self) -> None:
        """Stop the broker in an orderly way."""
        self.broker.stop()

    def kill_broker(self) -> None:
        """End the broker as a power cut of its process would; its page cache stays."""
        pid = self.pid(BROKER)
        os.kill(pid, signal.SIGKILL)
        while self.broker.pid() == pid:
            time.sleep(0.02)

    def lose_disk(self) -> None:
        """Delete the data of the stopped broker."""
        shutil.rmtree(self.broker.folder / "data")

    def start_broker(self) -> None:
        """Start the broker, with its topics and rules applied."""
        self.broker, _ = bring_up(self.home, TWO, now=datetime.now(UTC))


@contextlib.contextmanager
def world(rate: float = PER_SECOND, prepare: Callable[[Path], None] = lambda _: None) -> Iterator[World]:
    """Bring everything up in a temporary home, and take it down again, whatever happened.

    The home is removed, unless the block asks to keep it or fails. ``prepare`` changes it before anything starts.
    """
    home = Path(tempfile.mkdtemp(prefix="yizhan-faults-"))
    say(f"bringing up broker, station and two counties in {home}")
    with contextlib.ExitStack() as stack:
        stack.callback(_clear, home)
        stack.callback(Broker(home).stop, 0)
        now = datetime.now(UTC)
        make_sample(home, TWO, now, since=now - timedelta(days=2))
        prepare(home)
        supervisor = stack.enter_context(Supervisor(home / "logs"))
        broker, _ = bring_up(home, TWO, now=datetime.now(UTC), progress=say)
        outboxes = {county: stack.enter_context(_outbox(home, county)) for county in TWO}
        load = Load(outboxes, home / "accepted.txt", rate)
        made = World(home, broker, supervisor, load, outboxes)
        stack.callback(load.end)
        stack.callback(_no_more_interrupts)
        load.start()
        # The station announces the charter, which the others need: they start together, but after it.
        for names in ((STATION,), (LEDGER, *map(inbox, TWO), *map(publisher, TWO), *map(cosigner, TWO))):
            for name in names:
                made.start(name)
            for name in names:
                made.wait_ready(name)
        try:
            yield made
        except Exception:
            made.keep()
            raise


def _clear(home: Path) -> None:
    if (home / KEEP).exists():
        say(f"everything is kept in {home}")
    else:
        shutil.rmtree(home, ignore_errors=True)


def _outbox(home: Path, county: str) -> Outbox:
    folder = home / "counties" / county
    (path,) = (folder / "keys").glob("sign-*.pem")
    return Outbox(folder / "outbox.sqlite3", county, load_signing(path), CharterReader(Archive(folder / "charter")))


def _no_more_interrupts() -> None:
    """Take everything down in peace: a second Ctrl-C must not leave half of it running."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    print("taking everything down …", file=sys.stderr, flush=True)
