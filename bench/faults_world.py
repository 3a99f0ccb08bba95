"""Two counties, their partner processes and a load between them, all real, all ours to hurt.

Rule 1: every process is the real command; the harness only writes into outboxes, as a desk does.
Rule 2: what was accepted is written down by the harness itself, in a plain file outside every
        outbox, and is on the disk before the next event is published.
Rule 3: a process is killed by its own handle, and started again at once, as its supervisor would.
Rule 4: everything that starts here ends here.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bench.faults_close import close_quarter
from bench.faults_ledger import LEDGER, cosigner
from bench.faults_load import PER_SECOND, Load
from bench.harness import say
from tests.world.processes import YIZHAN
from yizhan.charter.archive import Archive
from yizhan.charter.reader import CharterReader
from yizhan.consumers.inbox import Inbox
from yizhan.deploy.brokers import Brokers
from yizhan.deploy.home import bring_up
from yizhan.producers.outbox import Outbox
from yizhan.runtime.process import Supervisor
from yizhan.runtime.settings import Settings
from yizhan.schemas.keys import load_sealing, load_signing
from yizhan.schemas.quarters import Quarter
from yizhan.schemas.sample import TWO
from yizhan.services.sample import make_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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


@dataclass
class World:
    """A home with broker, station, ledger, and each county's publisher, inbox and cosigner."""

    home: Path
    broker: Brokers
    supervisor: Supervisor
    load: Load
    outboxes: dict[str, Outbox]
    prefix: dict[str, list[str]] = field(default_factory=dict)
    """Process → what stands before its command line."""
    program: dict[str, list[str]] = field(default_factory=dict)
    """Process → what runs our commands, if it is not :data:`YIZHAN`."""
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
        return [*self.prefix.get(name, []), *self.program.get(name, YIZHAN), "--home", str(self.home), *words]

    def keep(self) -> None:
        """Leave the home where it is when everything ends."""
        (self.home / KEEP).touch()

    def start(self, name: str) -> None:
        """Start a process."""
        self.supervisor.start(name, self.command(name))

    def pid(self, name: str) -> int:
        """Return the id of a process that runs."""
        pid = self.broker.pid() if name == BROKER else self.supervisor.pid(name)
        assert pid is not None, f"{name} does not run"
        return pid

    def restart(self, names: Iterable[str]) -> None:
        """Stop processes in order, start them as ``prefix`` and ``program`` say now, and wait until they are ready."""
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

    def acknowledge(self) -> None:
        """Acknowledge all that rings, as officers do: else it is reminded of, and sent again, while others are hurt."""
        for county, outbox in self.outboxes.items():
            folder = self.home / "counties" / county
            sealing = [load_sealing(path) for path in (folder / "keys").glob("seal-*.pem")]
            charters = CharterReader(Archive(folder / "charter"))
            with Inbox(folder / "inbox.sqlite3", county, sealing, charters, outbox=outbox) as inbox:
                for item in inbox.ringing():
                    inbox.acknowledge(item.id, "陈立新", "352017")

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
        shutil.rmtree(self.broker.first.data)

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
        stack.callback(Brokers(home).stop, 0)
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
