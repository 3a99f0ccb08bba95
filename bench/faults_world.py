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
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.faults_ledger import LEDGER, cosigner
from bench.harness import say
from tests.world.processes import YIZHAN
from yizhan.charter.archive import Archive
from yizhan.charter.reader import CharterReader
from yizhan.deploy.brokers import Brokers
from yizhan.deploy.home import bring_up
from yizhan.producers.drafts import Draft, parse_draft
from yizhan.producers.outbox import Outbox
from yizhan.runtime.process import Supervisor
from yizhan.runtime.settings import Settings
from yizhan.schemas import topics
from yizhan.schemas.errors import YizhanError
from yizhan.schemas.keys import load_signing
from yizhan.schemas.sample import TWO
from yizhan.schemas.timestamps import written
from yizhan.services.sample import make_sample
from yizhan.streams.closing import CloseRequest
from yizhan.streams.closing_kafka import Closer

if TYPE_CHECKING:
    from collections.abc import Iterator

PER_SECOND = 15
"""Fifty fill two cores: then a silence is the machine's, not the fault's."""
MIX = ("alarm", "alarm", "alarm", "notice", "notice", "digest", "digest", "digest", "digest", "digest")
"""Of ten events of a county: how they are meant to reach its partner."""
PARTNER = dict(itertools.permutations(TWO, 2))
STATION = "station"
KEEP = "keep"
"""A file in the home that says: do not remove it."""


def inbox(county: str) -> str:
    """Name of a county's inbox process."""
    return f"inbox-{county}"


def publisher(county: str) -> str:
    """Name of a county's publisher process."""
    return f"outbox-{county}"


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
        self._outboxes, self._ledger, self._rate = outboxes, ledger, rate
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
        begun = time.monotonic()
        for step in itertools.count():
            time.sleep(max(0.0, begun + step / self._rate - time.monotonic()))
            if not self._going.is_set() or self._ended.is_set():
                return
            n = next(numbers)
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
    broker: Brokers
    supervisor: Supervisor
    load: Load

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
            "inbox": ["inbox", "run", "--county", county, "--json"],
            "outbox": ["outbox", "run", "--county", county],
            "ledger": ["ledger", "run"],
            "cosign": ["ledger", "cosign", "--county", county],
        }[part]
        return [*YIZHAN, "--home", str(self.home), *words]

    def keep(self) -> None:
        """Leave the home where it is when everything ends."""
        (self.home / KEEP).touch()

    def start(self, name: str) -> None:
        """Start a process."""
        self.supervisor.start(name, self.command(name))

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

    def close_quarter(self, label: str) -> None:
        """Close a quarter for both counties, also one that has not begun: the command refuses that, a run needs many.

        Raises:
            StationError: no broker answers, or the station has not handled everything in time.
        """
        station, now = self.home / "station", datetime.now(UTC)
        keys = [load_signing(path) for path in (station / "keys").glob("sign-*.pem")]
        charters = CharterReader(Archive(station / "charter"))
        with Closer(self.settings.connection(topics.STATION), station, charters, keys) as closer:
            request = CloseRequest(label=label, closed=written(now))
            closer.wait_for_station(now, 60)
            for county in TWO:
                closer.run(county, request, interim=False, progress=lambda _: None)

    def stop_broker(self) -> None:
        """Stop the broker in an orderly way."""
        self.broker.stop()

    def kill_broker(self) -> None:
        """End the broker as a power cut of its process would; its page cache stays."""
        pid = self.broker.pid()
        assert pid is not None, "the broker does not run"
        os.kill(pid, signal.SIGKILL)
        while self.broker.pid() == pid:
            time.sleep(0.02)

    def lose_disk(self) -> None:
        """Delete the data of the stopped broker."""
        shutil.rmtree(self.broker.first.data)

    def start_broker(self) -> None:
        """Start the broker, with its topics and rules applied."""
        self.broker, _ = bring_up(self.home, TWO, now=datetime.now(UTC))


@contextlib.contextmanager
def world(rate: float = PER_SECOND) -> Iterator[World]:
    """Bring everything up in a temporary home, and take it down again, whatever happened.

    The home is removed, unless the block asks to keep it or fails.
    """
    home = Path(tempfile.mkdtemp(prefix="yizhan-faults-"))
    say(f"bringing up broker, station and two counties in {home}")
    with contextlib.ExitStack() as stack:
        stack.callback(_clear, home)
        stack.callback(Brokers(home).stop, 0)
        make_sample(home, TWO, datetime.now(UTC))
        supervisor = stack.enter_context(Supervisor(home / "logs"))
        broker, _ = bring_up(home, TWO, now=datetime.now(UTC), progress=say)
        outboxes = {county: stack.enter_context(_outbox(home, county)) for county in TWO}
        load = Load(outboxes, home / "accepted.txt", rate)
        made = World(home, broker, supervisor, load)
        stack.callback(load.end)
        stack.callback(_no_more_interrupts)
        load.start()
        # The station announces the charter, which the others need: they start together, but after it.
        for names in ((STATION,), (LEDGER, *map(inbox, TWO), *map(publisher, TWO), *map(cosigner, TWO))):
            for name in names:
                made.start(name)
            for name in names:
                _wait_ready(made, name)
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


def _wait_ready(made: World, name: str, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while "ready" not in (text := made.log(name).read_text(encoding="utf-8", errors="replace")):
        if time.monotonic() > deadline:
            message = f"{name} did not get ready within {seconds:.0f} s:\n{text[-2000:]}"
            raise TimeoutError(message)
        time.sleep(0.1)


def _no_more_interrupts() -> None:
    """Take everything down in peace: a second Ctrl-C must not leave half of it running."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    print("taking everything down …", file=sys.stderr, flush=True)
