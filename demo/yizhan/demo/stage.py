"""The stage: a home with broker, station, and each county's two processes, all real, all ours to end.

Rule 1: every process that starts here ends here, unless the person asks to keep it.
Rule 2: waiting has an end: what does not happen in time is an error that names the log to read.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from yizhan.consumers.inbox import Inbox
from yizhan.demo import phones
from yizhan.deploy.brokers import Brokers
from yizhan.deploy.home import bring_up
from yizhan.ledger.checkpoint_store import FILE as HEADS
from yizhan.ledger.checkpoint_store import CheckpointStore
from yizhan.ledger.kafka_io import Wire
from yizhan.producers.outbox import Outbox
from yizhan.runtime.clock import utc_now
from yizhan.runtime.file_lock import exclusive, holder
from yizhan.runtime.process import Supervisor
from yizhan.runtime.settings import Settings
from yizhan.schemas import topics
from yizhan.schemas.charter import Charter
from yizhan.schemas.i18n import _, get_language, marked
from yizhan.schemas.keys import SigningKey, load_signing
from yizhan.services.commands import command_of
from yizhan.services.errors import ServiceError
from yizhan.services.home import Home
from yizhan.services.processes import HomeProcess, home_processes
from yizhan.services.sample import make_sample
from yizhan.services.sample_files import write_samples

MARKER: Final = "yizhan-demo"
"""A file that says: this folder was made by the demonstration and may be made again. Locked while one plays."""
PATIENCE_SECONDS: Final = 60.0
_LEDGER: Final = ("ledger", "cosign")
_Found = TypeVar("_Found")


@contextlib.contextmanager
def exclusive_home(home: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Keep a folder for this demonstration alone while the block runs, emptied of an earlier one.

    Raises:
        ServiceError: the folder was not made by a demonstration, or one is still running in it.
    """
    marker = home / MARKER
    if home.exists() and any(home.iterdir()) and not marker.exists():
        raise ServiceError(marked("{home} 不是演示建立的目录，不会清空；请另选主目录"), home=home)
    if (pid := holder(marker)) is not None:
        sentence = marked("{home} 里还有演示在运行（进程 {pid}）；请先结束它，或用 --home 另选主目录")
        raise ServiceError(sentence, home=home, pid=pid)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with exclusive(marker, _("在演示")):
        if Brokers(home).pid() is not None:
            sentence = marked("{home} 里还有 Kafka 在运行；请先运行 yizhan --home {home} broker stop")
            raise ServiceError(sentence, home=home)
        earlier = [each for each in home.iterdir() if each != marker]
        if earlier:
            progress(_("清除上一次演示留在 {home} 的一切").format(home=home))
        for each in earlier:
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        yield


def wait_for(what: str, ask: Callable[[], _Found | None], seconds: float = PATIENCE_SECONDS) -> _Found:
    """Ask again and again until there is an answer.

    Raises:
        ServiceError: there was none in time.
    """
    deadline = time.monotonic() + seconds
    while (found := ask()) is None:
        if time.monotonic() > deadline:
            raise ServiceError(marked("等了 {seconds:.0f} 秒没有等到：{what}"), seconds=seconds, what=what)
        time.sleep(0.01)
    return found


@dataclass
class Stage:
    """Everything that runs, and the counties' books as the director reads them."""

    home: Path
    members: tuple[str, ...]
    charter: Charter
    supervisor: Supervisor
    settings: Settings
    broker: Brokers
    outboxes: dict[str, Outbox] = field(default_factory=dict)
    inboxes: dict[str, Inbox] = field(default_factory=dict)

    @classmethod
    def build(cls, home: Path, members: Sequence[str], progress: Callable[[str], None], nodes: int = 1) -> Stage:
        """Make keys and charter, start the brokers, in a home that is ``exclusive_home``. Raises as its parts do."""
        charter = make_sample(home, members, datetime.now(UTC))
        write_samples(home, members, utc_now())
        for county in members:
            phones.install(home, county)
        broker, _changes = bring_up(home, members, now=datetime.now(UTC), progress=progress, nodes=nodes)
        supervisor = Supervisor(home / "logs")
        return cls(home, tuple(members), charter, supervisor, Settings.load(home), broker)

    def signing(self, county: str) -> SigningKey:
        """Return a county's signing key: the demonstration plays every part."""
        (path,) = (self.home / "counties" / county / "keys").glob("sign-*.pem")
        return load_signing(path)

    def start(self) -> None:
        """Start station, publishers and inboxes, and wait until each reports that it is ready."""
        others = (*_LEDGER, "desk")
        self._start(each for each in home_processes(Home(self.home)) if each.name.split("-")[0] not in others)
        place = Home(self.home)
        for county in self.members:
            folder, charters = self.home / "counties" / county, place.reader_of(county)
            self.outboxes[county] = Outbox(folder / "outbox.sqlite3", county, self.signing(county), charters)
            self.inboxes[county] = Inbox(folder / "inbox.sqlite3", county, (), charters)

    def start_ledger(self) -> None:
        """Start the ledger and each county's cosigner, and wait until they are ready."""
        self._start(each for each in home_processes(Home(self.home)) if each.name.split("-")[0] in _LEDGER)

    def _start(self, processes: Iterable[HomeProcess]) -> None:
        chosen = list(processes)
        for each in chosen:
            words = shlex.split(command_of(each.action))[1:]
            # What arrives is read from the inbox's log.
            shown = ["--json" if word == "--quiet" else word for word in words]
            self.supervisor.start(each.name, self.command(*shown))
        for each in chosen:
            what = _("{name} 就绪，见 logs/{name}.log").format(name=each.name)
            wait_for(what, partial(self._log_contains, each.name, each.ready))

    def ledger_is_idle(self) -> bool:
        """Return whether the ledger has read every statement of the station."""
        with Wire(self.settings.connection(topics.LEDGER), topics.LEDGER, "demo", [topics.AUDIT], []) as wire:
            end = wire.ends()[topics.AUDIT]
            checkpoints = CheckpointStore(self.home / "ledger" / HEADS)
            try:
                return checkpoints.position(wire.cluster) == end
            finally:
                checkpoints.close()

    def command(self, *words: str) -> list[str]:
        """Return a command line of ours in this home."""
        return [sys.executable, "-m", "yizhan.cli", "--home", str(self.home), "--lang", get_language(), *words]

    def yizhan(self, *words: str) -> str:
        """Run a command of ours in a process of its own; return its output.

        Raises:
            ServiceError: it failed; what it said.
        """
        width = {"COLUMNS": str(shutil.get_terminal_size().columns)}
        done = subprocess.run(
            self.command(*words), capture_output=True, check=False, text=True, encoding="utf-8",
            env=os.environ | width,
        )  # fmt: skip
        if done.returncode != 0:
            raise ServiceError(f"yizhan {' '.join(words)}: {done.stderr.strip() or done.returncode}")
        return done.stdout

    def rings(self) -> Counter[tuple[str, str]]:
        """Count how often each inbox rang for each event: what its process wrote."""
        counted: Counter[tuple[str, str]] = Counter()
        for county in self.members:
            for line in self._inbox_lines(county):
                if line.get("rings"):
                    counted[county, line["item"]["id"]] += 1
        return counted

    def again(self, county: str, event_id: str) -> int:
        """Count how often an inbox met an event that it had already: what its process wrote."""
        duplicates = [line for line in self._inbox_lines(county) if line.get("became") == "duplicate"]
        return sum(line["item"]["id"] == event_id for line in duplicates if line["item"] is not None)

    def _inbox_lines(self, county: str) -> Iterator[dict[str, Any]]:
        log = self.home / "logs" / f"inbox-{county}.log"
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("{") and line.endswith("}"):  # the last one may be half written
                yield json.loads(line)

    def _log_contains(self, name: str, words: str) -> bool | None:
        log = self.home / "logs" / f"{name}.log"
        return True if log.exists() and words in log.read_text(encoding="utf-8", errors="replace") else None

    def end(self) -> None:
        """Stop everything that was started here; the broker last."""
        with contextlib.ExitStack() as ends:
            ends.callback(self.broker.stop)
            ends.callback(self.supervisor.stop_all)
            for outbox in self.outboxes.values():
                ends.callback(outbox.close)
            for inbox in self.inboxes.values():
                ends.callback(inbox.close)
